"""What the data of viewport prediction are: traces of head orientation, and their splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import UnknownNameError
from netwright.tasks.vp.angles import Floats, Ints

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class TraceSet:
    """All traces of one dataset, end to end in one array; equal only to itself.

    Trace i is `angles_deg[offset[i]:offset[i + 1]]`, watched by viewer `user[i]` of video `video[i]`.
    `frames` holds cached image features by video, (samples, F), where there are any.
    """

    name: str
    angles_deg: Floats  # (rows, 3) roll, pitch, yaw
    time_s: Floats  # (rows,)
    offset: Ints  # (traces + 1,)
    video: Ints  # (traces,)
    user: Ints  # (traces,)
    frames: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def n_traces(self) -> int:
        """Number of traces."""
        return len(self.video)

    @cached_property
    def lengths(self) -> Ints:
        """(traces,) rows of each trace."""
        return np.diff(self.offset)

    def trace(self, index: int) -> Floats:
        """(rows, 3) angles of one trace in degrees."""
        return self.angles_deg[self.offset[index] : self.offset[index + 1]]

    def label(self, index: int) -> str:
        """A name for one trace, such as "Jin2022/video4/user83"."""
        return f"{self.name}/video{self.video[index]}/user{self.user[index]}"


@dataclass(frozen=True)
class Split:
    """Which videos and viewers belong to train, valid and test: a split is (its videos) x (its viewers)."""

    videos: Mapping[str, tuple[int, ...]]
    users: Mapping[str, tuple[int, ...]]

    def traces(self, traces: TraceSet, split: str) -> Ints:
        """Indices of the traces of one split, in the order of the archive."""
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        inside = np.isin(traces.video, self.videos[split]) & np.isin(traces.user, self.users[split])
        return np.flatnonzero(inside).astype(np.int64)


@dataclass(frozen=True)
class VpData:
    """The datasets of viewport prediction with their splits, and where they come from."""

    sets: Mapping[str, TraceSet]
    splits: Mapping[str, Split]
    source: str
    synthetic: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)

    def traces(self, name: str) -> TraceSet:
        """The dataset of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.sets:
            raise UnknownNameError("dataset", name, self.sets)
        return self.sets[name]
