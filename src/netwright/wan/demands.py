"""Traffic demands between ordered pairs of nodes, by class: gravity model, CSV files, scaling."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError, DataError
from netwright.core.notes import note
from netwright.core.reading import read_text
from netwright.wan.demand_tables import Row, rows_of
from netwright.wan.importing.raw import count, listed
from netwright.wan.paths import Network
from netwright.wan.topology import Array, Ints, Topology


@dataclass(frozen=True, eq=False)
class Demands:
    """F flows, each between two different nodes; compared by identity.

    Attributes:
        source, target: node numbers; shape (F,).
        volume: positive, in the topology's capacity unit; shape (F,).
        classes: traffic class of each flow, 0, 1, ..; shape (F,).
    """

    source: Ints
    target: Ints
    volume: Array
    classes: Ints

    def __post_init__(self) -> None:
        if not len(self.volume):
            raise DataError("there is no positive demand between two nodes; give at least one.")
        if not (np.isfinite(self.volume).all() and (self.volume > 0.0).all()):
            raise DataError("every demand must be a finite positive number; drop the others.")
        if len(np.unique(self.classes)) != self.n_classes or self.classes.min() < 0:
            raise DataError(
                "classes of demands must be numbered 0, 1, .. and each must have a flow; use `dense`."
            )

    def __len__(self) -> int:
        return len(self.volume)

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return int(self.classes.max()) + 1

    def scaled(self, factor: float) -> Demands:
        """All volumes times `factor`."""
        return replace(self, volume=self.volume * factor)

    def largest(self, n: int) -> Demands:
        """The n flows of largest volume (or all), in their order; classes are renumbered without gaps."""
        kept = np.sort(np.argsort(-self.volume, kind="stable")[:n])
        gone = sorted(set(self.classes.tolist()) - set(self.classes[kept].tolist()))
        if gone:
            note(
                f"the {n} largest flows include none of class {', '.join(str(k + 1) for k in gone)}: omitted"
            )
        return Demands(self.source[kept], self.target[kept], self.volume[kept], dense(self.classes[kept]))

    def in_classes(self, n_classes: int, rng: np.random.Generator) -> Demands:
        """The same flows, assigned at random to classes of equal size (up to one flow)."""
        if not 1 <= n_classes <= len(self):
            raise ConfigError(f"{len(self)} flows cannot form {n_classes} classes; use fewer.")
        return replace(self, classes=rng.permutation(np.arange(len(self)) % n_classes))


def gravity(topology: Topology, rng: np.random.Generator) -> Demands:
    """Demands between all pairs by the gravity model with exponential masses (Roughan, CCR 35(5), 2005).

    Sent and received traffic of a node are drawn independently; the volumes sum to 1 and need scaling.
    """
    n = topology.n_nodes
    volume = np.outer(rng.exponential(size=n), rng.exponential(size=n))
    source, target = np.nonzero(~np.eye(n, dtype=bool))
    flows = volume[source, target]
    return Demands(source, target, flows / flows.sum(), np.zeros(len(flows), dtype=np.int64))


def shortest_path_utilization(topology: Topology, demands: Demands) -> Array:
    """Load over capacity of every arc if all traffic takes its lowest-latency path; shape (A,)."""
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
        raise ConfigError(
            f"the load must be above 0, or 0 to keep demands unscaled, got {load:g}; 1 fills the busiest link."
        )
    return demands.scaled(load / float(shortest_path_utilization(topology, demands).max()))


def read_csv(path: Path, topology: Topology, *, step: int | None = None) -> Demands:
    """Demands from a table with a header line: source, target, volume, and optionally class and step.

    Common spellings of titles are recognized (`wan.units.DEMAND_TITLES`), cells are separated by commas, semicolons or
    tabs, and volumes with a unit are converted to the unit of the capacities. Nodes are given by their names or by
    their ids in the topology's file. From a file with steps, one step is used, or the mean over all. Demands of 0 and
    from a node to itself are omitted. Classes are numbered 0, 1, .. in their order, without gaps.

    Raises:
        DataError: names the line of the first invalid demand, such as one from an unknown node.
    """
    return demands_of(read_text(path), path, topology, step=step)


def demands_of(text: str, path: Path, topology: Topology, *, step: int | None = None) -> Demands:
    """As `read_csv`, from the text of a table of that name, without access to any file."""
    rows = [row for row in rows_of(text, path, topology) if step is None or row.step == step]
    if not rows:
        raise DataError(
            f"{path}: contains no demand{'' if step is None else f' of step {step}'}; check the file."
        )
    _check_once(rows, path)
    total: dict[tuple[int, int, int], float] = {}
    for row in rows:
        if row.source != row.target:
            flow = (row.source, row.target, row.klass)
            total[flow] = total.get(flow, 0.0) + row.volume
    _say_left_out(path, rows)
    steps = sorted({row.step for row in rows})
    n_steps = len(steps)
    if n_steps > 1:
        note(f"{path}: demands are the mean over {n_steps} steps ({listed(map(str, steps))})")
    flows = [(*flow, volume / n_steps) for flow, volume in sorted(total.items()) if volume > 0.0]
    if not flows:
        raise DataError(f"{path}: every demand is 0; give at least one positive demand.")
    ends = np.array([flow[:3] for flow in flows], dtype=np.int64)
    _say_classes(path, {row.klass for row in rows}, ends[:, 2])
    volume = np.array([flow[3] for flow in flows])
    return Demands(ends[:, 0], ends[:, 1], volume, dense(ends[:, 2]))


def _say_left_out(path: Path, rows: list[Row]) -> None:
    own = sum(row.source == row.target and row.volume > 0.0 for row in rows)
    if own:
        note(f"{path}: left out {count(own, 'demand')} from a node to itself")


def dense(classes: Ints) -> Ints:
    """Classes (F,) numbered 0, 1, .. in their order, without gaps."""
    return np.unique(classes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _check_once(rows: list[Row], path: Path) -> None:
    seen: set[tuple[int, int, int, int]] = set()
    for row in rows:
        flow = (row.step, row.source, row.target, row.klass)
        if flow in seen:
            raise DataError(f"{path}:{row.line}: this demand is a duplicate; keep one of the two rows.")
        seen.add(flow)


def _say_classes(path: Path, named: set[int], kept: Ints) -> None:
    """Log how classes of a file are renumbered, and which are omitted."""
    left = sorted({int(k) for k in kept})
    if left != list(range(1, len(left) + 1)) and named != {0}:
        note(f"{path}: classes {', '.join(f'{k} is class {i}' for i, k in enumerate(left, start=1))} here")
    if empty := sorted(named - set(left)):
        words = ", ".join(map(str, empty))
        note(f"{path}: omitted the class without a positive demand between two nodes: {words}")
