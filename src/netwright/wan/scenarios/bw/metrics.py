"""Metrics of BW: the mean log of the share of demand that the flows of each class get."""

from __future__ import annotations

import numpy as np

from netwright.synthesis.problem import Metric, MetricGroup
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.scenario import tunnel_rule
from netwright.wan.topology import Array, Topology

LEAST_SHARE = 0.001  # minimum share of its demand for every flow
BREAKPOINTS = np.geomspace(
    LEAST_SHARE, 1.0, 12
)  # breakpoints between which the log is replaced by its secant
SLOPES = np.diff(np.log(BREAKPOINTS)) / np.diff(BREAKPOINTS)

N_CLASSES = 4
LOAD = 6.0


def config(name: str, topology: Topology) -> InstanceConfig:
    """Four classes at a load at which they compete."""
    return InstanceConfig(name, LOAD, tunnel_rule(topology), n_classes=N_CLASSES)


def metrics(instance: Instance) -> MetricGroup:
    """One metric per class."""
    what = "mean log of the share of demand that its flows get: 0 all, -0.69 half, -2.3 a tenth"
    names = (f"class {k + 1}" for k in range(instance.demands.n_classes))
    return MetricGroup(tuple(Metric(name, "ln", True, what) for name in names))


def utility(share: Array) -> Array:
    """Log of the share of demand that a flow gets, by secants on 12 geometric breakpoints; concave.

    Proportional fairness (Kelly et al. 1998), as in BwE (Kumar et al., SIGCOMM 2015).
    """
    found: Array = np.interp(share, BREAKPOINTS, np.log(BREAKPOINTS))
    return found


def evaluate(instance: Instance, share: Array) -> Array:
    """Metric values of an allocation (T,); shape (classes,)."""
    demands = instance.demands
    utilities = utility(instance.tunnels.serving @ share)
    totals = np.bincount(demands.classes, weights=utilities, minlength=demands.n_classes)
    found: Array = totals / np.bincount(demands.classes, minlength=demands.n_classes)
    return found
