"""Read a network file: check its size, detect its format, and call the reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.reading import read_bytes, size_in_words
from netwright.wan.importing.dot import parse_dot
from netwright.wan.importing.edge_list import parse_edge_list
from netwright.wan.importing.gml import parse_gml
from netwright.wan.importing.graph import ImportedGraph
from netwright.wan.importing.graphml import graphml_of, xml_root
from netwright.wan.importing.interpret import interpret
from netwright.wan.importing.node_link import parse_node_link
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import RawGraph, RawNode
from netwright.wan.importing.reductions import reduced
from netwright.wan.importing.repetita import parse_repetita
from netwright.wan.importing.sndlib import NATIVE, is_sndlib, parse_sndlib_native, sndlib_xml_of
from netwright.wan.importing.text import lines_of

MAX_BYTES = 16 * 2**20
MAX_NETWORK_BYTES = 4 * 2**20

Reader = Callable[[bytes, str, str], RawGraph]


def _parse_xml(content: bytes, name: str, source: str) -> RawGraph:
    root = xml_root(content, source)
    return sndlib_xml_of(root, name, source) if is_sndlib(root) else graphml_of(root, name, source)


def _parse_text(content: bytes, name: str, source: str) -> RawGraph:
    """Detect the format of a text by its start: SNDlib's native format, REPETITA, GML, or an edge list."""
    head = content[:200].lstrip(b"\xef\xbb\xbf \t\r\n")
    if head.startswith(NATIVE.encode()):
        return parse_sndlib_native(content, name, source)
    if re.match(rb"NODES \d+\s", head):
        return parse_repetita(content, name, source)
    if re.match(rb"graph\s*\[", head):
        return parse_gml(content, name, source)
    return parse_edge_list(content, name, source)


READERS: dict[str, Reader] = {
    ".graphml": _parse_xml,
    ".xml": _parse_xml,
    ".json": parse_node_link,
    ".gml": parse_gml,
    ".graph": parse_repetita,
    ".dot": parse_dot,
    ".gv": parse_dot,
    ".txt": _parse_text,
    ".csv": parse_edge_list,
    ".tsv": parse_edge_list,
    ".tab": parse_edge_list,
    ".edges": parse_edge_list,
}
SUFFIXES = tuple(READERS)


def read_graph(path: Path, *, options: ImportOptions | None = None, prepare: bool = False) -> ImportedGraph:
    """The network of a file; the format follows from the extension (for .txt and .xml, from the content).

    Args:
        path: GraphML or SNDlib (.graphml, .xml), JSON (.json), GML (.gml), REPETITA (.graph), DOT (.dot, .gv), or an
            edge list, also TEAVAR's (.txt, .csv, .tsv, .tab, .edges).
        options: missing information and reductions.
        prepare: the same as `ImportOptions.preparation()`.

    Raises:
        DataError: the message says what is wrong, where in the file, and what to do.
    """
    _reader_of(path)
    content = limited_bytes(path, MAX_NETWORK_BYTES)
    wanted = options or (ImportOptions.preparation() if prepare else ImportOptions())
    return _interpreted(_with_node_names(_raw(content, path), path), wanted)


def graph_of(content: bytes, name: str, *, options: ImportOptions | None = None) -> ImportedGraph:
    """The network in the content of a file, as `read_graph`, without access to any file.

    Args:
        name: the file's name, from which the format follows; for messages otherwise.

    Raises:
        DataError: as for `read_graph`.
    """
    if len(content) > MAX_NETWORK_BYTES:
        raise DataError(
            f"{name}: has {size_in_words(len(content))}, above the limit of {size_in_words(MAX_NETWORK_BYTES)} for a "
            "network; check the file."
        )
    return _interpreted(_raw(content, Path(name)), options or ImportOptions())


def _reader_of(path: Path) -> Reader:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: networks are read from {', '.join(SUFFIXES)}; save it as one of these, or rename the file."
        )
    return reader


def _raw(content: bytes, path: Path) -> RawGraph:
    reader = _reader_of(path)
    if not content.strip():
        raise DataError(f"{path}: is empty; check the file, or get it again.")
    return reader(content, path.stem, str(path))


def _interpreted(raw: RawGraph, wanted: ImportOptions) -> ImportedGraph:
    return reduced(interpret(raw, wanted), wanted)


def _with_node_names(raw: RawGraph, path: Path) -> RawGraph:
    """Read node names of TEAVAR: names of nodes 1, 2, .. (or 0, 1, ..) in a separate file beside the links."""
    near = [path.with_name(f"{path.stem}_nodes.txt"), path.with_name("nodes.txt")]
    file = next((p for p in near[: 2 if path.stem == "topology" else 1] if p.is_file()), None)
    if raw.format != "TEAVAR" or file is None:
        return raw
    lines = [line.strip() for line in lines_of(limited_bytes(file), str(file)) if line.strip()]
    labels, first = lines[1:], 0 if any(node.id == "0" for node in raw.nodes) else 1
    known = {str(i): label for i, label in enumerate(labels, start=first)}
    if not {node.id for node in raw.nodes} <= set(known):
        raise DataError(f"{file}: names {len(labels)} nodes, but {path} has others; correct one of the two.")
    nodes = tuple(RawNode(key, {"label": label}) for key, label in known.items())
    return replace(raw, nodes=nodes, notes=(*raw.notes, f"names of nodes from {file.name}"))


def limited_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        DataError: missing, not a regular file, unreadable, or too large.
    """
    return read_bytes(path, limit=limit)
