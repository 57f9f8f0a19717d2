"""Adaptive bitrate streaming: bandwidth traces and chunk sizes from the NetLLM and Genet repositories."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from netwright.core.errors import DataError
from netwright.datasets.area import Area, Conversion
from netwright.datasets.plain_values import plain_values
from netwright.datasets.sources import GENET, NETLLM

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
        ("traces/fcc-no-train-overlap.json", "worked out from the traces by the netwright developers"),
    ),
)
