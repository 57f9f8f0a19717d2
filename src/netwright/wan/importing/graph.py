"""An imported graph before its conversion to a topology, and its validation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from netwright.core.errors import DataError
from netwright.wan.importing.raw import RawDemand

MAX_NODES, MAX_LINKS = 2_000, 20_000
MAX_NAME = 200  # characters of a node's name and label together


@dataclass(frozen=True, slots=True)
class Node:
    """A node by its id in the file. Positions in degrees, None if missing."""

    name: str
    label: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two nodes by their ids; None for missing values.

    Attributes:
        place: location in the file, such as "line 7" or "edge 12".
        directed: whether it goes from a to b only.
    """

    a: str
    b: str
    capacity: float | None = None
    latency_ms: float | None = None
    length_km: float | None = None
    place: str = ""
    directed: bool = False


@dataclass(frozen=True)
class Findings:
    """Assumptions, reductions and ignored content of an import.

    Attributes:
        ignored: attributes that are unknown or unused, by the kind of element.
        notes: a sentence for each assumption and each reduction.
        dropped_nodes: ids.
    """

    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dropped_nodes: tuple[str, ...] = ()
    dropped_links: int = 0

    def lines(self) -> tuple[str, ...]:
        """All findings as sentences."""
        named = (f"ignored on {kind}: {', '.join(names)}" for kind, names in self.ignored.items() if names)
        return (*named, *self.notes)


@dataclass(frozen=True)
class ImportedGraph:
    """Nodes and links in the file's order.

    Attributes:
        said_directed: whether the file declares links as directed.
        source: the file, for messages.
        capacity_unit: a key of BITS_PER_SECOND, or the file's own unit; "" if unknown.
        names: display name of each node by its id; defaults to the id.
        folds: whether links of opposite direction are merged into one (`directed=False` on a directed file).
    """

    name: str
    nodes: tuple[Node, ...]
    links: tuple[Link, ...]
    source: str
    capacity_unit: str = ""
    format: str = ""
    demands: tuple[RawDemand, ...] = ()
    findings: Findings = field(default_factory=Findings)
    names: Mapping[str, str] = field(default_factory=dict)
    folds: bool = False
    said_directed: bool = False

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Index of each node by its id."""
        return {node.name: i for i, node in enumerate(self.nodes)}

    @property
    def directed(self) -> bool:
        """Whether any link is directed."""
        return any(link.directed for link in self.links)

    def where(self, link: Link) -> str:
        """File, location and ends of a link, for messages."""
        return f"{self.source}: {link.place} ({link.a} to {link.b})"

    def check_links(self) -> None:
        """Refuse loops and parallel links.

        Raises:
            DataError: names the first one and the remedy.
        """
        seen: dict[tuple[str, str], str] = {}
        for link in self.links:
            if link.a == link.b:
                raise DataError(
                    f"{self.where(link)}: a link from a node to itself; remove it, or run "
                    "`netwright design import --drop-loops`."
                )
            for arc in arcs_of(link):
                if arc in seen:
                    raise DataError(
                        f"{self.where(link)}: the link is given already at {seen[arc]}; make one of them, or run "
                        "`netwright design import` with --merge-parallel sum (adds capacities) or first"
                        f"{self._or_directed(link)}."
                    )
            seen |= dict.fromkeys(arcs_of(link), link.place)

    def _or_directed(self, link: Link) -> str:
        """A hint if the earlier link is the opposite direction."""
        same = any((other.a, other.b) == (link.a, link.b) for other in self.links if other is not link)
        return "" if same or link.directed else ", or with --directed if each line is one direction"

    def check_size(self) -> None:
        """Refuse an empty network and a network that is too large."""
        if not self.nodes or not self.links:
            raise DataError(f"{self.source}: holds no network (no nodes or no links); check the file.")
        check_counts(len(self.nodes), len(self.links), self.source)


def arcs_of(link: Link) -> tuple[tuple[str, str], ...]:
    """The directions of a link."""
    return ((link.a, link.b),) if link.directed else ((link.a, link.b), (link.b, link.a))


def check_counts(n_nodes: int, n_links: int, source: str) -> None:
    """Refuse more nodes or links than supported; readers call this before building them.

    Raises:
        DataError: names the limits.
    """
    if n_nodes > MAX_NODES or n_links > MAX_LINKS:
        raise DataError(
            f"{source}: {n_nodes} nodes and {n_links} links are more than the "
            f"{MAX_NODES} and {MAX_LINKS} that can be imported; give a part of the network."
        )


def check_nodes(nodes: Sequence[Node], source: str) -> None:
    """Refuse duplicate ids, and names that cannot be shown.

    Raises:
        DataError: names the node.
    """
    for name, times in Counter(node.name for node in nodes).most_common(1):
        if times > 1:
            raise DataError(
                f"{source}: node {name!r} is given {times} times; give every node a name of its own."
            )
    for node in nodes:
        if not (node.name + node.label).isprintable() or len(node.name + node.label) > MAX_NAME:
            raise DataError(
                f"{source}: node {node.name[:20]!r} has a name or label with control characters, or one "
                f"that is longer than {MAX_NAME} characters; rename it."
            )
