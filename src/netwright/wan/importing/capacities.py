"""Capacities of a file's links in one unit, from whatever columns and units the file uses."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from typing import Protocol

from netwright.core.errors import DataError
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import Facts, RawGraph, RawLink, count
from netwright.wan.units import BITS_PER_SECOND, Rate, is_carrier_rate, plain_number, rate, rate_unit

ZOO = ("linkspeed", "linkspeedunits")  # of the Topology Zoo: a number, and K, M or G beside it
PLAUSIBLE = 100.0  # a number without a unit is bit/s if it lies within this factor of those that have one


class Named(Protocol):
    """A column: its name, and the unit that its title states."""

    @property
    def name(self) -> str: ...
    @property
    def unit(self) -> str: ...


def capacity_facts(rows: Sequence[RawLink], options: ImportOptions) -> set[str]:
    """Names of attributes, other than those of the table of titles, that capacities are read from."""
    names = {name for row in rows for name in row.facts}
    return {n for n in names if n.lower() in ZOO or (options.capacity_from and n == options.capacity_from)}


def capacities(
    raw: RawGraph, rows: Sequence[RawLink], columns: Sequence[Named], options: ImportOptions
) -> tuple[list[float | None], str, list[str]]:
    """Each link's capacity (None where the file has none), their unit, and what was assumed.

    Raises:
        DataError: not a number above 0, an unknown unit, or a unit that is missing on some links only.
    """
    found = [_rate(raw, row, columns, options) for row in rows]
    if all(each is None for each in found):
        return [None] * len(rows), "", []
    own = raw.conventions.capacity_unit
    named = [each for each in found if each is not None and each.unit]
    bare = [each for each in found if each is not None and not each.unit]
    if not named:
        unit, notes = _unit_of_bare(raw, own)
        return [None if each is None else each.value for each in found], unit, notes
    notes = []
    if bare:
        notes = [_mixed(raw, rows, found, named)]
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
    """The unit that all have, or the largest in which the median is at least 1."""
    units = {each.unit for each in rates}
    if len(units) == 1 and units != {"bit/s"}:
        return next(iter(units))
    median = statistics.median(each.in_unit("bit/s") for each in rates)
    return next((unit for unit, size in reversed(BITS_PER_SECOND.items()) if median >= size), "bit/s")


def _rate(raw: RawGraph, row: RawLink, columns: Sequence[Named], options: ImportOptions) -> Rate | None:
    given = _given(row.facts, columns, options)
    if given is None:
        return None
    name, value, unit = given
    where = f"{raw.source}: {row.place} ({row.a} to {row.b})"
    asked = "" if rate_unit(raw.conventions.capacity_unit) else options.capacity_unit
    found = rate(value, name, where, unit or rate_unit(asked) or "")
    if found.value <= 0.0:
        raise DataError(f"{where}: {name} must be above 0, got {found.value:g}; correct it.")
    return found


def _given(facts: Facts, columns: Sequence[Named], options: ImportOptions) -> tuple[str, object, str] | None:
    if options.capacity_from:
        value = speed_in(facts.get(options.capacity_from))
        return None if value is None else (options.capacity_from, value, "")
    for column in columns:
        value = facts.get(column.name)
        if value not in (None, ""):
            return column.name, value, column.unit or _beside(facts)
    return _zoo(facts)


_SPEED = re.compile(r"\d+(?:\.\d+)?\s*(?:[kmgt]?(?:bit/s|bits/s|bps|b/s)|[kmgt]\b)", re.IGNORECASE)


def speed_in(value: object) -> object:
    """The one speed that a label such as "Peering, 1 Gbps" names; None for none, several, or a bound ("< 1 G")."""
    if not isinstance(value, str) or plain_number(value) is not None:
        return None if value == "" else value
    found = _SPEED.findall(value)
    if len(found) == 1 and not re.search(r"[<>]", value):
        return found[0]
    return value if is_carrier_rate(value) else None


def _beside(facts: Facts) -> str:
    """The unit in a column of its own."""
    value = next(
        (v for name, v in facts.items() if name.lower().endswith(("capacity_unit", "bw_unit"))), None
    )
    return rate_unit(value) or "" if isinstance(value, str) else ""


def _zoo(facts: Facts) -> tuple[str, object, str] | None:
    """LinkSpeed with LinkSpeedUnits."""
    by_name = {name.lower(): (name, value) for name, value in facts.items()}
    name, value = by_name.get(ZOO[0], ("", None))
    if value in (None, ""):
        return None
    unit = by_name.get(ZOO[1], ("", ""))[1]
    return name, value if unit in (None, "") else f"{value} {unit}", ""
