"""Optimal designs of NF: reservations that keep a guarantee under every maximal kill set (FFC)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from netwright.solvers.program import LinearProgram, stack
from netwright.synthesis.problem import ObjectiveFamily
from netwright.wan import weighted
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance
from netwright.wan.scenario import Optima, Reference
from netwright.wan.scenarios.nf.metrics import kills
from netwright.wan.topology import Array
from netwright.wan.weighted import LinearDesign, Walk


def linear_design(instance: Instance) -> LinearDesign:
    """Columns a (T,) reserved by tunnel, b (F,) met normally, z (F,) met in the worst failure; shares of demand.

    Rows: utilization of each arc by a <= 1; b <= sum of a; z <= sum of surviving a for each kill set. The constraint
    z <= b is implied: b is maximal given the sum of a and the demand, and z is bounded by both.
    """
    n_flows, n_tunnels, n_arcs = len(instance.demands), len(instance.tunnels), instance.topology.n_arcs
    sets = kills(instance)
    one = sparse.eye_array(n_flows, format="csr")
    of_set = one[sets.flow]
    matrix = stack(
        [
            [instance.demand_per_capacity, None, None],
            [-instance.tunnels.serving, one, None],
            [-sets.surviving, None, of_set],
        ]
    )
    rows, n = matrix.shape
    program = LinearProgram(
        cost=np.zeros(n),
        lower=np.zeros(n),
        upper=np.concatenate([np.full(n_tunnels, np.inf), np.ones(2 * n_flows)]),
        matrix=matrix,
        row_lower=np.full(rows, -np.inf),
        row_upper=np.concatenate([np.ones(n_arcs), np.zeros(rows - n_arcs)]),
    )
    offset = np.zeros(2 * instance.demands.n_classes)
    first_of_flow = np.diff(sets.flow, prepend=-1) > 0
    walk = Walk(
        usage=np.concatenate([instance.demand_per_capacity.sum(0), np.zeros(2 * n_flows)]),
        # nothing is reserved: each b is 0 by its row, each z by the row of its flow's first set
        basic_columns=np.arange(n) >= n_tunnels,
        basic_rows=np.concatenate([np.ones(n_arcs, bool), np.zeros(n_flows, bool), ~first_of_flow]),
    )
    return LinearDesign(program, _metrics(instance), offset, n_arcs, n_tunnels, decimals=4, walk=walk)


def _metrics(instance: Instance) -> sparse.csr_array:
    """(2 * groups, n): normal and worst failure of each group, in % of its demand."""
    demands = instance.demands
    n_flows, n_tunnels = len(demands), len(instance.tunnels)
    percent = 100.0 * demands.volume / np.bincount(demands.classes, weights=demands.volume)[demands.classes]
    rows = np.concatenate([2 * demands.classes, 2 * demands.classes + 1])
    columns = n_tunnels + np.arange(2 * n_flows)
    shape = (2 * demands.n_classes, n_tunnels + 2 * n_flows)
    return sparse.csr_array(sparse.coo_array((np.tile(percent, 2), (rows, columns)), shape=shape))


def optimize(
    instance: Instance, family: ObjectiveFamily, reference: Reference, parameters: Array, work: Work
) -> Optima:
    """The best design of each objective (N, 2 * groups)."""
    return weighted.optimize(linear_design, instance, parameters, work)


def decide(instance: Instance, family: ObjectiveFamily, parameters: Array) -> Array:
    """Reservation on each tunnel in the best design of one objective, as a share of demand; shape (T,)."""
    family.check(parameters)
    return weighted.best(linear_design, instance, parameters)
