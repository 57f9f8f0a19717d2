"""Checks of viewport traces, from npz archives or the original CSV tree: each finding names its place."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import npz_of_bytes
from netwright.core.errors import DataError
from netwright.core.reading import read_bytes, read_text
from netwright.datasets.area import Finding
from netwright.datasets.manifest import content_hash, read_manifest
from netwright.tasks.vp.angles import LIMITS_DEG, Floats, Ints
from netwright.tasks.vp.data import ARCHIVES, csv_lines, is_number, read_splits
from netwright.tasks.vp.dataset import SPLITS, Split
from netwright.tasks.vp.settings import VpConfig
from netwright.tasks.vp.units import COLUMNS, Columns, Units, converted, doubts, read_units, say_unused

LONGEST_STEP_S = 1.0
SHORTEST_TRACE = VpConfig().trim_head + VpConfig().trim_tail + 1  # a shorter trace yields no window
# (dataset, video, viewer, row): steps backwards in the published files, which every user of the data has.
PUBLISHED_STEPS_BACK = frozenset({("Wu2017", 3, 27, 81), ("Wu2017", 3, 30, 230), ("Wu2017", 6, 22, 2085)})

_ARRAYS = ("rows", "video", "user", "offset")
_CSV_NAME = re.compile(r"video([0-9]{1,9})/5Hz/simple_5Hz_user([0-9]{1,9})\.csv")

Label = Callable[[int, int], str]  # (trace, row of the trace from 0) -> where that is


@dataclass(frozen=True)
class _Traces:
    """Rows of many traces, end to end; `label` locates a row."""

    name: str
    rows: Floats  # (rows, 4) time in seconds, then roll, pitch, yaw in degrees
    offset: Ints  # (traces + 1,)
    video: Ints  # (traces,)
    user: Ints  # (traces,)
    label: Label


def check(folder: Path) -> list[Finding]:
    """Findings about a folder with `split.json` and, for each dataset, an archive or a tree of CSV files.

    Errors: a file or column is missing, a value is not a number, not finite or out of its range, time runs
    backwards, an archive is damaged, a split names what is not there or overlaps another. Warnings: what the
    published data is known to have (gaps, short traces, three steps back), and archives that differ from it.
    """
    findings: list[Finding] = []
    traces: dict[str, _Traces] = {}
    archives = any((folder / archive).exists() for archive in ARCHIVES.values())
    for name, archive in ARCHIVES.items():
        source = folder / (archive if archives else name)
        try:
            units = read_units(folder if archives else source)
        except DataError as error:
            findings.append(Finding("error", *str(error).split(": ", 1)))
            continue
        found = (
            _from_archive(source, name, units, findings) if archives else _from_csv(source, units, findings)
        )
        if found is not None:
            traces[name] = found
            findings += [Finding("error", str(source), f"{d}.") for d in _doubts(found, units)]
            findings += _row_findings(found)
            findings += _trace_findings(found, source)
    if not traces and not any(finding.level == "error" for finding in findings):
        what = "missing, as is every other dataset; check --data, or run `netwright data fetch vp`."
        findings = [Finding("error", str(folder / name), what) for name in ARCHIVES]
    return [*findings, *_split_findings(folder / "split.json", traces)]


def _from_archive(path: Path, name: str, units: Units, findings: list[Finding]) -> _Traces | None:
    place = str(path)
    if not path.exists():
        what = f"missing, so settings on {name} cannot be played; `netwright data fetch vp` makes it."
        findings.append(Finding("warning", place, what))
        return None
    try:
        content = read_bytes(path)
        arrays = npz_of_bytes(
            content, path, remedy="fetch it again", finite=False, fault="damaged or truncated"
        )
        missing = [key for key in _ARRAYS if key not in arrays]
    except DataError as error:
        findings.append(Finding("error", place, str(error).removeprefix(f"{place}: ")))
        return None
    if missing:
        findings.append(Finding("error", place, f"lacks the array {' and '.join(missing)}; fetch it again."))
        return None
    if (wrong := _misfit(arrays)) is not None:
        findings.append(Finding("error", place, f"{wrong}; fetch it again."))
        return None
    if content_hash(path.name, content) != read_manifest("vp").hashes[path.name]:
        findings.append(
            Finding("warning", place, "is not the published file: results on it compare with no others.")
        )
    offset, video, user = (arrays[key].astype(np.int64) for key in ("offset", "video", "user"))

    def label(trace: int, row: int) -> str:
        return f"{place}: {name}/video{video[trace]}/user{user[trace]} row {row + 1}"

    return _Traces(name, converted(arrays["rows"] / 1e6, Columns(), units), offset, video, user, label)


def _misfit(arrays: Mapping[str, NDArray[np.generic]]) -> str | None:
    """Why the arrays of an archive do not fit each other, or None."""
    rows, video, user, offset = (arrays[key] for key in _ARRAYS)
    for key in ("video", "user", "offset"):
        if arrays[key].ndim != 1 or not np.issubdtype(arrays[key].dtype, np.integer):
            return (
                f"{key} must hold whole numbers in one dimension, not {arrays[key].dtype} {arrays[key].shape}"
            )
    if rows.ndim != 2 or rows.shape[1] != len(COLUMNS) or not np.issubdtype(rows.dtype, np.number):
        return f"rows must be 4 columns of numbers ({', '.join(COLUMNS)}), not {rows.dtype} {rows.shape}"
    if len(video) != len(user) or len(offset) != len(video) + 1:
        return f"video, user, offset need n, n, n + 1 entries, not {len(video)}, {len(user)}, {len(offset)}"
    steps = np.diff(offset.astype(np.int64))
    if offset[0] != 0 or offset[-1] != len(rows) or (steps < 0).any():
        return f"offset must rise from 0 to the {len(rows)} rows"
    return None


def _csv_files(folder: Path) -> list[tuple[int, int, Path]]:
    """Video, user and path of each file, in order."""
    return sorted(
        (int(match[1]), int(match[2]), path)
        for path in folder.glob("video*/5Hz/simple_5Hz_user*.csv")
        if (match := _CSV_NAME.fullmatch(path.relative_to(folder).as_posix()))
    )


def _from_csv(folder: Path, units: Units, findings: list[Finding]) -> _Traces | None:
    files = _csv_files(folder)
    if not files:
        absent = "" if folder.exists() else f", so settings on {folder.name} cannot be played"
        what = f"holds no video<v>/5Hz/simple_5Hz_user<u>.csv{absent}; check --data."
        findings.append(Finding("error" if folder.exists() else "warning", str(folder), what))
        return None
    found = [_read_csv(path, units, findings) for _, _, path in files]
    tables, numbers, unused = zip(*found, strict=True)
    say_unused(itertools.chain(*unused), folder)

    def label(trace: int, row: int) -> str:
        return f"{files[trace][2]}:{numbers[trace][row]}"

    return _Traces(
        name=folder.name,
        rows=np.concatenate(tables),
        offset=np.concatenate([[0], np.cumsum([len(t) for t in tables])]).astype(np.int64),
        video=np.array([v for v, _, _ in files], dtype=np.int64),
        user=np.array([u for _, u, _ in files], dtype=np.int64),
        label=label,
    )


def _read_csv(
    path: Path, units: Units, findings: list[Finding]
) -> tuple[Floats, Sequence[int], tuple[str, ...]]:
    """(rows, 4) the rows that can be read, their line numbers, and the titles of unused columns."""
    text = read_text(path)
    if text and not text.endswith("\n"):
        findings.append(
            Finding("warning", f"{path}:{text.count(chr(10)) + 1}", "no line end: the file may be cut short.")
        )
    try:
        columns, lines = csv_lines(text, path)
    except DataError as error:
        place, _, what = str(error).partition(": ")
        findings.append(Finding("error", place, what))
        return np.empty((0, len(COLUMNS))), [], ()
    rows, numbers = [], []
    for number, fields in lines:
        wrong = [f"{len(fields)} columns instead of {columns.n}"] if len(fields) != columns.n else []
        if not wrong:
            values = [fields[i] for i in columns.at]
            wrong = [
                f"{c} is {v!r}, not a number"
                for c, v in zip(COLUMNS, values, strict=True)
                if not is_number(v)
            ]
        findings += [
            Finding("error", f"{path}:{number}", f"{what}; correct or drop the row.") for what in wrong
        ]
        if not wrong:
            rows.append([float(v) for v in values])
            numbers.append(number)
    table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    return converted(table, columns, units), numbers, columns.unused


def _doubts(traces: _Traces, units: Units) -> list[str]:
    """What the reader refuses the whole dataset for: other units, another rate."""
    return [] if units.rate_hz is not None else doubts(traces.rows, traces.offset, units)


def _row_findings(traces: _Traces) -> Iterator[Finding]:
    """What is wrong with single rows: not finite, out of range, time that does not rise, gaps."""
    trace_of = np.repeat(np.arange(len(traces.video)), np.diff(traces.offset))

    def at(rows: NDArray[np.intp]) -> Iterator[tuple[int, int, int]]:
        for row in rows:
            trace = int(trace_of[row])
            yield int(row), trace, int(row - traces.offset[trace])

    limits = (math.inf, *LIMITS_DEG)
    for column, (title, limit) in enumerate(zip(COLUMNS, limits, strict=True)):
        values = traces.rows[:, column]
        for row, trace, i in at(np.flatnonzero(~np.isfinite(values))):
            yield Finding(
                "error", traces.label(trace, i), f"{title} is {values[row]}; correct or drop the row."
            )
        for row, trace, i in at(np.flatnonzero(np.isfinite(values) & (np.abs(values) > limit))):
            yield Finding(
                "error",
                traces.label(trace, i),
                f"{title} is {values[row]:g}, outside -{limit:g} .. {limit:g}; is it in degrees?",
            )
    time_s = traces.rows[:, 0]
    finite_s = np.where(np.isfinite(time_s), time_s, np.nan)
    step_s = np.diff(finite_s, prepend=np.nan)
    step_s[traces.offset[:-1][np.diff(traces.offset) > 0]] = np.nan  # the first row follows nothing
    for row, trace, i in at(np.flatnonzero(step_s <= 0.0)):
        known = (
            traces.name,
            int(traces.video[trace]),
            int(traces.user[trace]),
            i + 1,
        ) in PUBLISHED_STEPS_BACK
        yield Finding(
            "warning" if known else "error",
            traces.label(trace, i),
            f"time {time_s[row]:g} s is not after {time_s[row - 1]:g} s"
            + (", as in the published file." if known else "; sort or drop the row."),
        )
    for row, trace, i in at(np.flatnonzero(step_s > LONGEST_STEP_S)):
        yield Finding("warning", traces.label(trace, i), f"gap of {step_s[row]:.1f} s before this row.")


def _trace_findings(traces: _Traces, source: Path) -> Iterator[Finding]:
    """What is wrong with whole traces: empty, too short for a window, twice there."""
    seen: set[tuple[int, int]] = set()
    for video, user, length in zip(traces.video, traces.user, np.diff(traces.offset), strict=True):
        place = f"{source}: {traces.name}/video{video}/user{user}"
        if (int(video), int(user)) in seen:
            yield Finding("error", place, "is there twice; keep one.")
        seen.add((int(video), int(user)))
        if length == 0:
            yield Finding("error", place, "has no row; drop the trace.")
        elif length < SHORTEST_TRACE:
            yield Finding("warning", place, f"has {length} rows; below {SHORTEST_TRACE} it yields no window.")


def _split_findings(path: Path, traces: Mapping[str, _Traces]) -> Iterator[Finding]:
    try:
        splits = read_splits(path)
    except DataError as error:
        yield Finding("error", str(path), str(error).removeprefix(f"{path}: "))
        return
    for name in traces:
        if name not in splits:
            yield Finding("error", str(path), f"names no split of {name}; add one.")
    for name, split in splits.items():
        if name not in ARCHIVES:
            yield Finding("error", str(path), f"names the dataset {name!r}; there is {', '.join(ARCHIVES)}.")
            continue
        yield from _overlaps(f"{path}: {name}", split)
        if name in traces:
            yield from _absences(f"{path}: {name}", split, traces[name])


def _overlaps(place: str, split: Split) -> Iterator[Finding]:
    for what, members in (("video", split.videos), ("viewer", split.users)):
        for i, first in enumerate(SPLITS):
            for second in SPLITS[i + 1 :]:
                for shared in sorted(set(members[first]) & set(members[second])):
                    yield Finding(
                        "error", place, f"{what} {shared} is in {first} and {second}; keep it in one of them."
                    )


def _absences(place: str, split: Split, traces: _Traces) -> Iterator[Finding]:
    there = set(zip(traces.video.tolist(), traces.user.tolist(), strict=True))
    for name in SPLITS:
        absent_videos = sorted(set(split.videos[name]) - {v for v, _ in there})
        absent_users = sorted(set(split.users[name]) - {u for _, u in there})
        for what, absent in (("video", absent_videos), ("viewer", absent_users)):
            for member in absent:
                yield Finding("error", place, f"{name} names {what} {member}, of which there is no trace.")
        pairs = {(v, u) for v in split.videos[name] for u in split.users[name]}
        for video, user in sorted(pairs - there):
            if video not in absent_videos and user not in absent_users:
                yield Finding(
                    "warning", place, f"{name} has no trace of viewer {user} watching video {video}."
                )
