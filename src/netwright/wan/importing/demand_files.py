"""Demands in common formats: REPETITA, SNDlib, and plain matrices as in TEAVAR and NCFlow."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from netwright.core.array_files import npy_of_bytes
from netwright.core.errors import DataError
from netwright.wan.importing.graph import ImportedGraph
from netwright.wan.importing.graphml import xml_root
from netwright.wan.importing.raw import RawDemand, count
from netwright.wan.importing.reading import limited_bytes
from netwright.wan.importing.repetita import parse_repetita_demands
from netwright.wan.importing.sndlib import NATIVE, parse_sndlib_native, sndlib_xml_of
from netwright.wan.importing.text import lines_of
from netwright.wan.topology import Array
from netwright.wan.units import plain_number

MATRICES = (".txt", ".csv", ".tab", ".npy")
MAX_DEMANDS = 500_000
SUFFIXES = (".demands", ".xml", *MATRICES)


def with_demands(graph: ImportedGraph, path: Path) -> ImportedGraph:
    """The graph with the demands of a file instead of its own.

    Rows of a matrix are sources. In a text with a whole matrix on each line, each line is a step.

    Raises:
        DataError: the file is malformed or does not fit the network.
    """
    _check_suffix(path)
    return with_demands_of(graph, limited_bytes(path), path)


def _check_suffix(path: Path) -> None:
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(
            f"{path}: demands of a network's format are read from {', '.join(SUFFIXES)}; "
            "pickled matrices (.pkl) are never opened, save them with numpy.save."
        )


def with_demands_of(graph: ImportedGraph, content: bytes, path: Path) -> ImportedGraph:
    """As `with_demands`, from the content of a file of that name, without access to any file."""
    _check_suffix(path)
    suffix, source = path.suffix.lower(), str(path)
    if suffix == ".demands":
        return _joined(graph, parse_repetita_demands(content, source), path, "")
    if suffix == ".xml":
        raw = sndlib_xml_of(xml_root(content, source), path.stem, source)
        return _joined(graph, raw.demands, path, "")
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(NATIVE.encode()):
        return _joined(graph, parse_sndlib_native(content, path.stem, source).demands, path, "")
    ids = _numbered(graph, path)
    matrices = _npy(content, len(ids), source) if suffix == ".npy" else _text(content, len(ids), source)
    steps = f", {len(matrices)} steps" if len(matrices) > 1 else ""
    return _joined(
        graph, _of_matrices(matrices, ids, source), path, f" (rows of the matrix are sources{steps})"
    )


def _joined(graph: ImportedGraph, demands: Sequence[RawDemand], path: Path, how: str) -> ImportedGraph:
    """The graph with those demands whose ends it still contains."""
    if not demands:
        raise DataError(f"{path}: holds no demands; check the file.")
    gone = set(graph.findings.dropped_nodes)
    labels = {node.label: node.name for node in graph.nodes}
    kept = []
    for demand in demands:
        source, target = (
            end if end in graph.index or end in gone else labels.get(end)
            for end in (demand.source, demand.target)
        )
        if source is None or target is None:
            raise DataError(
                f"{path}: a demand from {demand.source!r} to {demand.target!r}, but one of them is no node of "
                f"{graph.source}; give the demands of this network."
            )
        if not gone & {source, target}:
            kept.append(replace(demand, source=source, target=target))
    note = f"{count(len(demands), 'demand')} from {path.name}{how}"
    if len(kept) < len(demands):
        note += f"; {len(demands) - len(kept)} at dropped nodes left out"
    findings = replace(graph.findings, notes=(*graph.findings.notes, note))
    return replace(graph, demands=tuple(kept), findings=findings)


def _numbered(graph: ImportedGraph, path: Path) -> list[str]:
    """The ids of all nodes in the order of a matrix; they must be 0, 1, .. or 1, 2, .."""
    ids = [*(node.name for node in graph.nodes), *graph.findings.dropped_nodes]
    numbers = [plain_number(name) for name in ids]
    known = [n for n in numbers if n is not None]
    if len(known) == len(ids) and sorted(known) in (
        [float(i) for i in range(len(ids))],
        [float(i + 1) for i in range(len(ids))],
    ):
        return [name for _, name in sorted(zip(known, ids, strict=True))]
    raise DataError(
        f"{path}: a matrix knows nodes by number, but those of {graph.source} have other ids; "
        "give the demands as a table `source,target,volume` with --demands of `netwright design pool`."
    )


def _of_matrices(matrices: Sequence[Array], ids: Sequence[str], source: str) -> list[RawDemand]:
    n = sum(int(np.count_nonzero(matrix)) for matrix in matrices)
    if n > MAX_DEMANDS:
        raise DataError(f"{source}: holds {n} demands, more than {MAX_DEMANDS}; give fewer steps.")
    return [
        RawDemand(ids[a], ids[b], float(matrix[a, b]), step=step if len(matrices) > 1 else 0)
        for step, matrix in enumerate(matrices)
        for a in range(len(ids))
        for b in range(len(ids))
        if a != b and matrix[a, b] > 0.0
    ]


def _checked(matrix: Array, source: str) -> Array:
    if not (np.isfinite(matrix).all() and (matrix >= 0.0).all()):
        raise DataError(f"{source}: a demand must be a finite nonnegative number; correct the matrix.")
    return matrix


def _npy(content: bytes, n: int, source: str) -> list[Array]:
    """Matrices (n, n) or (steps, n, n) of numpy.save; allocates at most the size of the file."""
    array = npy_of_bytes(content, source, remedy="check the file")
    if array.dtype.kind not in "fiu" or array.shape[-2:] != (n, n) or array.ndim not in (2, 3):
        raise DataError(
            f"{source}: holds {array.shape} of {array.dtype}, and not a matrix of numbers for {n} nodes."
        )
    found = array.astype(np.float64).reshape(-1, n, n)
    return [_checked(matrix, source) for matrix in found]


def _text(content: bytes, n: int, source: str) -> list[Array]:
    rows: list[list[float]] = []
    for number, line in enumerate(lines_of(content, source), start=1):
        words = [word for word in re.split(r"[\s,;]+", line.partition("#")[0].strip()) if word]
        values = [plain_number(word) for word in words]
        if None in values:
            raise DataError(
                f"{source}: line {number}: not a line of a matrix; a table with titles is for --demands of "
                "`netwright design pool` as it is."
            )
        if values:
            rows.append([value for value in values if value is not None])
    if rows and all(len(row) == n * n for row in rows):
        return [_checked(np.array(row).reshape(n, n), source) for row in rows]
    if len(rows) == n and all(len(row) == n for row in rows):
        return [_checked(np.array(rows), source)]
    raise DataError(
        f"{source}: holds {count(len(rows), 'line')}, and not {n} numbers on {n} lines (or {n * n} on each) "
        f"for {n} nodes; check that it belongs to the network."
    )
