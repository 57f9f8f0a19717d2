"""Metrics of NF: for each group of flows, the demand met normally and in the worst failure.

A design reserves capacity on tunnels; when links fail, the tunnels over them are lost and the others keep their
reservations (FFC: Liu et al., SIGCOMM 2014). The worst failure is by default that of each flow, so that Z_g sums what
each flow can rely on. With `guarantee="group"` it is the single failure in which the group loses most, as in the paper.
The former is never larger, since flows may suffer in different failures.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

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
    worst = (
        "in the single failure in which the group loses most"
        if instance.config.guarantee == "group"
        else "when each flow suffers its worst failure"
    )
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
                    f"share of the group's demand met {worst}",
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
    masks = _masks(instance)
    maximal = [
        (number, mask)
        for number, (first, last) in enumerate(pairwise(masks.indptr))
        for mask in _maximal({int(mask) for mask in masks.data[first:last]} or {0})
    ]
    flow, mask = np.array(maximal, dtype=np.int64).T
    return Kills(flow, _surviving(instance, flow, mask))


@dataclass(frozen=True, eq=False)
class FailureKills(Kills):
    """All distinct kill sets, and the failures that cause them.

    Attributes:
        caused: 1 if a failure (row) takes exactly this set of the flow down (column); shape (failures, K).
    """

    caused: sparse.csr_array


def kills_by_failure(instance: Instance) -> FailureKills:
    """The kill sets of every flow that a failure affects; see `kills` for the error."""
    masks = _masks(instance).tocoo()
    pairs, which = np.unique(np.column_stack([masks.col, masks.data]), axis=0, return_inverse=True)
    shape = (len(instance.failures), len(pairs))
    caused = sparse.coo_array((np.ones(len(which)), (masks.row, which.ravel())), shape=shape)
    flow, mask = pairs.astype(np.int64).T
    return FailureKills(flow, _surviving(instance, flow, mask), sparse.csr_array(caused))


def _bits(instance: Instance) -> Ints:
    """The bit of each tunnel among those of its flow; shape (T,)."""
    tunnels = instance.tunnels
    found: Ints = np.int64(1) << (np.arange(len(tunnels)) - tunnels.first[tunnels.flow])
    return found


def _masks(instance: Instance) -> sparse.csc_array:
    """The tunnels of each flow (column) that each failure (row) takes down, as bits; shape (failures, F)."""
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
    bits = sparse.diags_array(_bits(instance), dtype=np.int64)
    masks = sparse.csc_array(lost @ bits @ tunnels.serving.T.astype(np.int64))
    masks.eliminate_zeros()
    return masks


def _surviving(instance: Instance, flow: Ints, mask: Ints) -> sparse.csr_array:
    """1 for each tunnel (column) of the flow of each kill set (row) that is not in the set; shape (K, T)."""
    own = sparse.coo_array(instance.tunnels.serving[flow])
    alive = mask[own.row] & _bits(instance)[own.col] == 0
    entries = (np.ones(int(alive.sum())), (own.row[alive], own.col[alive]))
    return sparse.csr_array(sparse.coo_array(entries, shape=own.shape))


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


def worst_for_groups(instance: Instance, reserved: Array) -> Array:
    """Share of each group's demand met in the single failure in which the group loses most; shape (groups,)."""
    demands, sets = instance.demands, kills_by_failure(instance)
    normal = np.minimum(instance.tunnels.serving @ reserved, 1.0)
    missing = np.maximum(normal[sets.flow] - sets.surviving @ reserved, 0.0) * demands.volume[sets.flow]
    group = demands.classes[sets.flow]
    lost = np.column_stack([sets.caused @ (missing * (group == g)) for g in range(demands.n_classes)])
    met = np.bincount(demands.classes, weights=demands.volume * normal) - lost.max(0, initial=0.0)
    found: Array = met / np.bincount(demands.classes, weights=demands.volume)
    return found


def evaluate(instance: Instance, reserved: Array) -> Array:
    """Metric values in % of reservations (T,); shape (2 * groups,)."""
    demands = instance.demands
    total = np.bincount(demands.classes, weights=demands.volume)
    met = [
        np.bincount(demands.classes, weights=demands.volume * share) / total
        for share in outcome(instance, reserved)
    ]
    if instance.config.guarantee == "group":
        met[1] = worst_for_groups(instance, reserved)
    found: Array = 100.0 * np.column_stack(met).ravel()
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
