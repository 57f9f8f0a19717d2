"""Target functions of BW: f = sum of w_k U_k, weights log-uniform in [1, 100] and normalized."""

from __future__ import annotations

from netwright.synthesis.problem import MetricGroup
from netwright.wan.chunks import Work
from netwright.wan.families import WeightedSum, log_uniform
from netwright.wan.instance import Instance
from netwright.wan.scenario import Reference


def find_reference(instance: Instance, work: Work) -> Reference:
    """No reference is needed."""
    return {}


def family(group: MetricGroup, reference: Reference) -> WeightedSum:
    """Weighted log utilities of the classes."""
    return WeightedSum("bw", group, log_uniform)
