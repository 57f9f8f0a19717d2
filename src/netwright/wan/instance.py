"""A design problem: a topology with its demands, tunnels and failures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from netwright.core.errors import ConfigError
from netwright.core.seeding import generator
from netwright.core.types import Json
from netwright.wan import catalog, failures
from netwright.wan.demands import Demands, gravity, read_csv, scale_to_load
from netwright.wan.failures import Failure
from netwright.wan.importing import as_topology, read_graph
from netwright.wan.topology import Array, Topology
from netwright.wan.tunnels import Tunnels, choose

GUARANTEES = ("flow", "group")


@dataclass(frozen=True)
class InstanceConfig:
    """How to build an instance; hashable, and stored completely with a pool.

    Attributes:
        topology: a name of the catalog, or the path of a topology file.
        load: utilization of the busiest link with all traffic on shortest paths; 0 leaves demands as given.
        tunnels: "k4" (shortest) or "d3" (as disjoint as possible).
        demands: "gravity", or the path of a CSV file.
        flows: number of largest flows to keep; 0 keeps all.
        n_classes: number of classes that flows are assigned to; 0 keeps the classes of the demand file.
        failures: "links" (every single link), or the path of a failure file.
        guarantee: the worst failure of NF: that of each "flow", or of the whole "group".
    """

    topology: str
    load: float
    tunnels: str
    demands: str = "gravity"
    flows: int = 0
    n_classes: int = 1
    failures: str = "links"
    seed: int = 0
    guarantee: str = "flow"

    def __post_init__(self) -> None:
        if self.guarantee not in GUARANTEES:
            raise ConfigError(
                f'the guarantee is for each "flow" or for each "group", got {self.guarantee!r}; give one of them.'
            )


@dataclass(frozen=True, eq=False)
class Instance:
    """The problem of a scenario, built from `config`; compared by identity."""

    config: InstanceConfig
    topology: Topology
    demands: Demands
    tunnels: Tunnels
    failures: tuple[Failure, ...]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything that a design depends on, 16 hexadecimal digits."""
        parts: Iterable[Any] = (
            self.topology.arcs,
            self.topology.capacity,
            self.topology.latency_ms,
            self.demands.source,
            self.demands.target,
            self.demands.volume,
            self.demands.classes,
            self.tunnels.flow,
            self.tunnels.crossing.indices,
            self.tunnels.crossing.indptr,
        )
        digest = hashlib.sha256()
        for part in parts:
            digest.update(np.ascontiguousarray(part).tobytes() + b"|")
        digest.update(repr(self.failures).encode())
        if self.config.guarantee != GUARANTEES[0]:
            digest.update(self.config.guarantee.encode())
        return digest.hexdigest()[:16]

    def describe(self) -> Json:
        """Plain facts for provenance."""
        return {
            **asdict(self.config),
            "fingerprint": self.fingerprint,
            "n_nodes": self.topology.n_nodes,
            "n_arcs": self.topology.n_arcs,
            "n_flows": len(self.demands),
            "n_tunnels": len(self.tunnels),
            "capacity_unit": self.topology.capacity_unit,
        }

    @cached_property
    def demand_per_capacity(self) -> sparse.csr_array:
        """Utilization of each arc (row) if a tunnel (column) carries its flow's whole demand; (A, T)."""
        volume = self.demands.volume[self.tunnels.flow]
        spread = sparse.diags_array(1.0 / self.topology.capacity) @ self.tunnels.crossing
        return sparse.csr_array(spread @ sparse.diags_array(volume))

    @cached_property
    def weight(self) -> Array:
        """Share of each flow in the total demand; shape (F,)."""
        share: Array = self.demands.volume / self.demands.volume.sum()
        return share


def build(config: InstanceConfig, data: Path | None = None) -> Instance:
    """The instance of a configuration; deterministic for the same configuration and files.

    Raises:
        NetwrightError: the topology, a demand, the tunnel rule or a failure is invalid.
    """
    topology = load_topology(config.topology, data)
    if config.demands == "gravity":
        demands = gravity(topology, generator(config.seed, 0))
    else:
        demands = read_csv(Path(config.demands), topology)
    return assemble(config, topology, demands)


def assemble(config: InstanceConfig, topology: Topology, demands: Demands) -> Instance:
    """The instance of a given topology and demands; everything else follows from `config`."""
    demands = traffic(config, topology, demands)
    known = config.failures == "links"
    down = failures.single_links(topology) if known else failures.read(Path(config.failures), topology)
    return Instance(config, topology, demands, choose(topology, demands, config.tunnels), down)


def traffic(config: InstanceConfig, topology: Topology, demands: Demands) -> Demands:
    """The demands of an instance: the largest ones, scaled to the load, in classes."""
    if config.flows:
        demands = demands.largest(config.flows)
    if config.load != 0.0:
        demands = scale_to_load(topology, demands, config.load)
    if config.n_classes:
        demands = demands.in_classes(config.n_classes, generator(config.seed, 1))
    return demands


def load_topology(name: str, data: Path | None = None) -> Topology:
    """A topology by its name in the catalog, or from a file if the name looks like a path."""
    if name not in catalog.TOPOLOGIES and (Path(name).suffix or "/" in name):
        return as_topology(read_graph(Path(name)))
    return catalog.topology(name, data)


def with_overrides(config: InstanceConfig, overrides: Mapping[str, Any]) -> InstanceConfig:
    """The configuration with the overrides that are not None."""
    return replace(config, **{key: value for key, value in overrides.items() if value is not None})
