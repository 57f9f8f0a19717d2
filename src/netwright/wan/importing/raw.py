"""What the readers of formats hand on: nodes, links and their attributes as the file has them, not yet understood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from netwright.core.errors import DataError

Facts = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class RawNode:
    """A node by its id in the file, with its attributes by the file's own names."""

    id: str
    facts: Facts


@dataclass(frozen=True, slots=True)
class RawLink:
    """A link between two nodes by their ids or labels.

    Attributes:
        place: where in the file it stands, such as "line 7" or "edge 12".
        directed: whether it leads from a to b only; None where the file does not say of this link.
    """

    a: str
    b: str
    facts: Facts
    place: str
    directed: bool | None = None


@dataclass(frozen=True, slots=True)
class RawDemand:
    """What a node wants to send to another, both by their ids or labels; `unit` as for `units.Rate`."""

    source: str
    target: str
    volume: float
    unit: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Conventions:
    """What a format fixes, or the file says of itself as a whole.

    Attributes:
        capacity_unit: the file's own word for the unit of its capacities.
        usual_capacity_unit: by the format's convention, which no file states.
        latency_unit: unit of latencies that stand alone, where the format fixes it.
        asks_latency_unit: whether files of this format are known to use various units without saying which.
        length_unit: likewise for lengths.
        geographic: whether x and y are longitude and latitude.
        opposite_lines: whether a pair of nodes that is given in both orders means the two directions.
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
        format: its name, for the summary.
        directed: whether links lead one way unless they say otherwise; None where the file does not say.
        unread: what else the file holds, by its own names.
        notes: sentences on how the reader took what the file leaves open.
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
    """The nodes that links name, in the order in which they are first named."""
    return tuple(RawNode(name, {}) for name in dict.fromkeys(n for link in links for n in (link.a, link.b)))


def count(n: int, noun: str) -> str:
    """Such as "1 link" or "2 links"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def listed(names: Iterable[str], most: int = 8) -> str:
    """Names in a row, cut after so many."""
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
    """Takes a link's attribute `directed` out of its facts: whether it leads one way, None where it does not say.

    Raises:
        DataError: neither true nor false.
    """
    name = next((name for name in facts if name.strip().lower() == "directed"), None)
    said = None if name is None else facts.pop(name)
    if said in (None, ""):
        return None
    found = _TRUTHS.get(str(said).strip().lower())
    if found is None:
        raise DataError(f"{where}: directed must be true or false, got {str(said)[:40]!r}; correct it.")
    return found
