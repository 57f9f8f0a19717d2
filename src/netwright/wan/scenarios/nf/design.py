"""Optimal designs of NF: reservations with a guarantee under every failure (FFC), by flow or by group."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from netwright.solvers.program import LinearProgram, stack
from netwright.synthesis.problem import ObjectiveFamily
from netwright.wan import weighted
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance
from netwright.wan.scenario import Optima, Reference
from netwright.wan.scenarios.nf.metrics import kills, kills_by_failure
from netwright.wan.topology import Array
from netwright.wan.weighted import LinearDesign, Walk


def linear_design(instance: Instance) -> LinearDesign:
    """All designs; Z_g is the guarantee that the instance's configuration selects."""
    return _by_group(instance) if instance.config.guarantee == "group" else _by_flow(instance)


def _by_flow(instance: Instance) -> LinearDesign:
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


def _by_group(instance: Instance) -> LinearDesign:
    """Columns a (T,) reserved by tunnel, b (F,) met normally, s (K,) missing with each kill set, then N_g and Z_g.

    Rows: utilization of each arc by a <= 1; N_g <= the group's share met by b; Z_g <= N_g - the share that the group
    misses, without a failure and in each one; b <= sum of a; b <= sum of surviving a + s for each kill set.
    """
    n_groups, sets = instance.demands.n_classes, kills_by_failure(instance)
    flow = sparse.eye_array(len(instance.demands), format="csr")
    group = sparse.eye_array(n_groups, format="csr")
    share = sparse.csr_array(
        group[instance.demands.classes].T @ sparse.diags_array(_share(instance))
    )  # (G, F)
    states = sparse.vstack([sparse.csr_array((1, len(sets.flow))), sets.caused])  # (1 + failures, K)
    missed = [states @ sparse.diags_array(row) for row in share[:, sets.flow].toarray()]
    group_of_row = sparse.kron(group, np.ones((states.shape[0], 1)))
    matrix = stack(
        [
            [instance.demand_per_capacity, None, None, None, None],
            [None, -share, None, group, None],
            [None, None, sparse.vstack(missed), -group_of_row, group_of_row],
            [-instance.tunnels.serving, flow, None, None, None],
            [-sets.surviving, flow[sets.flow], -sparse.eye_array(len(sets.flow)), None, None],
        ]
    )
    (rows, n), n_arcs, n_tunnels = matrix.shape, instance.topology.n_arcs, len(instance.tunnels)
    program = LinearProgram(
        cost=np.zeros(n),
        lower=np.zeros(n),
        upper=np.concatenate([np.full(n_tunnels, np.inf), np.ones(n - n_tunnels)]),
        matrix=matrix,
        row_lower=np.full(rows, -np.inf),
        row_upper=np.concatenate([np.ones(n_arcs), np.zeros(rows - n_arcs)]),
    )
    in_order = np.arange(2 * n_groups).reshape(2, n_groups).T.ravel()  # N_1, Z_1, N_2, ..
    columns = 100.0 * sparse.eye_array(n, format="csr")[n - 2 * n_groups :]
    n_linking = n_arcs + n_groups + group_of_row.shape[0]
    return LinearDesign(program, columns[in_order], np.zeros(2 * n_groups), n_linking, n_tunnels, decimals=4)


def _share(instance: Instance) -> Array:
    """Share of each flow in the demand of its group; shape (F,)."""
    demands = instance.demands
    total = np.bincount(demands.classes, weights=demands.volume)
    found: Array = demands.volume / total[demands.classes]
    return found


def _metrics(instance: Instance) -> sparse.csr_array:
    """(2 * groups, n): normal and worst failure of each group, in % of its demand."""
    demands = instance.demands
    n_flows, n_tunnels = len(demands), len(instance.tunnels)
    percent = 100.0 * _share(instance)
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
