"""Shortest paths over arcs, k shortest simple paths (Yen 1971), and paths as disjoint as possible."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numba import njit

from netwright.wan.topology import Array, Ints, Topology

Path = tuple[int, ...]  # arcs in path order


@njit(cache=True)  # type: ignore[untyped-decorator]
def _arcs_toward(
    first: Ints,
    leaving: Ints,
    head: Ints,
    weight: Array,
    source: int,
    target: int,
    closed: npt.NDArray[np.bool_],
) -> Ints:
    """Dijkstra's algorithm by scanning: the arc that reaches each node, -1 if none; `closed` nodes are avoided."""
    n = len(first) - 1
    distance = np.full(n, np.inf)
    by = np.full(n, -1, dtype=np.int64)
    done = closed.copy()
    distance[source] = 0.0
    for _ in range(n):
        node, best = -1, np.inf
        for v in range(n):
            if not done[v] and distance[v] < best:
                node, best = v, distance[v]
        if node < 0 or node == target:
            break
        done[node] = True
        for e in leaving[first[node] : first[node + 1]]:
            reached = best + weight[e]
            if reached < distance[head[e]]:
                distance[head[e]] = reached
                by[head[e]] = e
    return by


@dataclass(frozen=True, eq=False)
class Network:
    """The arcs of a topology, grouped by tail, for path searches.

    Attributes:
        first: start of each node's arcs in `leaving`; shape (n + 1,).
        leaving: arcs, by tail; shape (A,).
    """

    tail: Ints
    head: Ints
    latency_ms: Array
    first: Ints
    leaving: Ints
    link: Ints  # (A,) both directions of a link have the same number

    @classmethod
    def of(cls, topology: Topology) -> Network:
        """The network of a topology."""
        tail, head = (np.ascontiguousarray(topology.arcs[:, i]) for i in (0, 1))
        first = np.searchsorted(np.sort(tail), np.arange(topology.n_nodes + 1))
        link = np.empty(topology.n_arcs, dtype=np.int64)
        for number, arcs in enumerate(topology.links):
            link[list(arcs)] = number
        return cls(tail, head, topology.latency_ms, first, np.argsort(tail, kind="stable"), link)

    def shortest(
        self, source: int, target: int, weight: Array, closed: npt.NDArray[np.bool_] | None = None
    ) -> Path | None:
        """The path of least weight; None if there is none; arcs of infinite weight are not used."""
        avoided = np.zeros(len(self.first) - 1, dtype=np.bool_) if closed is None else closed
        by = _arcs_toward(self.first, self.leaving, self.head, weight, source, target, avoided)
        path: list[int] = []
        node = target
        while node != source:
            if by[node] < 0:
                return None
            path.append(int(by[node]))
            node = int(self.tail[path[-1]])
        return tuple(reversed(path))

    def k_shortest(self, source: int, target: int, k: int) -> list[Path]:
        """Up to k simple paths of least latency, shortest first (Yen 1971)."""
        best = self.shortest(source, target, self.latency_ms)
        found = [] if best is None else [best]
        waiting: list[tuple[float, Path]] = []
        queued: set[Path] = set(found)
        while found and len(found) < k:
            for path in self._detours(found, target):
                if path not in queued:
                    queued.add(path)
                    heapq.heappush(waiting, (self.latency_of(path), path))
            if not waiting:
                break
            found.append(heapq.heappop(waiting)[1])
        return found

    def _detours(self, found: list[Path], target: int) -> list[Path]:
        """For each node of the last path: the best new path that deviates there."""
        last, detours = found[-1], []
        closed = np.zeros(len(self.first) - 1, dtype=np.bool_)
        for i, arc in enumerate(last):
            root, spur = last[:i], int(self.tail[arc])
            weight = self.latency_ms.copy()
            weight[[path[i] for path in found if path[:i] == root and len(path) > i]] = np.inf
            onward = self.shortest(spur, target, weight, closed)
            if onward is not None:
                detours.append(root + onward)
            closed[spur] = True
        return detours

    def disjoint(self, source: int, target: int, k: int) -> list[Path]:
        """Up to k different paths; each minimizes the links shared with earlier paths, then its latency."""
        shared = np.zeros(int(self.link.max()) + 1)
        penalty_ms = 1.0 + float(self.latency_ms.sum())
        found: list[Path] = []
        for _ in range(k):
            path = self.shortest(source, target, self.latency_ms + penalty_ms * shared[self.link])
            if path is None or path in found:
                break
            found.append(path)
            shared[self.link[list(path)]] += 1.0
        return found

    def latency_of(self, path: Path) -> float:
        """One-way latency of a path in ms."""
        return float(self.latency_ms[list(path)].sum())
