"""Metrics of MCF: share of demand carried, and latency; both linear in the allocation (Example 4.14)."""

from __future__ import annotations

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Metric, MetricGroup
from netwright.wan.allocation import Allocation
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.scenario import tunnel_rule
from netwright.wan.topology import Array, Topology

LOAD = 2.0


def config(name: str, topology: Topology) -> InstanceConfig:
    """One class, at twice the load that shortest paths can carry."""
    return InstanceConfig(name, LOAD, tunnel_rule(topology))


def metrics(instance: Instance) -> MetricGroup:
    """Throughput and latency.

    Raises:
        ConfigError: all latencies are 0.
    """
    if not instance.topology.latency_ms.any():
        raise ConfigError(
            f"scenario mcf trades throughput for latency, but all links of {instance.topology.name} have the "
            "latency 0; give latencies (or lengths) in the topology's file."
        )
    return MetricGroup(
        (
            Metric("throughput", "%", True, "carried share of the total demand"),
            Metric(
                "latency",
                "ms",
                False,
                "one-way latency of carried traffic, summed and divided by the total demand",
            ),
        )
    )


def evaluate(instance: Instance, share: Array) -> Array:
    """Metric values of an allocation (T,): throughput in %, latency in ms."""
    allocation = Allocation(instance, share)
    return np.array([100.0 * allocation.throughput, allocation.latency_ms])
