"""What learned policies see: worked by hand, for any ladder, and nothing that a player does not know."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.tasks.abr import features
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.generator import synth_traces, synth_video
from netwright.tasks.abr.media import Trace

TRACES = synth_traces("t", 6, seed=3)
VIDEO = synth_video("v", np.random.default_rng(0))
TWO_RUNGS = synth_video("two", np.random.default_rng(1), bitrates_kbps=(500.0, 2000.0))


def played(levels, *, video=VIDEO, traces=TRACES, start_rows=None):
    n = len(traces)
    sessions = Sessions(
        traces,
        [video],
        Starts(
            trace_of=np.arange(n),
            video_of=np.zeros(n, dtype=np.int64),
            start_rows=np.ones(n, dtype=np.int64) if start_rows is None else start_rows,
        ),
    )
    for level in levels:
        sessions.step(np.full(n, level))
    return sessions


def by_hand(o, b):
    """The same features, slowly."""
    rates = [max(r, 0.02) for r in o.throughputs_mbps[b, -8:] if r > 0.0]
    logs = [math.log(r) for r in rates]
    recent = rates[-5:]
    harmonic = len(recent) / sum(1.0 / r for r in recent)
    sizes = o.next_sizes_mb[b, :5] * (np.arange(5) < o.n_left[b])[:, None]
    after = [
        [min(60.0, max(-20.0, o.buffer_s[b] - 8.0 * mb / rate)) / 10.0 for mb in o.next_sizes_mb[b, 0]]
        for rate in (harmonic, rates[-1])
    ]
    past = [max(r, 0.001) for r in o.throughputs_mbps[b] if r > 0.0]
    log_past = np.log(past)
    before = [math.log(max(r, 0.001)) if r > 0.0 else 0.0 for r in o.throughputs_mbps[b, :16]]
    trend = np.polyfit(range(len(logs)), logs, 1)[0] if len(logs) > 1 else 0.0
    return np.concatenate(
        [
            [0.0] * (8 - len(logs)) + logs,
            np.log1p(o.delays_s[b, -8:]),
            sizes.ravel(),
            np.eye(o.n_levels)[o.last_level[b]],
            [o.buffer_s[b] / 10.0, o.n_left[b] / 24.0, math.log(harmonic)],
            *after,
            [min(logs), max(logs), np.mean(logs), np.std(logs), trend],
            before,
            [len(past) / 24, np.mean(log_past), np.std(log_past)],
            [np.abs(np.diff(log_past)).sum() / max(1, len(past) - 1)],
        ]
    )


@pytest.mark.parametrize("levels", [[], [0, 3], [0, 1, 2, 3, 4, 5, 0, 5, 2, 1], [1] * 45], ids=len)
def test_the_vector_is_the_one_worked_by_hand(levels):
    o = played(levels).observe()
    found = features.vector(o)
    assert found.shape == (6, features.size(6)) == (6, 92)
    assert found.dtype == np.float32
    for b in range(o.n):
        assert found[b] == pytest.approx(by_hand(o, b), abs=1e-5)


@given(st.integers(2, 12), st.lists(st.integers(0, 1), max_size=47))
def test_any_ladder_gives_finite_features_of_its_size(n_levels, levels):
    rates = tuple(300.0 * 1.4**k for k in range(n_levels))
    o = played(levels, video=synth_video("x", np.random.default_rng(0), bitrates_kbps=rates)).observe()
    found = features.vector(o)
    assert found.shape == (6, features.size(n_levels))
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 20.0


def test_before_the_first_chunk_nothing_is_known():
    o = played([]).observe()
    o = replace(o, throughputs_mbps=np.zeros((6, 24)), delays_s=np.zeros((6, 24)))
    assert np.isfinite(features.vector(o)).all()


@pytest.mark.parametrize("state", [features.vector, features.pensieve_state])
def test_the_bandwidth_to_come_is_not_seen(state):
    sessions = played([1, 2])
    known = sessions.observe()
    assert sessions._clock_s.max() < 50.0
    other = tuple(
        Trace(t.name, t.times_s, np.where(t.times_s <= 50.0, t.bandwidths_mbps, 0.3)) for t in TRACES
    )
    changed = played([1, 2], traces=other)
    assert (state(changed.observe()) == state(known)).all()
    assert (changed.future_log_bandwidth() != sessions.future_log_bandwidth()).any()


def test_pensieves_state_is_the_published_one():
    o = played([0, 3, 5, 1]).observe()
    found = features.pensieve_state(o)
    assert found.shape == (6, 6, 6)
    for b in range(6):
        rows = np.zeros((6, 6))
        rows[0, -1] = 0.750 / 4.3
        rows[1, -1] = o.buffer_s[b] / 10.0
        rows[2, -5:] = o.throughputs_mbps[b, -5:] / 8.0  # bytes per ms over 1000
        rows[3, -5:] = o.delays_s[b, -5:] / 10.0
        rows[4] = VIDEO.sizes_bytes[:, 5] / 1e6
        rows[5, -1] = 43 / 48
        assert found[b] == pytest.approx(rows, abs=1e-6)


def test_a_smaller_ladder_leaves_columns_of_pensieves_state_empty():
    found = features.pensieve_state(played([0, 1], video=TWO_RUNGS).observe())
    assert (found[:, 4, 2:] == 0.0).all()
    assert (found[:, 4, :2] > 0.0).all()
