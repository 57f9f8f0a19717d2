"""GML (Graph Modeling Language, Himsolt 1997), as written by TopoHub, yEd and networkx."""

from __future__ import annotations

import html
import re

from netwright.core.errors import DataError
from netwright.wan.importing.raw import RawGraph, RawLink, RawNode, direction
from netwright.wan.importing.text import MAX_TOKENS, decoded, too_long
from netwright.wan.units import plain_number

_TOKEN = re.compile(r'\s*(?:#[^\n]*(?:\n|$)|(?P<string>"[^"]*")|(?P<mark>[\[\]])|(?P<word>[^\s\[\]"]+))')
MAX_DEPTH = 50

Entries = list[tuple[str, object]]  # a list of GML; keys may repeat


def parse_gml(content: bytes, name: str, source: str) -> RawGraph:
    """The network of a GML file.

    Raises:
        DataError: the file is malformed, or a node or link has no ids.
    """
    graphs = [value for key, value in _entries(decoded(content, source), source) if key == "graph"]
    if len(graphs) != 1 or not isinstance(graphs[0], list):
        raise DataError(
            f"{source}: GML has one `graph [ .. ]`, here there are {len(graphs)}; check the file."
        )
    entries: Entries = graphs[0]
    parts = [(key, value) for key, value in entries if key in ("node", "edge")]
    holders = [("the graph", entries), *((key, value) for key, value in parts if isinstance(value, list))]
    for what, held in holders:
        if any(key == "graph" for key, _ in held):
            raise DataError(
                f"{source}: {what} holds a graph of its own; give all nodes and links in one graph."
            )
    plain = {key: value for key, value in entries if not isinstance(value, list)}
    nodes = tuple(
        RawNode(_end(facts, "id", f"node {i}", source), _without(facts, "id"))
        for i, facts in enumerate(_blocks(entries, "node", source), start=1)
    )
    links = []
    for i, facts in enumerate(_blocks(entries, "edge", source), start=1):
        a, b = (_end(facts, end, f"edge {i}", source) for end in ("source", "target"))
        rest = _without(facts, "source", "target")
        links.append(RawLink(a, b, rest, f"edge {i}", direction(rest, f"{source}: edge {i}")))
    named = str(plain.get("name") or plain.get("label") or name)
    known = ("name", "label", "directed", "multigraph", "node", "edge", "stats", "Creator", "id", "comment")
    unread = tuple(dict.fromkeys(f"graph.{key}" for key, _ in entries if key not in known))
    return RawGraph(named, "GML", source, nodes, tuple(links), _directed(plain, source), unread=unread)


def _directed(plain: dict[str, object], source: str) -> bool:
    said = str(plain.get("directed", "0"))
    if said not in ("0", "1"):
        raise DataError(f"{source}: directed must be 0 or 1, got {said[:20]!r}; correct it.")
    return said == "1"


def _blocks(entries: Entries, key: str, source: str) -> list[dict[str, object]]:
    found = []
    for name, value in entries:
        if name == key:
            if not isinstance(value, list):
                raise DataError(f"{source}: {key} must be a list `{key} [ .. ]`; correct it.")
            found.append(_facts(value))
    return found


def _facts(entries: Entries) -> dict[str, object]:
    """Keys and values; a key that stands several times holds a list, as networkx writes them."""
    found: dict[str, list[object]] = {}
    for key, value in entries:
        found.setdefault(key, []).append(value)
    return {key: values[0] if len(values) == 1 else values for key, values in found.items()}


def _without(facts: dict[str, object], *names: str) -> dict[str, object]:
    return {name: value for name, value in facts.items() if name not in names}


def _end(facts: dict[str, object], name: str, place: str, source: str) -> str:
    value = facts.get(name)
    if value in (None, ""):
        raise DataError(f"{source}: {place} has no {name}; add it.")
    return str(value)


def _entries(text: str, source: str) -> Entries:
    """The key-value pairs of the outermost list; a value is a string, a number or a list."""
    top: Entries = []
    open_lists = [top]
    key: str | None = None
    at = n_tokens = 0
    end = len(text.rstrip())
    while at < end:
        n_tokens += 1
        if n_tokens > MAX_TOKENS:
            raise too_long(source)
        match = _TOKEN.match(text, at)
        if not match or match.end() == at:
            raise _broken(text, at, source)
        at = match.end()
        token = match["string"] or match["mark"] or match["word"]
        if token is None:  # a comment
            continue
        if token == "]":
            if key is not None or len(open_lists) == 1:
                raise _broken(text, at, source)
            open_lists.pop()
        elif key is None:
            if match["word"] is None:
                raise _broken(text, at, source)
            key = token
        else:
            value: object = [] if token == "[" else _value(token)
            open_lists[-1].append((key, value))
            key = None
            if isinstance(value, list):
                open_lists.append(value)
        if len(open_lists) > MAX_DEPTH:
            raise _broken(text, at, source)
    if key is not None or len(open_lists) != 1:
        raise DataError(f"{source}: ends within a list or after a key; the file is cut short.")
    return top


def _broken(text: str, at: int, source: str) -> DataError:
    return DataError(f"{source}: line {text.count(chr(10), 0, at) + 1}: not GML; check the file.")


def _value(token: str) -> object:
    if token.startswith('"'):
        return html.unescape(token[1:-1])
    number = plain_number(token)
    whole = number is not None and re.fullmatch(r"[+-]?\d{1,18}", token, re.ASCII)
    return int(token) if whole else token if number is None else number
