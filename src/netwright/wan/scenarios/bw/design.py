"""Optimal designs of BW: piecewise linear log utility of each flow, whose increments fill in order by concavity."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from netwright.solvers.program import LinearProgram, stack
from netwright.synthesis.problem import ObjectiveFamily
from netwright.wan import weighted
from netwright.wan.allocation import Allocation
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance
from netwright.wan.scenario import Optima, Reference
from netwright.wan.scenarios.bw.metrics import BREAKPOINTS, LEAST_SHARE, SLOPES
from netwright.wan.tables import Tables
from netwright.wan.topology import Array
from netwright.wan.weighted import LinearDesign


def linear_design(instance: Instance) -> LinearDesign:
    """Columns x (T,): share by tunnel; then y (F * S,): fill of each increment of each flow.

    Rows: utilization of each arc <= 1; for each flow, the sum of x minus the sum of y is the minimum share.
    """
    n_flows, n_tunnels, n_steps = len(instance.demands), len(instance.tunnels), len(SLOPES)
    increments = sparse.kron(sparse.eye_array(n_flows), np.ones((1, n_steps)), format="csr")
    matrix = stack([[instance.demand_per_capacity, None], [instance.tunnels.serving, -increments]])
    n_arcs, n = instance.topology.n_arcs, n_tunnels + n_flows * n_steps
    program = LinearProgram(
        cost=np.zeros(n),
        lower=np.zeros(n),
        upper=np.concatenate([np.full(n_tunnels, np.inf), np.tile(np.diff(BREAKPOINTS), n_flows)]),
        matrix=matrix,
        row_lower=np.concatenate([np.full(n_arcs, -np.inf), np.full(n_flows, LEAST_SHARE)]),
        row_upper=np.concatenate([np.ones(n_arcs), np.full(n_flows, LEAST_SHARE)]),
    )
    classes = instance.demands.classes
    mean = 1.0 / np.bincount(classes)[classes]
    rows, columns = np.repeat(classes, n_steps), n_tunnels + np.arange(n_flows * n_steps)
    slopes = (mean[:, None] * SLOPES).ravel()
    shape = (instance.demands.n_classes, n)
    metrics = sparse.csr_array(sparse.coo_array((slopes, (rows, columns)), shape=shape))
    return LinearDesign(program, metrics, np.full(shape[0], np.log(LEAST_SHARE)), n_arcs, n_tunnels)


def optimize(
    instance: Instance, family: ObjectiveFamily, reference: Reference, parameters: Array, work: Work
) -> Optima:
    """The best design of each objective (N, classes)."""
    return weighted.optimize(linear_design, instance, parameters, work)


def decide(instance: Instance, family: ObjectiveFamily, parameters: Array) -> Array:
    """Traffic of each tunnel in the best design of one objective, as a share of demand; shape (T,)."""
    family.check(parameters)
    return weighted.best(linear_design, instance, parameters)


def export(instance: Instance, share: Array) -> Tables:
    """Tables of tunnels and links."""
    return Allocation(instance, share).tables()
