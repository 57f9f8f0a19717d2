"""Optimal designs of weighted sums of linear metrics: one linear program, solved repeatedly with different costs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from scipy import sparse

from netwright.core.array_files import RawArray
from netwright.core.types import Json
from netwright.solvers.blocks import BlockSolver
from netwright.solvers.highs import Flags, Solver, cold_gap, optimum
from netwright.solvers.program import LinearProgram
from netwright.solvers.solver import LinearSolver
from netwright.solvers.status import Solution
from netwright.wan.chunks import Arrays, Work
from netwright.wan.instance import Instance
from netwright.wan.scenario import Optima
from netwright.wan.topology import Array

WALK_FROM_NONZEROS = 50_000  # above this size, the first optimum is found by the parametric simplex
BLOCKS_FROM_NONZEROS = 200_000  # above this size, an interior point method that uses the blocks is faster
DEAREST, CHEAPEST, STEP = 40.0, 0.01, 0.6  # prices of capacity along the path, in units of gain per capacity
_WHAT = "the best design of an objective"
CHUNK = 50  # objectives per chunk; fixed, so that a pool does not depend on the number of workers


@dataclass(frozen=True, eq=False)
class Walk:
    """A parametric path from the empty design, optimal for expensive capacity, to the optimum for free capacity.

    Attributes:
        usage: capacity used by each column, summed over arcs; shape (n,).
        basic_columns, basic_rows: the basis of the first design; shapes (n,) and (rows,).
    """

    usage: Array
    basic_columns: Flags
    basic_rows: Flags


@dataclass(frozen=True, eq=False)
class LinearDesign:
    """All feasible designs as a linear program, and metrics that are linear in its columns.

    Attributes:
        program: its costs are replaced by each objective's.
        metrics: the scores of a solution x are `metrics @ x + offset`, larger is better; shape (m, n).
        n_linking: number of arc rows, which come first; without them the program decomposes by flow.
        n_tunnels: number of tunnel columns, which come first: traffic as a share of the flow's demand.
        walk: parametric path to an optimum of a large program, if that is faster than a cold start.
        decimals: significant decimals of scores; solver noise beyond them would distinguish equal designs.
    """

    program: LinearProgram
    metrics: sparse.csr_array
    offset: Array
    n_linking: int
    n_tunnels: int
    decimals: int = 6
    walk: Walk | None = None

    def scores(self, x: Array) -> Array:
        """Oriented metrics of the columns (n,); shape (m,)."""
        found: Array = self.metrics @ x + self.offset
        return found


Make = Callable[[Instance], LinearDesign]


def optimize(make: Make, instance: Instance, weights: Array, work: Work) -> Optima:
    """The best design of each weighted sum (N, m), solved in an order of similar neighbors."""
    order = walk(weights)
    chunks = [order[i : i + CHUNK] for i in range(0, len(order), CHUNK)]
    function = partial(_solve_chunk, make, instance, work.time_limit_s)
    found = work.map("objectives", function, [weights[chunk] for chunk in chunks])
    scores = np.empty((len(weights), found[0]["scores"].shape[1]))
    for chunk, arrays in zip(chunks, found, strict=True):
        scores[chunk] = arrays["scores"]
    return Optima(scores, report=_report(found))


def best(make: Make, instance: Instance, weights: Array) -> Array:
    """Traffic of each tunnel in the best design of one weighted sum (m,), as a share of demand; (T,)."""
    design = make(instance)
    found = first_optimum(design, solver_for(design), design.metrics.T @ weights)
    return found.x[: design.n_tunnels]


def solver_for(design: LinearDesign, time_limit_s: float = np.inf) -> LinearSolver:
    """The faster solver for a sequence of optima of a design's program."""
    if design.program.matrix.nnz > BLOCKS_FROM_NONZEROS:
        return BlockSolver(design.program, design.n_linking, time_limit_s=time_limit_s)
    return Solver(design.program, time_limit_s=time_limit_s)


def first_optimum(design: LinearDesign, solver: LinearSolver, cost: Array) -> Solution:
    """The first optimum, without a neighbor to start from.

    The primal simplex follows the optimum as the price of capacity decreases stepwise. On medium-sized networks of NF
    this is faster than a cold start.
    """
    walk = design.walk
    if walk is not None and isinstance(solver, Solver) and design.program.matrix.nnz > WALK_FROM_NONZEROS:
        solver.start_at(walk.basic_columns, walk.basic_rows)
        rate = float(cost[cost > 0.0].sum() / walk.usage.sum())
        price = DEAREST
        while price > CHEAPEST:
            solver.change_costs(cost - price * rate * walk.usage)
            optimum(solver, "an intermediate design")
            price *= STEP
    solver.change_costs(cost)
    return optimum(solver, _WHAT)


def _solve_chunk(make: Make, instance: Instance, time_limit_s: float, weights: Array) -> Arrays:
    """Scores of the best designs of some objectives; the last one is verified by a cold solve."""
    design = make(instance)
    solver = solver_for(design, time_limit_s)
    scores, seconds, iterations, violation = [], [], [], []
    for i, row in enumerate(weights):
        if i == 0:
            found = first_optimum(design, solver, design.metrics.T @ row)
        else:
            solver.change_costs(design.metrics.T @ row)
            found = optimum(solver, _WHAT)
        scores.append(design.scores(found.x))
        seconds.append(found.report.seconds)
        iterations.append(found.report.iterations)
        violation.append(found.report.violation)
    return {
        "scores": np.round(np.array(scores), design.decimals),
        "seconds": np.array(seconds),
        "iterations": np.array(iterations),
        "violation": np.array(violation),
        "cold_gap": np.array([cold_gap(solver, found)]),
    }


def _report(chunks: list[Arrays]) -> Json:
    def all_of(key: str) -> RawArray:
        return np.concatenate([chunk[key] for chunk in chunks])

    return {
        "solves": len(all_of("seconds")),
        "solver_seconds": float(all_of("seconds").sum()),
        "solver_seconds_max": float(all_of("seconds").max()),
        "iterations": int(all_of("iterations").sum()),
        "violation_max": float(all_of("violation").max()),
        "cold_gap_max": float(all_of("cold_gap").max()),
    }


def walk(points: Array) -> npt.NDArray[np.int64]:
    """A nearest-neighbor order of the points (N, m), starting with the first."""
    left = np.ones(len(points), dtype=bool)
    order = np.empty(len(points), dtype=np.int64)
    at = 0
    for i in range(len(points)):
        order[i] = at
        left[at] = False
        distance = ((points - points[at]) ** 2).sum(1)
        distance[~left] = np.inf
        at = int(np.argmin(distance))
    return order
