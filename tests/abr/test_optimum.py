"""The offline optimum: brute force where that is possible, never below a policy, and the published values."""

import itertools
import json

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.baselines.offline_optimum import (
    OfflineOptimum,
    _best_of_each_bucket,
    optimal_levels,
)
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.evaluation import evaluate, rollout, sessions_of
from netwright.tasks.abr.generator import synth_video
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.reference import optimum_qoe
from netwright.tasks.abr.settings import SETTINGS
from netwright.tasks.abr.training_set import TrainingSet


def _qoe(sessions, levels):
    played = sessions.copy()
    return sum(played.step(column).qoe for column in np.asarray(levels).T)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_brute_force_agrees_on_short_videos(generated, seed):
    rng = np.random.default_rng(seed)
    kbps = (300.0, 1200.0, 2850.0)
    video = synth_video("short", rng, bitrates_kbps=kbps, n_chunks=7)
    traces = generated.sets["norway-train"][:4]
    sessions = Sessions(
        traces, [video], Starts(trace_of=np.arange(4), video_of=[0] * 4, start_rows=rng.integers(1, 300, 4))
    )
    plans = np.array(list(itertools.product(range(3), repeat=6)))
    best = np.max([_qoe(sessions, np.tile(plan, (4, 1))) for plan in plans], axis=0)
    found = _qoe(sessions, optimal_levels(sessions, bucket_s=0.01))
    assert found == pytest.approx(best, abs=1e-9)
    coarse = _qoe(sessions, optimal_levels(sessions))
    assert (coarse <= best + 1e-9).all()
    assert (best - coarse).max() < 0.5


def test_no_policy_beats_it(generated):
    sessions = TrainingSet(generated).sample(np.random.default_rng(0), 12)
    best = optimum_qoe(sessions)
    for policy in (Bba(), Mpc()):
        played = rollout(policy, sessions.copy(), np.random.default_rng(0)).qoe.mean(axis=1)
        assert (played <= best + 0.02).all()
        assert played.mean() < best.mean()


def test_as_a_policy_it_plays_its_plan(generated, tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    found = evaluate(OfflineOptimum(), SETTINGS["norway"], generated, name="offline-optimum")
    assert found.per_episode == pytest.approx(found.detail["optimum"], abs=1e-6)
    assert found.detail["share_of_optimum"] == pytest.approx(1.0)
    with pytest.raises(ConfigError, match="needs the traces"):
        OfflineOptimum().act(sessions_of(SETTINGS["norway"].config, generated).observe())


def test_what_was_computed_is_kept_and_a_broken_copy_is_made_again(generated, tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    sessions = TrainingSet(generated).sample(np.random.default_rng(1), 2)
    first = optimum_qoe(sessions)
    (kept,) = (tmp_path / "abr-optimum").iterdir()
    document = json.loads(kept.read_text())
    kept.write_text(json.dumps({**document, "qoe": [1.0, 2.0]}))
    assert optimum_qoe(sessions).tolist() == [1.0, 2.0]
    kept.write_text("{")
    assert optimum_qoe(sessions).tolist() == first.tolist()


def test_the_first_chunk_counts_if_asked(generated, tmp_path, monkeypatch):
    from dataclasses import replace

    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))
    setting = SETTINGS["norway"]
    counted = replace(setting, config=replace(setting.config, count_first=True))
    without, with_first = (evaluate(Bba(), s, generated, name="bba") for s in (setting, counted))
    assert with_first.mean < without.mean
    assert set(with_first.weights) == {48.0}
    first = sessions_of(setting.config, generated).first
    expected = (np.array(without.per_episode) * 47 + first.qoe) / 48
    assert with_first.per_episode == pytest.approx(expected.tolist())


def test_bucket_must_be_positive():
    with pytest.raises(ConfigError, match="bucket_s"):
        OfflineOptimum(0.0)


def test_close_to_the_published_values(real, real_folder):
    document = json.loads((real_folder / "abr" / "golden" / "offline-optimum.json").read_text())
    for key, setting in (("fcc-test/video1", "default"), ("fcc-test/video2", "unseen2")):
        sessions = sessions_of(SETTINGS[setting].config, real)
        published = np.array([document[key][trace.name] for trace in sessions.traces.traces])
        for index in range(0, 100, 5):
            one = sessions.only(index)
            value = _qoe(one, optimal_levels(one))[0] / 47
            assert value == pytest.approx(published[index], abs=0.025)


def test_no_table_grows_with_the_times_of_a_trace():
    """One option takes a second, another 10^9: a table by elapsed time would take gigabytes."""
    video = synth_video("v", np.random.default_rng(0), bitrates_kbps=(300.0, 4300.0), n_chunks=4)
    trace = Trace("stall", np.array([0.0, 3.0, 1e12, 1e12 + 10.0]), np.array([1.0, 1.0, 0.0, 5.0]))
    sessions = Sessions([trace], [video], Starts(trace_of=[0], video_of=[0], start_rows=[1]))
    levels = optimal_levels(sessions)
    plans = itertools.product(range(2), repeat=3)
    assert _qoe(sessions, levels) == pytest.approx(max(_qoe(sessions, [plan]) for plan in plans))


def kept_states(states, *, least=-1e9, kbps=(300.0, 1000.0)):
    """Which of these (elapsed s, buffer s, QoE) are kept; rungs take turns, buckets are of a second."""
    reals = np.array([(0.0, elapsed, 1000.0 * buffer_s, qoe) for elapsed, buffer_s, qoe in states])
    found = _best_of_each_bucket(reals, np.array(kbps), (4.3, 1.0), least, 1.0)
    return sorted(found.tolist())


def test_of_states_in_one_bucket_the_best_is_kept():
    # Rung 0 at even places, rung 1 at odd ones, which always are too poor here.
    poor = (0.5, 0.0, -100.0)
    assert kept_states([(0.5, 2.0, 5.0), poor, (0.7, 2.9, 4.9)]) == [0]
    assert kept_states([(0.5, 2.0, 5.0), poor, (0.7, 2.9, 5.1)]) == [2]
    assert kept_states([(0.5, 2.0, 5.0), poor, (0.7, 2.9, 5.0)]) == [2], "of equal sums the fuller buffer"
    assert kept_states([(0.5, 2.0, 5.0), poor, (0.7, 3.1, 4.9)]) == [0, 2], "another bucket of the buffer"
    assert kept_states([(0.5, 2.0, 5.0), poor, (1.1, 2.0, 4.9)]) == [0, 2], "another bucket of time"


def test_a_state_stays_while_the_best_could_not_pay_for_it():
    """To be at rung 1 costs the best state a change of 0.7; to have 3 s more buffer, 4.3 for each second."""
    best = (0.5, 2.0, 5.0)
    assert kept_states([best, (0.5, 1.0, 4.35)]) == [0, 1]
    assert kept_states([best, (0.5, 1.0, 4.25)]) == [0]
    assert kept_states([best, (0.5, 5.0, 5.0 - 0.7 - 12.8)]) == [0, 1]
    assert kept_states([best, (0.5, 5.0, 5.0 - 0.7 - 13.0)]) == [0]


def test_states_below_the_least_sum_are_left_out():
    states = [(0.5, 2.0, 5.0), (3.5, 2.0, 4.0), (6.5, 2.0, 3.9)]
    assert kept_states(states, least=4.0) == [0, 1]
    assert kept_states(states, least=9.0) == []


def test_every_state_is_kept_where_no_two_share_a_bucket():
    states = [(float(i), 1.5, 0.0) for i in range(40)]
    assert kept_states(states) == list(range(40))
