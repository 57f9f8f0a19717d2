"""A graph as its file means it, before it is a topology, and what must hold of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from netwright.core.errors import DataError
from netwright.wan.importing.raw import RawDemand

MAX_NODES, MAX_LINKS = 2_000, 20_000
MAX_NAME = 200  # of a node's name and label together, which terminals and spreadsheets are to show


@dataclass(frozen=True, slots=True)
class Node:
    """A site by its id in the file. Positions in degrees, None where the file gives none."""

    name: str
    label: str = ""
    lat: float | None = None
    lon: float | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A link between two nodes by their ids, None where the file is silent.

    Attributes:
        place: where in the file it stands, such as "line 7" or "edge 12".
        directed: whether it leads from a to b only.
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
    """What was made of a file that its numbers do not show.

    Attributes:
        ignored: attributes that were not understood or not needed, by the kind of thing they stand on.
        notes: a sentence for each assumption and each reduction.
        dropped_nodes: ids.
    """

    ignored: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    dropped_nodes: tuple[str, ...] = ()
    dropped_links: int = 0

    def lines(self) -> tuple[str, ...]:
        """All of it in sentences."""
        named = (f"ignored on {kind}: {', '.join(names)}" for kind, names in self.ignored.items() if names)
        return (*named, *self.notes)


@dataclass(frozen=True)
class ImportedGraph:
    """Nodes and links in the file's order.

    Attributes:
        said_directed: whether the file itself says that links lead one way.
        source: the file, for messages.
        capacity_unit: of BITS_PER_SECOND, or the file's word for it; "" where neither is known.
        names: what each node is shown as, by its id; the id itself where there is none.
        folds: whether links of opposite direction are the two directions of one (`directed=False` on a directed file).
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
        """Number of each node by its id."""
        return {node.name: i for i, node in enumerate(self.nodes)}

    @property
    def directed(self) -> bool:
        """Whether some link leads one way only."""
        return any(link.directed for link in self.links)

    def where(self, link: Link) -> str:
        """File, place and ends of a link, for a message."""
        return f"{self.source}: {link.place} ({link.a} to {link.b})"

    def check_links(self) -> None:
        """Refuse loops and parallel links.

        Raises:
            DataError: names the first, and says what to do.
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
        """A hint where it is the other direction that was given already."""
        same = any((other.a, other.b) == (link.a, link.b) for other in self.links if other is not link)
        return "" if same or link.directed else ", or with --directed if each line is one direction"

    def check_size(self) -> None:
        """Refuse a file without a network, and one with too large a network."""
        if not self.nodes or not self.links:
            raise DataError(f"{self.source}: holds no network (no nodes or no links); check the file.")
        check_counts(len(self.nodes), len(self.links), self.source)


def arcs_of(link: Link) -> tuple[tuple[str, str], ...]:
    """The directions that a link leads in."""
    return ((link.a, link.b),) if link.directed else ((link.a, link.b), (link.b, link.a))


def check_counts(n_nodes: int, n_links: int, source: str) -> None:
    """Refuse more nodes or links than a design can be made for; readers ask before they build them.

    Raises:
        DataError: says how many there may be.
    """
    if n_nodes > MAX_NODES or n_links > MAX_LINKS:
        raise DataError(
            f"{source}: {n_nodes} nodes and {n_links} links are more than the "
            f"{MAX_NODES} and {MAX_LINKS} that can be imported; give a part of the network."
        )


def check_nodes(nodes: Sequence[Node], source: str) -> None:
    """Refuse ids that are given twice, and names that cannot be shown.

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
