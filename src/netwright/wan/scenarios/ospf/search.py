"""Local search over link weights: an archive of nondominated settings.

After Fortz and Thorup (INFOCOM 2000), with their cost replaced by a random weighing of the two metrics, so that many
walks together trace the trade-off between maximum utilization and latency.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numba import njit

from netwright.core.seeding import generator
from netwright.wan.chunks import Arrays, Work
from netwright.wan.scenarios.ospf.routing import (
    MAX_WEIGHT,
    Floats,
    Ints,
    Network,
    metrics,
    route_all,
    route_to,
    scratch,
)

CHUNK = 8  # walks per chunk
TOLERANCE = 1e-9  # metrics closer than this are equal, because loads are summed in different orders


@dataclass(frozen=True)
class SearchConfig:
    """Settings of the search.

    Attributes:
        n_walks: number of walks, each with its own start and weighting.
        n_steps: settings evaluated in each walk.
        random_weights_to: random starts draw weights from 1 to this value.
        hot_share: probability that a step changes the most loaded arc.
    """

    n_walks: int = 256
    n_steps: int = 4_000
    random_weights_to: int = 20
    hot_share: float = 0.3
    seed: int = 0


@dataclass(frozen=True)
class Archive:
    """Mutually nondominated settings, sorted by increasing utilization and decreasing latency.

    Attributes:
        utilization: utilization of the fullest arc, shape (D,).
        latency_ms: latency weighted by traffic, shape (D,).
        weights: shape (D, E).
    """

    utilization: Floats  # (D,)
    latency_ms: Floats  # (D,)
    weights: Ints  # (D, E)

    def __len__(self) -> int:
        return len(self.utilization)

    def dominates(self, utilization: float, latency_ms: float) -> bool:
        """Whether a setting of the archive is at least as good in both metrics."""
        return bool(
            np.any(
                (self.utilization <= utilization + TOLERANCE) & (self.latency_ms <= latency_ms + TOLERANCE)
            )
        )


def latency_weights(net: Network) -> Ints:
    """Weights proportional to latency with 16 bits, for (nearly) minimum latency; shape (E,)."""
    scale = 10_000 / net.latency_ms.max()
    weights: Ints = np.clip(np.rint(net.latency_ms * scale), 1, MAX_WEIGHT).astype(np.int64)
    return weights


def starts(net: Network, config: SearchConfig) -> Ints:
    """Starts of the walks, shape (n_walks, E): latency weights, unit weights, then random weights."""
    rng = generator(config.seed, 0)
    found = rng.integers(1, config.random_weights_to + 1, (config.n_walks, net.n_arcs))
    found[0::4] = latency_weights(net)
    found[1::4] = 1
    return found


def search(net: Network, config: SearchConfig | None = None, work: Work | None = None) -> Archive:
    """The archive of many independent walks; the result does not depend on `work`.

    Args:
        net: links and traffic.
        config: defaults if None.
        work: executor and storage of the walks; this process if None.
    """
    config, work = config or SearchConfig(), work or Work()
    several = partial(_walks, net=net, begin=starts(net, config), config=config)
    chunks = [range(i, min(i + CHUNK, config.n_walks)) for i in range(0, config.n_walks, CHUNK)]
    found = work.map("local-search", several, chunks)
    return merged(Archive(a["utilization"], a["latency_ms"], a["weights"]) for a in found)


def merged(archives: Iterable[Archive]) -> Archive:
    """The nondominated settings of several archives; of equal ones, the first is kept."""
    parts = list(archives)
    utilization = np.concatenate([a.utilization for a in parts])
    latency = np.concatenate([a.latency_ms for a in parts])
    weights = np.concatenate([a.weights for a in parts])
    kept, least = [], np.inf
    for i in np.lexsort((latency, utilization)):
        if latency[i] < least - TOLERANCE:
            kept.append(i)
            least = latency[i]
    return Archive(utilization[kept], latency[kept], weights[kept])


def random_settings(net: Network, n: int, *, up_to: int, seed: int) -> Iterator[tuple[float, float]]:
    """Metrics of `n` settings with weights drawn uniformly from 1 to `up_to`."""
    rng = generator(seed, 1)
    for _ in range(n):
        yield metrics(net, rng.integers(1, up_to + 1, net.n_arcs))


def _walks(numbers: range, *, net: Network, begin: Ints, config: SearchConfig) -> Arrays:
    found = merged(_walk_from(number, net, begin[number], config) for number in numbers)
    return {"utilization": found.utilization, "latency_ms": found.latency_ms, "weights": found.weights}


def _walk_from(number: int, net: Network, start: Ints, config: SearchConfig) -> Archive:
    rng = generator(config.seed, 1, number)
    share = (number // 4 + 0.5) / max(
        1, config.n_walks / 4
    )  # weight of utilization; every kind of start gets all values
    unit = np.array(metrics(net, np.ones(net.n_arcs, dtype=np.int64)))
    twice = 2 * int(start.max())
    largest = min(MAX_WEIGHT, max(config.random_weights_to, twice))
    values, weights, kept = _walk(
        net,
        start.copy(),
        np.array([share, 1.0 - share]) / unit,
        rng.random((config.n_steps, 3)),
        config.hot_share,
        largest,
    )
    return Archive(values[:kept, 0].copy(), values[:kept, 1].copy(), weights[:kept].copy())


@njit(cache=True)
def _walk(net, weights, importance, draws, hot_share, largest):  # type: ignore[no-untyped-def]
    """Change one weight at a time and accept changes that are no worse; returns the archive of all evaluations.

    Only destinations whose shortest paths may change are routed again.
    """
    n, n_arcs, n_steps = len(net.demand), len(net.tail), len(draws)
    head, tail = net.head, net.tail
    distance, load = route_all(net, weights)
    total = _summed(load)
    new_distance, new_load = np.empty((n, n), np.int64), np.empty((n, n_arcs))
    affected, new_total = np.empty(n, np.int64), np.empty(n_arcs)
    room = scratch(net)
    values, settings = np.empty((64, 2)), np.empty((64, n_arcs), np.int64)
    traffic, point = _traffic(net), np.empty(2)
    _measure(net, total, traffic, point)
    kept = _insert(values, settings, 0, 0, point, weights)
    current = point[0] * importance[0] + point[1] * importance[1]
    for step in range(n_steps):
        arc = min(int(draws[step, 1] * n_arcs), n_arcs - 1)
        if draws[step, 0] < hot_share:
            arc = _fullest(net, total)
        old, new = weights[arc], 1 + int(draws[step, 2] * largest)
        if new == old:
            continue
        n_affected = 0
        for t in range(n):
            from_head, from_tail = distance[t, head[arc]], distance[t, tail[arc]]
            if new + from_head <= from_tail if new < old else old + from_head == from_tail:
                affected[n_affected] = t
                n_affected += 1
        if n_affected == 0:  # the same routing
            weights[arc] = new
            continue
        weights[arc] = new
        for e in range(n_arcs):
            new_total[e] = total[e]
        for k in range(n_affected):
            t = affected[k]
            route_to(net, t, weights, new_distance[k], new_load[k], room)
            for e in range(n_arcs):
                new_total[e] += new_load[k, e] - load[t, e]
        _measure(net, new_total, traffic, point)
        place = _place(values, kept, point)
        if place >= 0:
            if kept == len(values):
                values, settings = _doubled(values), _doubled(settings)
            kept = _insert(values, settings, kept, place, point, weights)
        cost = point[0] * importance[0] + point[1] * importance[1]
        if cost <= current:
            current = cost
            for k in range(n_affected):
                for v in range(n):
                    distance[affected[k], v] = new_distance[k, v]
                for e in range(n_arcs):
                    load[affected[k], e] = new_load[k, e]
            total = _summed(load)
        else:
            weights[arc] = old
    return values, settings, kept


@njit(cache=True)
def _traffic(net):  # type: ignore[no-untyped-def]
    total = 0.0
    for t in range(len(net.demand)):
        for v in range(len(net.demand)):
            total += net.demand[t, v]
    return total


@njit(cache=True)
def _measure(net, load, traffic, point):  # type: ignore[no-untyped-def]
    """Fill in utilization of the fullest arc and latency (2,) of loads (E,)."""
    point[0], point[1] = 0.0, 0.0
    for e in range(len(load)):
        point[0] = max(point[0], load[e] / net.capacity[e])
        point[1] += load[e] * (net.latency_ms[e] / traffic)


@njit(cache=True)
def _fullest(net, load):  # type: ignore[no-untyped-def]
    fullest = 0
    for e in range(len(load)):
        if load[e] / net.capacity[e] > load[fullest] / net.capacity[fullest]:
            fullest = e
    return fullest


@njit(cache=True)
def _summed(load):  # type: ignore[no-untyped-def]
    total = np.zeros(load.shape[1])
    for t in range(load.shape[0]):
        for e in range(load.shape[1]):
            total[e] += load[t, e]
    return total


@njit(cache=True)
def _doubled(rows):  # type: ignore[no-untyped-def]
    more = np.empty((2 * rows.shape[0], rows.shape[1]), rows.dtype)
    for i in range(rows.shape[0]):
        for j in range(rows.shape[1]):
            more[i, j] = rows[i, j]
    return more


@njit(cache=True)
def _place(values, kept, point):  # type: ignore[no-untyped-def]
    """Index at which a point belongs in the sorted archive; -1 if it is dominated."""
    low, high = 0, kept
    while low < high:
        middle = (low + high) // 2
        if values[middle, 0] <= point[0] + TOLERANCE:
            low = middle + 1
        else:
            high = middle
    if low > 0 and values[low - 1, 1] <= point[1] + TOLERANCE:
        return -1
    return low


@njit(cache=True)
def _insert(values, settings, kept, place, point, weights):  # type: ignore[no-untyped-def]
    """Insert a point and remove those that it dominates; returns the new number of points."""
    first = place
    while first > 0 and values[first - 1, 0] >= point[0] - TOLERANCE:  # equally full, and slower
        first -= 1
    last = place
    while last < kept and values[last, 1] >= point[1] - TOLERANCE:
        last += 1
    shift = first + 1 - last
    if shift > 0:
        for i in range(kept - 1, last - 1, -1):
            _copy_row(values, i, i + shift)
            _copy_row(settings, i, i + shift)
    elif shift < 0:
        for i in range(last, kept):
            _copy_row(values, i, i + shift)
            _copy_row(settings, i, i + shift)
    for j in range(2):
        values[first, j] = point[j]
    for e in range(len(weights)):
        settings[first, e] = weights[e]
    return kept + shift


@njit(cache=True)
def _copy_row(rows, i, to):  # type: ignore[no-untyped-def]
    for j in range(rows.shape[1]):
        rows[to, j] = rows[i, j]
