"""Traffic: what every ordered pair of nodes wants to send, by class; gravity model, CSV files, scaling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError, DataError
from netwright.core.notes import note
from netwright.wan.demand_tables import Row, read_rows
from netwright.wan.paths import Network
from netwright.wan.topology import Array, Ints, Topology


@dataclass(frozen=True, eq=False)
class Demands:
    """F flows, each between two different nodes; equal only to itself.

    Attributes:
        source, target: node numbers; shape (F,).
        volume: above 0, in the topology's capacity unit; shape (F,).
        classes: traffic class of each flow, 0, 1, ..; shape (F,).
    """

    source: Ints
    target: Ints
    volume: Array
    classes: Ints

    def __post_init__(self) -> None:
        if not len(self.volume):
            raise DataError("there is no demand above 0 between any two nodes; give at least one.")
        if not (np.isfinite(self.volume).all() and (self.volume > 0.0).all()):
            raise DataError("every demand must be a finite number above 0; drop the others.")
        if len(np.unique(self.classes)) != self.n_classes or self.classes.min() < 0:
            raise DataError("classes of demands must be numbered 0, 1, .. and each have a flow; use `dense`.")

    def __len__(self) -> int:
        return len(self.volume)

    @property
    def n_classes(self) -> int:
        """How many classes there are."""
        return int(self.classes.max()) + 1

    def scaled(self, factor: float) -> Demands:
        """All volumes times `factor`."""
        return replace(self, volume=self.volume * factor)

    def largest(self, n: int) -> Demands:
        """The n flows of largest volume (all if there are no more), in their order; classes without gaps."""
        kept = np.sort(np.argsort(-self.volume, kind="stable")[:n])
        gone = sorted(set(self.classes.tolist()) - set(self.classes[kept].tolist()))
        if gone:
            note(f"the {n} largest flows hold none of class {', '.join(str(k + 1) for k in gone)}: left out")
        return Demands(self.source[kept], self.target[kept], self.volume[kept], dense(self.classes[kept]))

    def in_classes(self, n_classes: int, rng: np.random.Generator) -> Demands:
        """The same flows, dealt at random into classes of equal size (give or take one flow)."""
        if not 1 <= n_classes <= len(self):
            raise ConfigError(f"{len(self)} flows cannot be dealt into {n_classes} classes; ask for fewer.")
        return replace(self, classes=rng.permutation(np.arange(len(self)) % n_classes))


def gravity(topology: Topology, rng: np.random.Generator) -> Demands:
    """Demands between all pairs by the gravity model with exponential masses (Roughan, CCR 35(5), 2005).

    What a node sends and what it receives are drawn apart; the volumes sum to 1: scale them.
    """
    n = topology.n_nodes
    volume = np.outer(rng.exponential(size=n), rng.exponential(size=n))
    source, target = np.nonzero(~np.eye(n, dtype=bool))
    flows = volume[source, target]
    return Demands(source, target, flows / flows.sum(), np.zeros(len(flows), dtype=np.int64))


def shortest_path_utilization(topology: Topology, demands: Demands) -> Array:
    """Load over capacity of every arc when all traffic takes its path of least latency; shape (A,)."""
    network = Network.of(topology)
    load = np.zeros(topology.n_arcs)
    for source, target, volume in zip(demands.source, demands.target, demands.volume, strict=True):
        path = network.shortest(int(source), int(target), topology.latency_ms)
        assert path is not None
        load[list(path)] += volume
    utilization: Array = load / topology.capacity
    return utilization


def scale_to_load(topology: Topology, demands: Demands, load: float) -> Demands:
    """Demands scaled so that the most loaded arc, all traffic on shortest paths, has utilization `load`."""
    if not 0.0 < load < np.inf:
        raise ConfigError(f"the load must be above 0, got {load:g}; 1 fills the busiest link.")
    return demands.scaled(load / float(shortest_path_utilization(topology, demands).max()))


def read_csv(path: Path, topology: Topology, *, step: int | None = None) -> Demands:
    """Demands from a table with a line of titles: source, target, volume, and optionally class and step.

    Titles are understood in their usual spellings (`wan.units.DEMAND_TITLES`), cells are separated by commas,
    semicolons or tabs, and volumes with a unit are converted to that of the capacities. Nodes go by their names or by
    their ids in the topology's file. Of files with steps one step is taken, or the mean over all. Demands of 0 and from
    a node to itself are left out. Classes are numbered 0, 1, .. in their order, without gaps.

    Raises:
        DataError: names the line of the first demand that cannot be, such as one from an unknown node.
    """
    rows = [row for row in read_rows(path, topology) if step is None or row.step == step]
    if not rows:
        raise DataError(
            f"{path}: holds no demand{'' if step is None else f' of step {step}'}; check the file."
        )
    _check_once(rows, path)
    total: dict[tuple[int, int, int], float] = {}
    for row in rows:
        if row.source != row.target:
            flow = (row.source, row.target, row.klass)
            total[flow] = total.get(flow, 0.0) + row.volume
    n_steps = len({row.step for row in rows})
    flows = [(*flow, volume / n_steps) for flow, volume in sorted(total.items()) if volume > 0.0]
    if not flows:
        raise DataError(f"{path}: every demand is 0; give at least one above 0.")
    ends = np.array([flow[:3] for flow in flows], dtype=np.int64)
    _say_classes(path, {row.klass for row in rows}, ends[:, 2])
    volume = np.array([flow[3] for flow in flows])
    return Demands(ends[:, 0], ends[:, 1], volume, dense(ends[:, 2]))


def dense(classes: Ints) -> Ints:
    """Classes (F,) numbered 0, 1, .. in their order, without gaps."""
    return np.unique(classes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _check_once(rows: list[Row], path: Path) -> None:
    seen: set[tuple[int, int, int, int]] = set()
    for row in rows:
        flow = (row.step, row.source, row.target, row.klass)
        if flow in seen:
            raise DataError(f"{path}:{row.line}: this demand was given before; keep one of the two rows.")
        seen.add(flow)


def _say_classes(path: Path, named: set[int], kept: Ints) -> None:
    """Say which class of a file is which here, and which are left out."""
    left = sorted({int(k) for k in kept})
    if left != list(range(1, len(left) + 1)) and named != {0}:
        note(f"{path}: classes {', '.join(f'{k} is class {i}' for i, k in enumerate(left, start=1))} here")
    if empty := sorted(named - set(left)):
        words = ", ".join(map(str, empty))
        note(f"{path}: left out the class without a demand above 0 between two nodes: {words}")
