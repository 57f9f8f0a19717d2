"""Titles of columns in files of networks and demands, and units of their numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from netwright.core.errors import ConfigError, DataError

Titles = Mapping[str, tuple[str, ...]]  # meaning -> its titles in files, in lower case with underscores


def _table(**names: str) -> Titles:
    return {meaning: tuple(text.split()) for meaning, text in names.items()}


ENDS = _table(
    source="source src from from_node source_node src_node source_id from_id origin start tail node1 node_1 "
    "node_a end_a endpoint1 endpoint_a site_a a i s u",
    target="target dst dest destination to to_node target_node dst_node target_id to_id end head node2 node_2 "
    "node_b end_b endpoint2 endpoint_b site_b b j t v",
)
LINK_TITLES: Titles = {
    **ENDS,
    **_table(
        capacity="capacity cap bandwidth bw link_capacity max_capacity link_bandwidth speed link_speed linkspeedraw",
        latency="latency delay one_way_delay one_way_latency propagation_delay prop_delay link_delay",
        length="length len dist distance link_length",
        capacity_unit="capacity_unit capacity_units capacityunit capacityunits bandwidth_unit bandwidth_units bw_unit "
        "speed_unit speed_units",
        latency_unit="latency_unit latency_units latencyunit delay_unit delay_units delayunit",
        length_unit="length_unit length_units lengthunit distance_unit distance_units dist_unit",
    ),
}
NODE_TITLES = _table(
    id="id",
    label="label",
    name="name",
    latitude="latitude lat latitude_deg",
    longitude="longitude lon long lng longitude_deg",
    position="pos position coordinates coords",
)
DEMAND_TITLES: Titles = {
    **ENDS,
    **_table(
        volume="volume demand traffic demandvalue demand_value value amount tm bandwidth bw rate",
        step="step time_step timestep interval",
    ),
    "class": ("class", "traffic_class", "cos", "qos", "priority", "h"),
}

BITS_PER_SECOND = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "Tbit/s": 1e12}
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "ms": 1.0, "s": 1e3}
KILOMETERS = {"m": 1e-3, "km": 1.0, "mi": 1.609344}

LARGEST = 1e30  # no capacity, demand, latency or length; sums of larger numbers would overflow

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_RATE = re.compile(
    r"(?P<prefix>[kmgt]|kilo|mega|giga|tera)?[ ]?"
    r"(?P<unit>bits?|b)?[ ]?(?:(?:/|p|per|_per_)[ ]?(?:s|sec|second))?",
    re.IGNORECASE,
)
_BYTES = re.compile(r"[kKmMgGtT]?(?:B|B/s|Bps|B/sec|[Bb]ytes?/s)")
_TIMES = {
    "ns": ("nanosecond", "nanoseconds", "nsec"),
    "us": ("µs", "μs", "usec", "microsecond", "microseconds"),
    "ms": ("msec", "millisecond", "milliseconds"),
    "s": ("sec", "second", "seconds"),
}
_LENGTHS = {
    "m": ("meter", "meters", "metre", "metres"),
    "km": ("kilometer", "kilometers", "kilometre", "kilometres", "kms"),
    "mi": ("mile", "miles"),
}
_CARRIERS = (  # carriers' names of speeds, and the Mbit/s per unit of the number that follows
    (re.compile(r"oc-?(\d{1,4})c?", re.IGNORECASE), 51.84),
    (re.compile(r"stm-?(\d{1,4})c?", re.IGNORECASE), 155.52),
    (re.compile(r"(\d{1,4}) ?(?:ge|gbe|gige)", re.IGNORECASE), 1000.0),
)


@dataclass(frozen=True, slots=True)
class Title:
    """The content of a column; `unit` is "" if its title names none."""

    meaning: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """A capacity or a demand; `unit` is "" for a plain number, otherwise a key of BITS_PER_SECOND."""

    value: float
    unit: str = ""

    def in_unit(self, unit: str) -> float:
        """The value in another unit of BITS_PER_SECOND; its own unit must be known."""
        if unit == self.unit:
            return self.value
        factor, other = BITS_PER_SECOND[self.unit], BITS_PER_SECOND[unit]
        return self.value * (factor / other) if factor >= other else self.value / (other / factor)


def understand(title: str, known: Titles) -> Title | None:
    """The meaning of a column or attribute by its title; None if unknown.

    Case, blanks, hyphens and underscores are ignored; a unit may be in brackets or at the end, as in
    "Capacity [Gbit/s]", "bw_mbps" and "delay_us".
    """
    plain = title.strip().lstrip("\ufeff").strip()
    bracket = re.fullmatch(r"(.+?)\s*[\[(](.+)[\])]", plain)
    if bracket:
        found = _meaning(bracket[1], known)
        unit = "" if found is None else _unit_of(found, bracket[2])
        return Title(found, unit) if found is not None and unit else None
    found = _meaning(plain, known)
    if found is not None:
        return Title(found, _IMPLIED.get(_plain(plain), ""))
    alone = _unit_alone(plain, known)
    if alone is not None:
        return alone
    head, _, tail = re.sub(r"[\s-]+", "_", plain).removesuffix("_").rpartition("_")
    head = head.removesuffix("_in")
    found = _meaning(head, known)
    unit = "" if found is None else _unit_of(found, tail)
    return Title(found, unit) if found is not None and unit else None


def ends_in(names: Iterable[str]) -> tuple[str, str] | None:
    """The names of a link's source and target; None if either is missing.

    Of several candidates, the first one in `ENDS` is used.
    """
    by_plain = {_plain(name): name for name in reversed(list(names))}
    source, target = (next((by_plain[n] for n in ENDS[end] if n in by_plain), None) for end in ENDS)
    return None if source is None or target is None else (source, target)


_IMPLIED = {"linkspeedraw": "bit/s"}


def _unit_alone(title: str, known: Titles) -> Title | None:
    """A title that consists of a unit only, such as "mbps", "Gbit/s", "ms" or "km"."""
    if len(title) < 2:
        return None
    readers = (
        ("capacity", rate_unit),
        ("volume", rate_unit),
        ("latency", time_unit),
        ("length", length_unit),
    )
    found = ((meaning, read(title)) for meaning, read in readers if meaning in known)
    return next((Title(meaning, unit) for meaning, unit in found if unit), None)


def _plain(title: str) -> str:
    return re.sub(r"[\s-]+", "_", title.strip().lower())


def _meaning(title: str, known: Titles) -> str | None:
    plain = _plain(title)
    return next((meaning for meaning, names in known.items() if plain in names), None)


def _unit_of(meaning: str, text: str) -> str:
    """The unit in a title after its meaning; "" if the two do not match."""
    readers = {"capacity": rate_unit, "volume": rate_unit, "latency": time_unit, "length": length_unit}
    return readers[meaning](text) or "" if meaning in readers else ""


def rate_unit(text: str) -> str | None:
    """The unit of BITS_PER_SECOND for a text such as "Gbps", "mbit/s", "G" or "MBITPERSEC"; None if unknown.

    Bytes (GB, MB/s, MBps) are no unit here: a capacity in them is refused by `rate`.
    """
    plain = text.strip()
    match = _RATE.fullmatch(plain)
    if not plain or not match or _BYTES.fullmatch(plain):
        return None
    letter = (match["prefix"] or "")[:1].lower()
    if match["unit"] is None and not letter:
        return None
    return {"": "bit/s", "k": "kbit/s", "m": "Mbit/s", "g": "Gbit/s", "t": "Tbit/s"}[letter]


def time_unit(text: str) -> str | None:
    """The unit of MILLISECONDS for a text; None if unknown."""
    return _spelling(text, _TIMES)


def length_unit(text: str) -> str | None:
    """The unit of KILOMETERS for a text; None if unknown."""
    return _spelling(text, _LENGTHS)


def _spelling(text: str, known: Mapping[str, tuple[str, ...]]) -> str | None:
    plain = text.strip().lower()
    return next((unit for unit, names in known.items() if plain == unit or plain in names), None)


def plain_number(text: str) -> float | None:
    """The number of an ASCII numeral below `LARGEST`; None for anything else (such as "nan", "1_000" or "1,5")."""
    if not _NUMBER.fullmatch(text.strip()):
        return None
    found = float(text)
    return found if abs(found) < LARGEST else None


def split(value: object) -> tuple[float, str] | None:
    """A number and the text after it; None if the text does not start with a finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if not isinstance(value, str):
        return (float(value), "") if abs(value) < LARGEST else None
    match = _NUMBER.match(value.strip())
    number = plain_number(match[0]) if match else None
    if match is None or number is None:
        return None
    behind = value.strip()[match.end() :].strip()
    return None if behind.startswith((",", ".")) else (number, behind)  # 2,5 and 1.000.000 are not accepted


def rate(value: object, what: str, where: str, unit: str = "") -> Rate:
    """Parse a capacity or demand: 10, "1e10", "10G", "10 Gbps", "OC-192".

    Args:
        what: its name, for the message.
        where: file and location, for the message.
        unit: unit of a plain number, a key of BITS_PER_SECOND; "" if unknown.

    Raises:
        DataError: not a finite number, or an unknown unit.
    """
    if isinstance(value, str) and (carrier := _carrier_rate(value)):
        return carrier
    found = split(value)
    if found is None:
        raise DataError(
            f"{where}: {what} must be a finite number, got {short(value)}; give one, such as 2.5 or 10G."
        )
    number, behind = found
    named = rate_unit(behind) if behind else unit
    if named is None:
        raise DataError(
            f"{where}: {what} {short(value)} has the unknown unit {short(behind)}; "
            "use bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s (or k, M, G, T)."
        )
    return Rate(number, named)


def is_carrier_rate(text: str) -> bool:
    """Whether a text is a carrier's name for a speed, such as OC-192 or STM-64."""
    return _carrier_rate(text) is not None


def _carrier_rate(text: str) -> Rate | None:
    for pattern, mbps in _CARRIERS:
        match = pattern.fullmatch(text.strip())
        if match:
            return Rate(int(match[1]) * mbps, "Mbit/s")
    return None


def readable(value: float, unit: str) -> tuple[str, str]:
    """A rate with four digits in the largest unit in which it is at least 1, such as ("226.9", "Gbit/s")."""
    bits = value * BITS_PER_SECOND[unit]
    fitting = [name for name, size in BITS_PER_SECOND.items() if bits >= size]
    chosen = fitting[-1] if fitting else unit
    return f"{bits / BITS_PER_SECOND[chosen]:.4g}", chosen


def duration_ms(value: object, what: str, where: str, unit: str = "ms") -> float:
    """A latency in ms from 4.2, "4.2 ms" or "4200us"; `unit` is that of a plain number.

    `unit` may include a factor, such as "10us" for hundredths of a millisecond.

    Raises:
        DataError: not a finite number, or an unknown unit.
    """
    return _scaled(value, what, where, unit, MILLISECONDS, time_unit)


def distance_km(value: object, what: str, where: str, unit: str = "km") -> float:
    """A length in km from 400, "400 km" or "400000 m"; `unit` is that of a plain number.

    Raises:
        DataError: not a finite number, or an unknown unit.
    """
    return _scaled(value, what, where, unit, KILOMETERS, length_unit)


def _scaled(
    value: object,
    what: str,
    where: str,
    unit: str,
    known: Mapping[str, float],
    read: Callable[[str], str | None],
) -> float:
    found = split(value)
    if found is None:
        raise DataError(f"{where}: {what} must be a finite number, got {short(value)}; correct it.")
    number, behind = found
    if not behind:
        return number * factor(unit, known)
    named = read(behind)
    if named is None:
        raise DataError(
            f"{where}: {what} {short(value)} has the unknown unit {short(behind)}; use {', '.join(known)}."
        )
    return number * known[named]


def factor(unit: str, known: Mapping[str, float]) -> float:
    """The size of a unit in base units, with an optional factor: "us", "10us", "km".

    Raises:
        ConfigError: the unit is not one of `known`.
    """
    read = time_unit if known is MILLISECONDS else length_unit
    match = re.fullmatch(r"([\d.]*)\s*(\D+)", unit.strip())
    named = read(match[2]) if match else None
    times = plain_number(match[1]) if match and match[1] else 1.0
    if named is None or times is None or times <= 0.0:
        raise ConfigError(
            f"unknown unit {unit!r}; give one of {', '.join(known)}, or a multiple such as 10us."
        )
    return times * known[named]


def short(value: object) -> str:
    """The representation of a value, truncated to 40 characters."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
