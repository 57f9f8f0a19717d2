"""What the data of adaptive bitrate streaming are: sets of traces, videos, and the logs that traces were cut from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netwright.core.errors import DataError, UnknownNameError
from netwright.tasks.abr.media import Trace, Video
from netwright.tasks.abr.overlap import windows, without_shared

TEST_SETS = ("fcc-test", "norway-test", "synthetic-test")
TRAINING_SETS = ("fcc-train", "fcc-extra", "norway-train")
MIN_PIECE_ROWS = 60

_FCC_UNIT = re.compile(r"trace_(\d+)_http")
_NORWAY_LOG = re.compile(r"(?:bus|car|ferry|metro|train|tram)\.[^/]*?\.log")
_NORWAY_NUMBER = re.compile(r"norway_[a-z]+_\d+")


@dataclass(frozen=True, eq=False)
class AbrData:
    """Trace sets and videos by name, and where they come from.

    Those from a folder are read on first use.

    Attributes:
        start_rows: published start row of each trace, by set and trace name.
        hashes: SHA-256 of the files by path; empty if generated.
    """

    sets: Mapping[str, tuple[Trace, ...]]
    videos: Mapping[str, Video]
    start_rows: Mapping[str, Mapping[str, int]]
    source: str
    synthetic: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)

    def traces(self, name: str) -> tuple[Trace, ...]:
        """The set of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.sets:
            raise UnknownNameError("trace set", name, self.sets)
        return self.sets[name]

    def clean(self, name: str) -> tuple[Trace, ...]:
        """Those traces of a set that share neither a log nor a window of bandwidth with the published training set."""
        traces, train = self.traces(name), self.traces("fcc-train")
        logs = {log_of(t.name) for t in train}
        known = np.unique(windows(train).key)
        own = windows(traces)
        overlapping = set(own.trace[np.isin(own.key, known)].tolist())
        found = tuple(t for i, t in enumerate(traces) if i not in overlapping and log_of(t.name) not in logs)
        if not found:
            raise DataError(f"every trace of {name!r} overlaps fcc-train; test on another set.")
        return found

    @cached_property
    def leak_free(self) -> Mapping[str, tuple[tuple[Trace, ...], ...]]:
        """The training sets by name, each trace as its pieces that share no window with any test set."""
        tests = [trace for name in TEST_SETS for trace in self.sets.get(name, ())]
        return {
            name: tuple(
                tuple(pieces) for pieces in without_shared(self.sets[name], tests, min_rows=MIN_PIECE_ROWS)
            )
            for name in TRAINING_SETS
            if name in self.sets
        }

    def video(self, name: str) -> Video:
        """The video of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.videos:
            raise UnknownNameError("video", name, self.videos)
        return self.videos[name]


def log_of(trace_name: str) -> str:
    """The log that a trace was cut from, by its name: an FCC unit, a Norway ride, or the trace itself.

    Cuts of one log are correlated, so intervals resample them together.
    """
    unit = _FCC_UNIT.search(trace_name)
    if unit:
        return f"fcc-{unit[1]}"
    ride = _NORWAY_LOG.search(trace_name) or _NORWAY_NUMBER.search(trace_name)
    return ride[0] if ride else trace_name


def is_norway(trace_name: str) -> bool:
    """Whether a trace is a Norway ride, by its name; the FCC training folder holds some."""
    return bool(_NORWAY_LOG.search(trace_name) or _NORWAY_NUMBER.search(trace_name))
