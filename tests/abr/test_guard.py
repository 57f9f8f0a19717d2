"""Decisions that take time: the session waits, a guard keeps to its deadline, and results say who decided."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.adaptation.guard import Guarded
from netwright.core import notes, registry
from netwright.core.errors import ConfigError
from netwright.core.results import counts_of, with_counts
from netwright.core.task import load_attribute
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.evaluation import evaluate
from netwright.tasks.abr.media import Trace

TASK = registry.task("abr")


@pytest.fixture(scope="module")
def data():
    return load_attribute(TASK.load_data)(None, seed=0)


class Sleeping:
    """Chooses the top rung after a nap, as a model that is too slow would."""

    def __init__(self, seconds: float, outside: bool = False) -> None:
        self.seconds, self.outside, self.n = seconds, outside, 0

    def reset(self, rng):
        pass

    def act(self, obs):
        time.sleep(self.seconds)
        self.n = obs.n
        return np.full(obs.n, obs.n_levels - 1)

    def out_of_distribution(self):
        return np.full(self.n, self.outside)

    def counts(self):
        return {"model_decisions": 10, "model_out_of_distribution": 10 * self.outside}


def flat(mbps: float, rows: int = 400) -> Trace:
    return Trace("flat", np.arange(rows, dtype=float), np.full(rows, mbps))


def one_session(data, mbps=3.0) -> Sessions:
    return Sessions(
        [flat(mbps)], [data.video("video1")], Starts(trace_of=[0], video_of=[0], start_rows=[1]), rng=None
    )


def test_waiting_plays_the_buffer_and_then_stalls(data):
    plain, waiting = one_session(data), one_session(data)
    buffer_s = float(plain.observe().buffer_s[0])
    waiting.wait(np.array([buffer_s + 2.0]))
    assert float(waiting.observe().buffer_s[0]) == 0.0
    without, waited = plain.step([0]), waiting.step([0])
    download_s = without.delay_ms[0] / 1000.0
    assert waited.rebuffer_s[0] == pytest.approx(2.0 + download_s)
    assert waited.delay_ms[0] == pytest.approx(without.delay_ms[0])
    assert waited.qoe[0] == pytest.approx(without.qoe[0] - 4.3 * (2.0 + download_s - without.rebuffer_s[0]))
    assert waiting.step([0]).rebuffer_s[0] == pytest.approx(plain.step([0]).rebuffer_s[0])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.0, 700.0), min_size=1, max_size=5))
def test_waiting_in_parts_is_waiting_at_once(data, parts):
    rng = np.random.default_rng(0)
    trace = Trace("wild", np.cumsum(rng.uniform(0.1, 3.0, 50)), rng.uniform(0.1, 9.0, 50))
    video = data.video("video1")
    once, often = (
        Sessions([trace], [video], Starts(trace_of=[0], video_of=[0], start_rows=[1])) for _ in range(2)
    )
    once.wait(np.array([sum(parts)]))
    for part in parts:
        often.wait(np.array([part]))
    one, other = once.step([3]), often.step([3])
    assert one.delay_ms[0] == pytest.approx(other.delay_ms[0], rel=1e-6)
    assert one.rebuffer_s[0] == pytest.approx(other.rebuffer_s[0], rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("seconds", [[-1.0], [np.nan], [np.inf], [0.0, 0.0]], ids=str)
def test_times_that_cannot_be_are_refused(data, seconds):
    with pytest.raises(ConfigError, match="finite times from 0"):
        one_session(data).wait(np.array(seconds))


def test_a_model_that_is_always_late_is_as_good_as_the_rule(data):
    setting = TASK.setting("default")
    few = type(data)(**{**vars(data), "sets": {k: v[:2] for k, v in data.sets.items()}})
    rule = evaluate(Bba(), setting, few, name="bba")
    deadline_s = 0.02
    guarded = Guarded(Sleeping(0.08), Bba(), deadline_s=deadline_s)
    slowest = []
    act = guarded.act

    def timed(obs):
        began = time.perf_counter()
        chosen = act(obs)
        slowest.append(time.perf_counter() - began)
        return chosen

    guarded.act = timed
    found = with_counts(evaluate(guarded, setting, few, name="slow+bba"), guarded, {})
    assert found.detail["guard_late"] == found.detail["guard_decisions"] == 2 * 47
    assert found.mean >= rule.mean - 0.01 - 4.3 * deadline_s
    assert np.median(slowest) < 3 * deadline_s
    assert max(slowest) > deadline_s / 2


def test_the_share_of_the_rule_is_said(data):
    setting = TASK.setting("default")
    few = type(data)(**{**vars(data), "sets": {k: v[:2] for k, v in data.sets.items()}})
    guarded = Guarded(Sleeping(0.0, outside=True), Bba())
    said: list[str] = []
    with notes.collected(said.append):
        found = evaluate(guarded, setting, few, name="model+bba")
        with_counts(found, guarded, {})
    assert "note: model+bba in default: the guard made 100 % of 94 decisions" in said


def test_without_a_guard_states_outside_of_training_are_said(data):
    setting = TASK.setting("default")
    few = type(data)(**{**vars(data), "sets": {k: v[:1] for k, v in data.sets.items()}})
    for outside in (True, False):
        policy = Sleeping(0.0, outside)
        said: list[str] = []
        with notes.collected(said.append):
            with_counts(evaluate(policy, setting, few, name="model"), policy, {})
        assert any("100 % of the states lie outside" in line for line in said) == outside


def test_only_what_was_counted_since_is_in_a_result(data):
    policy = Sleeping(0.0)
    setting = TASK.setting("default")
    found = evaluate(policy, setting, data, name="model")
    assert with_counts(found, policy, counts_of(policy)).detail["model_decisions"] == 0
