"""A graph as a file gives it, before it is a topology: what must hold of it, and its preparation."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from netwright.core.errors import DataError

MAX_NODES, MAX_LINKS = 2_000, 20_000
MAX_NAME = 200  # of a node's name and label together, which terminals and spreadsheets are to show


@dataclass(frozen=True, slots=True)
class Node:
    """A site. Positions in degrees, None where the file gives none."""

    name: str
    label: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two nodes by their names, None where the file is silent.

    Attributes:
        place: where in the file it stands, such as "line 7" or "edge 12".
    """

    a: str
    b: str
    capacity: float | None = None
    latency_ms: float | None = None
    length_km: float | None = None
    place: str = ""


@dataclass(frozen=True)
class ImportedGraph:
    """Nodes and links in the file's order.

    Attributes:
        directed: whether a link leads one way only.
        source: the file, for messages.
        capacity_unit: as the file names it; "" where it does not.
    """

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    directed: bool
    source: str
    capacity_unit: str = ""

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Number of each node by its name."""
        return {node.name: i for i, node in enumerate(self.nodes)}

    def checked(self) -> ImportedGraph:
        """This graph, if every name is given once and every link joins two of the nodes by itself.

        Raises:
            DataError: names the first link or node that breaks a rule, and says what to do.
        """
        self._check_size()
        self._check_nodes()
        seen: dict[tuple[str, str], str] = {}
        for link in self.links:
            where = f"{self.source}: {link.place} ({link.a} to {link.b})"
            self._check_ends(link)
            if link.a == link.b:
                raise DataError(
                    f"{where}: a link from a node to itself; remove it, or run "
                    "`netwright design import --prepare`, which drops it."
                )
            ends = (link.a, link.b) if self.directed or link.a < link.b else (link.b, link.a)
            if ends in seen:
                raise DataError(
                    f"{where}: the link is given already at {seen[ends]}; make one of them, of their summed "
                    "capacity, or run `netwright design import --prepare`, which keeps the first."
                )
            seen[ends] = link.place
        return self

    def prepared(self) -> ImportedGraph:
        """The graph's 2-core: parallel links collapsed to the first, loops dropped, and dead ends removed.

        Nodes with fewer than two neighbours are removed again and again, so that few single failures can cut
        what is left (the preparation that gives the graphs of Table 5, Wang et al., POPL 2023).

        Raises:
            DataError: a link names an unknown node, or nothing is left.
        """
        self._check_size()
        self._check_nodes()
        simple: dict[tuple[str, str], Link] = {}
        for link in self.links:
            self._check_ends(link)
            if link.a != link.b:
                ends = (link.a, link.b) if self.directed or link.a < link.b else (link.b, link.a)
                simple.setdefault(ends, link)
        near: dict[str, set[str]] = {node.name: set() for node in self.nodes}
        for a, b in simple:
            near[a].add(b)
            near[b].add(a)
        while ends_dead := [name for name, others in near.items() if len(others) < 2]:
            for name in ends_dead:
                for other in near.pop(name):
                    near.get(other, set()).discard(name)
        if not near:
            raise DataError(
                f"{self.source}: a tree, of which nothing is left without its dead ends; import without --prepare."
            )
        return replace(
            self,
            nodes=tuple(node for node in self.nodes if node.name in near),
            links=tuple(link for link in simple.values() if link.a in near and link.b in near),
        )

    def _check_size(self) -> None:
        if not self.nodes or not self.links:
            raise DataError(f"{self.source}: holds no network (no nodes or no links); check the file.")
        if len(self.nodes) > MAX_NODES or len(self.links) > MAX_LINKS:
            raise DataError(
                f"{self.source}: {len(self.nodes)} nodes and {len(self.links)} links are more than the "
                f"{MAX_NODES} and {MAX_LINKS} that can be imported; give a part of the network."
            )

    def _check_nodes(self) -> None:
        name, times = Counter(node.name for node in self.nodes).most_common(1)[0]
        if times > 1:
            raise DataError(
                f"{self.source}: node {name!r} is given {times} times; give every node a name of its own."
            )

        for node in self.nodes:
            if not (node.name + node.label).isprintable() or len(node.name + node.label) > MAX_NAME:
                raise DataError(
                    f"{self.source}: node {node.name[:20]!r} has a name or label with control characters, or one "
                    f"that is longer than {MAX_NAME} characters; rename it."
                )

    def _check_ends(self, link: Link) -> None:
        for name in (link.a, link.b):
            if name not in self.index:
                raise DataError(
                    f"{self.source}: {link.place} ends at node {name!r}, which the file does not list; "
                    "add the node or mend the link."
                )


def number(
    value: Any, what: str, where: str, *, least: float | None = None, above: bool = False
) -> float | None:
    """A finite number from a file, or None where there is none.

    Args:
        value: a number, a numeral, None or "".
        what: its name, for the message.
        where: file and place, for the message.
        least: the smallest that it may be.
        above: whether it must lie above `least`.

    Raises:
        DataError: not such a number.
    """
    if value is None or value == "":
        return None
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(f"{where}: {what} must be a finite number, got {_short(value)}; mend it.")
    if least is not None and (found < least or (above and found == least)):
        raise DataError(
            f"{where}: {what} must be {'above' if above else 'at least'} {least:g}, got {found:g}; mend it."
        )
    return found


def link(a: str, b: str, facts: Mapping[str, Any], place: str, source: str) -> Link:
    """A link from the facts that a file gives by name: capacity, latency_ms, length_km or a synonym of these."""
    where = f"{source}: {place} ({a} to {b})"
    return Link(
        a,
        b,
        number(_first(facts, "capacity", "LinkSpeedRaw"), "capacity", where, least=0.0, above=True),
        number(_first(facts, "latency_ms"), "latency_ms", where, least=0.0),
        number(_first(facts, "length_km"), "length_km", where, least=0.0),
        place,
    )


def node(name: str, facts: Mapping[str, Any], source: str) -> Node:
    """A node from the facts that a file gives by name: label, lat, lon or a synonym of these."""
    where = f"{source}: node {name!r}"
    lat = number(_first(facts, "lat", "Latitude", "latitude", "latitude_deg"), "latitude", where, least=-90.0)
    lon = number(
        _first(facts, "lon", "Longitude", "longitude", "longitude_deg"), "longitude", where, least=-360.0
    )
    if lat is not None and lat > 90.0:
        raise DataError(f"{where}: latitude must be at most 90, got {lat:g}; mend it.")
    if lon is not None and lon > 360.0:
        raise DataError(f"{where}: longitude must be at most 360, got {lon:g}; mend it.")
    return Node(name, str(facts.get("label") or ""), lat, lon)


def _first(facts: Mapping[str, Any], *names: str) -> Any:
    return next((facts[name] for name in names if facts.get(name) not in (None, "")), None)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def nodes_of_links(links: Iterable[Link]) -> tuple[Node, ...]:
    """The nodes that links name, in the order in which they are first named."""
    return tuple(Node(name) for name in dict.fromkeys(name for each in links for name in (each.a, each.b)))
