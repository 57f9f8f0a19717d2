"""The traces and videos of adaptive bitrate streaming, from a folder of the documented layout or generated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError, UnknownNameError
from netwright.core.files import read_json, sha256_of_file
from netwright.tasks.abr.formats import read_trace_folder, read_video
from netwright.tasks.abr.media import Trace, Video
from netwright.tasks.abr.overlap import windows, without_shared

FOLDERS = {
    "fcc-train": "netllm-fcc-train",
    "fcc-test": "netllm-fcc-test",
    "fcc-extra": "genet-fcc-test-extra",
    "norway-train": "genet-norway-train",
    "norway-test": "genet-norway-test",
    "synthetic-test": "genet-synthetic-test",
}
"""Names of the published sets here, and the folders that hold them; other folders are sets of their own name."""

START_ROWS_SUFFIX = ".start_ptr.json"
TEST_SETS = ("fcc-test", "norway-test", "synthetic-test")
TRAINING_SETS = ("fcc-train", "fcc-extra", "norway-train")
MIN_PIECE_ROWS = 60

_FCC_UNIT = re.compile(r"trace_(\d+)_http")
_NORWAY_LOG = re.compile(r"(?:bus|car|ferry|metro|train|tram)\.[^/]*?\.log")
_NORWAY_NUMBER = re.compile(r"norway_[a-z]+_\d+")


@dataclass(frozen=True, eq=False)
class AbrData:
    """Trace sets and videos by name, and where they come from.

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


def load(folder: Path | None, *, seed: int = 0) -> AbrData:
    """ABR data from `<folder>/abr` (`traces/<set>/`, `videos/<name>/`), or generated if that is None.

    Raises:
        DataError: a file is missing, or holds a value that cannot be; names file and line.
    """
    if folder is None:
        from netwright.tasks.abr.generator import generate

        return generate(seed=seed)
    place = folder / "abr"
    if not (place / "traces").is_dir() or not (place / "videos").is_dir():
        raise DataError(f"{place}: needs the folders traces and videos; run `netwright data fetch abr`.")
    names = {folder_name: name for name, folder_name in FOLDERS.items()}
    sets = {
        names.get(p.name, p.name): read_trace_folder(p)
        for p in sorted((place / "traces").iterdir())
        if p.is_dir()
    }
    videos = {p.name: read_video(p) for p in sorted((place / "videos").iterdir()) if p.is_dir()}
    starts = {
        names.get(name, name): read_start_rows(file, sets.get(names.get(name, name), ()))
        for file in sorted((place / "traces").glob(f"*{START_ROWS_SUFFIX}"))
        for name in [file.name.removesuffix(START_ROWS_SUFFIX)]
    }
    hashes = {
        p.relative_to(place).as_posix(): sha256_of_file(p)
        for kind in ("traces", "videos")
        for p in sorted((place / kind).rglob("*"))
        if p.is_file()
    }
    return AbrData(sets=sets, videos=videos, start_rows=starts, source=str(place), hashes=hashes)


def log_of(trace_name: str) -> str:
    """The log that a trace was cut from, by its name: an FCC unit, a Norway ride, or the trace itself.

    Cuts of one log are alike, so intervals resample them together.
    """
    unit = _FCC_UNIT.search(trace_name)
    if unit:
        return f"fcc-{unit[1]}"
    ride = _NORWAY_LOG.search(trace_name) or _NORWAY_NUMBER.search(trace_name)
    return ride[0] if ride else trace_name


def is_norway(trace_name: str) -> bool:
    """Whether a trace is a Norway ride, by its name; the FCC training folder holds some."""
    return bool(_NORWAY_LOG.search(trace_name) or _NORWAY_NUMBER.search(trace_name))


def read_start_rows(path: Path, traces: tuple[Trace, ...]) -> dict[str, int]:
    """Published start rows by trace name, checked against the traces that are there.

    Raises:
        DataError: the file is of another form, or names a row that a trace does not have.
    """
    document = read_json(path)
    rows = document.get("start_ptr") if isinstance(document, dict) else None
    if not isinstance(rows, dict) or not all(isinstance(row, int) for row in rows.values()):
        raise DataError(
            f"{path}: needs an object `start_ptr` of whole numbers by trace name; fetch it again."
        )
    for trace in traces:
        if not 1 <= rows.get(trace.name, 1) < trace.n_rows:
            raise DataError(
                f"{path}: {trace.name} starts at row {rows[trace.name]}, the trace has rows 1..{trace.n_rows - 1}."
            )
    return dict(rows)
