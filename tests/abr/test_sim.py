"""The simulator: a session worked by hand, laws that hold for all, and the batched path pinned to the pure core."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.tasks.abr import sim
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.media import PUBLISHED_RULES, QoE, Rules, Trace, Video
from netwright.tasks.abr.metrics import chunk_qoe, normalised_qoe

STEADY = Trace("steady", np.arange(10.0), np.full(10, 8.0))  # 1 MB/s
TWO = Video("two", (1000.0, 2000.0), 4.0, np.array([[500_000] * 20, [1_000_000] * 20]), 20)


def _steps(levels, *, trace=STEADY, video=TWO, rules=PUBLISHED_RULES, row=1, noise=1.0):
    state, seen = sim.start(trace, row), []
    for level in levels:
        state, outcome = sim.step(state, level, video, trace, rules, noise)
        seen.append((state, outcome))
    return seen


def test_the_first_chunks_by_hand():
    (_, first), (state, second) = _steps([0, 1], rules=Rules(payload=1.0))
    assert first.delay_ms == pytest.approx(580.0)  # 0.5 MB at 1 MB/s and the round trip
    assert first.rebuffer_s == pytest.approx(0.58)
    assert first.buffer_s == 4.0
    assert first.throughput_mbps == pytest.approx(4.0 / 0.58)
    assert second.delay_ms == pytest.approx(1080.0)
    assert second.rebuffer_s == 0.0
    assert second.buffer_s == pytest.approx(4.0 - 1.08 + 4.0)
    assert (second.bitrate_mbps, second.change_mbps) == (2.0, 1.0)
    assert (state.row, state.clock_s) == (2, pytest.approx(1.5))  # the round trip takes no time of the trace


def test_only_the_payload_counts():
    ((_, outcome),) = _steps([0], rules=Rules(payload=0.5, rtt_ms=0.0))
    assert outcome.delay_ms == pytest.approx(1000.0)


def test_a_full_buffer_waits_in_whole_steps_and_reports_what_was_left():
    fast = Trace("fast", np.arange(200.0), np.full(200, 800.0))
    seen = _steps([0] * 20, trace=fast, rules=Rules(rtt_ms=0.0, buffer_cap_s=30.0))
    assert max(outcome.buffer_s for _, outcome in seen) <= 30.0
    waits = [(state, outcome) for state, outcome in seen if outcome.waited_ms]
    assert waits
    assert all(outcome.waited_ms % 500.0 == 0.0 for _, outcome in waits)
    assert all(0.0 <= outcome.sleep_ms < 1000.0 for _, outcome in waits)  # rows of 1 s


def test_behind_the_last_row_the_trace_continues_at_row_one():
    late = Trace("late", np.array([1.0, 2.0, 3.0]), np.array([99.0, 8.0, 8.0]))
    ((state, outcome),) = _steps([1], trace=late, row=2, rules=Rules(payload=1.0, rtt_ms=0.0))
    assert outcome.delay_ms == pytest.approx(1000.0)
    video = replace(TWO, sizes_bytes=TWO.sizes_bytes * 2)
    ((state, outcome),) = _steps([1], trace=late, video=video, row=2, rules=Rules(payload=1.0, rtt_ms=0.0))
    assert (state.row, state.clock_s) == (1, pytest.approx(1.0))  # the first row lasts 2 s on the second lap
    assert outcome.delay_ms == pytest.approx(2000.0)


@st.composite
def worlds(draw):
    """A trace, a video, rules, a start row and a rung for each chunk."""
    n_rows = draw(st.integers(2, 12))
    steps = draw(st.lists(st.floats(0.2, 8.0), min_size=n_rows, max_size=n_rows))
    mbps = draw(st.lists(st.sampled_from([0.0, 0.3, 1.0, 2.5, 7.0]), min_size=n_rows, max_size=n_rows))
    mbps[1] = max(mbps[1], 0.5)
    trace = Trace("drawn", np.cumsum(steps), np.array(mbps))
    n_levels, n_chunks = draw(st.sampled_from([(1, 5), (4, 7), (10, 3)]))
    sizes = np.random.default_rng(draw(st.integers(0, 99))).integers(1, 3_000_000, (n_levels, n_chunks + 1))
    chunk_s = draw(st.sampled_from([2.0, 4.0]))
    video = Video("drawn", tuple(300.0 * (k + 1) for k in range(n_levels)), chunk_s, sizes, n_chunks)
    rules = Rules(
        rtt_ms=draw(st.floats(1.0, 300.0)),
        buffer_cap_s=draw(st.floats(4.0, 60.0)),
        drain_ms=draw(st.sampled_from([100.0, 500.0])),
    )
    levels = draw(st.lists(st.integers(0, n_levels - 1), min_size=n_chunks, max_size=n_chunks))
    return trace, video, rules, draw(st.integers(1, n_rows - 1)), levels


@given(worlds())
def test_time_is_neither_made_nor_lost(world):
    trace, video, rules, row, levels = world
    state = sim.start(trace, row)
    for level in levels:
        before = state
        state, seen = sim.step(state, level, video, trace, rules)
        played_ms = seen.delay_ms - seen.rebuffer_s * 1000.0 + seen.waited_ms
        assert state.buffer_ms == pytest.approx(before.buffer_ms + video.chunk_s * 1000.0 - played_ms)
        assert state.buffer_ms <= rules.buffer_cap_s * 1000.0 + 1e-6
        assert seen.delay_ms >= rules.rtt_ms
        assert 0.0 <= seen.sleep_ms <= seen.waited_ms + 1e-6
        assert 1 <= state.row < trace.n_rows


@given(worlds())
def test_the_bytes_of_a_chunk_are_what_the_trace_carried(world):
    trace, video, rules, row, levels = world
    state = sim.start(trace, row)
    rules = replace(rules, buffer_cap_s=1e6)  # no waits: the clock moves by transfers only
    state, seen = sim.step(state, levels[0], video, trace, rules)
    at, now_s, left_s, carried = row, float(trace.times_s[row - 1]), (seen.delay_ms - rules.rtt_ms) / 1e3, 0.0
    while left_s > 1e-12:
        part_s = min(left_s, float(trace.times_s[at]) - now_s)
        carried += part_s * float(trace.bandwidths_mbps[at]) * 1e6 / 8.0 * rules.payload
        left_s, now_s = left_s - part_s, now_s + part_s
        if now_s >= trace.times_s[at] - 1e-12:
            at, now_s = (1, 0.0) if at + 1 == trace.n_rows else (at + 1, float(trace.times_s[at]))
    assert carried == pytest.approx(seen.chunk_bytes, rel=1e-6, abs=1.0)


@given(st.lists(worlds(), min_size=1, max_size=3))
def test_the_batched_path_equals_the_pure_core(found):
    _, video, rules, _, levels = found[0]
    traces = [world[0] for world in found]
    qoe = QoE(rebuffer=2.0, change=0.5)
    rows = [world[3] for world in found]
    sessions = Sessions(
        traces,
        [video],
        Starts(trace_of=np.arange(len(traces)), video_of=np.zeros(len(traces), dtype=int), start_rows=rows),
        rules=rules,
        qoe=qoe,
        first_level=None,
    )
    states = [sim.start(trace, row) for trace, row in zip(traces, rows, strict=True)]
    for level in levels:
        got = sessions.step(np.full(len(traces), level))
        for b, trace in enumerate(traces):
            states[b], want = sim.step(states[b], level, video, trace, rules)
            for name in ("delay_ms", "sleep_ms", "buffer_s", "rebuffer_s", "chunk_bytes", "throughput_mbps"):
                assert getattr(got, name)[b] == getattr(want, name), name
            assert got.bitrate_mbps[b] == want.bitrate_mbps
            assert got.change_mbps[b] == want.change_mbps
            assert got.qoe[b] == chunk_qoe(
                want.bitrate_mbps, want.rebuffer_s, want.change_mbps, qoe.rebuffer, qoe.change
            )
    seen = sessions.observe()
    assert sessions.done
    assert seen.throughputs_mbps[0, -1] == got.throughput_mbps[0]
    assert seen.delays_s[0, -1] == got.delay_ms[0] / 1000.0
    assert math.isclose(seen.buffer_s[0], states[0].buffer_ms / 1000.0)


@given(worlds(), st.integers(0, 5), st.floats(0.5, 2.0))
@settings(max_examples=30)
def test_scaled_bandwidth_is_another_trace(world, seed, scale):
    trace, video, rules, row, levels = world
    other = replace(trace, bandwidths_mbps=trace.bandwidths_mbps * scale)
    options = {"rules": rules, "first_level": None}
    scaled = Sessions([trace], [video], Starts([0], [0], [row], [scale]), **options)
    plain = Sessions([other], [video], Starts([0], [0], [row]), **options)
    for level in levels:
        got, want = scaled.step(np.array([level])), plain.step(np.array([level]))
        assert got.delay_ms[0] == pytest.approx(want.delay_ms[0])


def _sessions(**options):
    place = {"trace_of": [0, 0], "video_of": [0, 0], "start_rows": [1, 4]}
    starts = Starts(**{**place, **{name: options.pop(name) for name in ("scale", *place) if name in options}})
    return Sessions([STEADY], [TWO], starts, **options)


def test_observations_hold_what_was_seen_and_what_is_to_come():
    sessions = _sessions()
    assert (sessions.n, sessions.n_levels, sessions.n_decisions) == (2, 2, 19)
    before = sessions.observe()
    assert before.chunk_index.tolist() == [1, 1]
    assert before.n_left.tolist() == [19, 19]
    assert before.next_sizes_mb.shape == (2, 6, 2)
    assert before.next_sizes_mb[0, 0].tolist() == [0.5, 1.0]
    assert (before.throughputs_mbps[:, :-1] == 0.0).all()
    sessions.step(np.array([1, 0]))
    after = sessions.observe()
    assert after.throughputs_mbps[0, -2] == before.throughputs_mbps[0, -1]
    assert after.last_level.tolist() == [1, 0]
    assert before.last_level.tolist() == [0, 0]
    for _ in range(15):
        sessions.step(np.array([1, 0]))
    assert (sessions.observe().next_sizes_mb[:, 3:] == 0.0).all()  # three chunks left
    assert (sessions.observe().next_sizes_mb[:, :3] > 0.0).all()


def test_a_copy_goes_its_own_way():
    sessions = _sessions()
    other = sessions.copy()
    other.step(np.array([1, 1]))
    assert sessions.chunk == 1
    assert sessions.observe().last_level.tolist() == [0, 0]
    again = sessions.step(np.array([1, 1]))
    assert (again.delay_ms / 1000.0).tolist() == other.observe().delays_s[:, -1].tolist()


def test_taken_and_joined_sessions_play_as_the_originals():
    sessions = _sessions(trace_of=[0, 0, 0], video_of=[0, 0, 0], start_rows=[1, 2, 3])
    sessions.step(np.array([1, 0, 1]))
    both = sessions.fork(np.array([2, 0, 2])).concat(sessions.fork(np.array([1])))
    chosen = np.array([0, 1, 1])
    expected = sessions.step(chosen).qoe
    assert both.step(chosen[[2, 0, 2, 1]]).qoe.tolist() == expected[[2, 0, 2, 1]].tolist()
    assert both.chunk == sessions.chunk
    with pytest.raises(ConfigError, match="at one chunk"):
        both.concat(_sessions(trace_of=[0], video_of=[0], start_rows=[1]))


def test_taken_without_noise_delays_are_those_without():
    noisy = _sessions(rules=Rules(noise=0.5), rng=np.random.default_rng(0))
    quiet = _sessions()
    taken = noisy.fork(np.arange(noisy.n), noise=False)
    taken._clock_s[:], taken._row[:], taken._buffer_ms[:] = quiet._clock_s, quiet._row, quiet._buffer_ms
    levels = np.zeros(noisy.n, dtype=int)
    assert (taken.step(levels).delay_ms == quiet.step(levels).delay_ms).all()


def test_noise_stays_in_its_range_and_follows_its_seed():
    noisy = Rules(noise=0.1)
    plain = _sessions().first.delay_ms
    runs = [_sessions(rules=noisy, rng=np.random.default_rng(seed)).first.delay_ms for seed in (3, 3, 4)]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()
    assert (np.abs(runs[0] / plain - 1.0) <= 0.1).all()


def test_future_bandwidth_is_the_log_of_window_means():
    times = np.arange(0.0, 400.0)
    trace = Trace("ramp", times, np.where(times <= 50.0, 1.0, 4.0))
    sessions = Sessions([trace], [TWO], Starts(trace_of=[0], video_of=[0], start_rows=[11]), first_level=None)
    found = sessions.future_log_bandwidth()
    assert found.shape == (1, 12)
    assert np.exp(found[0, :8]).tolist() == pytest.approx([1.0] * 8)  # up to 28 s ahead of 10 s
    assert np.exp(found[0, 8]) == pytest.approx((12.0 * 1.0 + 1.0 * 4.0) / 13.0)  # 28..41 s ahead
    assert np.exp(found[0, 9:]).tolist() == pytest.approx([4.0] * 3)
    assert "future" not in " ".join(vars(sessions.observe()))


@pytest.mark.parametrize(
    ("levels", "sentence"),
    [
        (np.array([0, 2]), "session 1: rungs are 0..1, got 2"),
        (np.array([-1, 0]), "session 0: rungs are 0..1, got -1"),
        (np.array([0.0, 1.0]), "need 2 rungs"),
        (np.array([0]), "need 2 rungs"),
    ],
)
def test_an_answer_that_is_no_rung_is_refused(levels, sentence):
    with pytest.raises(ConfigError, match=sentence):
        _sessions().step(levels)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"start_rows": [1, 10]}, r"starts at row 1\.\.9, got 10"),
        ({"start_rows": [0, 1]}, r"starts at row 1\.\.9, got 0"),
        ({"trace_of": [0, 1]}, "there are 1"),
        ({"scale": [1.0, 0.0]}, "scale must be above 0"),
        ({"rules": Rules(noise=0.1)}, "need an rng"),
        ({"video_of": [0]}, "one trace, video, start row"),
    ],
)
def test_sessions_that_cannot_be_are_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        _sessions(**options)


def test_a_session_ends():
    sessions = _sessions()
    for _ in range(sessions.n_decisions):
        sessions.step(np.array([0, 1]))
    with pytest.raises(ConfigError, match="ended after 20 chunks"):
        sessions.step(np.array([0, 0]))
    state, _ = _steps([0] * 20)[-1]
    with pytest.raises(ConfigError, match="ended after 20 chunks"):
        sim.step(state, 0, TWO, STEADY, Rules())


@pytest.mark.parametrize(
    ("times", "mbps", "sentence"),
    [
        ([0.0], [1.0], "at least two rows"),
        ([], [], "at least two rows"),
        ([0.0, 1.0], [1.0, -1.0], "row 1: bandwidth must be"),
        ([0.0, 1.0, 1.0], [1.0, 1.0, 1.0], "row 2: time 1.0 s does not come after"),
        ([0.0, 1.0], [5.0, 0.0], "is 0 throughout"),
        ([0.0, math.nan], [1.0, 1.0], "row 1: time must be"),
    ],
)
def test_bad_traces_are_refused(times, mbps, sentence):
    with pytest.raises(DataError, match=sentence):
        Trace("bad", np.array(times), np.array(mbps))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"bitrates_kbps": (2000.0, 1000.0)}, "rise strictly"),
        ({"bitrates_kbps": (1000.0,)}, "one row for each bitrate"),
        ({"n_chunks": 21}, "one row for each bitrate"),
        ({"chunk_s": 0.0}, "chunk_s must be above 0"),
        ({"sizes_bytes": np.zeros((2, 20))}, "rung 0 chunk 0 has 0"),
    ],
)
def test_bad_videos_are_refused(changes, sentence):
    with pytest.raises(DataError, match=sentence):
        replace(TWO, **changes)


@pytest.mark.parametrize("options", [{"payload": 0.0}, {"noise": 1.0}, {"rtt_ms": -1.0}, {"drain_ms": 0.0}])
def test_bad_rules_are_refused(options):
    with pytest.raises(ConfigError, match=rf"Rules\.{next(iter(options))}"):
        Rules(**options)


def test_qoe_by_hand():
    assert chunk_qoe(1.85, 0.5, 0.65, QoE().rebuffer, QoE().change) == pytest.approx(1.85 - 2.15 - 0.65)
    assert normalised_qoe(np.array([1.0, 0.0]), np.array([2.0, 0.5])) == pytest.approx(0.4)
