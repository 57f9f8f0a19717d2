"""Bounds of a training distribution by hand, and a guard's decisions, counts and times with a clock of its own."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netwright.adaptation.guard import FeatureBounds, Guarded, check_deadline
from netwright.core import notes
from netwright.core.errors import ConfigError
from netwright.core.trained_for import single

FEATURES = hnp.arrays(np.float32, (20, 3), elements=st.floats(-100.0, 100.0, width=32))


def test_bounds_are_outer_quantiles_widened_by_a_quarter_of_their_range():
    column = np.arange(10_001, dtype=np.float32)
    bounds = FeatureBounds.of(np.stack([column, -2.0 * column], axis=1))
    # The quantiles are 5 and 9995: a range of 9990, of which a quarter is 2497.5.
    assert bounds.low == pytest.approx([5.0 - 2497.5, -2.0 * (9995.0 + 2497.5)])
    assert bounds.high == pytest.approx([9995.0 + 2497.5, -2.0 * (5.0 - 2497.5)])


def test_a_feature_that_never_changed_has_a_narrow_range():
    bounds = FeatureBounds.of(np.full((50, 1), 3.0, dtype=np.float32))
    assert bounds.low == pytest.approx([3.0 - 0.025])
    assert bounds.high == pytest.approx([3.0 + 0.025])


def test_a_state_is_outside_by_any_feature_and_inside_on_the_bounds():
    bounds = FeatureBounds(np.array([0.0, -1.0], np.float32), np.array([1.0, 1.0], np.float32))
    states = [[0.0, -1.0], [1.0, 1.0], [0.5, 0.0], [1.1, 0.0], [0.5, -1.1], [np.nan, 0.0], [0.5, np.inf]]
    found = bounds.outside(np.array(states, dtype=np.float32))
    assert found.tolist() == [False, False, False, True, True, True, True]


def test_without_bounds_no_state_is_outside():
    nothing = FeatureBounds(np.zeros(0, np.float32), np.zeros(0, np.float32))
    assert nothing.outside(np.array([[np.nan], [1e9]], dtype=np.float32)).tolist() == [False, False]


@settings(max_examples=25)
@given(FEATURES)
def test_the_states_of_training_lie_inside_and_bounds_survive_a_document(features):
    bounds = FeatureBounds.of(features)
    assert not bounds.outside(features).any()
    again = FeatureBounds.from_json(bounds.to_json())
    assert (again.low == bounds.low).all()
    assert (again.high == bounds.high).all()
    assert again.low.dtype == np.float32


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), 86_400.1, float("inf")])
def test_deadlines_that_cannot_be_are_refused(seconds):
    with pytest.raises(ConfigError, match="the deadline must be above 0 seconds and at most a day"):
        check_deadline(seconds)
    with pytest.raises(ConfigError, match="deadline"):
        Guarded(Model(), Rule(), deadline_s=seconds)


@pytest.mark.parametrize("seconds", [1e-6, 1.0, 86_400.0])
def test_deadlines_up_to_a_day_are_accepted(seconds):
    check_deadline(seconds)
    assert Guarded(Model(), Rule(), deadline_s=seconds).deadline_s == seconds


class Rule:
    """Decides 0, and keeps the first number of its generator."""

    trained_for: ClassVar = {"rung": single(9.0)}

    def reset(self, rng):
        self.drawn = rng.random()

    def act(self, obs):
        return np.zeros(len(obs), dtype=np.int64)


class Model(Rule):
    """Decides 1 and reports the states above 10 as outside; fails where a state is negative."""

    trained_for: ClassVar = {"rung": single(3.0)}

    def __init__(self):
        self.resets = 0

    def reset(self, rng):
        super().reset(rng)
        self.resets += 1

    def act(self, obs):
        if min(obs) < 0:
            raise ValueError("negative state")
        self.obs = np.array(obs)
        return np.ones(len(obs), dtype=np.int64)

    def out_of_distribution(self):
        return self.obs > 10


def guarded(**options) -> Guarded:
    made = Guarded(Model(), Rule(), **options)
    made.reset(np.random.default_rng(0))
    return made


def test_the_rule_decides_only_where_the_state_is_outside():
    found = guarded()
    assert found.act([1, 11, 10, 12]).tolist() == [1, 0, 1, 0]
    assert found.act([11]).tolist() == [0]
    assert found.counts() == {
        "guard_decisions": 5,
        "guard_late": 0,
        "guard_failed": 0,
        "guard_out_of_distribution": 3,
    }


def test_a_failure_is_noted_and_the_model_begins_again_with_the_same_seed():
    found = guarded()
    found.act([1])
    first = found.policy.drawn
    assert found.policy.resets == 1
    found.act([2])
    assert found.policy.resets == 1, "its memory is kept from one decision to the next"
    said: list[str] = []
    with notes.collected(said.append):
        assert found.act([-1, 5]).tolist() == [0, 0]
    assert said == ["note: Model failed in a decision, the rule took it: negative state"]
    assert found.by_rule["failed"] == 2
    assert found.act([1, 1]).tolist() == [1, 1]
    assert found.policy.resets == 2
    assert found.policy.drawn == first


def test_a_reset_forgets_episodes_and_keeps_counts():
    found = guarded()
    found.act([1])
    found.reset(np.random.default_rng(1))
    found.act([11])
    assert found.policy.resets == 2
    assert found.decisions == 2
    assert found.by_rule["out_of_distribution"] == 1


def test_model_and_rule_draw_from_different_generators_of_one_seed():
    one, again = guarded(), guarded()
    for each in (one, again):
        each.act([1])
    assert one.rule.drawn == again.rule.drawn
    assert one.policy.drawn == again.policy.drawn
    assert one.policy.drawn != one.rule.drawn


def test_decisions_take_no_time_of_the_session_without_a_deadline():
    ticks = iter(range(100))
    found = guarded(clock=lambda: float(next(ticks)))
    found.act([1, 2, 3])
    assert found.decision_seconds.tolist() == [0.0, 0.0, 0.0]


def test_with_a_deadline_the_time_of_a_decision_is_that_of_the_clock():
    ticks = iter([10.0, 10.25, 12.5])  # begin, the wait for the model, end
    found = guarded(clock=lambda: next(ticks), deadline_s=60.0)
    assert found.act([1, 2]).tolist() == [1, 1]
    assert found.decision_seconds.tolist() == [2.5, 2.5]
    assert found.one_by_one


def test_a_guard_is_trained_for_what_its_model_is_trained_for():
    assert guarded().trained_for == {"rung": single(3.0)}
    untrained = Model()
    with pytest.raises(ConfigError, match="only an adapted model of a task of decisions can be guarded"):
        Guarded(Rule(), untrained)
