"""The constraints common to all tunnel-based scenarios."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from netwright.solvers.program import LinearProgram
from netwright.wan.instance import Instance
from netwright.wan.topology import Array


def carried_within_capacity(instance: Instance, cost: Array) -> LinearProgram:
    """Maximize `cost @ x`; x (T,) is the traffic of each tunnel as a share of its flow's demand.

    Rows: the utilization of each arc is at most 1, and the tunnels of each flow carry at most its demand.
    """
    matrix = sparse.csc_array(sparse.vstack([instance.demand_per_capacity, instance.tunnels.serving]))
    rows, n = matrix.shape
    return LinearProgram(cost, np.zeros(n), np.full(n, np.inf), matrix, np.full(rows, -np.inf), np.ones(rows))
