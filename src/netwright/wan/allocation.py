"""An allocation over tunnels: its loads, the demand it carries, and further figures for operators."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.types import Json
from netwright.wan.failures import Failure
from netwright.wan.instance import Instance
from netwright.wan.tables import Tables
from netwright.wan.topology import Array

STARVED_BELOW = 0.01  # share of its demand below which a flow counts as starved
SAME_WITHIN = 1e-4  # share of a flow's demand below which a change of a tunnel is ignored


@dataclass(frozen=True, eq=False)
class Allocation:
    """A design of an instance, given by the traffic of each tunnel.

    Attributes:
        share: nonnegative share of its flow's demand carried by each tunnel; shape (T,).
    """

    instance: Instance
    share: Array

    def __post_init__(self) -> None:
        if self.share.shape != (len(self.instance.tunnels),):
            raise ConfigError(
                f"an allocation needs a share for each of {len(self.instance.tunnels)} tunnels, "
                f"got {self.share.shape}."
            )

    @cached_property
    def served(self) -> Array:
        """Share of each flow's demand carried by all its tunnels; shape (F,)."""
        found: Array = self.instance.tunnels.serving @ self.share
        return found

    @cached_property
    def utilization(self) -> Array:
        """Load over capacity of each arc; shape (A,)."""
        found: Array = self.instance.demand_per_capacity @ self.share
        return found

    @property
    def throughput(self) -> float:
        """Share of the total demand that is carried."""
        return float(self.instance.weight @ self.served)

    @property
    def latency_ms(self) -> float:
        """Sum of each tunnel's traffic times its latency, divided by the total demand, in ms."""
        tunnels = self.instance.tunnels
        return float((self.instance.weight[tunnels.flow] * tunnels.latency_ms) @ self.share)

    @property
    def latency_per_carried_ms(self) -> float:
        """Mean latency of the carried traffic in ms, for display; NaN if no traffic is carried."""
        return self.latency_ms / self.throughput if self.throughput > 0.0 else float("nan")

    @property
    def worst_link(self) -> tuple[str, float]:
        """The arc of highest utilization, and its utilization."""
        arc = int(np.argmax(self.utilization))
        return self.instance.topology.arc_name(arc), float(self.utilization[arc])

    @property
    def starved_flows(self) -> int:
        """Number of flows that get less than 1 % of their demand."""
        return int((self.served < STARVED_BELOW).sum())

    def changes_from(self, today: Allocation) -> int:
        """Number of tunnels on which the allocation differs from today's."""
        return int((np.abs(self.share - today.share) > SAME_WITHIN).sum())

    def for_operators(self, today: Allocation | None = None) -> Json:
        """Figures for operators besides the scenario's metrics."""
        link, utilization = self.worst_link
        figures = {
            "worst link": link,
            "worst link utilization": utilization,
            "starved flows": self.starved_flows,
            "latency per carried unit (ms)": self.latency_per_carried_ms,
        }
        if today is not None:
            figures["tunnels changed from today"] = self.changes_from(today)
        return figures

    def tables(self) -> Tables:
        """Tables "tunnels" and "links" with one flat row per tunnel and per arc."""
        topology, demands, tunnels = self.instance.topology, self.instance.demands, self.instance.tunnels
        names = topology.nodes
        rows = []
        for i, (flow, path) in enumerate(zip(tunnels.flow.tolist(), tunnels.paths, strict=True)):
            hops = [names[topology.arcs[path[0], 0]], *(names[topology.arcs[e, 1]] for e in path)]
            rows.append(
                {
                    "source": names[demands.source[flow]],
                    "target": names[demands.target[flow]],
                    "class": int(demands.classes[flow]) + 1,
                    "path": " - ".join(hops),
                    "latency_ms": float(tunnels.latency_ms[i]),
                    "demand": float(demands.volume[flow]),
                    "carried": float(self.share[i] * demands.volume[flow]),
                    "share_of_demand": float(self.share[i]),
                }
            )
        links = [
            {
                "from": names[a],
                "to": names[b],
                "capacity": float(topology.capacity[e]),
                "load": float(self.utilization[e] * topology.capacity[e]),
                "utilization": float(self.utilization[e]),
            }
            for e, (a, b) in enumerate(topology.arcs.tolist())
        ]
        return {"tunnels": rows, "links": links}


def surviving(instance: Instance, failure: Failure) -> Array:
    """1 for each tunnel that avoids the arcs of a failure, 0 for the others; shape (T,)."""
    hits = np.asarray(instance.tunnels.crossing[list(failure)].sum(0)).ravel()
    found: Array = np.where(hits == 0.0, 1.0, 0.0)
    return found


def without_lost_tunnels(instance: Instance, share: Array, failure: Failure) -> tuple[Array, float]:
    """Utilization (A,) and carried share of the demand while tunnels over failed arcs are lost without replacement."""
    left = Allocation(instance, share * surviving(instance, failure))
    return left.utilization, left.throughput


def shortest_paths_today(instance: Instance) -> Allocation:
    """Today's design by default: all traffic on its shortest tunnel, reduced evenly where links are full."""
    tunnels = instance.tunnels
    share = np.zeros(len(tunnels))
    order = np.lexsort((np.arange(len(tunnels)), tunnels.latency_ms, tunnels.flow))
    share[order[tunnels.first[:-1]]] = 1.0
    crowding = np.maximum(instance.demand_per_capacity @ share, 1.0)
    worst = np.array([crowding[list(path)].max() for path in tunnels.paths])
    return Allocation(instance, share / worst)
