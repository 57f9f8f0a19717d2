"""Trace files: two-column text, tables with titles, Puffer's CSV, Mahimahi's milliseconds, JSON intervals."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.core.notes import note
from netwright.core.reading import check_rows, decimal_number, marked_first_line, read_text
from netwright.tasks.abr.media import Floats, Trace, trace_fault
from netwright.tasks.abr.units import FORMAT_FILE, UNSTATED, Title, Units, implausible, read_units, title

MAHIMAHI_BYTES = 1500  # that one line of a Mahimahi trace lets pass
MAHIMAHI_ROW_MS = 1000
MAHIMAHI_LATEST_START_MS = 3_600_000

Say = Callable[[str], None]
Line = tuple[int, str]  # number in the file from 1, content

_WHOLE = re.compile(r"[0-9]{1,15}")
_COMMENTS = ("//", "%", ";")
_STREAM = ("session_id", "index")  # columns that tell Puffer's streams apart
_FILES_NAMED = 3


def trace_files(folder: Path) -> list[Path]:
    """The files of a folder of traces, in the order of their names.

    Left out are `format.json` and files whose names begin with a dot.
    """
    return sorted(
        p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".") and p.name != FORMAT_FILE
    )


def read_trace_folder(folder: Path) -> tuple[Trace, ...]:
    """All traces of a folder's files, in the order of their names, in the units that `format.json` states.

    What was assumed is noted once for all files that it holds for.

    Raises:
        DataError: a file holds a value that cannot be (names file and line), or there is none.
    """
    units, files = read_units(folder), trace_files(folder)
    said: dict[str, list[str]] = {}
    traces: list[Trace] = []
    for file in files:
        traces += read_traces(file, units, partial(_remember, said, file.name))
    if not traces:
        raise DataError(f"{folder}: holds no trace file; check the path.")
    for line, names in said.items():
        more = ", .." if len(names) > _FILES_NAMED else ""
        which = f"{len(names)} of {len(files)} files, {', '.join(names[:_FILES_NAMED])}{more}"
        note(f"{folder}: {line} ({which})")
    return tuple(traces)


def _remember(said: dict[str, list[str]], name: str, line: str) -> None:
    said.setdefault(line, []).append(name)


def read_traces(path: Path, units: Units = UNSTATED, say: Say | None = None) -> list[Trace]:
    """The traces of one file: one, or those of each stream in a Puffer CSV.

    Blank lines, a byte order mark, lines that begin with #, //, % or ;, and what stands behind a # are skipped, but for
    titles of time and bandwidth on the first line.
    Formats, told apart by the first line that is left:
        a bracket: JSON, a list of objects with `duration_ms` and `bandwidth_kbps`, as of Sabre.
        titles: a table whose columns of time and bandwidth are found by title. Units in brackets (`time (ns GMT)`)
            or behind an underscore (`bandwidth_kbps`) count; with `delivery_rate` (bytes/s) it is Puffer's.
        one whole number: Mahimahi's, milliseconds at which a packet of 1500 bytes may pass; the file repeats at
            its last stamp. Rows of 1 s.
        two numbers: time and bandwidth, separated by blanks, tabs, a comma or a semicolon.

    A clock whose first stamp is later than a median step is shifted to start at 0.

    Args:
        path: the file.
        units: of columns without a unit of their own; s and Mbit/s where nothing is stated.
        say: called with each assumption; `netwright.core.notes.note` with the path by default.

    Raises:
        DataError: names file and line of the first value that cannot be, or the unit that values look like.
    """
    if say is None:
        say = lambda line: note(f"{path}: {line}")  # noqa: E731
    text = read_text(path)
    lines = _with_titles(text, _lines(text))
    if not lines:
        raise DataError(f"{path}: holds no row; drop the file.")
    first = lines[0][1]
    if first[0] in "[{":
        return [_intervals(path, say)]
    check_rows(text, path)
    if not all(map(_is_number, _fields(first))):
        return _table(path, lines, units, say)
    if _WHOLE.fullmatch(first):
        return [_mahimahi(path, lines, say)]
    return [_two_columns(path, lines, units, say)]


def _lines(text: str) -> list[Line]:
    """Numbers and contents of the lines that hold something but comments."""
    numbered = enumerate((line.partition("#")[0].strip() for line in text.splitlines()), start=1)
    return [(number, line) for number, line in numbered if line and not line.startswith(_COMMENTS)]


def _with_titles(text: str, lines: list[Line]) -> list[Line]:
    """The lines, after the titles of their columns where a first line that is marked as a comment holds these."""
    marked = marked_first_line(text.splitlines(), ("#", *_COMMENTS))
    if not lines or marked is None:
        return lines
    number, plain = marked
    plain = re.sub(r"\s+(?=[(\[])", "", plain)  # no blank before a unit in brackets
    words = _splitter(plain)(plain)
    try:
        kinds = {title(word, "").kind for word in words}
    except DataError:  # an unknown unit: a comment in prose
        return lines
    alike = len(words) == len(_fields(lines[0][1])) and {"time", "bandwidth"} <= kinds
    return [(number, plain), *lines] if alike else lines


def _fields(line: str) -> list[str]:
    return line.replace(",", " ").replace(";", " ").split()


def _two_columns(path: Path, lines: Sequence[Line], units: Units, say: Say) -> Trace:
    rows = [_fields(line) for _, line in lines]
    for (number, line), fields in zip(lines, rows, strict=True):
        if len(fields) != 2 or not all(map(_is_number, fields)):
            raise DataError(
                f"{path}:{number}: expected time in s and bandwidth in Mbit/s, got {line[:60]!r}; "
                "correct or drop the row."
            )
    values = np.array(rows, dtype=np.float64)
    return _checked(path, values[:, 0], values[:, 1], units, [n for n, _ in lines], say)


def _table(path: Path, lines: Sequence[Line], units: Units, say: Say) -> list[Trace]:
    """The traces of a table with titles, one for each stream if it tells streams apart."""
    (head, words), split = lines[0], _splitter(lines[0][1])
    titles = [title(word, f"{path}:{head}") for word in split(words)]
    time, rate = (_column(titles, kind) for kind in ("time", "bandwidth"))
    if time is None or rate is None:
        puffer = any(t.text.startswith("delivery_rate") for t in titles)
        needs = "a Puffer file needs the columns time and delivery_rate" if puffer else "expected two numbers"
        raise DataError(
            f"{path}:{head}: {needs}, or titles such as time and bandwidth, got {words[:60]!r}; correct the row."
        )
    of_stream = [i for i, t in enumerate(titles) if t.text in _STREAM]
    unused = [t.text for i, t in enumerate(titles) if i not in (time, rate)]
    if unused and not of_stream:
        say(f"columns that are not used: {', '.join(unused)[:200]}")
    stated = Units(_either(titles[time], units.time_s), _either(titles[rate], units.rate_mbps))
    streams: dict[str, list[tuple[float, float, int]]] = {}
    for number, line in lines[1:]:
        row = split(line)
        try:
            stream = "-".join(row[i] for i in of_stream if row[i])
            values = _number(row[time]), _number(row[rate])
        except (ValueError, IndexError):
            raise DataError(
                f"{path}:{number}: {titles[time].text} and {titles[rate].text} must be numbers, got "
                f"{line[:60]!r}; correct or drop the row."
            ) from None
        streams.setdefault(stream, []).append((*values, number))
    return _of_streams(path, streams, stated, bool(of_stream), say)


def _of_streams(
    path: Path, streams: dict[str, list[tuple[float, float, int]]], units: Units, several: bool, say: Say
) -> list[Trace]:
    """A trace of each stream; of several, those that are short or silent are left out and counted."""
    short = [name for name, rows in streams.items() if several and len(rows) < 2]
    silent = [n for n, rows in streams.items() if several and n not in short and not any(r[1] for r in rows)]
    kept = {name: rows for name, rows in streams.items() if name not in {*short, *silent}}
    if not kept:
        raise DataError(f"{path}: holds no stream of two chunks or more with data; drop the file.")
    if short or silent:
        say(
            f"of {len(streams)} streams in {path.name}, {len(kept)} are read: {len(short)} of one chunk "
            f"and {len(silent)} without any data are left out"
        )
    traces = []
    for name, rows in kept.items():
        table = np.array([row[:2] for row in rows])
        start = table[0, 0] if several else 0.0
        label = path.name if len(streams) == 1 else f"{path.name}:{name}"
        numbers = [row[2] for row in rows]
        traces.append(_checked(path, table[:, 0] - start, table[:, 1], units, numbers, say, label))
    return traces


def _mahimahi(path: Path, lines: Sequence[Line], say: Say) -> Trace:
    """Rows of 1 s, the last up to the last stamp; a gap without packets is one row."""
    stamps = np.zeros(len(lines), dtype=np.int64)
    for i, (number, word) in enumerate(lines):
        place = f"{path}:{number}: one column of numbers is read as Mahimahi's, so"
        if not _WHOLE.fullmatch(word):
            raise DataError(f"{place} expected whole milliseconds, got {word[:60]!r}; correct the row.")
        stamps[i] = int(word)
        if i > 0 and stamps[i] < stamps[i - 1]:
            raise DataError(
                f"{place} {stamps[i]} ms comes after {stamps[i - 1]} ms. If these are bandwidths, put a column "
                "of times before them."
            )
    if stamps[-1] == 0 or stamps[0] > MAHIMAHI_LATEST_START_MS:
        raise DataError(
            f"{path}: one column of whole numbers is read as Mahimahi's, milliseconds from 0 on; its stamps "
            f"are {stamps[0]}..{stamps[-1]}. Give times and bandwidths in two columns."
        )
    say("read as Mahimahi: a packet of 1500 bytes at each millisecond, repeating at the last")
    row, packets = np.unique(np.maximum(0, -(-stamps // MAHIMAHI_ROW_MS) - 1), return_counts=True)
    ends_ms = np.minimum((row + 1) * MAHIMAHI_ROW_MS, stamps[-1])
    edges_ms = np.union1d(np.append(row * MAHIMAHI_ROW_MS, 0), ends_ms)
    bits = np.zeros(len(edges_ms))
    bits[np.searchsorted(edges_ms, ends_ms)] = packets * MAHIMAHI_BYTES * 8.0
    rates = bits[1:] / np.diff(edges_ms) / 1000.0  # bits per ms = kbit/s
    return _checked(path, edges_ms / 1000.0, np.concatenate([rates[:1], rates]), Units(1.0, 1.0), None, say)


def _intervals(path: Path, say: Say) -> Trace:
    """A JSON list of intervals, each with its duration and bandwidth."""
    document = read_json(path)
    entries = document if isinstance(document, list) else [None]
    rows = []
    for index, entry in enumerate(entries):
        found = [entry.get(k) for k in ("duration_ms", "bandwidth_kbps")] if isinstance(entry, dict) else []
        numbers = [float(v) for v in found if isinstance(v, int | float) and not isinstance(v, bool)]
        if len(numbers) != 2 or min(numbers) < 0.0:
            raise DataError(
                f"{path}: entry {index}: expected an object with duration_ms and bandwidth_kbps, numbers of at "
                "least 0, in a list of such."
            )
        rows += [numbers] if numbers[0] > 0.0 else []
    if not rows:
        raise DataError(f"{path}: holds no interval of more than 0 ms; drop the file.")
    table = np.array(rows, dtype=np.float64).reshape(-1, 2)
    times_s = np.concatenate([[0.0], np.cumsum(table[:, 0])]) / 1000.0
    rates = table[:, 1] / 1000.0
    if any(isinstance(entry, dict) and "latency_ms" in entry for entry in entries):
        say("latency_ms is not used: each chunk waits for the setting's rtt_ms")
    return _checked(path, times_s, np.concatenate([rates[:1], rates]), Units(1.0, 1.0), None, say)


def _checked(
    path: Path,
    times: Floats,
    rates: Floats,
    units: Units,
    numbers: Sequence[int] | None,
    say: Say,
    name: str | None = None,
) -> Trace:
    """A trace of columns as read, in seconds and Mbit/s, its clock from 0 on.

    Args:
        path: of the file.
        times, rates: (R,) in `units`.
        units: stated ones.
        numbers: line of each row in the file.
        say: called where a clock was shifted.
        name: of the trace; the file's if None.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        times_s = times * (1.0 if units.time_s is None else units.time_s)
        mbps = rates * (1.0 if units.rate_mbps is None else units.rate_mbps)
        shifted = _late_clock(times_s)
        if shifted:
            times_s = times_s - times_s[0]
    stream = "" if name is None or name == path.name else f" stream {name.removeprefix(path.name + ':')}:"
    fault = trace_fault(times_s, mbps)
    if fault is not None:
        row, what = fault
        place = f"{path}" if row is None or numbers is None else f"{path}:{numbers[row]}"
        raise DataError(f"{place}:{stream} {what}")
    doubt = implausible(times_s, mbps, units)
    if doubt is not None:
        raise DataError(f"{path}:{stream} {doubt}")
    if shifted:
        say("the clock does not start at 0: shifted")
    return Trace(name or path.name, times_s, mbps)


def _late_clock(times_s: Floats) -> bool:
    """Whether a rising clock starts before 0 or later than one median step.

    A first stamp within a step is the end of the first row (Genet's synthetic traces start at 1.0).
    """
    steps = np.diff(times_s)
    if not (steps.size and np.isfinite(times_s).all() and (steps > 0.0).all()):
        return False
    return not 0.0 <= times_s[0] <= float(np.median(steps))


def _splitter(head: str) -> Callable[[str], list[str]]:
    """How the lines of a table are cut, by the line of its titles."""
    for mark in (";", ",", "\t"):
        if mark in head:
            return lambda line: [word.strip() for word in next(csv.reader([line], delimiter=mark))]
    return str.split


def _column(titles: Sequence[Title], kind: str) -> int | None:
    return next((i for i, t in enumerate(titles) if t.kind == kind), None)


def _either(column: Title, stated: float | None) -> float | None:
    return stated if column.factor is None else column.factor


def _is_number(word: str) -> bool:
    """Whether a word is a number in ASCII, or one of those that are refused with their line."""
    return decimal_number(word) is not None or word.lower().lstrip("+-") in ("nan", "inf", "infinity")


def _number(word: str) -> float:
    if not _is_number(word.strip()):
        raise ValueError
    return float(word)
