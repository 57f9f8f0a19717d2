"""The output of format readers: nodes, links and attributes as in the file, before interpretation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netwright.core.errors import DataError

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RawNode:
    """A node by its id in the file, with its attributes by their names in the file."""

    id: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class RawLink:
    """A link between two nodes by their ids or labels.

    Attributes:
        place: location in the file, such as "line 7" or "edge 12".
        directed: whether it goes from a to b only; None if not stated for this link.
    """

    a: str
    b: str
    facts: Facts
    place: str
    directed: bool | None = None


@dataclass(frozen=True, slots=True)
class RawDemand:
    """A demand between two nodes, given by their ids or labels; `unit` as for `units.Rate`."""

    source: str
    target: str
    volume: float
    unit: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Conventions:
    """Conventions of a format, or global statements of a file.

    Attributes:
        capacity_unit: the unit of capacities stated in the file.
        usual_capacity_unit: the unit by the format's convention.
        latency_unit: unit of plain latencies, if the format defines it.
        asks_latency_unit: whether files of this format use various units without stating them.
        length_unit: unit of plain lengths, if the format defines it.
        geographic: whether x and y are longitude and latitude.
        opposite_lines: whether a pair of nodes in both orders defines the two directions of a link.
    """

    capacity_unit: str = ""
    usual_capacity_unit: str = ""
    latency_unit: str = ""
    asks_latency_unit: bool = False
    length_unit: str = ""
    geographic: bool = False
    opposite_lines: bool = False


@dataclass(frozen=True, slots=True)
class RawGraph:
    """A file's network.

    Attributes:
        format: name of the format.
        directed: default direction of links; None if the file does not state it.
        unread: names of other content in the file.
        notes: sentences about the reader's assumptions.
    """

    name: str
    format: str
    source: str
    nodes: tuple[RawNode, ...]
    links: tuple[RawLink, ...]
    directed: bool | None = None
    conventions: Conventions = field(default_factory=Conventions)
    demands: tuple[RawDemand, ...] = ()
    unread: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def nodes_of_links(links: Iterable[RawLink]) -> tuple[RawNode, ...]:
    """The nodes named by links, in order of first occurrence."""
    return tuple(RawNode(name, {}) for name in dict.fromkeys(n for link in links for n in (link.a, link.b)))


def count(n: int, noun: str) -> str:
    """A count with its noun, such as "1 link" or "2 links"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names joined by commas, truncated after `most`."""
    shown = list(names)
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def check_titles(titles: Iterable[str], where: str) -> None:
    """Refuse a column or an attribute that is given twice.

    Raises:
        DataError: names it.
    """
    for title, times in Counter(titles).items():
        if times > 1 and title:
            raise DataError(f"{where}: {title!r} is given {times} times; give it once.")


_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def direction(facts: dict[str, object], where: str) -> bool | None:
    """Remove the attribute `directed` from a link's facts and return it; None if missing.

    Raises:
        DataError: it is neither true nor false.
    """
    name = next((name for name in facts if name.strip().lower() == "directed"), None)
    said = None if name is None else facts.pop(name)
    if said in (None, ""):
        return None
    found = _TRUTHS.get(str(said).strip().lower())
    if found is None:
        raise DataError(f"{where}: directed must be true or false, got {str(said)[:40]!r}; correct it.")
    return found
