"""Prediction windows: which moments of which traces, and the inputs that a model may read there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.tasks.vp.angles import YAW, Floats, Ints
from netwright.tasks.vp.dataset import TraceSet, VpData
from netwright.tasks.vp.settings import SAMPLE_RATE_HZ, VpConfig

FRONT_CONCENTRATION = 0.5


@dataclass(frozen=True, slots=True)
class Observation:
    """Observation of a live player at one moment (the argument of `Policy.act`).

    Attributes:
        angles_deg: (n, 3) roll, pitch, yaw of this session's samples so far, the latest last.
        horizon: samples to predict.
        history: how many of the latest samples are the prediction window's own history (hw).
        front_deg: the yaw that the video's front has, if known.
        others_deg: (V, m, 3) what other viewers looked at in this video from its start (row i is sample i of
            the video; NaN where a viewer has no sample), or None. May reach beyond the present: they watched
            before.
        frame_features: (F,) cached features of the frame on the screen, for models with an image token.
    """

    angles_deg: Floats
    horizon: int
    history: int = 10
    front_deg: float | None = None
    others_deg: Floats | None = None
    frame_features: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Windows:
    """Many prediction windows of one dataset: `start[i]` is the first sample to predict in trace `trace[i]`.

    `crowd` holds the traces of other viewers by video: what a window may read of its own video, always
    without the window's own viewer.
    """

    traces: TraceSet
    trace: Ints  # (N,)
    start: Ints  # (N,)
    history: int
    horizon: int
    crowd: Crowd | None = None
    front_deg: float | None = None

    def __len__(self) -> int:
        return len(self.trace)

    @cached_property
    def row(self) -> Ints:
        """(N,) row of the first sample to predict, in `traces.angles_deg`."""
        return self.traces.offset[self.trace] + self.start

    def seen_deg(self) -> Floats:
        """(N, history, 3) the samples before the start."""
        seen: Floats = self.traces.angles_deg[self.row[:, None] + np.arange(-self.history, 0)]
        return seen

    def future_deg(self) -> Floats:
        """(N, horizon, 3) the samples to predict: for scoring and training only."""
        future: Floats = self.traces.angles_deg[self.row[:, None] + np.arange(self.horizon)]
        return future

    def last_deg(self) -> Floats:
        """(N, 3) the last sample seen."""
        last: Floats = self.traces.angles_deg[self.row - 1]
        return last

    def take(self, index: Ints) -> Windows:
        """The windows at those positions."""
        return replace(self, trace=self.trace[index], start=self.start[index])


@dataclass(frozen=True, eq=False)
class Crowd:
    """What known viewers looked at, by video: the content modality where no video frames are to be had.

    `angles_deg[video_index[v]]` holds every known viewer's samples of video v from its start, NaN-padded.
    """

    angles_deg: NDArray[np.float32]  # (videos, rows, 3, viewers)
    users: Ints  # (viewers,)
    video_index: dict[int, int]


@lru_cache(maxsize=8)
def front_deg(traces: TraceSet, users: tuple[int, ...], videos: tuple[int, ...]) -> float | None:
    """Where the front of a dataset's videos is: the mean yaw of its training traces, if they agree on one.

    None where the mean resultant length of their yaw is below 0.5 (Jin2022 0.65, Wu2017 0.40).
    """
    which = np.flatnonzero(np.isin(traces.user, users) & np.isin(traces.video, videos))
    if which.size == 0:
        return None
    yaw = np.radians(np.concatenate([traces.trace(int(i))[:, YAW] for i in which]))
    east, north = float(np.cos(yaw).mean()), float(np.sin(yaw).mean())
    return math.degrees(math.atan2(north, east)) if math.hypot(east, north) >= FRONT_CONCENTRATION else None


@lru_cache(maxsize=8)
def build_crowd(traces: TraceSet, users: tuple[int, ...]) -> Crowd:
    """The crowd of a dataset: all traces of those viewers (the training viewers), whatever the video."""
    videos = np.unique(traces.video)
    longest = int(traces.lengths.max())
    angles = np.full((len(videos), longest, 3, len(users)), np.nan, dtype=np.float32)
    index = {int(v): i for i, v in enumerate(videos)}
    place = {u: i for i, u in enumerate(users)}
    for i in np.flatnonzero(np.isin(traces.user, users)):
        trace = traces.trace(int(i))
        angles[index[int(traces.video[i])], : len(trace), :, place[int(traces.user[i])]] = trace
    return Crowd(angles, np.array(users, dtype=np.int64), index)


def cut(traces: TraceSet, which: Ints, config: VpConfig) -> Windows:
    """Windows as the published code cuts them: starts `range(trim_head, rows - trim_tail, step)` of a trace.

    Args:
        traces: the dataset.
        which: indices of the traces to cut.
        config: history, horizon, step and trims.

    Raises:
        DataError: no trace is long enough for a single window.
    """
    counts = np.maximum(0, -(-(traces.lengths[which] - config.trim_tail - config.trim_head) // config.step))
    trace = np.repeat(which, counts)
    if trace.size == 0:
        raise DataError(
            f"{traces.name}: no trace of the split has the {config.trim_head + config.trim_tail + 1} samples "
            "that a window needs; check the split or shorten the trims."
        )
    first = np.repeat(np.cumsum(counts) - counts, counts)
    start = config.trim_head + config.step * (np.arange(trace.size) - first)
    return Windows(traces, trace, start.astype(np.int64), config.history, config.horizon)


def windows(data: VpData, config: VpConfig, *, crowd: bool = False) -> Windows:
    """The windows of one setting; with `crowd` they may look up the training viewers of their video."""
    traces = data.traces(config.dataset)
    split = data.splits[config.dataset]
    return replace(
        cut(traces, split.traces(traces, config.split), config),
        crowd=build_crowd(traces, split.users["train"]) if crowd else None,
        front_deg=front_deg(traces, split.users["train"], split.videos["train"]),
    )


def observations(windows: Windows) -> Iterator[Observation]:
    """Each window as the observation of a live player at that moment; `single` of one gives the same inputs again."""
    traces, crowd = windows.traces, windows.crowd
    for trace, start in zip(windows.trace.tolist(), windows.start.tolist(), strict=True):
        video = int(traces.video[trace])
        frames = traces.frames.get(video)
        others = None
        if crowd is not None and video in crowd.video_index:
            others = crowd.angles_deg[crowd.video_index[video]][..., crowd.users != traces.user[trace]]
        yield Observation(
            angles_deg=traces.trace(trace)[:start],
            horizon=windows.horizon,
            history=windows.history,
            front_deg=windows.front_deg,
            others_deg=None if others is None else others.transpose(2, 0, 1).astype(np.float64),
            frame_features=None if frames is None else frames[min(start, len(frames)) - 1],
        )


def single(obs: Observation) -> Windows:
    """One observation as a batch of one window: its session is the only trace and holds no future.

    Raises:
        DataError: the observation's arrays have the wrong shape, or fewer samples than its history; or history or
            horizon are below 1.
    """
    if min(obs.history, obs.horizon) < 1:
        raise DataError(
            f"observation: history and horizon must be at least 1 sample, got {obs.history} and {obs.horizon}."
        )
    angles = np.asarray(obs.angles_deg, dtype=np.float64)
    n_samples = len(angles)
    if angles.ndim != 2 or angles.shape[1] != 3 or n_samples < obs.history:
        raise DataError(
            f"observation: angles_deg must be (samples, 3) with at least {obs.history} samples, "
            f"got {angles.shape}; wait until the session is that long, or ask for a shorter history."
        )
    features = obs.frame_features
    frames = {} if features is None else {0: np.asarray(features, dtype=np.float32)[None]}
    session = TraceSet(
        name="session",
        angles_deg=angles,
        time_s=np.arange(n_samples) / SAMPLE_RATE_HZ,
        offset=np.array([0, n_samples], dtype=np.int64),
        video=np.zeros(1, dtype=np.int64),
        user=np.full(1, -1, dtype=np.int64),
        frames=frames,
    )
    return Windows(
        traces=session,
        trace=np.zeros(1, dtype=np.int64),
        start=np.array([n_samples], dtype=np.int64),
        history=obs.history,
        horizon=obs.horizon,
        crowd=None if obs.others_deg is None else _crowd_of_one_video(obs.others_deg),
        front_deg=obs.front_deg,
    )


def _crowd_of_one_video(others_deg: Floats) -> Crowd:
    others = np.asarray(others_deg, dtype=np.float32)
    if others.ndim != 3 or others.shape[2] != 3:
        raise DataError(
            f"observation: others_deg must be (viewers, samples, 3), got {others.shape}; "
            "pad short traces with NaN."
        )
    return Crowd(others.transpose(1, 2, 0)[None], np.arange(len(others), dtype=np.int64), {0: 0})


def check_finite(windows: Windows, ahead: int = 0) -> None:
    """Refuse windows whose trace holds NaN or infinity before the start, or `ahead` samples from there on.

    Raises:
        DataError: names trace and sample of the first such value.
    """
    bad = np.flatnonzero(~np.isfinite(windows.traces.angles_deg).all(axis=1))
    if bad.size == 0:
        return
    first = np.searchsorted(bad, windows.traces.offset[windows.trace])  # place of the trace's first bad row
    hit = np.flatnonzero((first < bad.size) & (bad[np.minimum(first, bad.size - 1)] < windows.row + ahead))
    if hit.size:
        trace = int(windows.trace[hit[0]])
        sample = int(bad[first[hit[0]]] - windows.traces.offset[trace])
        raise DataError(
            f"{windows.traces.label(trace)}: sample {sample} holds NaN or infinity; "
            "correct or drop the row, every sample must be three finite angles in degrees."
        )
