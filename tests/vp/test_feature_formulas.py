"""Each modality of the learned models against its formula, window by window and number by number."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from netwright.core.errors import DataError
from netwright.tasks.vp import features
from netwright.tasks.vp.dataset import TraceSet
from netwright.tasks.vp.settings import VpConfig
from netwright.tasks.vp.windows import Crowd, Windows, build_crowd, cut, front_deg

CLOSE = 3e-4  # single precision
FRONT = 25.0
SPEED, ANGLE, FAST = 5.0, 30.0, 4.0


def wrapped(angle):
    return (angle + 180.0) % 360.0 - 180.0


@pytest.fixture(scope="module")
def chosen() -> Windows:
    """Seven windows of three viewers of one video, some with less history than a model reads."""
    rng = np.random.default_rng(0)
    lengths = [60, 45, 52]
    steps = rng.normal(0.0, [0.5, 1.0, 4.0], (sum(lengths), 3))
    angles = np.cumsum(steps, axis=0) * [0.2, 0.3, 1.0]
    angles[:, 2] = wrapped(angles[:, 2] + 170.0)
    angles[:, 1] = np.clip(angles[:, 1], -89.0, 89.0)
    offset = np.concatenate([[0], np.cumsum(lengths)])
    time_s = np.concatenate([np.arange(n) / 5.0 for n in lengths])
    traces = TraceSet("made", angles, time_s, offset, np.ones(3, dtype=np.int64), np.array([1, 2, 3]))
    crowd = build_crowd(traces, (1, 2, 3))
    trace, start = np.array([0, 0, 1, 1, 2, 2, 0]), np.array([22, 50, 12, 30, 7, 40, 21])
    return Windows(traces, trace, start, 20, 5, crowd, FRONT)


HISTORY = np.array([20, 20, 10, 5, 4, 15, 1])
MIRRORED = np.array([False, True, False, True, False, False, True])
HIDDEN = np.array([False, False, True, False, False, True, False])


@pytest.fixture(scope="module")
def made(chosen) -> features.Arrays:
    every = ("motion", "summary", "past", "crowd")
    return features.observe(chosen, every, history=HISTORY, mirrored=MIRRORED, front_hidden=HIDDEN)


def session(chosen, i):
    """The samples before window i, with left and right exchanged where the window is mirrored."""
    found = chosen.traces.trace(int(chosen.trace[i]))[: chosen.start[i]].copy()
    if MIRRORED[i]:
        found[:, [0, 2]] *= -1.0
    return found


def front_of(chosen, i, relative_yaw):
    """Known, sine and cosine of the yaw from the video's front; zeros where it is hidden."""
    if HIDDEN[i]:
        return [0.0, 0.0, 0.0]
    sign = -1.0 if MIRRORED[i] else 1.0
    last = sign * chosen.last_deg()[i, 2] - sign * FRONT
    angle = math.radians(last + relative_yaw)
    return [1.0, math.sin(angle), math.cos(angle)]


def test_the_first_sample_before_the_history_stands_in_for_older_ones(chosen):
    """The row before the history is read where there is one; velocity at the first sample is from there."""
    series, mask = features._history(chosen, HISTORY, np.where(MIRRORED, -1.0, 1.0))
    for i in range(len(chosen)):
        assert mask[i].sum() == HISTORY[i]
        assert mask[i, -HISTORY[i] :].all()
        real = session(chosen, i)[-HISTORY[i] :]
        assert series[i, -HISTORY[i] :, :2] == pytest.approx(real[:, :2])
        assert series[i, -1, 2] == 0.0
        turns = wrapped(np.diff(real[:, 2]))
        assert np.diff(series[i, -HISTORY[i] :, 2]) == pytest.approx(turns)


def test_motion(chosen, made):
    for i in range(len(chosen)):
        series, _ = features._history(chosen, HISTORY, np.where(MIRRORED, -1.0, 1.0))
        rows = series[i]
        for t in range(20):
            if t < 20 - HISTORY[i]:
                assert not made["motion"][i, t].any()
                continue
            velocity = rows[t] - rows[t - 1] if t else np.zeros(3)
            expected = [
                *(velocity / SPEED),
                *((rows[t] - rows[-1]) / ANGLE),
                *(rows[t, :2] / ANGLE),
                1.0,
                *(np.abs(velocity[1:]) / SPEED),
                *front_of(chosen, i, rows[t, 2])[1:],
            ]
            assert made["motion"][i, t] == pytest.approx(np.array(expected), abs=CLOSE)


def test_summary(chosen, made):
    series, _ = features._history(chosen, HISTORY, np.where(MIRRORED, -1.0, 1.0))
    for i in range(len(chosen)):
        rows, n = series[i], int(HISTORY[i])
        last, inside = rows[-1], rows[-n:]
        velocity = np.diff(rows, axis=0, prepend=rows[:1])
        fast = [k for k in range(20) if abs(velocity[19 - k, 2]) > FAST]
        expected = [
            *(x for k in (1, 2, 3, 5, 9) for x in (last - rows[19 - k]) / (SPEED * math.sqrt(k))),
            *((last - inside.mean(axis=0)) / ANGLE),
            *(last[:2] / ANGLE),
            np.abs(velocity[:, 2]).sum() / n / SPEED,
            np.abs(velocity[:, 2]).max() / SPEED,
            np.abs(velocity[:, 1]).sum() / n / SPEED,
            (fast[0] if fast else n) / 10.0,
            n / 20.0,
            *front_of(chosen, i, 0.0),
        ]
        assert made["summary"][i] == pytest.approx(np.array(expected), abs=CLOSE)


def test_past(chosen, made):
    for i in range(len(chosen)):
        seen = session(chosen, i)
        last, expected = seen[-1], []
        for span in (25, 50, 150, 100_000):
            part = seen[-span:]
            turn = wrapped(np.diff(seen, axis=0, prepend=seen[:1]))[-span:]
            angle = np.radians(part[:, 2] - last[2])
            expected += [
                (part[:, 0].mean() - last[0]) / ANGLE,
                (part[:, 1].mean() - last[1]) / ANGLE,
                part[:, 1].std() / ANGLE,
                np.abs(turn[:, 2]).mean() / SPEED,
                np.abs(turn[:, 1]).mean() / SPEED,
            ]
            for m in range(1, 5):
                expected += [np.cos(m * angle).mean(), np.sin(m * angle).mean()]
            expected.append(math.degrees(math.atan2(np.sin(angle).mean(), np.cos(angle).mean())) / 90.0)
        age = len(seen) / 300.0
        expected += [last[0] / ANGLE, last[1] / ANGLE, math.log1p(age), min(age, 1.0)]
        assert made["past"][i] == pytest.approx(np.array(expected), abs=CLOSE)


def likeness(chosen, i, viewer):
    """Weights of another viewer: 1, then by the mean squared distance over the last 3 and 10 samples."""
    crowd = chosen.crowd.angles_deg[0, :, :, viewer]
    mine = chosen.traces.trace(int(chosen.trace[i]))
    weights = [1.0]
    for span in (3, 10):
        squared = []
        for back in range(span, 0, -1):
            k = max(int(chosen.start[i]) - back, 0)
            other = crowd[min(k, len(crowd) - 1)]
            squared.append(wrapped(other[2] - mine[k, 2]) ** 2 + (other[1] - mine[k, 1]) ** 2)
        distance = np.mean(squared)
        distance = 1e6 if math.isnan(distance) else distance
        weights += [math.exp(-0.5 * distance / width**2) for width in (10.0, 20.0, 45.0)]
    return weights


def test_crowd(chosen, made):
    for i in range(len(chosen)):
        sign = -1.0 if MIRRORED[i] else 1.0
        mine = chosen.last_deg()[i]
        own = int(chosen.traces.user[chosen.trace[i]])
        for step, ahead in enumerate(features.CROSS_USER_STEPS):
            sums, total = np.zeros((7, 6)), np.zeros(7)
            for viewer, user in enumerate(chosen.crowd.users):
                angles = chosen.crowd.angles_deg[0, :, :, viewer]
                now = angles[int(chosen.start[i]) - 1]
                later = angles[min(int(chosen.start[i]) + int(ahead), len(angles) - 1)]
                if user == own or math.isnan(later[2]) or math.isnan(now[2]):
                    continue
                angle = math.radians(later[2] - mine[2])
                figures = [
                    math.cos(angle),
                    sign * math.sin(angle),
                    (later[1] - mine[1]) / ANGLE,
                    sign * (later[0] - mine[0]) / ANGLE,
                    sign * wrapped(later[2] - now[2]) / ANGLE,
                    (later[1] - now[1]) / ANGLE,
                ]
                for kernel, weight in enumerate(likeness(chosen, i, viewer)):
                    total[kernel] += weight
                    sums[kernel] += weight * np.array(figures)
            mean = sums / (total + 0.3)[:, None]
            direction = np.arctan2(mean[:, 1], mean[:, 0] + 1e-9) / (math.pi / 2)
            expected = np.concatenate([mean.T, direction[None], np.log1p(total)[None]])
            found = made["crowd"][i, step].reshape(8, 7)
            assert found == pytest.approx(expected, abs=2e-3)


def test_a_change_to_learn_is_wrapped_and_mirrored(chosen):
    found = features.residual(chosen, 5, MIRRORED)
    for i in range(len(chosen)):
        trace, start = chosen.traces.trace(int(chosen.trace[i])), int(chosen.start[i])
        change = wrapped(trace[start : start + 5] - trace[start - 1])
        if MIRRORED[i]:
            change = change * [-1.0, 1.0, -1.0]
        assert found[i] == pytest.approx(change)


def one_user(yaw_deg, user=1):
    angles = np.zeros((len(yaw_deg), 3))
    angles[:, 2] = yaw_deg
    n = len(yaw_deg)
    return TraceSet("one", angles, np.arange(n) / 5.0, np.array([0, n]), np.array([4]), np.array([user]))


def test_a_front_is_the_circular_mean_where_viewers_agree():
    agreeing = one_user([170.0, -170.0, 180.0, -180.0])
    assert abs(front_deg(agreeing, (1,), (4,))) == pytest.approx(180.0)
    # Two of three look ahead and one behind: the resultant is 1/3, below a half.
    assert front_deg(one_user([0.0, 0.0, 180.0]), (1,), (4,)) is None
    # Three of four: exactly a half is enough.
    assert front_deg(one_user([90.0, 90.0, 90.0, -90.0]), (1,), (4,)) == pytest.approx(90.0)
    assert front_deg(agreeing, (2,), (4,)) is None
    assert front_deg(agreeing, (1,), (5,)) is None


def test_a_crowd_is_padded_with_nothing():
    one = one_user([1.0, 2.0, 3.0])
    crowd = build_crowd(one, (9, 1))
    assert crowd.angles_deg.shape == (1, 3, 3, 2)
    assert np.isnan(crowd.angles_deg[..., 0]).all()
    assert crowd.angles_deg[0, :, 2, 1].tolist() == [1.0, 2.0, 3.0]
    assert crowd.video_index == {4: 0}


@pytest.mark.parametrize(
    ("rows", "starts"), [(12, []), (13, [10]), (15, [10]), (16, [10, 13]), (20, [10, 13, 16])]
)
def test_windows_start_at_every_step_between_the_trims(rows, starts):
    config = VpConfig(history=10, horizon=2, step=3, trim_head=10, trim_tail=2)
    traces = one_user(np.zeros(rows))
    if not starts:
        with pytest.raises(DataError, match="no trace of the split has the 13 samples"):
            cut(traces, np.array([0]), config)
        return
    found = cut(traces, np.array([0]), config)
    assert found.start.tolist() == starts
    assert found.trace.tolist() == [0] * len(starts)


def test_windows_of_a_subset_keep_crowd_and_front(chosen):
    few = chosen.take(np.array([4, 1]))
    assert few.start.tolist() == [7, 50]
    assert few.crowd is chosen.crowd
    assert few.front_deg == FRONT
    assert few.row.tolist() == [105 + 7, 50]
    assert replace(few, history=3).seen_deg().shape == (2, 3, 3)
    assert isinstance(few.crowd, Crowd)
