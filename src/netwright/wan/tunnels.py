"""Tunnels: the paths that each flow may use."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from netwright.core.errors import ConfigError
from netwright.wan.demands import Demands
from netwright.wan.paths import Network, Path
from netwright.wan.topology import Array, Ints, Topology

_RULE = re.compile(r"([kd])([1-9]\d?)")


@dataclass(frozen=True, eq=False)
class Tunnels:
    """T tunnels of F flows over A arcs, grouped by flow; compared by identity.

    Attributes:
        flow: the flow of each tunnel, sorted; shape (T,).
        paths: the arcs of each tunnel, in path order.
        latency_ms: one-way latency; shape (T,).
    """

    flow: Ints
    paths: tuple[Path, ...]
    latency_ms: Array
    n_flows: int
    n_arcs: int

    def __len__(self) -> int:
        return len(self.paths)

    @cached_property
    def crossing(self) -> sparse.csr_array:
        """1 if a tunnel (column) uses an arc (row); shape (A, T)."""
        lengths = [len(path) for path in self.paths]
        arcs = np.concatenate([np.asarray(path) for path in self.paths])
        tunnel = np.repeat(np.arange(len(self)), lengths)
        shape = (self.n_arcs, len(self))
        return sparse.csr_array(sparse.coo_array((np.ones(len(arcs)), (arcs, tunnel)), shape=shape))

    @cached_property
    def serving(self) -> sparse.csr_array:
        """1 if a tunnel (column) belongs to a flow (row); shape (F, T)."""
        shape = (self.n_flows, len(self))
        entries = (np.ones(len(self)), (self.flow, np.arange(len(self))))
        return sparse.csr_array(sparse.coo_array(entries, shape=shape))

    @cached_property
    def first(self) -> Ints:
        """Start of each flow's tunnels; shape (F + 1,)."""
        return np.searchsorted(self.flow, np.arange(self.n_flows + 1))


def choose(topology: Topology, demands: Demands, rule: str) -> Tunnels:
    """Tunnels for every flow: "k4" the four of lowest latency, "d3" three that are as disjoint as possible.

    Raises:
        ConfigError: the rule is neither.
    """
    match = _RULE.fullmatch(rule)
    if not match:
        raise ConfigError(
            f"unknown tunnel rule {rule!r}; give k and the number of shortest paths, or d and the number of maximally "
            "disjoint paths, such as k4 or d3."
        )
    network, count = Network.of(topology), int(match[2])
    search = network.k_shortest if match[1] == "k" else network.disjoint
    found: dict[tuple[int, int], list[Path]] = {}
    flow: list[int] = []
    paths: list[Path] = []
    for i, pair in enumerate(zip(demands.source.tolist(), demands.target.tolist(), strict=True)):
        if pair not in found:
            found[pair] = search(*pair, count)
        paths += found[pair]
        flow += [i] * len(found[pair])
    latency = np.array([network.latency_of(path) for path in paths])
    return Tunnels(np.array(flow, dtype=np.int64), tuple(paths), latency, len(demands), topology.n_arcs)
