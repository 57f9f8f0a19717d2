"""Inputs of learned models from a window: relative to the last viewport, wrap-aware, scaled to about one.

Four modalities, each an array with one row a window:
    motion (N, 20, 13): the samples of the window itself, a time series; older ones than the history are zero.
    summary (N, 28): the same window in hand-made figures.
    past (N, 60): figures of the whole session before the window (causal; recipes `long` and `crowd`).
    crowd (N, 10, 56): where other viewers of this video looked over the horizon (recipe `crowd`).

Everything turns with the viewer: adding an angle to all yaws (and to the front) changes nothing, and mirroring
left and right only changes signs. Two hours of the past are read by prefix sums, so that a batch costs microseconds.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.tasks.vp.angles import PITCH, ROLL, YAW, Floats, wrapped_deg
from netwright.tasks.vp.dataset import TraceSet
from netwright.tasks.vp.windows import Windows

Modality = Literal["motion", "summary", "past", "crowd"]
Arrays = dict[str, NDArray[np.float32]]

LONGEST_HISTORY = 20
LONGEST_HORIZON = 30
SPEED_SCALE_DEG = 5.0
ANGLE_SCALE_DEG = 30.0
FAST_YAW_DEG = 4.0  # per sample: 20 degrees per second
PAST_SAMPLES = (25, 50, 150, 100_000)  # 5, 10, 30 s and the whole session
HARMONICS = 4
CROSS_USER_STEPS = np.array([2, 5, 8, 11, 14, 17, 20, 23, 26, 29])
CROSS_USER_WIDTHS_DEG = (10.0, 20.0, 45.0)
CROSS_USER_MEMORIES = (3, 10)  # samples over which a viewer's likeness to the others is measured
CROSS_USER_PRIOR = 0.3  # prior weight in a kernel mean: with few similar viewers the mean tends to zero
SIZES = {"motion": 13, "summary": 28, "past": 60, "crowd": 56}  # last dimension of each modality


def observe(
    windows: Windows,
    modalities: tuple[Modality, ...],
    *,
    history: NDArray[np.int64] | None = None,
    mirrored: NDArray[np.bool_] | None = None,
    front_hidden: NDArray[np.bool_] | None = None,
) -> Arrays:
    """The modalities of a batch of windows.

    Args:
        windows: (N) windows; no sample at or after their start is read, except those of other viewers.
        modalities: which arrays to make.
        history: (N,) samples of history that the model reads (at most 20); the windows' own history if None.
        mirrored: (N,) windows seen with left and right exchanged (augmentation).
        front_hidden: (N,) windows whose yaw relative to the video's front is hidden.
    """
    n = len(windows)
    sign = np.ones(n) if mirrored is None else np.where(mirrored, -1.0, 1.0)
    history = np.full(n, min(windows.history, LONGEST_HISTORY)) if history is None else history
    made: Arrays = {}
    series, mask = _history(windows, history, sign)
    front = _front(windows, series, sign, front_hidden)
    if "motion" in modalities:
        made["motion"] = _motion(series, mask, front)
    if "summary" in modalities:
        made["summary"] = np.concatenate(
            [_summary(series, mask, history), front[:, -1]], axis=1, dtype=np.float32
        )
    if "past" in modalities:
        made["past"] = _past(windows, sign)
    if "crowd" in modalities:
        made["crowd"] = _crowd(windows, sign)
    return made


def residual(windows: Windows, horizon: int, mirrored: NDArray[np.bool_] | None = None) -> Floats:
    """(N, horizon, 3) degrees from the last seen viewport to the future ones, wrapped: what is learned."""
    rows = windows.row[:, None] + np.arange(horizon)
    change = wrapped_deg(windows.traces.angles_deg[rows] - windows.last_deg()[:, None])
    if mirrored is not None:
        change[mirrored] *= (-1.0, 1.0, -1.0)
    return change


def _history(windows: Windows, history: NDArray[np.int64], sign: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """(N, 20, 3) samples with yaw relative to the last and unwrapped, mirrored; (N, 20) which of them are read."""
    steps = np.arange(-LONGEST_HISTORY, 0)
    mask = steps >= -history[:, None]
    rows = np.where(mask, windows.row[:, None] + steps, windows.row[:, None] - history[:, None])
    series = windows.traces.angles_deg[rows].copy()
    yaw = np.cumsum(wrapped_deg(np.diff(series[..., YAW], axis=1, prepend=series[:, :1, YAW])), axis=1)
    series[..., YAW] = yaw - yaw[:, -1:]
    series[..., [ROLL, YAW]] *= sign[:, None, None]
    return series, mask


def _motion(series: Floats, mask: NDArray[np.bool_], front: Floats) -> NDArray[np.float32]:
    velocity = np.diff(series, axis=1, prepend=series[:, :1])
    change = series - series[:, -1:]
    out = np.concatenate(
        [
            velocity / SPEED_SCALE_DEG,
            change / ANGLE_SCALE_DEG,
            series[..., [ROLL, PITCH]] / ANGLE_SCALE_DEG,
            mask[..., None],
            np.abs(velocity[..., [PITCH, YAW]]) / SPEED_SCALE_DEG,
            front[..., 1:],
        ],
        axis=2,
    )
    return (out * mask[..., None]).astype(np.float32)


def _summary(series: Floats, mask: NDArray[np.bool_], history: NDArray[np.int64]) -> Floats:
    """Displacements, speeds, level, time since the last fast turn, and how much history there is."""
    n_read = history[:, None]
    velocity = np.diff(series, axis=1, prepend=series[:, :1])
    speed = np.abs(velocity[..., YAW])
    last = series[:, -1]
    mean = (series * mask[..., None]).sum(1) / n_read
    moved = [(last - series[:, -1 - k]) / (SPEED_SCALE_DEG * np.sqrt(k)) for k in (1, 2, 3, 5, 9)]
    since_fast = np.argmax((speed > FAST_YAW_DEG)[:, ::-1], axis=1)
    never = ~(speed > FAST_YAW_DEG).any(1)
    return np.concatenate(
        [
            *moved,
            (last - mean) / ANGLE_SCALE_DEG,
            last[:, [ROLL, PITCH]] / ANGLE_SCALE_DEG,
            speed.sum(1, keepdims=True) / n_read / SPEED_SCALE_DEG,
            speed.max(1, keepdims=True) / SPEED_SCALE_DEG,
            np.abs(velocity[..., PITCH]).sum(1, keepdims=True) / n_read / SPEED_SCALE_DEG,
            np.where(never, history, since_fast)[:, None] / 10.0,
            n_read / LONGEST_HISTORY,
        ],
        axis=1,
    )


def _front(windows: Windows, series: Floats, sign: Floats, hidden: NDArray[np.bool_] | None) -> Floats:
    """(N, 20, 3) known?, sine and cosine of the yaw relative to the video's front; zeros where it is hidden."""
    front_known = np.full(len(windows), windows.front_deg is not None)
    if hidden is not None:
        front_known &= ~hidden
    last = sign * (windows.last_deg()[:, YAW] - (windows.front_deg or 0.0))
    angle = np.radians(last[:, None] + series[..., YAW])
    front: Floats = front_known[:, None, None] * np.stack(
        [np.ones_like(angle), np.sin(angle), np.cos(angle)], axis=2
    )
    return front


@lru_cache(maxsize=8)
def _prefix_sums(traces: TraceSet) -> Floats:
    """(rows + 1, 5 + 2 * harmonics) running sums over all rows of a dataset; a difference of two is a sum over rows."""
    angles = traces.angles_deg
    yaw = np.radians(angles[:, YAW])
    turn = wrapped_deg(np.diff(angles, axis=0, prepend=angles[:1]))
    turn[traces.offset[:-1]] = 0.0
    columns = [
        angles[:, ROLL],
        angles[:, PITCH],
        angles[:, PITCH] ** 2,
        np.abs(turn[:, YAW]),
        np.abs(turn[:, PITCH]),
    ]
    columns += [f(m * yaw) for m in range(1, HARMONICS + 1) for f in (np.cos, np.sin)]
    return np.concatenate([np.zeros((1, len(columns))), np.cumsum(np.stack(columns, axis=1), axis=0)])


def _past(windows: Windows, sign: Floats) -> NDArray[np.float32]:
    """Means over the last 5, 10, 30 s and the whole session, seen from the last viewport; and the session's age."""
    sums = _prefix_sums(windows.traces)
    last = windows.last_deg()
    yaw = np.radians(last[:, YAW])
    parts = []
    for span in PAST_SAMPLES:
        count = np.minimum(windows.start, span)[:, None]
        mean = (sums[windows.row] - sums[windows.row - count[:, 0]]) / count
        roll, pitch = mean[:, 0], mean[:, 1]
        spread = np.sqrt(np.maximum(mean[:, 2] - pitch**2, 0.0))
        parts += [
            sign * (roll - last[:, ROLL]) / ANGLE_SCALE_DEG,
            (pitch - last[:, PITCH]) / ANGLE_SCALE_DEG,
            spread / ANGLE_SCALE_DEG,
            mean[:, 3] / SPEED_SCALE_DEG,
            mean[:, 4] / SPEED_SCALE_DEG,
        ]
        for m in range(1, HARMONICS + 1):
            cosine, sine = mean[:, 3 + 2 * m], mean[:, 4 + 2 * m]
            parts += [
                cosine * np.cos(m * yaw) + sine * np.sin(m * yaw),
                sign * (sine * np.cos(m * yaw) - cosine * np.sin(m * yaw)),
            ]
        direction = np.arctan2(parts[-2 * HARMONICS + 1], parts[-2 * HARMONICS])
        parts += [np.degrees(direction) / 90.0]
    age = windows.start / 300.0
    parts += [
        sign * last[:, ROLL] / ANGLE_SCALE_DEG,
        last[:, PITCH] / ANGLE_SCALE_DEG,
        np.log1p(age),
        np.minimum(age, 1.0),
    ]
    return np.stack(parts, axis=1).astype(np.float32)


def _crowd(windows: Windows, sign: Floats) -> NDArray[np.float32]:
    """Where others looked, by horizon step, as kernel means over the most similar viewers.

    For every kernel (all viewers; viewers within 10, 20, 45 degrees over the last 3 or 10 samples): mean direction
    relative to the last viewport with its concentration, mean pitch and roll, mean turn from where those viewers
    are now, and how many they are.
    """
    crowd = windows.crowd
    if crowd is None:
        raise DataError(
            "the model reads other viewers of the video (cross-user), and none are given; "
            "pass Observation.others_deg, or use a model of recipe 'long'."
        )
    video = np.array([crowd.video_index[int(v)] for v in windows.traces.video[windows.trace]])
    own = crowd.users == windows.traces.user[windows.trace][:, None]  # (N, V)
    memory = np.arange(-max(CROSS_USER_MEMORIES), 0)
    end = crowd.angles_deg.shape[1] - 1
    recent = np.maximum(
        windows.start[:, None] + memory, 0
    )  # (N, M); a younger session has its first sample again
    before = crowd.angles_deg[video[:, None], np.minimum(recent, end)]  # (N, M, 3, V)
    ahead = crowd.angles_deg[
        video[:, None], np.minimum(windows.start[:, None] + CROSS_USER_STEPS, end)
    ]  # (N, K, 3, V)
    mine = windows.traces.angles_deg[(windows.row - windows.start)[:, None] + recent].astype(np.float32)
    last = mine[:, -1]
    flip = sign.astype(np.float32)[:, None, None]

    squared = wrapped_deg(before[:, :, YAW] - mine[:, :, YAW, None]) ** 2
    squared += (before[:, :, PITCH] - mine[:, :, PITCH, None]) ** 2  # (N, M, V)
    kernels = [np.ones_like(squared[:, 0])]
    for span in CROSS_USER_MEMORIES:
        distance = np.nan_to_num(squared[:, -span:].mean(1), nan=1e6)
        kernels += [np.exp(distance * np.float32(-0.5 / width**2)) for width in CROSS_USER_WIDTHS_DEG]
    weight = np.stack(kernels, axis=1)  # (N, kernels, V)

    absent = np.isnan(ahead[:, :, YAW]) | np.isnan(before[:, -1:, YAW]) | own[:, None]  # (N, K, V)
    angle = np.radians(ahead[:, :, YAW] - last[:, None, YAW, None])
    values = np.stack(
        [
            np.ones_like(angle),
            np.cos(angle),
            flip * np.sin(angle),
            (ahead[:, :, PITCH] - last[:, None, PITCH, None]) / ANGLE_SCALE_DEG,
            flip * (ahead[:, :, ROLL] - last[:, None, ROLL, None]) / ANGLE_SCALE_DEG,
            flip * wrapped_deg(ahead[:, :, YAW] - before[:, -1:, YAW]) / ANGLE_SCALE_DEG,
            (ahead[:, :, PITCH] - before[:, -1:, PITCH]) / ANGLE_SCALE_DEG,
        ],
        axis=2,
    )  # (N, K, 7, V)
    values = np.where(absent[:, :, None], np.float32(0.0), values)
    sums = np.matmul(values.reshape(len(values), -1, values.shape[-1]), weight.transpose(0, 2, 1))
    sums = sums.reshape(*values.shape[:3], -1)  # (N, K, 7, kernels)
    total = sums[:, :, :1]
    mean = sums[:, :, 1:] / (total + np.float32(CROSS_USER_PRIOR))
    direction = np.arctan2(mean[:, :, 1:2], mean[:, :, :1] + 1e-9) / (np.pi / 2)
    out = np.concatenate([mean, direction, np.log1p(total)], axis=2)
    return out.reshape(*out.shape[:2], -1).astype(np.float32)
