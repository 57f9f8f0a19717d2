"""Trace and video files. Two-column text, Mahimahi's milliseconds and Puffer's CSV all become a `Trace`."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.tasks.abr.media import Floats, Trace, Video, trace_fault

BITRATES_KBPS = (300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0)
CHUNK_S = 4.0
N_CHUNKS = 48

MAHIMAHI_BYTES = 1500  # that one line of a Mahimahi trace lets pass
MAHIMAHI_ROW_S = 1.0
PUFFER_RATE = "delivery_rate"  # bytes/s
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0}


def read_trace_folder(folder: Path) -> tuple[Trace, ...]:
    """All traces of a folder's files, in the order of their names; files whose names begin with a dot are left out.

    Raises:
        DataError: a file holds a value that cannot be (names file and line), or there is none.
    """
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith("."))
    traces = tuple(trace for file in files for trace in read_traces(file))
    if not traces:
        raise DataError(f"{folder}: holds no trace file; check the path.")
    return traces


def read_traces(path: Path) -> list[Trace]:
    """The traces of one file: one, or those of each stream in a Puffer CSV.

    Formats, told apart by the first line:
        two numbers: time in seconds, bandwidth in Mbit/s, separated by blanks, tabs or a comma.
        one whole number: Mahimahi's, milliseconds at which a packet of 1500 bytes may pass; rows of 1 s.
        a header with `time` (its unit in brackets, as in `time (ns GMT)`; seconds without one) and
            `delivery_rate` (bytes/s): Puffer's.

    Raises:
        DataError: names file and line of the first value that cannot be.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text file; drop it from the folder of traces.") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    if PUFFER_RATE in first:
        return _puffer(path, text)
    if first.strip().isdigit():
        return [_mahimahi(path, text)]
    return [_two_columns(path, text)]


def read_video(folder: Path) -> Video:
    """A video from `video_size_<rung>` files (bytes of one chunk a line), rung 0 lowest.

    A file `video.json` with `bitrates_kbps`, `chunk_s` and `n_chunks` describes another ladder than the
    published one of six rungs, 48 chunks of 4 s.

    Raises:
        DataError: rungs do not match, or a size is not a whole number above 0; names file and line.
    """
    known: dict[str, Any] = {"bitrates_kbps": BITRATES_KBPS, "chunk_s": CHUNK_S, "n_chunks": N_CHUNKS}
    description = folder / "video.json"
    if description.exists():
        found = read_json(description)
        if not isinstance(found, dict) or not set(found) <= set(known):
            raise DataError(f"{description}: needs an object with {', '.join(known)}, and nothing else.")
        known |= found
    try:
        bitrates = tuple(float(rate) for rate in known["bitrates_kbps"])
        chunk_s, n_chunks = float(known["chunk_s"]), int(known["n_chunks"])
    except (TypeError, ValueError) as error:
        raise DataError(f"{description}: holds a value that is no number ({error}); mend it.") from None
    files = sorted(folder.glob("video_size_*"))
    if {f.name for f in files} != {f"video_size_{level}" for level in range(len(bitrates))}:
        raise DataError(
            f"{folder}: {len(bitrates)} bitrates need video_size_0..{len(bitrates) - 1}, found "
            f"{', '.join(f.name for f in files) or 'none'}; add the missing ones or describe the ladder in video.json."
        )
    rungs = [_sizes(folder / f"video_size_{level}") for level in range(len(bitrates))]
    for level, rung in enumerate(rungs):
        if len(rung) != len(rungs[0]) or len(rung) < n_chunks:
            raise DataError(
                f"{folder / f'video_size_{level}'}:{len(rung)}: ends after {len(rung)} chunks; every rung needs "
                f"as many lines as video_size_0 ({len(rungs[0])}), at least {n_chunks}."
            )
    return Video(folder.name, bitrates, chunk_s, np.array(rungs), n_chunks)


def _two_columns(path: Path, text: str) -> Trace:
    rows = text.replace(",", " ").split()
    try:
        values = np.array(rows, dtype=np.float64).reshape(-1, 2)
        lines = [line.replace(",", " ").split() for line in text.splitlines()]
        if any(len(line) not in (0, 2) for line in lines):
            raise ValueError
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            fields = line.replace(",", " ").split()
            if fields and (len(fields) != 2 or not all(map(_is_number, fields))):
                raise DataError(
                    f"{path}:{number}: expected time in s and bandwidth in Mbit/s, got {line[:60]!r}; "
                    "mend or drop the row."
                ) from None
        raise DataError(f"{path}: not two columns of numbers; mend or drop the file.") from None
    return _checked(path, values[:, 0], values[:, 1], lambda row: _line_of(text, row))


def _mahimahi(path: Path, text: str) -> Trace:
    stamps = []
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.strip()
        if word and not word.isdigit():
            raise DataError(f"{path}:{number}: expected whole milliseconds, got {line[:60]!r}; mend the row.")
        if word:
            stamps.append(int(word))
            if len(stamps) > 1 and stamps[-1] < stamps[-2]:
                raise DataError(
                    f"{path}:{number}: {stamps[-1]} ms comes after {stamps[-2]} ms; sort the rows."
                )
    n_rows = max(1, int(np.ceil(stamps[-1] / 1000.0 / MAHIMAHI_ROW_S)))
    index = np.minimum((np.array(stamps) / 1000.0 / MAHIMAHI_ROW_S).astype(np.int64), n_rows - 1)
    packets = np.bincount(index, minlength=n_rows)
    rates = packets * MAHIMAHI_BYTES * 8.0 / 1e6 / MAHIMAHI_ROW_S
    times = MAHIMAHI_ROW_S * np.arange(n_rows + 1, dtype=np.float64)
    return _checked(path, times, np.concatenate([rates[:1], rates]), None)


def _puffer(path: Path, text: str) -> list[Trace]:
    lines = csv.DictReader(text.splitlines())
    columns = {name.split("(")[0].strip(): name for name in lines.fieldnames or ()}
    if not {"time", PUFFER_RATE} <= set(columns):
        raise DataError(f"{path}:1: a Puffer file needs the columns time and {PUFFER_RATE}; add a header.")
    bracket = columns["time"].partition("(")[2].split(" ")[0].rstrip(")")
    seconds = _SECONDS.get(bracket or "s", 1.0)
    streams: dict[str, list[tuple[float, float, int]]] = {}
    for row in lines:
        stream = "-".join(filter(None, (row.get("session_id"), row.get("index"))))
        try:
            values = float(row[columns["time"]]) * seconds, float(row[columns[PUFFER_RATE]]) * 8.0 / 1e6
        except (TypeError, ValueError):
            raise DataError(
                f"{path}:{lines.line_num}: time and {PUFFER_RATE} must be numbers; mend or drop the row."
            ) from None
        streams.setdefault(stream, []).append((*values, lines.line_num))
    traces = []
    for stream, rows in streams.items():
        table = np.array(rows)
        numbers = table[:, 2].astype(int)
        name = path.name if len(streams) == 1 else f"{path.name}:{stream}"
        traces.append(_checked(path, table[:, 0] - table[0, 0], table[:, 1], numbers.__getitem__, name))
    return traces


def _checked(
    path: Path, times_s: Floats, mbps: Floats, line_of: Callable[[int], int] | None, name: str | None = None
) -> Trace:
    fault = trace_fault(times_s, mbps)
    if fault is not None:
        row, what = fault
        place = f"{path}:{line_of(row)}" if row is not None and line_of is not None else f"{path}"
        raise DataError(f"{place}: {what}")
    return Trace(name or path.name, times_s, mbps)


def _sizes(path: Path) -> Sequence[int]:
    sizes = []
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        if line.strip():
            if not line.strip().isdigit() or int(line) == 0:
                raise DataError(
                    f"{path}:{number}: expected a chunk's size in whole bytes, above 0, got {line[:60]!r}; mend it."
                )
            sizes.append(int(line))
    return sizes


def _line_of(text: str, row: int) -> int:
    """Line number (from 1) of a file's `row`-th line that is not blank."""
    return [number for number, line in enumerate(text.splitlines(), start=1) if line.strip()][row]


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
