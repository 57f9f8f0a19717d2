"""From an imported graph to a topology: names, latencies and capacities that a file may leave out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netwright.core.errors import DataError
from netwright.wan.importing.graph import ImportedGraph, Link
from netwright.wan.topology import FIBRE_KM_PER_MS, Topology, distinct

EARTH_RADIUS_KM = 6371.0


def as_topology(graph: ImportedGraph) -> Topology:
    """The topology of a graph.

    Latency is what the file says, or the length in fibre, or the great circle between the ends; links of which the
    file tells none of these get the median of the others, or 1 ms each where it tells of no link. Capacity is 1 for
    every link where the file gives none at all.

    Raises:
        DataError: some links have a capacity and some have none, or the network is not connected.
    """
    number = graph.index
    ends = [(number[link.a], number[link.b]) for link in graph.links]
    ways = ends if graph.directed else [way for a, b in ends for way in ((a, b), (b, a))]
    times = 1 if graph.directed else 2
    try:
        return Topology(
            graph.name,
            _names(graph),
            np.array(ways, dtype=np.int64).reshape(-1, 2),
            np.repeat(_capacities(graph), times),
            np.repeat(_latencies_ms(graph), times),
            np.array([(_or_nan(n.lat), _or_nan(n.lon)) for n in graph.nodes], dtype=np.float64).reshape(
                -1, 2
            ),
            _unit(graph),
            graph.source,
        )
    except DataError as error:
        raise DataError(f"{graph.source}: {error}") from None


def _names(graph: ImportedGraph) -> tuple[str, ...]:
    """Labels where every node has one, otherwise the names that links use."""
    labels = [node.label for node in graph.nodes]
    return tuple(distinct(labels)) if all(labels) else tuple(node.name for node in graph.nodes)


def _unit(graph: ImportedGraph) -> str:
    if graph.links[0].capacity is None:
        return "relative"
    return graph.capacity_unit or "as in the file"


def _capacities(graph: ImportedGraph) -> Sequence[float]:
    found = [link.capacity for link in graph.links]
    if all(capacity is None for capacity in found):
        return [1.0] * len(found)
    for link in graph.links:
        if link.capacity is None:
            raise DataError(
                f"{link.place} ({link.a} to {link.b}) has no capacity although others have; give it one, or none any."
            )
    return [float(capacity) for capacity in found if capacity is not None]


def _latencies_ms(graph: ImportedGraph) -> Sequence[float]:
    found = [_latency_ms(graph, link) for link in graph.links]
    known = [ms for ms in found if ms is not None]
    usual = float(np.median(known)) if known else 1.0
    return [usual if ms is None else ms for ms in found]


def _latency_ms(graph: ImportedGraph, link: Link) -> float | None:
    if link.latency_ms is not None:
        return link.latency_ms
    if link.length_km is not None:
        return link.length_km / FIBRE_KM_PER_MS
    a, b = (graph.nodes[graph.index[name]] for name in (link.a, link.b))
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        return None
    return max(1.0, great_circle_km((a.lat, a.lon), (b.lat, b.lon))) / FIBRE_KM_PER_MS


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Distance of two places (latitude, longitude in degrees) along the earth's surface (haversine)."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    h = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2.0 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
