"""A wide-area network: nodes, directed arcs with capacity and one-way latency, and a small JSON format."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from netwright.core.errors import DataError
from netwright.core.files import check_format_version, read_json, write_json
from netwright.core.types import Json

FORMAT_VERSION = 1
DIRECTED_FORMAT_VERSION = 2  # version of documents with directed arcs, which older releases refuse
FIBER_KM_PER_MS = 200.0  # speed of light in glass

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Topology:
    """A strongly connected network of n nodes and A directed arcs; compared by identity.

    Attributes:
        nodes: unique names (labels if the file has them).
        arcs: tail and head of every arc; shape (A, 2).
        capacity: positive, in `capacity_unit`; shape (A,).
        latency_ms: one-way, nonnegative; shape (A,).
        positions: latitude and longitude in degrees, NaN if unknown; shape (n, 2).
        capacity_unit: such as "Mbit/s", or "relative" if only proportions are known.
        ids: unique ids of the nodes in the source file; empty if they have names only.
        notes: sentences about what the reader of the file ignored, assumed or dropped.
    """

    name: str
    nodes: tuple[str, ...]
    arcs: Ints
    capacity: Array
    latency_ms: Array
    positions: Array
    capacity_unit: str = "relative"
    source: str = ""
    ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n, where = len(self.nodes), f"topology {self.name}"
        if n < 2 or len(set(self.nodes)) < n:
            raise DataError(f"{where}: needs at least two nodes with distinct names; correct the node list.")
        if self.ids and len(set(self.ids)) != n:
            raise DataError(f"{where}: needs one distinct id per node; correct the node list.")
        if self.arcs.ndim != 2 or self.arcs.shape[1:] != (2,) or not len(self.arcs):
            raise DataError(f"{where}: has no links; list at least one.")
        if self.arcs.min() < 0 or self.arcs.max() >= n:
            raise DataError(f"{where}: a link ends at a node that does not exist; correct the link list.")
        for (a, b), capacity, latency in zip(self.arcs, self.capacity, self.latency_ms, strict=True):
            link = f"{where}: link {self.nodes[a]} -> {self.nodes[b]}"
            if a == b:
                raise DataError(f"{link} ends where it starts; drop it.")
            if not 0.0 < capacity < np.inf:
                raise DataError(f"{link} has capacity {capacity:g}; give a positive one or drop the link.")
            if not 0.0 <= latency < np.inf:
                raise DataError(f"{link} has latency {latency:g} ms; give a nonnegative one.")
        if len({(int(a), int(b)) for a, b in self.arcs}) < len(self.arcs):
            raise DataError(f"{where}: a link is listed twice; merge parallel links into one.")
        self._check_connected()

    def _check_connected(self) -> None:
        for reversed_ in (False, True):
            seen = reachable(len(self.nodes), self.arcs[:, ::-1] if reversed_ else self.arcs)
            if not seen.all():
                lost = self.nodes[int(np.flatnonzero(~seen)[0])]
                raise DataError(
                    f"topology {self.name}: is disconnected: no path {'from' if reversed_ else 'to'} {lost} "
                    f"{'to' if reversed_ else 'from'} {self.nodes[0]}; add links or drop the separate part."
                )

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.nodes)

    @property
    def n_arcs(self) -> int:
        """Number of directed arcs."""
        return len(self.arcs)

    @cached_property
    def links(self) -> tuple[tuple[int, ...], ...]:
        """Arcs that fail together: both directions of a link, or a single arc without an opposite."""
        together: dict[tuple[int, int], list[int]] = {}
        for index, (a, b) in enumerate(self.arcs):
            together.setdefault((min(int(a), int(b)), max(int(a), int(b))), []).append(index)
        return tuple(tuple(arcs) for _, arcs in sorted(together.items()))

    @cached_property
    def _numbers(self) -> Mapping[str, frozenset[int]]:
        found: dict[str, set[int]] = {}
        for names in (self.nodes, self.ids):
            for number, name in enumerate(names):
                found.setdefault(name, set()).add(number)
        return {name: frozenset(numbers) for name, numbers in found.items()}

    def number_of(self, name: str) -> int:
        """The index of a node by its name or its id in the file.

        Raises:
            DataError: there is no such node, or it is the name of one node and the id of another.
        """
        numbers = self._numbers.get(name, frozenset())
        if len(numbers) == 1:
            return next(iter(numbers))
        if numbers:
            raise DataError(
                f"{name!r} is the name of one node of {self.name} and the id of another; "
                "use an unambiguous name or id."
            )
        near = difflib.get_close_matches(name, self._numbers, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its nodes are {_some(self.nodes)}."
        raise DataError(f"{name!r} is not a node of {self.name}; {hint}")

    @property
    def directed(self) -> bool:
        """Whether a link has only one direction, or directions of different capacity or latency."""
        return not all(self._alike(arcs) for arcs in self.links)

    def _alike(self, arcs: tuple[int, ...]) -> bool:
        facts = {(float(self.capacity[e]), float(self.latency_ms[e])) for e in arcs}
        return len(arcs) == 2 and len(facts) == 1

    def arc_name(self, arc: int) -> str:
        """For example "Chicago -> New York"."""
        a, b = self.arcs[arc]
        return f"{self.nodes[a]} -> {self.nodes[b]}"


def _some(names: Sequence[str], most: int = 6) -> str:
    return ", ".join(names[:most]) + (", .." if len(names) > most else "")


def reachable(n_nodes: int, arcs: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    """Whether each node is reachable from node 0 along arcs (A, 2); shape (n_nodes,)."""
    after: list[list[int]] = [[] for _ in range(n_nodes)]
    for a, b in arcs:
        after[int(a)].append(int(b))
    seen, waiting = np.zeros(n_nodes, dtype=bool), [0]
    seen[0] = True
    while waiting:
        for b in after[waiting.pop()]:
            if not seen[b]:
                seen[b] = True
                waiting.append(b)
    return seen


def two_core(n_nodes: int, links: Sequence[tuple[int, int]]) -> tuple[list[int], list[tuple[int, int]]]:
    """Collapse parallel links, drop loops, and repeatedly remove nodes of degree <= 1.

    This preparation gives the node and link counts of Table 5 (Wang et al. 2023) from the Topology Zoo.

    Returns:
        The surviving nodes, and the surviving links (a < b) in the old numbering; both sorted.
    """
    pairs = {(min(a, b), max(a, b)) for a, b in links if a != b}
    alive = set(range(n_nodes))
    while True:
        degree = dict.fromkeys(alive, 0)
        for a, b in pairs:
            degree[a] += 1
            degree[b] += 1
        leaves = {node for node, links_of in degree.items() if links_of <= 1}
        if not leaves:
            return sorted(alive), sorted(pairs)
        alive -= leaves
        pairs = {(a, b) for a, b in pairs if a in alive and b in alive}


def from_links(
    name: str,
    nodes: Sequence[str],
    links: Sequence[tuple[int, int]],
    capacity: Sequence[float],
    latency_ms: Sequence[float],
    *,
    positions: Sequence[tuple[float, float]] | None = None,
    capacity_unit: str = "relative",
    source: str = "",
) -> Topology:
    """A topology of undirected links: each becomes two consecutive arcs of its full capacity."""
    places = positions if positions is not None else [(np.nan, np.nan)] * len(nodes)
    return Topology(
        name,
        tuple(nodes),
        _arcs(links, directed=False),
        np.repeat(np.asarray(capacity, dtype=np.float64), 2),
        np.repeat(np.asarray(latency_ms, dtype=np.float64), 2),
        np.asarray(places, dtype=np.float64).reshape(-1, 2),
        capacity_unit,
        source,
    )


def read(path: Path) -> Topology:
    """A topology from netwright's JSON format (docs/wan.md) or that of the data folder.

    Raises:
        DataError: a field is missing or invalid; names the file and the link.
    """
    document = read_json(path)
    try:
        return _parse(document, path)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(
            f"{path}: not a topology ({type(error).__name__}: {error}); it needs lists `nodes` and `links`, "
            "see docs/wan.md."
        ) from None
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _parse(document: Mapping[str, Any], path: Path) -> Topology:
    if "format_version" not in document and "preparation" in document:
        return from_data_folder(document)
    directed = document.get("directed") is True
    check_format_version(document, DIRECTED_FORMAT_VERSION if directed else FORMAT_VERSION, path)
    nodes, links = document["nodes"], document["links"]
    names = [str(node["name"]) for node in nodes]
    ids = [str(node.get("id", node["name"])) for node in nodes]
    number = {name: i for i, name in enumerate(names)} | {key: i for i, key in enumerate(ids)}
    for link in links:
        for end in (str(link["from"]), str(link["to"])):
            if end not in number:
                raise DataError(
                    f"a link ends at {end!r}, which is not a node; add the node or correct the link."
                )
    times = 1 if directed else 2
    pairs = [(number[str(link["from"])], number[str(link["to"])]) for link in links]
    return Topology(
        str(document["name"]),
        tuple(names),
        _arcs(pairs, directed),
        np.repeat(np.array([float(link["capacity"]) for link in links]), times),
        np.repeat(np.array([float(link["latency_ms"]) for link in links]), times),
        np.array([(_number(n.get("latitude_deg")), _number(n.get("longitude_deg"))) for n in nodes]),
        str(document.get("capacity_unit", "relative")),
        str(document.get("source", "")),
        () if ids == names else tuple(ids),
    )


def _arcs(pairs: Sequence[tuple[int, int]], directed: bool) -> Ints:
    ways = pairs if directed else [way for a, b in pairs for way in ((a, b), (b, a))]
    return np.array(ways, dtype=np.int64).reshape(-1, 2)


def from_data_folder(document: Mapping[str, Any]) -> Topology:
    """A topology of `<data>/wan/topologies`: latency by length (1 ms per hop if lengths are unknown).

    Links have the speeds in the Zoo if it states one for all of them, and capacity 1 otherwise.
    """
    speeds = [link["capacity_mbps_from_label"] for link in document["links"]]
    known = all(speed is not None for speed in speeds)
    lengths = [link["length_km"] for link in document["links"]]
    labels = [str(node["label"]) or f"node{node['id']}" for node in document["nodes"]]
    made = from_links(
        str(document["name"]),
        distinct(labels),
        [(int(link["a"]), int(link["b"])) for link in document["links"]],
        [float(speed) for speed in speeds] if known else [1.0] * len(speeds),
        [1.0 if km is None else float(km) / FIBER_KM_PER_MS for km in lengths],
        positions=[(_number(node["lat"]), _number(node["lon"])) for node in document["nodes"]],
        capacity_unit="Mbit/s" if known else "relative",
        source=str(document.get("source", "")),
    )
    return replace(made, ids=tuple(str(node["id"]) for node in document["nodes"]))


def distinct(labels: Sequence[str]) -> list[str]:
    """The labels, with " 2", " 3", .. appended to duplicates."""
    out: list[str] = []
    taken: set[str] = set()
    for label in labels:
        name, copy = label, 1
        while name in taken:
            copy += 1
            name = f"{label} {copy}"
        taken.add(name)
        out.append(name)
    return out


def _number(value: Any) -> float:
    return float("nan") if value is None else float(value)


def write(path: Path, topology: Topology) -> None:
    """Write netwright's JSON format."""
    write_json(path, to_json(topology))


def to_json(topology: Topology) -> Json:
    """The document that `read` accepts.

    Links are undirected, unless a link has only one direction or directions that differ: then the document is
    `directed` and lists every arc.
    """
    directed = topology.directed
    ids = topology.ids or topology.nodes
    clear = all(topology._numbers[name] == {i} for i, name in enumerate(topology.nodes))
    ends = topology.nodes if clear else ids
    arcs = range(topology.n_arcs) if directed else [arcs[0] for arcs in topology.links]
    return {
        "format_version": DIRECTED_FORMAT_VERSION if directed else FORMAT_VERSION,
        "name": topology.name,
        "source": topology.source,
        "capacity_unit": topology.capacity_unit,
        **({"directed": True} if directed else {}),
        "nodes": [_node_json(topology, i) for i in range(topology.n_nodes)],
        "links": [
            {
                "from": ends[topology.arcs[e, 0]],
                "to": ends[topology.arcs[e, 1]],
                "capacity": float(topology.capacity[e]),
                "latency_ms": float(topology.latency_ms[e]),
            }
            for e in arcs
        ],
    }


def _node_json(topology: Topology, number: int) -> Json:
    latitude, longitude = topology.positions[number].tolist()
    unknown = np.isnan(topology.positions[number]).any()
    return {
        **({"id": topology.ids[number]} if topology.ids else {}),
        "name": topology.nodes[number],
        **({} if unknown else {"latitude_deg": latitude, "longitude_deg": longitude}),
    }
