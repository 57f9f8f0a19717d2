"""Seeded synthetic head motion in the form of the real data, for use where there are none.

Each video has a few moving points of attention that all its viewers share, so that other viewers are
informative. A viewer holds a target, a point or a place of their own, turns to it in a saccade, follows it
with small drifts, and after a while chooses another. Roll leans into turns and returns to level; yaw wraps.
The figures below are set so that repeating the last viewport errs about as much as on real traces; nothing
else is claimed of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.seeding import generator
from netwright.tasks.vp.angles import Floats, Ints, wrapped_deg
from netwright.tasks.vp.dataset import Split, TraceSet, VpData
from netwright.tasks.vp.settings import SAMPLE_RATE_HZ

N_POINTS = 3
SWITCH = 0.06  # chance per sample to choose another target
SHARED = 0.6  # chance that it is a point of attention rather than a place of one's own
GAIN = 0.35  # share of the way to the target that one sample covers
FASTEST_DEG = 30.0  # largest turn in one sample
OWN_PLACE_DEG = (38.0, 12.0)  # spread of own places in yaw and pitch about the viewer's center
DRIFT_DEG = (0.8, 0.5)  # random turn of the head per sample in yaw and pitch
ROLL_MEMORY, ROLL_NOISE_DEG, LEAN = 0.96, 2.1, 0.06
HIGHEST_PITCH_DEG = 85.0


@dataclass(frozen=True, slots=True)
class Scene:
    """Size of one generated dataset, and where its viewers look.

    Attributes:
        n_videos, n_viewers: every viewer watches every video.
        n_rows: samples of each trace.
        front_deg: yaw around which points of attention and viewers' centers lie.
        spread_deg: standard deviation of that.
    """

    n_videos: int
    n_viewers: int
    n_rows: int
    front_deg: float
    spread_deg: float

    def __post_init__(self) -> None:
        if min(self.n_videos, self.n_viewers) < 3 or self.n_rows < 1:
            raise ConfigError(
                "a Scene needs at least 3 videos and 3 viewers, one of each for every split, and a row; "
                f"got {self.n_videos}, {self.n_viewers} and {self.n_rows}."
            )


SCENES: Mapping[str, Scene] = {
    "Jin2022": Scene(9, 24, 200, front_deg=90.0, spread_deg=34.0),
    "Wu2017": Scene(5, 20, 400, front_deg=-90.0, spread_deg=68.0),
}


def generate(*, seed: int, scenes: Mapping[str, Scene] = SCENES) -> VpData:
    """Synthetic datasets under the names of the real ones; the same seed gives the same traces.

    Args:
        seed: of all randomness.
        scenes: sizes by dataset name.
    """
    sets = {name: _traces(name, scene, generator(seed, i)) for i, (name, scene) in enumerate(scenes.items())}
    splits = {
        name: Split(videos=_shares(scene.n_videos), users=_shares(scene.n_viewers))
        for name, scene in scenes.items()
    }
    return VpData(sets=sets, splits=splits, source=f"synthetic (seed {seed})", synthetic=True)


def _shares(n: int) -> dict[str, tuple[int, ...]]:
    """Ids 1..n: a quarter each (at least one) for valid and test, the rest for train."""
    part = max(1, n // 4)
    ids = range(1, n + 1)
    return {
        "train": tuple(ids[: n - 2 * part]),
        "valid": tuple(ids[n - 2 * part : n - part]),
        "test": tuple(ids[n - part :]),
    }


def _traces(name: str, scene: Scene, rng: np.random.Generator) -> TraceSet:
    video = np.repeat(np.arange(scene.n_videos), scene.n_viewers)
    user = np.tile(np.arange(scene.n_viewers), scene.n_videos)
    points = _points(scene, rng)
    popularity = rng.dirichlet(np.full(N_POINTS, 4.0), size=scene.n_videos)
    center = scene.front_deg + scene.spread_deg * rng.standard_normal(scene.n_viewers)
    angles = _watch(points[:, video], popularity[video], center[user], rng)  # (rows, traces, 3)
    n_traces = len(video)
    return TraceSet(
        name=name,
        angles_deg=np.ascontiguousarray(angles.transpose(1, 0, 2).reshape(-1, 3)),
        time_s=np.tile(np.arange(scene.n_rows) / SAMPLE_RATE_HZ, n_traces),
        offset=scene.n_rows * np.arange(n_traces + 1, dtype=np.int64),
        video=video + 1,
        user=user + 1,
    )


def _points(scene: Scene, rng: np.random.Generator) -> Floats:
    """(rows, videos, points, 2) yaw and pitch of the points of attention: slow smooth walks."""
    shape = (scene.n_rows, scene.n_videos, N_POINTS, 2)
    apart = 1.2 * scene.spread_deg * (np.arange(N_POINTS) - (N_POINTS - 1) / 2.0)
    start = rng.standard_normal(shape[1:]) * (0.4 * scene.spread_deg, 8.0)
    start[..., 0] += scene.front_deg + apart
    velocity = rng.standard_normal(shape[1:]) * (0.4, 0.1)
    path = np.empty(shape)
    for row, noise in enumerate(rng.standard_normal(shape) * (0.12, 0.03)):
        path[row] = start
        start = start + velocity
        velocity = 0.95 * velocity + noise
    return path


def _watch(points: Floats, popularity: Floats, center: Floats, rng: np.random.Generator) -> Floats:
    """(rows, traces, 3) roll, pitch, yaw of viewers, one a trace, that choose and follow targets.

    Args:
        points: (rows, traces, points, 2) yaw and pitch of the points of attention.
        popularity: (traces, points) chance of each to be chosen.
        center: (traces,) yaw around which the viewer's own places lie.
    """
    n_rows, n_traces = points.shape[:2]
    all_traces = np.arange(n_traces)
    origin = np.stack([center, np.zeros(n_traces)], axis=1)
    reach = popularity.cumsum(axis=1)
    chosen: Ints = np.full(n_traces, -1)  # index of the point that is followed, -1 for a place of one's own
    place = origin + OWN_PLACE_DEG * rng.standard_normal((n_traces, 2))
    gaze = place.copy()  # yaw, pitch
    roll = np.zeros(n_traces)
    angles = np.empty((n_rows, n_traces, 3))
    for row in range(n_rows):
        angles[row] = np.stack([roll, gaze[:, 1], gaze[:, 0]], axis=1)
        switch, shared = rng.random((2, n_traces)) < ((SWITCH,), (SHARED,))
        point = np.minimum((rng.random((n_traces, 1)) > reach).sum(axis=1), N_POINTS - 1)
        chosen = np.where(switch, np.where(shared, point, -1), chosen)
        elsewhere = origin + OWN_PLACE_DEG * rng.standard_normal((n_traces, 2))
        place = np.where(switch[:, None], elsewhere, place)
        target = np.where(chosen[:, None] >= 0, points[row, all_traces, chosen], place)
        turn = np.clip(GAIN * wrapped_deg(target - gaze), -FASTEST_DEG, FASTEST_DEG)
        turn += DRIFT_DEG * rng.standard_normal((n_traces, 2))
        gaze = gaze + turn
        gaze[:, 1] = np.clip(gaze[:, 1], -HIGHEST_PITCH_DEG, HIGHEST_PITCH_DEG)
        roll = ROLL_MEMORY * roll + LEAN * turn[:, 0] + ROLL_NOISE_DEG * rng.standard_normal(n_traces)
    return np.stack([wrapped_deg(angles[..., 0]), angles[..., 1], wrapped_deg(angles[..., 2])], axis=-1)
