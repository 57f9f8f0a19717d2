"""Shortest-path routing with equal-cost multipath (ECMP): link loads of a weight setting.

After Fortz and Thorup, "Internet Traffic Engineering by Optimizing OSPF Weights" (INFOCOM 2000): integer weights,
and at every node the traffic to a destination is split evenly over all arcs that start a shortest path to it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MAX_WEIGHT = 65_535  # RFC 2328: 16 bits


class Network(NamedTuple):
    """A topology and its demands as arrays, for compiled routing functions.

    Attributes:
        tail: node that each arc leaves, shape (E,).
        head: node that each arc enters, shape (E,).
        capacity: shape (E,); demands share its unit.
        latency_ms: one way, shape (E,).
        demand: traffic by (destination, source), shape (n, n); the diagonal is zero.
        out_start: `out_arc[out_start[v] : out_start[v + 1]]` are the arcs that leave v, shape (n + 1,).
        in_start: likewise for `in_arc` and the arcs that enter v.
    """

    tail: Ints
    head: Ints
    capacity: Floats
    latency_ms: Floats
    demand: Floats
    out_start: Ints
    out_arc: Ints
    in_start: Ints
    in_arc: Ints

    @property
    def n_nodes(self) -> int:
        """Number of nodes n."""
        return len(self.demand)

    @property
    def n_arcs(self) -> int:
        """Number of directed arcs E."""
        return len(self.tail)


def network(tail: Ints, head: Ints, capacity: Floats, latency_ms: Floats, demand: Floats) -> Network:
    """A network from its arcs.

    Args:
        tail: shape (E,); with `head`, `capacity` and `latency_ms` likewise.
        demand: traffic by (source, destination), shape (n, n).
    """
    by_destination = np.ascontiguousarray(np.asarray(demand, dtype=np.float64).T)
    np.fill_diagonal(by_destination, 0.0)
    n = len(by_destination)
    tail, head = np.asarray(tail, dtype=np.int64), np.asarray(head, dtype=np.int64)
    return Network(
        tail,
        head,
        np.asarray(capacity, dtype=np.float64),
        np.asarray(latency_ms, dtype=np.float64),
        by_destination,
        *_grouped(tail, n),
        *_grouped(head, n),
    )


def _grouped(node: Ints, n: int) -> tuple[Ints, Ints]:
    start = np.zeros(n + 1, dtype=np.int64)
    np.cumsum(np.bincount(node, minlength=n), out=start[1:])
    return start, np.argsort(node, kind="stable").astype(np.int64)


def loads(net: Network, weights: Ints) -> Floats:
    """Traffic on each arc under link weights.

    Args:
        weights: at least 1, shape (E,).

    Returns:
        Loads in the demands' unit, shape (E,).
    """
    return np.asarray(route_all(net, _integers(weights))[1].sum(axis=0))


def metrics(net: Network, weights: Ints) -> tuple[float, float]:
    """Maximum utilization (1 = full) and traffic-weighted latency in ms of a weight setting."""
    return metrics_of_loads(net, loads(net, weights))


def metrics_of_loads(net: Network, load: Floats) -> tuple[float, float]:
    """Like `metrics`, from the loads on the arcs, shape (E,)."""
    total = float(net.demand.sum())
    return float((load / net.capacity).max()), float(load @ net.latency_ms) / total


def _integers(weights: Ints) -> Ints:
    return np.ascontiguousarray(weights, dtype=np.int64)


@njit(cache=True)
def scratch(net):  # type: ignore[no-untyped-def]
    """Work arrays of `route_to`: heap (E + 1,), order (n,) and flow (n,)."""
    n, n_arcs = len(net.demand), len(net.tail)
    return np.empty(n_arcs + 1, np.int64), np.empty(n, np.int64), np.empty(n)


@njit(cache=True)
def route_all(net, weights):  # type: ignore[no-untyped-def]
    """Distances by (destination, node), shape (n, n), and loads by (destination, arc), shape (n, E)."""
    n = len(net.demand)
    distance, load = np.empty((n, n), np.int64), np.empty((n, len(net.tail)))
    room = scratch(net)
    for t in range(n):
        route_to(net, t, weights, distance[t], load[t], room)
    return distance, load


@njit(cache=True)
def route_to(net, destination, weights, distance, load, room):  # type: ignore[no-untyped-def]
    """Shortest paths to one destination (Dijkstra's algorithm), and the loads of its traffic.

    Fills `distance` (n,) and `load` (E,).
    """
    heap, order, flow = room
    n = len(distance)
    unreached = np.iinfo(np.int64).max
    for v in range(n):
        distance[v], flow[v] = unreached, net.demand[destination, v]
    distance[destination] = 0
    heap[0] = destination  # keys are distance * n + node
    size, settled = 1, 0
    while size > 0:
        key = heap[0]
        size -= 1
        _sift_down(heap, size, heap[size])
        v = key % n
        if key // n > distance[v]:
            continue
        order[settled] = v
        settled += 1
        for i in range(net.in_start[v], net.in_start[v + 1]):
            arc = net.in_arc[i]
            u = net.tail[arc]
            through = distance[v] + weights[arc]
            if through < distance[u]:
                distance[u] = through
                _sift_up(heap, size, through * n + u)
                size += 1
    for arc in range(len(load)):
        load[arc] = 0.0
    for k in range(settled - 1, 0, -1):  # farthest first: all traffic through a node has arrived there
        v = order[k]
        n_next = 0
        for i in range(net.out_start[v], net.out_start[v + 1]):
            arc = net.out_arc[i]
            if weights[arc] + distance[net.head[arc]] == distance[v]:
                n_next += 1
        share = flow[v] / n_next
        for i in range(net.out_start[v], net.out_start[v + 1]):
            arc = net.out_arc[i]
            if weights[arc] + distance[net.head[arc]] == distance[v]:
                load[arc] = share
                flow[net.head[arc]] += share


@njit(cache=True)
def _sift_up(heap, i, key):  # type: ignore[no-untyped-def]
    while i > 0 and heap[(i - 1) >> 1] > key:
        heap[i] = heap[(i - 1) >> 1]
        i = (i - 1) >> 1
    heap[i] = key


@njit(cache=True)
def _sift_down(heap, size, key):  # type: ignore[no-untyped-def]
    i = 0
    while True:
        child = 2 * i + 1
        if child >= size:
            break
        if child + 1 < size and heap[child + 1] < heap[child]:
            child += 1
        if heap[child] >= key:
            break
        heap[i] = heap[child]
        i = child
    heap[i] = key
