"""Capacities of a file's links in one unit, from various columns and units."""

from __future__ import annotations

import math
import re
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from netwright.core.errors import DataError
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import Facts, RawGraph, RawLink, count, listed
from netwright.wan.units import (
    BITS_PER_SECOND,
    LINK_TITLES,
    Rate,
    is_carrier_rate,
    plain_number,
    rate,
    rate_unit,
    short,
    understand,
)

ZOO = (
    "linkspeed",
    "linkspeedunits",
)  # columns of the Topology Zoo: a number, and K, M or G in a separate column
SAME_WITHIN = 0.01  # of each other: two capacities of a link that agree
PLAUSIBLE = 100.0  # a number without a unit is read as bit/s within this factor of those with a unit


class Named(Protocol):
    """A column: its name, and the unit in its title."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...


def capacity_facts(rows: Sequence[RawLink], options: ImportOptions) -> set[str]:
    """Names of further attributes with capacities."""
    names = {name for row in rows for name in row.facts}
    return {n for n in names if n.lower() in ZOO or (options.capacity_from and n == options.capacity_from)}


def capacities(
    raw: RawGraph, rows: Sequence[RawLink], columns: Sequence[Named], options: ImportOptions
) -> tuple[list[float | None], str, list[str]]:
    """Each link's capacity (None if missing), the common unit, and notes about assumptions.

    Raises:
        DataError: not a positive number, an unknown unit, or a unit missing on some links only.
    """
    found = [_rate(raw, row, columns, options) for row in rows]
    if all(each is None for each in found):
        if options.capacity_from:
            raise DataError(
                f"{raw.source}: no link names a speed as {options.capacity_from!r} (--capacity-from); "
                f"links have {listed(dict.fromkeys(name for row in rows for name in row.facts)) or 'no attribute'}."
            )
        return [None] * len(rows), "", []
    doubled = _disagreements(rows, columns, options)
    own = raw.conventions.capacity_unit
    named = [each for each in found if each is not None and each.unit]
    bare = [each for each in found if each is not None and not each.unit]
    if not named:
        unit, notes = _unit_of_bare(raw, own)
        return [None if each is None else each.value for each in found], unit, doubled + notes
    notes = doubled
    if bare:
        notes += [_mixed(raw, rows, found, named)]
        found = [Rate(each.value, "bit/s") if each and not each.unit else each for each in found]
    unit = _common([each for each in found if each is not None])
    return [None if each is None else each.in_unit(unit) for each in found], unit, notes


def _unit_of_bare(raw: RawGraph, own: str) -> tuple[str, list[str]]:
    if own:
        return rate_unit(own) or own, []
    usual = raw.conventions.usual_capacity_unit
    if usual:
        return usual, [
            f"capacities read in {usual}, as {raw.format} files have them (--capacity-unit says another)"
        ]
    return "as in the file", [
        "capacities have no unit in the file: taken as they are, demands must share it (--capacity-unit names it)"
    ]


def _mixed(
    raw: RawGraph, rows: Sequence[RawLink], found: Sequence[Rate | None], named: Sequence[Rate]
) -> str:
    sizes = [each.in_unit("bit/s") for each in named]
    bare = [(row, each) for row, each in zip(rows, found, strict=True) if each and not each.unit]
    for row, each in bare:
        if not min(sizes) / PLAUSIBLE <= each.value <= max(sizes) * PLAUSIBLE:
            raise DataError(
                f"{raw.source}: {row.place} ({row.a} to {row.b}) has the capacity {each.value:g} without a unit "
                "although others name theirs; write it beside the number, or give --capacity-unit."
            )
    return f"capacity without a unit on {count(len(bare), 'link')}: read as bit/s, as the others name theirs"


def _common(rates: Sequence[Rate]) -> str:
    """The common unit, or the largest unit in which the median is at least 1."""
    units = {each.unit for each in rates}
    if len(units) == 1 and units != {"bit/s"}:
        return next(iter(units))
    median = statistics.median(each.in_unit("bit/s") for each in rates)
    return next((unit for unit, size in reversed(BITS_PER_SECOND.items()) if median >= size), "bit/s")


def _rate(raw: RawGraph, row: RawLink, columns: Sequence[Named], options: ImportOptions) -> Rate | None:
    given = _given(row, columns, options)
    if not given:
        return None
    name, value, unit = given[0]
    where = f"{raw.source}: {row.place} ({row.a} to {row.b})"
    unit = unit or _beside(row.facts, where)
    asked = "" if rate_unit(raw.conventions.capacity_unit) else options.capacity_unit
    found = rate(value, name, where, unit or rate_unit(asked) or "")
    if found.value <= 0.0:
        raise DataError(f"{where}: {name} must be above 0, got {found.value:g}; correct it.")
    return found


Given = tuple[
    str, object, str
]  # name of the attribute, its value, the unit that the name or another attribute states


def _given(row: RawLink, columns: Sequence[Named], options: ImportOptions) -> list[Given]:
    """All that a link has as its capacity, the one that is read first."""
    if options.capacity_from:
        value = speed_in(row.facts.get(options.capacity_from))
        return [] if value is None else [(options.capacity_from, value, "")]
    given = [(c.name, row.facts[c.name], c.unit) for c in columns if row.facts.get(c.name) not in (None, "")]
    zoo = _zoo(row.facts)
    return given if zoo is None else [*given, zoo]


def _disagreements(rows: Sequence[RawLink], columns: Sequence[Named], options: ImportOptions) -> list[str]:
    """A note for each attribute that gives another capacity than the one that is read."""
    times: Counter[tuple[str, str]] = Counter()
    for row in rows:
        (first, *others) = _given(row, columns, options) or [("", "", "")]
        times.update((first[0], other[0]) for other in others if not _agree(first, other))
    return [
        f"{name!r} and {other!r} give different capacities on {count(n, 'link')}: {name!r} is read"
        for (name, other), n in times.items()
    ]


def _agree(one: Given, other: Given) -> bool:
    try:
        a, b = (rate(value, name, "", unit) for name, value, unit in (one, other))
    except DataError:
        return False
    size_a, size_b = (r.in_unit("bit/s") if r.unit else r.value for r in (a, b))
    return bool(a.unit) == bool(b.unit) and math.isclose(size_a, size_b, rel_tol=SAME_WITHIN)


_SPEED = re.compile(r"\d+(?:\.\d+)?\s*(?:[kmgt]?(?:bit/s|bits/s|bps|b/s)|[kmgt]\b)", re.IGNORECASE)


def speed_in(value: object) -> object:
    """The single speed in a label such as "Peering, 1 Gbps"; None for no speed, several, or a bound ("< 1 G")."""
    if not isinstance(value, str) or plain_number(value) is not None:
        return None if value == "" else value
    found = _SPEED.findall(value)
    if len(found) == 1 and not re.search(r"[<>]", value):
        return found[0]
    return value if is_carrier_rate(value) else None


def _beside(facts: Facts, where: str) -> str:
    """The unit in a separate column."""
    titles = ((name, understand(name, LINK_TITLES)) for name in facts)
    names = [name for name, title in titles if title is not None and title.meaning == "capacity_unit"]
    said = next((facts[name] for name in names if facts[name] not in (None, "")), None)
    unit = rate_unit(said) if isinstance(said, str) else None
    if said is not None and unit is None:
        raise DataError(
            f"{where}: {names[0]} {short(said)} is no known unit; use {', '.join(BITS_PER_SECOND)}."
        )
    return unit or ""


def _zoo(facts: Facts) -> tuple[str, object, str] | None:
    """LinkSpeed with LinkSpeedUnits."""
    by_name = {name.lower(): (name, value) for name, value in facts.items()}
    name, value = by_name.get(ZOO[0], ("", None))
    if value in (None, ""):
        return None
    unit = by_name.get(ZOO[1], ("", ""))[1]
    return name, value if unit in (None, "") else f"{value} {unit}", ""
