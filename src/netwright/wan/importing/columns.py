"""Attributes that are understood, and the values and units that links have under them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from netwright.core.errors import DataError
from netwright.wan.importing.raw import Facts, RawGraph, RawLink
from netwright.wan.units import Titles, short, understand

SAME_WITHIN = 0.01  # of each other: two values of an attribute that agree

Given = tuple[str, object, str]
"""Name of an attribute, its value, and the unit in the name."""


@dataclass(frozen=True, slots=True)
class Column:
    """A known attribute: its name in the file, and the unit in this name."""

    name: str
    unit: str


def columns_of(facts: Iterable[Facts], known: Titles) -> dict[str, list[Column]]:
    """The attributes of each meaning, in the order of the table of titles."""
    names = dict.fromkeys(name for each in facts for name in each)
    found: dict[str, list[Column]] = {meaning: [] for meaning in known}
    for name in names:
        title = understand(name, known)
        if title is not None:
            found[title.meaning].append(Column(name, title.unit))
    return found


def all_given(facts: Facts, columns: Sequence[Column]) -> list[Given]:
    """The columns that have a value, in order."""
    return [(c.name, facts[c.name], c.unit) for c in columns if facts.get(c.name) not in (None, "")]


def first_given(facts: Facts, columns: Sequence[Column]) -> Given | None:
    """The first of the columns that has a value."""
    return next(iter(all_given(facts, columns)), None)


def place_of(raw: RawGraph, link: RawLink) -> str:
    """File, location and ends of a link, for messages."""
    return f"{raw.source}: {link.place} ({link.a} to {link.b})"


def unit_beside(
    link: RawLink,
    columns: Sequence[Column],
    read: Callable[[str], str | None],
    known: Mapping[str, float],
    where: str,
) -> str:
    """The unit of a number in an attribute of its own, "" where there is none.

    Args:
        columns: attributes that hold units.
        read: the unit of `known` that a text means, None if none.
        where: file and place, for the message.

    Raises:
        DataError: the attribute holds no known unit.
    """
    given = first_given(link.facts, columns)
    if given is None:
        return ""
    name, said, _ = given
    unit = read(said) if isinstance(said, str) else None
    if unit is None:
        raise DataError(f"{where}: {name} {short(said)} is no known unit; use {', '.join(known)}.")
    return unit


def disagreements(
    links: Iterable[Sequence[Given]], size: Callable[[Given], float | None]
) -> Counter[tuple[str, str]]:
    """On how many links the attribute that is read and a further one have different values, by their names.

    Args:
        links: what each link has of one meaning, the attribute that is read first.
        size: a value in a common unit, None where it has none; equal texts always agree.
    """

    def agree(one: Given, other: Given) -> bool:
        if one[1:] == other[1:]:
            return True
        a, b = size(one), size(other)
        return a is not None and b is not None and math.isclose(a, b, rel_tol=SAME_WITHIN)

    return Counter(
        (given[0][0], other[0]) for given in links for other in given[1:] if not agree(given[0], other)
    )
