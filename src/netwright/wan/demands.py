"""Traffic: what every ordered pair of nodes wants to send, by class; gravity model, CSV files, scaling."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError, DataError
from netwright.core.reading import text_lines
from netwright.wan.importing.text import unescaped
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
        """The n flows of largest volume (all if there are no more), in their order."""
        kept = np.sort(np.argsort(-self.volume, kind="stable")[:n])
        return Demands(self.source[kept], self.target[kept], self.volume[kept], self.classes[kept])

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


def shortest_path_utilisation(topology: Topology, demands: Demands) -> Array:
    """Load over capacity of every arc when all traffic takes its path of least latency; shape (A,)."""
    network = Network.of(topology)
    load = np.zeros(topology.n_arcs)
    for source, target, volume in zip(demands.source, demands.target, demands.volume, strict=True):
        path = network.shortest(int(source), int(target), topology.latency_ms)
        assert path is not None
        load[list(path)] += volume
    utilisation: Array = load / topology.capacity
    return utilisation


def scale_to_load(topology: Topology, demands: Demands, load: float) -> Demands:
    """Demands scaled so that the most loaded arc, all traffic on shortest paths, has utilisation `load`."""
    if not 0.0 < load < np.inf:
        raise ConfigError(f"the load must be above 0, got {load:g}; 1 fills the busiest link.")
    return demands.scaled(load / float(shortest_path_utilisation(topology, demands).max()))


def read_csv(path: Path, topology: Topology, *, step: int | None = None) -> Demands:
    """Demands from a CSV file with a header: `source`, `target`, `volume`, and optionally `class` and `step`.

    Nodes go by their names or by their ids in the topology's file. Of files with steps one step is taken, or the mean
    over all. Demands of 0 and from a node to itself are left out; `src`, `dst` and `mbps` are understood as well.

    Raises:
        DataError: names the line of the first demand that cannot be, such as one from an unknown node.
    """
    try:
        return _gather(_rows(path, csv.DictReader(text_lines(path)), topology, step), path, step)
    except csv.Error as error:
        raise DataError(f"{path}: not a CSV file ({error}); save it as UTF-8 text.") from None


_Row = tuple[int, int, int, int, float]  # step, source, target, class, volume


def _rows(
    path: Path, reader: csv.DictReader[str], topology: Topology, step: int | None
) -> Iterable[tuple[int, _Row]]:
    known = set(reader.fieldnames or ())
    for ours, theirs in (("source", "src"), ("target", "dst"), ("volume", "mbps")):
        if not known & {ours, theirs}:
            raise DataError(
                f"{path}: has no column {ours!r}; the header must name source, target and volume."
            )
    for row in reader:
        where = f"{path}:{reader.line_num}"
        ends = [
            str(row.get(a) or row.get(b) or "").strip() for a, b in (("source", "src"), ("target", "dst"))
        ]
        try:
            source, target = (topology.number_of(unescaped(end)) for end in ends)
        except DataError as error:
            raise DataError(f"{where}: demand between {ends[0]!r} and {ends[1]!r}, but {error}") from None
        try:
            at, klass = int(row.get("step") or 0), int(row.get("class") or 0)
            volume = float(row.get("volume") or row.get("mbps") or "")
            if not 0.0 <= volume < np.inf or klass < 0:
                raise ValueError
        except ValueError:
            raise DataError(
                f"{where}: a demand needs a volume of at least 0, and a step and class of whole numbers, "
                f"got {dict(row)}; mend the row."
            ) from None
        if step is None or at == step:
            yield reader.line_num, (at, source, target, klass, volume)


def _gather(rows: Iterable[tuple[int, _Row]], path: Path, step: int | None) -> Demands:
    total: dict[tuple[int, int, int], float] = {}
    seen: set[tuple[int, int, int, int]] = set()
    steps: set[int] = set()
    for line, (at, source, target, klass, volume) in rows:
        if (at, source, target, klass) in seen:
            raise DataError(f"{path}:{line}: this demand was given before; keep one of the two rows.")
        seen.add((at, source, target, klass))
        steps.add(at)
        if source != target:
            total[source, target, klass] = total.get((source, target, klass), 0.0) + volume
    if not steps:
        raise DataError(
            f"{path}: holds no demand{'' if step is None else f' of step {step}'}; check the file."
        )
    flows = [(*flow, volume / len(steps)) for flow, volume in sorted(total.items()) if volume > 0.0]
    if not flows:
        raise DataError(f"{path}: every demand is 0; give at least one above 0.")
    ends = np.array([flow[:3] for flow in flows], dtype=np.int64)
    return Demands(ends[:, 0], ends[:, 1], np.array([flow[3] for flow in flows]), ends[:, 2])
