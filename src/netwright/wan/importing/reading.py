"""Opens a network's file: how it may look, how large it may be, and which reader it gets."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

from netwright.core.errors import DataError
from netwright.wan.importing.edge_list import parse_edge_list
from netwright.wan.importing.graph import ImportedGraph
from netwright.wan.importing.graphml import parse_graphml
from netwright.wan.importing.node_link import parse_node_link

MAX_BYTES = 16 * 2**20

READERS: dict[str, Callable[[bytes, str, str], ImportedGraph]] = {
    ".graphml": parse_graphml,
    ".xml": parse_graphml,
    ".json": parse_node_link,
    ".txt": parse_edge_list,
    ".csv": parse_edge_list,
    ".edges": parse_edge_list,
}
SUFFIXES = tuple(READERS)


def read_graph(path: Path, *, prepare: bool = False) -> ImportedGraph:
    """The network of a file; the ending of its name tells the format.

    Args:
        path: GraphML (.graphml, .xml), JSON (.json) or an edge list (.txt, .csv, .edges).
        prepare: whether parallel links are collapsed, loops dropped and dead ends removed.

    Raises:
        DataError: one sentence that says what is wrong, where in the file, and what to do.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{path}: networks are read from {', '.join(SUFFIXES)}; save it as one of these, or rename the file."
        )
    graph = reader(limited_bytes(path), path.stem, str(path))
    return graph.prepared() if prepare else graph.checked()


def limited_bytes(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The whole of a plain file, if it is no larger than `limit`; no more than that is ever read.

    Raises:
        DataError: absent, not a plain file, unreadable, or too large.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise DataError(f"{path}: not a plain file; check the path.")
        if status.st_size > limit:
            raise DataError(
                f"{path}: {status.st_size / 2**20:.0f} MiB are more than the {limit / 2**20:.0f} MiB that a "
                "network's file may have; check the path."
            )
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path.") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path.") from None
    if len(content) > limit:
        raise DataError(f"{path}: grew past {limit / 2**20:.0f} MiB while it was read; check the path.")
    return content
