"""Target functions of NF: f = sum over groups of u_g N_g + v_g Z_g, weights uniform over the simplex."""

from __future__ import annotations

from netwright.synthesis.problem import MetricGroup
from netwright.wan.chunks import Work
from netwright.wan.families import WeightedSum, dirichlet
from netwright.wan.instance import Instance
from netwright.wan.scenario import Reference


def find_reference(instance: Instance, work: Work) -> Reference:
    """No reference is needed."""
    return {}


def family(group: MetricGroup, reference: Reference) -> WeightedSum:
    """Weighted demand met, normally and in failures."""
    return WeightedSum("nf", group, dirichlet)
