"""Edge lists: one link per line, separated by spaces, tabs, commas or semicolons, with or without a header."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

from netwright.core.errors import DataError
from netwright.core.reading import marked_first_line
from netwright.wan.importing.graph import check_counts
from netwright.wan.importing.raw import (
    Conventions,
    RawGraph,
    RawLink,
    check_titles,
    direction,
    nodes_of_links,
)
from netwright.wan.importing.text import SEPARATOR_LINE, lines_of, unescaped
from netwright.wan.units import DEMAND_TITLES, LINK_TITLES, ends_in, plain_number, split, understand

_POSITIONS = ("capacity", "latency_ms")  # columns after the two ends without a header
_COMMENT = re.compile(r"(?:^|\s)#.*$")
_TEAVAR = {"to_node", "from_node", "capacity", "prob_failure"}

Line = tuple[int, list[str]]


def parse_edge_list(content: bytes, name: str, source: str) -> RawGraph:
    """The network of an edge list.

    A first line of titles says what the columns hold, in any order; without titles a line is
    `a b [capacity [latency_ms]]`. `#` begins a comment, unless titles of all columns stand behind it on the first
    line, as numpy and pandas write them; names may stand in quotes. A pair of nodes that is
    given in both orders means the two directions of a link; other links lead both ways.

    Raises:
        DataError: names the line that is not a link.
    """
    text = ["" if SEPARATOR_LINE.fullmatch(line.strip()) else line for line in lines_of(content, source)]
    lines = _lines(text, source)
    titles = _titles(lines[0][1]) if lines else None
    if titles is not None:
        lines = lines[1:]
    elif lines:
        titles = _titles_behind_a_mark(text, len(lines[0][1]), source)
    if titles is None:
        links = tuple(_by_position(words, number, source) for number, words in lines)
    else:
        check_titles(titles, source)
        links = tuple(_by_title(titles, words, number, source) for number, words in lines)
    teavar = titles is not None and {title.lower() for title in titles} >= _TEAVAR
    return RawGraph(
        name, "TEAVAR" if teavar else "edge list", source, nodes_of_links(links), links,
        True if teavar else None,
        Conventions(usual_capacity_unit="kbit/s" if teavar else "", opposite_lines=True),
    )  # fmt: skip


def separator(lines: Sequence[str]) -> str:
    """The separator of a table: the first of `;`, tab and `,` in its first line, or a blank."""
    first = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return next((mark for mark in (";", "\t", ",") if mark in bare), " ")


def _lines(lines: Sequence[str], source: str) -> list[Line]:
    mark = separator(lines)
    found: list[Line] = []
    for number, line in enumerate(lines, start=1):
        plain = _without_comment(line).strip() if mark != "\t" else _without_comment(line).strip(" \r\n")
        if plain.strip():
            check_counts(0, len(found), source)
            found.append((number, _cells(plain, mark, number, source)))
    return found


def _without_comment(line: str) -> str:
    match = _COMMENT.search(line)
    inside = match is not None and line[: match.start()].count('"') % 2 == 1
    return line if match is None or inside else line[: match.start()]


def _cells(line: str, mark: str, number: int, source: str) -> list[str]:
    text = re.sub(r"\s+", " ", line) if mark == " " else line
    try:
        return [cell.strip() for cell in next(csv.reader([text], delimiter=mark, skipinitialspace=True))]
    except csv.Error as error:
        raise DataError(f"{source}: line {number}: not a line of cells ({error}); correct it.") from None


def _titles(words: Sequence[str]) -> list[str] | None:
    """The words of the first line if they are titles; node names such as a and b alone are not."""
    ends = ends_in(words)
    if ends is None or any(plain_number(word) is not None for word in words):
        return None
    others = [word for word in words if word not in ends]
    known = any(understand(word, LINK_TITLES) or understand(word, DEMAND_TITLES) for word in others)
    return list(words) if known or all(len(end) > 1 for end in ends) else None


def _titles_behind_a_mark(text: Sequence[str], n_cells: int, source: str) -> list[str] | None:
    """Titles of that many columns on a first line that begins with `#`."""
    marked = marked_first_line(text)
    if marked is None:
        return None
    number, plain = marked
    found = _titles(_cells(plain, separator([plain]), number, source))
    return found if found is not None and len(found) == n_cells else None


def _by_position(words: Sequence[str], number: int, source: str) -> RawLink:
    if not 2 <= len(words) <= 4 or not all(words[:2]):
        raise DataError(
            f"{source}: line {number}: a link is written as `a b [capacity [latency_ms]]`, or in the columns that a "
            f"first line of titles such as `source target capacity` names; correct {' '.join(words)[:40]!r}."
        )
    if len(words) > 2 and words[2] and split(words[2]) is None and number == 1:
        raise DataError(
            f"{source}: line 1: {' '.join(words)[:40]!r} looks like titles, but none means the ends of a link; "
            "call them source and target."
        )
    return RawLink(
        unescaped(words[0]),
        unescaped(words[1]),
        dict(zip(_POSITIONS, words[2:], strict=False)),
        f"line {number}",
    )


def _by_title(titles: Sequence[str], words: Sequence[str], number: int, source: str) -> RawLink:
    if len(words) > len(titles):
        raise DataError(
            f"{source}: line {number}: has {len(words)} cells under {len(titles)} titles; correct the line."
        )
    facts: dict[str, object] = dict(zip(titles, words, strict=False))
    ends = ends_in(titles)
    assert ends is not None
    a, b = (str(facts.pop(end, "")) for end in ends)
    if not a or not b:
        raise DataError(
            f"{source}: line {number}: does not say between which nodes it is; fill in both ends."
        )
    way = direction(facts, f"{source}: line {number}")
    return RawLink(unescaped(a), unescaped(b), facts, f"line {number}", way)
