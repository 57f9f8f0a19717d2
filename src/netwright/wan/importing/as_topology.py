"""Convert an imported graph to a topology: names, and defaults for missing latencies and capacities."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from netwright.core.errors import DataError
from netwright.wan.importing.graph import ImportedGraph, Link
from netwright.wan.importing.raw import count
from netwright.wan.importing.reductions import check_connected
from netwright.wan.topology import FIBER_KM_PER_MS, Topology

EARTH_RADIUS_KM = 6371.0
LONGEST_KM, LONGEST_MS = (
    25_000.0,
    2_000.0,
)  # of a link: above half of the Earth's girth, or three satellite hops
SLOWER_THAN_FIBER = (
    0.3,
    30.0,
)  # latencies outside this multiple of the time in fiber indicate a wrong unit


def as_topology(graph: ImportedGraph) -> Topology:
    """The topology of a graph; its `notes` list the assumptions.

    Latency is taken from the file, from the length in fiber, or from the great circle between the ends; links without
    any of these get the median of the others, or 1 ms if no link has one.

    Raises:
        DataError: only some links have a capacity, or the network is not connected.
    """
    check_connected(graph)
    number = graph.index
    ways = [
        [(link.a, link.b)] if link.directed else [(link.a, link.b), (link.b, link.a)] for link in graph.links
    ]
    times = [len(each) for each in ways]
    names = tuple(graph.names.get(node.name, node.name) for node in graph.nodes)
    latencies, notes = _latencies_ms(graph)
    try:
        return Topology(
            graph.name,
            names,
            np.array([(number[a], number[b]) for each in ways for a, b in each], dtype=np.int64).reshape(
                -1, 2
            ),
            np.repeat(_capacities(graph), times),
            np.repeat(latencies, times),
            np.array([(_or_nan(n.lat), _or_nan(n.lon)) for n in graph.nodes], dtype=np.float64).reshape(
                -1, 2
            ),
            graph.capacity_unit or "relative",
            graph.source,
            () if names == tuple(number) else tuple(number),
            (*graph.findings.lines(), *notes),
        )
    except DataError as error:
        raise DataError(f"{graph.source}: {error}") from None


def _capacities(graph: ImportedGraph) -> Sequence[float]:
    found = [link.capacity for link in graph.links]
    if all(capacity is None for capacity in found):
        return [1.0] * len(found)
    for link in graph.links:
        if link.capacity is None:
            missing = sum(capacity is None for capacity in found)
            raise DataError(
                f"{link.place} ({link.a} to {link.b}) has no capacity although others have ({count(missing, 'link')}); "
                "give it one, or run `netwright design import --default-capacity X`."
            )
    return [float(capacity) for capacity in found if capacity is not None]


def _latencies_ms(graph: ImportedGraph) -> tuple[Sequence[float], list[str]]:
    """Latency of each link, with notes about derived values."""
    by_length = [_by_length_ms(graph, link) for link in graph.links]
    found = [
        ms if li.latency_ms is None else li.latency_ms for li, ms in zip(graph.links, by_length, strict=True)
    ]
    notes = _derived(graph.links, by_length) + _implausible(graph.links, by_length)
    known = [ms for ms in found if ms is not None]
    missing = len(found) - len(known)
    usual = float(np.median(known)) if known else 1.0
    if missing:
        what = f"{usual:.3g} ms each, the median of the others" if known else "1 ms each"
        notes.append(f"latency unknown on {count(missing, 'link')}: {what}")
    return [usual if ms is None else ms for ms in found], notes


def _derived(links: Sequence[Link], by_length: Sequence[float | None]) -> list[str]:
    pairs = [
        (li, ms) for li, ms in zip(links, by_length, strict=True) if li.latency_ms is None and ms is not None
    ]
    lengths = sum(link.length_km is not None for link, _ in pairs)
    speed = f"at {FIBER_KM_PER_MS:g} km per ms (light in fiber)"
    notes = [f"latency of {count(lengths, 'link')} from the length {speed}"] if lengths else []
    places = len(pairs) - lengths
    return [*notes, f"latency of {count(places, 'link')} from the great circle {speed}"] if places else notes


def _implausible(links: Sequence[Link], by_length: Sequence[float | None]) -> list[str]:
    """Warnings where latencies and lengths of a file cannot be in the units that were read."""
    largest = {
        "lengths": (max((li.length_km or 0.0 for li in links), default=0.0), LONGEST_KM, "km"),
        "latencies": (max((li.latency_ms or 0.0 for li in links), default=0.0), LONGEST_MS, "ms"),
    }
    notes = [
        f"warning: {what} of up to {found:.4g} {unit} are more than on Earth; check their unit"
        for what, (found, most, unit) in largest.items()
        if found > most
    ]
    ratios = [
        link.latency_ms / ms
        for link, ms in zip(links, by_length, strict=True)
        if link.latency_ms is not None and ms is not None and ms > 0.0
    ]
    if not ratios or SLOWER_THAN_FIBER[0] <= (usual := float(np.median(ratios))) <= SLOWER_THAN_FIBER[1]:
        return notes
    return [
        *notes,
        f"warning: latencies are {usual:.2g} times those of light in fiber over the links' lengths; "
        "check the units (--latency-unit)",
    ]


def _by_length_ms(graph: ImportedGraph, link: Link) -> float | None:
    """Time of light in fiber over the link's length, or over the great circle between its ends."""
    if link.length_km is not None:
        return link.length_km / FIBER_KM_PER_MS
    a, b = (graph.nodes[graph.index[name]] for name in (link.a, link.b))
    if a.lat is None or a.lon is None or b.lat is None or b.lon is None:
        return None
    return max(1.0, great_circle_km((a.lat, a.lon), (b.lat, b.lon))) / FIBER_KM_PER_MS


def great_circle_km(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Great-circle distance of two points (latitude, longitude in degrees) by the haversine formula."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (*a, *b))
    h = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2.0 * EARTH_RADIUS_KM * math.asin(min(1.0, math.sqrt(h)))


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value
