"""Which traces hold the same measurements: found by content, in windows of eight rows, whatever files are named.

A window says something only if it holds more than two distinct values (rounded to five digits): a connection
that is constant has equal windows everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from netwright.tasks.abr.media import Floats, Ints, Trace

WINDOW_ROWS = 8
DIGITS = 5

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, eq=False)
class Windows:
    """The telling windows of a number of traces."""

    key: NDArray[np.uint64]  # (N,) equal for equal content
    trace: Ints  # (N,)
    row: Ints  # (N,) first row


def windows(traces: Sequence[Trace]) -> Windows:
    """All windows of these traces that hold more than two distinct values."""
    found = [_windows(trace.bandwidths_mbps) for trace in traces]
    return Windows(
        key=np.concatenate([np.zeros(0, dtype=np.uint64), *(key for key, _ in found)]),
        trace=np.repeat(np.arange(len(traces)), [len(key) for key, _ in found]),
        row=np.concatenate([np.zeros(0, dtype=np.int64), *(row for _, row in found)]),
    )


def without_shared(traces: Sequence[Trace], others: Sequence[Trace], *, min_rows: int) -> list[list[Trace]]:
    """For each trace, what is left of it when every window that `others` hold too is cut out.

    Args:
        traces: to cut.
        others: whose windows must not occur.
        min_rows: shorter pieces are dropped.

    Returns:
        Pieces in order, named `<trace>[<first row>]`, each with its clock starting at 0.
    """
    own = windows(traces)
    shared = np.isin(own.key, np.unique(windows(others).key))
    pieces = []
    for index, trace in enumerate(traces):
        keep = np.ones(trace.n_rows, dtype=bool)
        for row in own.row[shared & (own.trace == index)]:
            keep[row : row + WINDOW_ROWS] = False
        pieces.append([_piece(trace, a, b) for a, b in _runs(keep) if b - a >= min_rows])
    return pieces


def connected(traces: Sequence[Trace], names: Sequence[str]) -> Ints:
    """(N,) a number for each trace, equal for those that share a window or a name, directly or over others."""
    own = windows(traces)
    _, name = np.unique(np.asarray(names), return_inverse=True)
    keys, key = np.unique(own.key, return_inverse=True)
    n, n_names = len(traces), int(name.max(initial=-1)) + 1
    from_trace = np.concatenate([np.arange(n), own.trace])
    to = np.concatenate([n + name, n + n_names + key])
    size = n + n_names + len(keys)
    graph = coo_matrix((np.ones(len(to)), (from_trace, to)), shape=(size, size))
    labels: Ints = connected_components(graph, directed=False)[1][:n].astype(np.int64)
    return labels


def _windows(bandwidths_mbps: Floats) -> tuple[NDArray[np.uint64], Ints]:
    rounded = np.rint(bandwidths_mbps * 10.0**DIGITS).astype(np.int64)
    if len(rounded) < WINDOW_ROWS:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.int64)
    cut = np.lib.stride_tricks.sliding_window_view(rounded, WINDOW_ROWS)
    n_distinct = 1 + (np.diff(np.sort(cut, axis=1), axis=1) > 0).sum(axis=1)
    row = np.flatnonzero(n_distinct > 2)
    key = np.zeros(len(row), dtype=np.uint64)
    for column in cut[row].T.astype(np.uint64):
        key = (key + column) * _MULTIPLIER  # wraps around
        key ^= key >> np.uint64(29)
    return key, row


def _runs(keep: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and behind-last index of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], keep, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _piece(trace: Trace, begin: int, end: int) -> Trace:
    if (begin, end) == (0, trace.n_rows):
        return trace
    times_s = trace.times_s[begin:end] - trace.times_s[begin]
    return Trace(f"{trace.name}[{begin}]", times_s, trace.bandwidths_mbps[begin:end])
