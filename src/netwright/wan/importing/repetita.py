"""REPETITA (Gay, Schaus, Vissicchio 2017): `.graph` files of nodes and directed edges, `.demands` by node number."""

from __future__ import annotations

from netwright.core.errors import DataError
from netwright.core.reading import whole_number
from netwright.wan.importing.graph import check_counts
from netwright.wan.importing.raw import Conventions, RawDemand, RawGraph, RawLink, RawNode, check_titles
from netwright.wan.importing.text import lines_of
from netwright.wan.units import plain_number

Rows = list[tuple[int, list[str]]]  # line number and words of each line


def parse_repetita(content: bytes, name: str, source: str) -> RawGraph:
    """The network of a `.graph` file; nodes are numbered from 0 in its order.

    Raises:
        DataError: not such a file; a line that is short, or a section with fewer or more lines than it says.
    """
    rows = _rows(lines_of(content, source))
    titles, nodes, rest = _section(rows, "NODES", source)
    listed = tuple(
        RawNode(str(i), dict(zip(titles, words, strict=True))) for i, (_, words) in enumerate(nodes)
    )
    titles, edges, rest = _section(rest, "EDGES", source)
    _check_end(rest, "EDGES", source)
    check_counts(len(nodes), len(edges), source)
    links = []
    for number, words in edges:
        facts: dict[str, object] = dict(zip(titles, words, strict=True))
        facts.pop("label", None)
        links.append(RawLink(str(facts.pop("src", "")), str(facts.pop("dest", "")), facts, f"line {number}"))
    return RawGraph(name, "REPETITA", source, listed, tuple(links), True, Conventions(asks_latency_unit=True))


def parse_repetita_demands(content: bytes, source: str) -> tuple[RawDemand, ...]:
    """The demands of a `.demands` file, between node numbers.

    Raises:
        DataError: the file is malformed.
    """
    titles, rows, rest = _section(_rows(lines_of(content, source)), "DEMANDS", source)
    _check_end(rest, "DEMANDS", source)
    found = []
    for number, words in rows:
        facts = dict(zip(titles, words, strict=True))
        volume = plain_number(facts.get("bw", ""))
        if volume is None or volume < 0.0 or not {"src", "dest"} <= set(facts):
            raise DataError(f"{source}: line {number}: a demand is `label src dest bw`; correct it.")
        found.append(RawDemand(facts["src"], facts["dest"], volume))
    return tuple(found)


def _rows(lines: list[str]) -> Rows:
    return [(i, line.split()) for i, line in enumerate(lines, start=1) if line.strip()]


def _check_end(rest: Rows, name: str, source: str) -> None:
    if rest:
        raise DataError(f"{source}: line {rest[0][0]}: one more than {name} says; correct their number.")


def _section(rows: Rows, name: str, source: str) -> tuple[list[str], Rows, Rows]:
    """Titles and lines of the first section, and the remaining lines."""
    head = rows[0][1] if rows else []
    if len(head) != 2 or head[0] != name or whole_number(head[1]) is None:
        line = rows[0][0] if rows else 1
        raise DataError(f"{source}: line {line}: expected `{name}` and their number; not a REPETITA file.")
    n = int(head[1]) if len(head[1]) < 9 else len(rows)
    if len(rows) < n + 2:
        raise DataError(f"{source}: says {name} {head[1]} but holds fewer; the file is cut short.")
    titles = rows[1][1]
    check_titles(titles, f"{source}: line {rows[1][0]}")
    for number, words in rows[2 : n + 2]:
        if len(words) != len(titles):
            raise DataError(
                f"{source}: line {number}: needs {len(titles)} words ({' '.join(titles)}); correct it."
            )
    return titles, rows[2 : n + 2], rows[n + 2 :]
