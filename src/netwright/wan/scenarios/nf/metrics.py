"""Metrics of NF: for each group of flows, the demand met normally and in the worst failure of each flow.

A design reserves capacity on tunnels; when links fail, the tunnels over them are lost and the others keep their
reservations (FFC: Liu et al., SIGCOMM 2014).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Metric, MetricGroup
from netwright.wan.allocation import Allocation, surviving
from netwright.wan.failures import Failure
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.scenario import tunnel_rule
from netwright.wan.tables import Tables
from netwright.wan.topology import Array, Ints, Topology

N_GROUPS = 2
LOAD = 4.0
MOST_TUNNELS = 62  # maximum per flow: free bits of a signed 64-bit integer


def config(name: str, topology: Topology) -> InstanceConfig:
    """Two groups, at a load at which a guarantee for one flow takes capacity from others."""
    return InstanceConfig(name, LOAD, tunnel_rule(topology), n_classes=N_GROUPS)


def metrics(instance: Instance) -> MetricGroup:
    """For each group: normal, then worst failure."""
    return MetricGroup(
        tuple(
            metric
            for g in range(1, instance.demands.n_classes + 1)
            for metric in (
                Metric(f"group {g} normal", "%", True, "share of the group's demand met when all links work"),
                Metric(
                    f"group {g} worst failure",
                    "%",
                    True,
                    "share of the group's demand met when each flow suffers its worst failure",
                ),
            )
        )
    )


@dataclass(frozen=True, eq=False)
class Kills:
    """Maximal sets of tunnels of one flow that a failure takes down.

    A flow unaffected by any failure has one empty set.

    Attributes:
        flow: the flow of each set; shape (K,).
        surviving: 1 if a tunnel (column) of that flow survives the failure (row); shape (K, T).
    """

    flow: Ints
    surviving: sparse.csr_array


def kills(instance: Instance) -> Kills:
    """The maximal kill sets of every flow; a guarantee under these holds under all failures.

    Raises:
        ConfigError: a flow has more tunnels than fit into the bits of an integer.
    """
    tunnels = instance.tunnels
    most = int(np.diff(tunnels.first).max())
    if most > MOST_TUNNELS:
        raise ConfigError(
            f"a flow has {most} tunnels, but failures are supported for at most {MOST_TUNNELS}; use a tunnel rule "
            "with fewer, such as d3."
        )
    down = sparse.lil_array((len(instance.failures), instance.topology.n_arcs))
    for row, arcs in enumerate(instance.failures):
        down[row, list(arcs)] = 1.0
    lost = sparse.csr_array((down.tocsr() @ tunnels.crossing) > 0).astype(np.int64)  # (failures, T)
    bits = np.int64(1) << (np.arange(len(tunnels)) - tunnels.first[tunnels.flow])
    masks = sparse.csc_array(
        lost @ sparse.diags_array(bits, dtype=np.int64) @ tunnels.serving.T.astype(np.int64)
    )
    flows: list[int] = []
    rows: list[int] = []
    columns: list[int] = []
    for flow in range(tunnels.n_flows):
        found = {int(mask) for mask in masks.data[masks.indptr[flow] : masks.indptr[flow + 1]]}
        for mask in _maximal(found or {0}):
            alive = [
                t for t in range(*tunnels.first[flow : flow + 2]) if not mask >> (t - tunnels.first[flow]) & 1
            ]
            rows += [len(flows)] * len(alive)
            columns += alive
            flows.append(flow)
    shape = (len(flows), len(tunnels))
    surviving = sparse.csr_array(sparse.coo_array((np.ones(len(rows)), (rows, columns)), shape=shape))
    return Kills(np.array(flows, dtype=np.int64), surviving)


def _maximal(masks: set[int]) -> Iterator[int]:
    for mask in sorted(masks):
        if not any(mask != other and mask & other == mask for other in masks):
            yield mask


def outcome(instance: Instance, reserved: Array) -> tuple[Array, Array]:
    """Share of each flow's demand met normally, and in its worst failure; both (F,).

    Args:
        reserved: capacity on each tunnel as a share of its flow's demand; shape (T,).
    """
    normal = np.minimum(instance.tunnels.serving @ reserved, 1.0)
    worst, sets = normal.copy(), kills(instance)
    np.minimum.at(worst, sets.flow, sets.surviving @ reserved)
    return normal, worst


def when_failed(instance: Instance, reserved: Array, failure: Failure) -> tuple[Array, float]:
    """Utilization (A,) and carried share of the demand: each flow sends what it may over its surviving reservations."""
    kept = reserved * surviving(instance, failure)
    held = instance.tunnels.serving @ kept
    sent = np.minimum(held, np.minimum(instance.tunnels.serving @ reserved, 1.0))
    used = np.divide(sent, held, out=np.zeros_like(held), where=held > 0.0)
    left = Allocation(instance, kept * used[instance.tunnels.flow])
    return left.utilization, left.throughput


def evaluate(instance: Instance, reserved: Array) -> Array:
    """Metric values in % of reservations (T,); shape (2 * groups,)."""
    demands = instance.demands
    total = np.bincount(demands.classes, weights=demands.volume)
    met = [
        np.bincount(demands.classes, weights=demands.volume * share) for share in outcome(instance, reserved)
    ]
    found: Array = 100.0 * (np.column_stack(met) / total[:, None]).ravel()
    return found


def export(instance: Instance, reserved: Array) -> Tables:
    """Tables of tunnels (with reservations), links, and flows normally and in their worst failure."""
    demands, names = instance.demands, instance.topology.nodes
    normal, worst = outcome(instance, reserved)
    held = instance.tunnels.serving @ reserved
    used = np.divide(normal, held, out=np.zeros_like(held), where=held > 0.0)
    tables = Allocation(instance, reserved * used[instance.tunnels.flow]).tables()
    for row, share, flow in zip(tables["tunnels"], reserved, instance.tunnels.flow, strict=True):
        row["reserved"] = float(share * demands.volume[flow])
    for row, utilization in zip(tables["links"], instance.demand_per_capacity @ reserved, strict=True):
        row["reserved_utilization"] = float(utilization)
    flows = [
        {
            "source": names[demands.source[i]],
            "target": names[demands.target[i]],
            "group": int(demands.classes[i]) + 1,
            "demand": float(demands.volume[i]),
            "share_normal": float(normal[i]),
            "share_worst_failure": float(worst[i]),
        }
        for i in range(len(demands))
    ]
    return {**tables, "flows": flows}
