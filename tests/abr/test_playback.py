"""Sessions over time: the clock adds up, stalls are where the buffer is empty, and reports draw the kept ones."""

import json
from dataclasses import replace

import matplotlib
import numpy as np
import pytest

from netwright.core import registry
from netwright.core.palette import RC
from netwright.core.task import load_attribute
from netwright.report import render
from netwright.tasks.abr import figures
from netwright.tasks.abr.evaluation import evaluate
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.playback import Playback, bandwidth_samples, by_variability
from netwright.tasks.abr.sim import start, step

NAMES = ("bba", "mpc", "ppo")


@pytest.fixture(scope="module")
def evaluations(generated):
    task = registry.task("abr")
    policies = {name: load_attribute(task.policy(name).factory)() for name in NAMES}
    return [evaluate(policy, task.setting("default"), generated, name=n) for n, policy in policies.items()]


@pytest.fixture(scope="module")
def sessions(evaluations):
    return [Playback.of(p) for e in evaluations for p in e.detail["playbacks"]]


def by_hand() -> Playback:
    """Chunks of 4 s: 2 s to the first; 3 s to the second; 6 s to the third, for which the video stalls 1 s."""
    return Playback(
        "t", 4.0, np.array([0.3, 0.75, 0.3]), np.array([2.0, 3.0, 6.0]), np.array([4.0, 5.0, 4.0]),
        np.array([2.0, 0.0, 1.0]), np.ones(15), 0.1,
    )  # fmt: skip


def test_the_clock_of_a_session_computed_by_hand():
    session = by_hand()
    assert session.start_s.tolist() == [0.0, 2.0, 5.0, 11.0]
    assert session.arrival_s.tolist() == [2.0, 5.0, 11.0]
    assert session.stalls_s.tolist() == [[0.0, 2.0], [10.0, 11.0]]
    assert session.stalled_s == 1.0
    assert session.end_s == 15.0  # 12 s of video, 2 s of start-up, 1 s of stall
    times, seconds = session.buffer_over_time()
    assert times.tolist() == [0.0, 0.0, 2.0, 2.0, 2.0, 5.0, 5.0, 5.0, 5.0, 10.0, 11.0, 11.0, 15.0]
    assert seconds.tolist() == [0.0, 0.0, 0.0, 4.0, 4.0, 1.0, 1.0, 5.0, 5.0, 0.0, 0.0, 4.0, 0.0]


def test_time_is_played_or_stalled(sessions):
    for session in sessions:
        video_s = session.chunk_s * len(session.buffer_s)
        assert session.end_s == pytest.approx(video_s + session.rebuffer_s.sum(), abs=1e-6)
        assert (session.start_s[1:] >= session.arrival_s - 0.002).all()  # rounded to milliseconds
        assert len(session.bandwidth_mbps) >= session.end_s - 1e-6


def test_the_buffer_is_empty_where_the_video_stands_still(sessions):
    stalled = [s for s in sessions if s.stalled_s > 0.0]
    assert stalled
    for session in stalled:
        times, seconds = session.buffer_over_time()
        for begin, end in session.stalls_s:
            assert np.interp((begin + end) / 2.0, times, seconds) == pytest.approx(0.0, abs=0.005)


def test_a_session_is_what_the_pure_simulator_plays(generated, evaluations):
    """The clock of the simulator's state, where it has not wrapped, is that of the playback."""
    config = registry.task("abr").setting("default").config
    video = generated.video(config.video)
    for document in evaluations[0].detail["playbacks"]:
        session = Playback.of(document)
        trace = next(t for t in generated.traces(config.traces) if t.name == session.trace)
        row = generated.start_rows.get(config.traces, {}).get(trace.name, 1)
        state = start(trace, row)
        rungs = [video.bitrates_kbps.index(round(1000.0 * rate)) for rate in session.bitrate_mbps]
        elapsed = 0.0
        for i, rung in enumerate(rungs):
            state, seen = step(state, rung, video, trace, config.rules)
            elapsed += (seen.delay_ms + seen.waited_ms) / 1000.0
            assert session.start_s[i + 1] == pytest.approx(elapsed, abs=1e-3 * (i + 2))
            assert session.buffer_s[i] == pytest.approx(seen.buffer_s, abs=1e-3)


def test_traces_are_kept_by_how_much_they_vary():
    times = np.arange(5.0)
    traces = [
        Trace(n, times, 2.0 + a * np.array([1, 1, -1, 1, -1])) for n, a in (("c", 1.5), ("a", 0), ("b", 1))
    ]
    assert [traces[i].name for i in by_variability(traces)] == ["a", "b", "c"]
    assert by_variability(traces[:1]) == [0]
    assert [traces[i].name for i in by_variability(traces[:2])] == ["a", "c"]


def test_bandwidth_begins_at_the_start_row_and_goes_round():
    trace = Trace("t", np.array([0.0, 2.0, 3.0]), np.array([9.0, 1.0, 5.0]))
    found, step_s = bandwidth_samples(trace, 1, 7)
    assert (found.tolist(), step_s) == ([1.0, 1.0, 5.0, 1.0, 1.0, 5.0, 1.0], 1.0)
    assert bandwidth_samples(trace, 2, 3.2)[0].tolist() == [5.0, 1.0, 1.0, 5.0]


def test_samples_are_bounded_however_long_a_session_stalls():
    """A silence of 30 years between two packets is no reason for a table of that size."""
    trace = Trace("t", np.array([0.0, 1.0, 1e9]), np.array([1.0, 1.0, 5.0]))
    found, step_s = bandwidth_samples(trace, 1, 1e9)
    assert len(found) == 2000
    assert step_s == 500_000.0


def test_what_is_kept_is_plain_and_comes_back(evaluations):
    kept = json.loads(json.dumps(evaluations[0].to_json(), allow_nan=False))["detail"]["playbacks"]
    assert len(kept) == 3
    assert Playback.of(kept[2]).to_json() == kept[2]
    assert kept[2]["qoe"] == evaluations[0].per_episode[evaluations[0].episodes.index(kept[2]["trace"])]


def test_a_report_draws_three_players_over_each_kept_trace(evaluations):
    adapted = replace(evaluations[1], policy="adapted:tiny", role="adapted")
    optimum = replace(evaluations[2], policy="offline-optimum", role="clairvoyant")
    with matplotlib.rc_context(RC):
        drawn = [d for d in figures.figures([*evaluations, adapted, optimum]) if d[0] == "Sessions over time"]
        assert len(drawn) == 3
        for (_, caption, figure), which in zip(
            drawn, ("steadiest", "middling", "most variable"), strict=True
        ):
            assert which in caption
            rates, _, stalls = figure.axes
            assert [t.get_text() for t in stalls.get_yticklabels()] == ["adapted:tiny", "ppo", "bba"]
            assert len(rates.patches) == 3
            assert render.svg(figure, name="a", alt="b").startswith("<svg")


def test_evaluations_of_earlier_releases_hold_no_sessions(evaluations):
    bare = [replace(e, detail={k: v for k, v in e.detail.items() if k != "playbacks"}) for e in evaluations]
    with matplotlib.rc_context(RC):
        assert not [d for d in figures.figures(bare) if d[0] == "Sessions over time"]
    assert figures.playbacks(bare, NAMES) == {}
