"""Edge lists: one link on each line, `a b [capacity [latency_ms]]`, with spaces, tabs, commas or semicolons between."""

from __future__ import annotations

import re

from netwright.core.errors import DataError
from netwright.wan.importing.graph import ImportedGraph, Link, link, nodes_of_links

_TITLES = {("source", "target"), ("src", "dst"), ("from", "to"), ("a", "b", "capacity")}


def parse_edge_list(content: bytes, name: str, source: str) -> ImportedGraph:
    """The graph of an edge list; links lead both ways, `#` begins a comment, a first line of titles is skipped.

    Raises:
        DataError: names the line that is no link.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise DataError(f"{source}: not text in UTF-8; save it as such.") from None
    links: list[Link] = []
    for number, line in enumerate(lines, start=1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        words = [w.strip() for w in re.split(r"[,;]" if re.search(r"[,;]", text) else r"\s+", text)]
        titles = tuple(word.lower() for word in words)
        if not links and (titles[:2] in _TITLES or titles[:3] in _TITLES):
            continue
        if not 2 <= len(words) <= 4 or not all(words[:2]):
            raise DataError(
                f"{source}: line {number}: a link is written as `a b [capacity [latency_ms]]`; "
                f"mend {line.strip()[:40]!r}."
            )
        facts = dict(zip(("capacity", "latency_ms"), words[2:], strict=False))
        links.append(link(words[0], words[1], facts, f"line {number}", source))
    return ImportedGraph(name, nodes_of_links(links), tuple(links), False, source)
