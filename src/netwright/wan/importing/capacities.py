"""Capacities of a file's links in one unit, from various columns and units."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence

from netwright.core.errors import DataError
from netwright.wan.importing.columns import Column, Given, all_given, disagreements, place_of, unit_beside
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import Facts, RawGraph, RawLink, count, listed
from netwright.wan.units import BITS_PER_SECOND, Rate, is_carrier_rate, plain_number, rate, rate_unit

ZOO = (
    "linkspeed",
    "linkspeedunits",
)  # columns of the Topology Zoo: a number, and K, M or G in a separate column
AS_IN_FILE, RELATIVE = "as in the file", "relative"  # units of capacities without one
PLAUSIBLE = 100.0  # a number without a unit is read as bit/s within this factor of those with a unit


def capacity_facts(rows: Sequence[RawLink], options: ImportOptions) -> set[str]:
    """Names of further attributes with capacities."""
    names = {name for row in rows for name in row.facts}
    return {n for n in names if n.lower() in ZOO or (options.capacity_from and n == options.capacity_from)}


def capacities(
    raw: RawGraph, rows: Sequence[RawLink], by_meaning: Mapping[str, list[Column]], options: ImportOptions
) -> tuple[list[float | None], str, list[str]]:
    """Each link's capacity (None if missing), the common unit, and notes about assumptions.

    Raises:
        DataError: not a positive number, an unknown unit, or a unit missing on some links only.
    """
    columns = by_meaning["capacity"]
    found = [_rate(raw, row, by_meaning, options) for row in rows]
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
        return rate_unit(own) or own, _unknown_unit(own)
    usual = raw.conventions.usual_capacity_unit
    if usual:
        return usual, [
            f"capacities read in {usual}, as {raw.format} files have them (--capacity-unit says another)"
        ]
    return AS_IN_FILE, [
        "capacities have no unit in the file: taken as they are, demands must share it (--capacity-unit names it)"
    ]


def _unknown_unit(own: str) -> list[str]:
    """A note about a unit of a file that is no rate, and is none of netwright's own words for that."""
    if rate_unit(own) or own in (AS_IN_FILE, RELATIVE):
        return []
    return [f"capacities are in {own[:40]!r}, which is no known rate: demands must share it"]


def _mixed(
    raw: RawGraph, rows: Sequence[RawLink], found: Sequence[Rate | None], named: Sequence[Rate]
) -> str:
    sizes = [each.in_unit("bit/s") for each in named]
    bare = [(row, each) for row, each in zip(rows, found, strict=True) if each and not each.unit]
    for row, each in bare:
        if not min(sizes) / PLAUSIBLE <= each.value <= max(sizes) * PLAUSIBLE:
            raise DataError(
                f"{place_of(raw, row)} has the capacity {each.value:g} without a unit "
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


def _rate(
    raw: RawGraph, row: RawLink, by_meaning: Mapping[str, list[Column]], options: ImportOptions
) -> Rate | None:
    given = _given(row, by_meaning["capacity"], options)
    if not given:
        return None
    name, value, unit = given[0]
    where = place_of(raw, row)
    unit = unit or unit_beside(row, by_meaning["capacity_unit"], rate_unit, BITS_PER_SECOND, where)
    asked = "" if rate_unit(raw.conventions.capacity_unit) else options.capacity_unit
    found = rate(value, name, where, unit or rate_unit(asked) or "")
    if found.value <= 0.0:
        raise DataError(f"{where}: {name} must be above 0, got {found.value:g}; correct it.")
    return found


def _given(row: RawLink, columns: Sequence[Column], options: ImportOptions) -> list[Given]:
    """All that a link has as its capacity, the one that is read first."""
    if options.capacity_from:
        value = speed_in(row.facts.get(options.capacity_from))
        return [] if value is None else [(options.capacity_from, value, "")]
    zoo = _zoo(row.facts)
    found = all_given(row.facts, columns) + ([] if zoo is None else [zoo])
    return sorted(found, key=_lacks_unit)


def _lacks_unit(given: Given) -> bool:
    """Whether a capacity names no unit: one that does goes before it."""
    name, value, unit = given
    try:
        return not rate(value, name, "", unit).unit
    except DataError:
        return False


def _disagreements(rows: Sequence[RawLink], columns: Sequence[Column], options: ImportOptions) -> list[str]:
    """A note for each attribute that gives another capacity than the one that is read."""
    found = disagreements([_given(row, columns, options) for row in rows], _size)
    return [
        f"{name!r} and {other!r} give different capacities on {count(n, 'link')}: {name!r} is read"
        for (name, other), n in found.items()
    ]


def _size(given: Given) -> float | None:
    """In bit/s, or as it is where it has no unit."""
    name, value, unit = given
    try:
        found = rate(value, name, "", unit)
    except DataError:
        return None
    return found.in_unit("bit/s") if found.unit else found.value


_SPEED = re.compile(r"\d+(?:\.\d+)?\s*(?:[kmgt]?(?:bit/s|bits/s|bps|b/s)|[kmgt]\b)", re.IGNORECASE)


def speed_in(value: object) -> object:
    """The single speed in a label such as "Peering, 1 Gbps"; None for no speed, several, or a bound ("< 1 G")."""
    if not isinstance(value, str) or plain_number(value) is not None:
        return None if value == "" else value
    found = _SPEED.findall(value)
    if len(found) == 1 and not re.search(r"[<>]", value):
        return found[0]
    return value if is_carrier_rate(value) else None


def _zoo(facts: Facts) -> Given | None:
    """LinkSpeed with LinkSpeedUnits."""
    by_name = {name.lower(): (name, value) for name, value in facts.items()}
    name, value = by_name.get(ZOO[0], ("", None))
    if value in (None, ""):
        return None
    unit = by_name.get(ZOO[1], ("", ""))[1]
    return name, value if unit in (None, "") else f"{value} {unit}", ""
