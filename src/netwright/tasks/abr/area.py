"""Adaptive bitrate streaming: bandwidth traces and chunk sizes from the NetLLM and Genet repositories."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from netwright.core.errors import DataError
from netwright.datasets.area import Area, Conversion, Finding
from netwright.datasets.plain_values import plain_values
from netwright.datasets.sources import GENET, NETLLM
from netwright.tasks.abr.data import START_ROWS_SUFFIX, read_start_rows
from netwright.tasks.abr.formats import read_traces, trace_files
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.units import read_units
from netwright.tasks.abr.video_files import read_video

_TEST_TRACES = "adaptive_bitrate_streaming/data/traces/test/fcc-test"
_START_ROWS = "mahimahi_ptrs.pkl"
_NOTE = "start row index used by the reference for each trace, files in sorted order"


def start_rows(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`netllm-fcc-test.start_ptr.json`: the published start rows, by the traces' names in their order.

    Raises:
        DataError: there is no list of whole numbers, one for each trace.
    """
    names = sorted(PurePosixPath(path).name for path in files)
    if _START_ROWS not in names:
        raise DataError(f"{NETLLM.repository} holds no {_TEST_TRACES}/{_START_ROWS}.")
    names.remove(_START_ROWS)
    rows = plain_values(files[f"{_TEST_TRACES}/{_START_ROWS}"], _START_ROWS)
    if not isinstance(rows, list) or len(rows) != len(names) or not all(type(row) is int for row in rows):
        raise DataError(
            f"{_START_ROWS}: not a list of {len(names)} whole numbers, one for each trace beside it."
        )
    document = {"note": _NOTE, "start_ptr": dict(zip(names, rows, strict=True))}
    return {"traces/netllm-fcc-test.start_ptr.json": (json.dumps(document, indent=0) + "\n").encode()}


def check(folder: Path) -> Iterator[Finding]:
    """What the readers refuse of the traces, videos and start rows that are there, each file on its own."""
    traces: dict[str, tuple[Trace, ...]] = {}
    for name in ("traces", "videos"):
        if not _folders(folder / name):
            yield Finding("error", str(folder / name), "holds no folder; run `netwright data fetch abr`.")
    for place in _folders(folder / "traces"):
        read: list[Trace] = []
        said: list[Finding] = []
        try:
            units = read_units(place)
        except DataError as error:
            yield _finding(error)
            continue
        for file in trace_files(place):
            try:
                read += read_traces(file, units, _sayer(said, file))
            except DataError as error:
                yield _finding(error)
        yield from said
        if not trace_files(place):
            yield Finding("error", str(place), "holds no trace file; add one or drop the folder.")
        traces[place.name] = tuple(read)
    for place in _folders(folder / "videos"):
        try:
            read_video(place)
        except DataError as error:
            yield _finding(error)
    for file in sorted((folder / "traces").glob(f"*{START_ROWS_SUFFIX}")):
        try:
            read_start_rows(file, traces.get(file.name.removesuffix(START_ROWS_SUFFIX), ()))
        except DataError as error:
            yield _finding(error)


def _sayer(said: list[Finding], file: Path) -> Callable[[str], None]:
    return lambda line: said.append(Finding("warning", str(file), f"{line}."))


def _folders(place: Path) -> list[Path]:
    if not place.is_dir():
        return []
    return sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))


def _finding(error: DataError) -> Finding:
    """A reader's sentence, "place: what", as a finding."""
    place, _, what = str(error).partition(": ")
    return Finding("error", place, what)


AREA = Area(
    name="abr",
    title="adaptive bitrate streaming: FCC, Norway and synthetic bandwidth traces, two videos",
    sources=(NETLLM, GENET),
    conversions=(
        Conversion(
            ("traces/netllm-fcc-test.start_ptr.json",),
            NETLLM,
            re.compile(rf"{_TEST_TRACES}/[^/]+"),
            start_rows,
        ),
    ),
    not_public=(
        ("golden/*", "recorded from the reference simulator by the netwright developers"),
        ("traces/fcc-no-train-overlap.json", "computed from the traces by the netwright developers"),
    ),
    check=lambda folder: tuple(check(folder)),
)
