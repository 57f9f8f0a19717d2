"""An interior point method for programs of many small blocks coupled by few rows, such as flows that share links.

The normal equations of such a program decompose: eliminating each block leaves a dense system of the linking rows only.
On networks of a hundred nodes (300 linking rows, ten thousand blocks) an optimum takes about a second; general methods
take ten to twenty.

Source: the predictor-corrector method of Mehrotra (SIAM J. Optim. 2(4), 1992), with upper bounds and a start as in
Lustig, Marsten and Shanno (1992); the Schur complement as in Vanderbei, "Linear Programming", chapter 20.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import linalg, sparse
from scipy.sparse.csgraph import connected_components

from netwright.core.errors import ConfigError
from netwright.solvers import block_kernels as kernels
from netwright.solvers.program import FEASIBILITY, Array, LinearProgram
from netwright.solvers.status import Solution, SolveReport, Status

Ints = npt.NDArray[np.int64]

MOST_ITERATIONS = 150
ACCURACY = 1e-8  # relative: dual feasibility, and gap between primal and dual objective
FEASIBLE = 1e-7  # primal feasibility, relative to the largest right side
LEAST_PRODUCTS = 1e-30  # below this gap, rounding errors dominate
EXACT = 1e-10  # relative residual of rows that is indistinguishable from rounding
STEP_SHARE = 0.9995  # share of the way to the nearest bound
MOST_CORRECTIONS = 2  # centrality corrections of a step, each a solve with the same factors
LONGER, LONGER_BY, LONG_ENOUGH, WORTH = (
    1.1,
    0.1,
    0.9,
    0.02,
)  # step length that corrections aim at, and gain for which they are kept
LEAST_PRODUCT = 0.1  # complementarity products beyond this factor from the center are corrected
LEAST_PIVOT = 1e-13  # relative; added to the diagonal of the linking system
REUSABLE = 0.1  # relative gap of the iterate from which the next solve starts
LEAST_START = 1e-3  # smallest distance from a bound at the start, in units of the mean


@dataclass(frozen=True, eq=False)
class Blocks:
    """A program in standard form: every row has a slack column; rows and columns are sorted by block.

    Attributes:
        n_linking: number of linking rows, which come first.
        columns: (N,) index of each column in the program; the slack of row i has n + i.
        rows: (R,) index of each row in the program.
        first_column, first_row: (blocks + 1,) start of each block.
        starts, middle, row, value: each column's entries; those in linking rows come before `middle`.
    """

    n_linking: int
    columns: Ints
    rows: Ints
    first_column: Ints
    first_row: Ints
    starts: Ints
    middle: Ints
    row: Ints
    value: Array


def blocks_of(matrix: sparse.csc_array, n_linking: int) -> Blocks:
    """The blocks of a matrix (R, N): columns that share a row other than a linking row."""
    n_rows = matrix.shape[0]
    if not 0 < n_linking <= n_rows:
        raise ConfigError(f"a program of {n_rows} rows cannot have {n_linking} linking ones.")
    local = sparse.csr_array(matrix.tocsr()[n_linking:])
    graph = sparse.block_array([[None, local], [local.T, None]], format="csr")
    n_blocks, label = connected_components(graph, directed=False)
    of_row, of_column = label[: n_rows - n_linking], label[n_rows - n_linking :]
    rows = np.concatenate([np.arange(n_linking), n_linking + np.argsort(of_row, kind="stable")])
    columns = np.argsort(of_column, kind="stable")
    ordered = sparse.csc_array(matrix.tocsr()[rows][:, columns])
    ordered.sort_indices()
    links = np.concatenate([[0], np.cumsum(ordered.indices < n_linking)])[ordered.indptr]
    every = np.arange(n_blocks + 1)
    return Blocks(
        n_linking,
        columns.astype(np.int64),
        rows.astype(np.int64),
        np.searchsorted(of_column[columns], every).astype(np.int64),
        n_linking + np.searchsorted(np.sort(of_row), every).astype(np.int64),
        ordered.indptr.astype(np.int64),
        (ordered.indptr[:-1] + np.diff(links)).astype(np.int64),
        ordered.indices.astype(np.int64),
        ordered.data.astype(np.float64),
    )


@dataclass(eq=False)
class _Point:
    """An iterate: columns x, their distances t to the upper bounds, prices y of rows, z and w of bounds."""

    x: Array
    t: Array
    y: Array
    z: Array
    w: Array


@dataclass(frozen=True, eq=False)
class _Step:
    """A direction, and the largest primal and dual step before a value becomes zero."""

    dx: Array
    dt: Array
    dy: Array
    dz: Array
    dw: Array
    primal: float
    dual: float

    @property
    def columns(self) -> tuple[Array, Array, Array, Array]:
        return self.dx, self.dt, self.dz, self.dw

    def shares(self, most: float) -> tuple[float, float]:
        return min(most, self.primal), min(most, self.dual)


class BlockSolver:
    """One linear program of linked blocks, solved repeatedly with different costs.

    Args:
        program: every column needs a finite lower bound and a larger upper bound, every row a bound.
        n_linking: number of linking rows, which come first.
        warm: start from an iterate that the last solve passed well before its end.
        time_limit_s: limit of each solve.
    """

    method: str = "blocks"

    def __init__(
        self, program: LinearProgram, n_linking: int, *, warm: bool = True, time_limit_s: float = np.inf
    ) -> None:
        self.warm = warm
        self._kept: _Point | None = None
        low, high, n = program.row_lower, program.row_upper, len(program.cost)
        if not np.isfinite(program.lower).all():
            raise ConfigError("the method for linked blocks needs a finite lower bound for every column.")
        if (np.isinf(low) & np.isinf(high)).any():
            raise ConfigError("the method for linked blocks needs a bound for every row.")
        self.program, self.time_limit_s = program, time_limit_s
        upwards = np.isinf(high)  # the slack is bounded from below, otherwise from above
        slacks = np.flatnonzero(low < high)
        sign = sparse.diags_array(np.where(upwards, -1.0, 1.0), format="csc")
        self.blocks = blocks_of(sparse.csc_array(sparse.hstack([program.matrix, sign[:, slacks]])), n_linking)
        target = np.where(upwards, low, high) - program.matrix @ program.lower
        width = np.where(np.isinf(low) | upwards, np.inf, high - low)[slacks]
        self._b: Array = target[self.blocks.rows]
        self._u: Array = np.concatenate([program.upper - program.lower, width])[self.blocks.columns]
        self._ours = self.blocks.columns < n
        if (self._u <= 0.0).any():
            raise ConfigError("the method for linked blocks needs room between the bounds of every column.")

    def change_costs(self, cost: Array) -> None:
        """Set the costs (n,) to maximize."""
        self.program = replace(self.program, cost=cost)

    def forget(self) -> None:
        """Make the next solve start cold."""
        self._kept = None

    def solve(self) -> Solution:
        """An optimum inside the optimal face; failures are reported in the status and never raised."""
        began = time.perf_counter()
        program, warm = self.program, self._kept is not None
        status, columns, iterations = self._iterate(began)
        x = np.full(len(program.cost), np.nan)
        if status is Status.OPTIMAL:
            x[self.blocks.columns[self._ours]] = columns[self._ours]
            x = np.clip(x + program.lower, program.lower, program.upper)
        violation = program.violation(x)
        if status is Status.OPTIMAL and not violation <= FEASIBILITY:
            status = Status.INACCURATE
        report = SolveReport(self.method, warm, time.perf_counter() - began, iterations, violation)
        return Solution(status, x, float(program.cost @ x), report)

    def _iterate(self, began: float) -> tuple[Status, Array, int]:
        """Mehrotra's iterations; returns all columns (N,), measured from their lower bounds."""
        cost = np.zeros(len(self._u))
        cost[self._ours] = -self.program.cost[self.blocks.columns[self._ours]]
        scale = max(float(np.abs(cost).max()), 1e-300)
        b, c, u, matrix = self._b, cost / scale, self._u, self._matrix
        point = self._start(c) if self._kept is None else self._restart(self._kept, c, scale)
        kept: _Point | None = None
        size_b, size_c = 1.0 + float(np.abs(b).max()), 1.0 + float(np.abs(c).max())
        n_pairs = len(c) + int(np.isfinite(u).sum())
        expected, refine = np.inf, False
        for iteration in range(MOST_ITERATIONS):
            x, t, y, z, w = point.x, point.t, point.y, point.z, point.w
            r_p, r_d, r_u, theta, found = kernels.residuals(*matrix, b, c, u, x, t, y, z, w)
            lack_b, lack_u, lack_c, products, primal, dual = found
            gap = abs(primal - dual) / (1.0 + abs(primal))
            if not products > LEAST_PRODUCTS:  # also true for NaN
                return Status.FAILED, x, iteration
            if kept is None and max(lack_b / size_b, gap) < REUSABLE:
                kept = replace(point, y=scale * y, z=scale * z, w=scale * w)
            # An objective that is too good because of infeasible rows shows in the gap.
            if max(lack_b, lack_u) < FEASIBLE * size_b and max(lack_c / size_c, gap) < ACCURACY:
                self._kept = kept if self.warm else None
                return Status.OPTIMAL, x, iteration
            if time.perf_counter() - began > self.time_limit_s:
                return Status.TIME_LIMIT, x, iteration
            system = self._factorized(theta)
            if system is None:
                return Status.FAILED, x, iteration
            # A residual of rows above what the last step should leave comes from inexact solves.
            refine = refine or lack_b > max(2.0 * expected, EXACT * size_b)
            system.refine = refine
            step = self._step(point, (r_p, r_d, r_u, theta), system, products / n_pairs)
            primal, dual = (min(1.0, STEP_SHARE * share) for share in (step.primal, step.dual))
            expected = (1.0 - primal) * lack_b
            point = _Point(
                x + primal * step.dx,
                t + primal * step.dt,
                y + dual * step.dy,
                z + dual * step.dz,
                w + dual * step.dw,
            )
        return Status.FAILED, point.x, MOST_ITERATIONS

    def _restart(self, kept: _Point, c: Array, scale: float) -> _Point:
        """An iterate of an earlier solve, with the prices of bounds adapted to the new costs."""
        x, t, y, u = kept.x, kept.t, kept.y / scale, self._u
        boxed = np.isfinite(u)
        mu = float(x @ kept.z + t[boxed] @ kept.w[boxed]) / (len(x) + int(boxed.sum())) / scale
        s = c - kernels.times_transposed(*self._matrix, y)
        w = np.where(boxed, np.maximum(mu / t, mu / x - s), 0.0)
        z = np.where(boxed, s + w, np.maximum(s, mu / x))
        return _Point(x, t, y, z, w)

    def _step(
        self, point: _Point, residuals: tuple[Array, Array, Array, Array], system: _System, mu: float
    ) -> _Step:
        """Newton's step toward the center, with second-order terms and further corrections while they lengthen it."""
        u, x, t, z, w = self._u, point.x, point.t, point.z, point.w
        still = np.zeros_like(x)
        pairs = kernels.second_order(u, x, t, z, w, still, still, still, still, 0.0)
        ahead = self._toward(point, residuals, system, *pairs)
        reached = kernels.products_after(u, x, t, z, w, *ahead.columns, *ahead.shares(1.0))
        products = mu * (len(x) + int(np.isfinite(u).sum()))
        center = mu * (reached / products) ** 3
        pairs = kernels.second_order(u, x, t, z, w, *ahead.columns, center)
        step = self._toward(point, residuals, system, *pairs)
        for _ in range(MOST_CORRECTIONS):
            aim = [min(1.0, LONGER * share + LONGER_BY) for share in step.shares(1.0)]
            if min(step.shares(1.0)) > LONG_ENOUGH:
                break
            more = kernels.recentered(
                u, x, t, z, w, *step.columns, *aim, center * LEAST_PRODUCT, center / LEAST_PRODUCT, *pairs
            )
            longer = self._toward(point, residuals, system, *more)
            if sum(longer.shares(1.0)) < sum(step.shares(1.0)) + WORTH:
                break
            step, pairs = longer, more
        return step

    def _toward(
        self,
        point: _Point,
        residuals: tuple[Array, Array, Array, Array],
        system: _System,
        pairs_x: Array,
        pairs_t: Array,
    ) -> _Step:
        """Newton's step for given changes of the complementarity products."""
        r_p, r_d, r_u, theta = residuals
        u, x, t, z, w = self._u, point.x, point.t, point.z, point.w
        rho, right = kernels.newton(*self._matrix, u, x, t, w, pairs_x, pairs_t, r_p, r_d, r_u, theta)
        dy = system.solve(right)
        dx, dt, dz, dw, primal, dual = kernels.direction(
            *self._matrix, u, x, t, z, w, rho, pairs_x, pairs_t, r_u, theta, dy
        )
        return _Step(dx, dt, dy, dz, dw, primal, dual)

    @property
    def _matrix(self) -> tuple[Ints, Ints, Array]:
        return self.blocks.starts, self.blocks.row, self.blocks.value

    def _start(self, c: Array) -> _Point:
        """Least-norm solutions of both systems of equations, moved inside all bounds."""
        u, boxed = self._u, np.isfinite(self._u)
        theta = np.where(boxed, 0.5, 1.0)
        system = self._factorized(theta)
        assert system is not None
        half = np.where(boxed, 0.5 * np.where(boxed, u, 0.0), 0.0)
        lack = self._b - kernels.times(*self._matrix, half, len(self._b))
        x = half + theta * kernels.times_transposed(*self._matrix, system.solve(lack))
        y = system.solve(kernels.times(*self._matrix, theta * c, len(self._b)))
        s = c - kernels.times_transposed(*self._matrix, y)
        t = np.where(boxed, u - x, np.inf)
        z, w = np.where(boxed, 0.5 * s, s), np.where(boxed, -0.5 * s, 0.0)
        x, t = _lifted(x, t, boxed)
        z, w = _lifted(z, np.where(boxed, w, np.inf), boxed)
        return _Point(x, np.where(boxed, t, 1.0), y, z, np.where(boxed, w, 0.0))

    def _factorized(self, theta: Array) -> _System | None:
        """The normal equations with these weights of the columns (N,); None if they are singular."""
        blocks = self.blocks
        n_linking, sizes = blocks.n_linking, np.diff(blocks.first_row)
        first_factor = np.concatenate([[0], np.cumsum(sizes**2)]).astype(np.int64)
        factor = np.zeros(int(first_factor[-1]))
        linked = np.zeros((n_linking, n_linking))
        kernels.eliminate(
            blocks.first_column,
            blocks.first_row,
            blocks.starts,
            blocks.middle,
            blocks.row,
            blocks.value,
            theta,
            first_factor,
            factor,
            linked,
        )
        linked += np.triu(linked, 1).T  # fold the upper half into the lower half
        diagonal = np.einsum("ii->i", linked)
        diagonal += LEAST_PIVOT * diagonal + 1e-300
        try:
            cholesky = linalg.cholesky(linked, lower=True, overwrite_a=True)
        except (linalg.LinAlgError, ValueError):
            return None
        return _System(blocks, theta, first_factor, factor, cholesky)


def _lifted(first: Array, second: Array, boxed: npt.NDArray[np.bool_]) -> tuple[Array, Array]:
    """Both shifted until every value is positive and none is far below the mean."""
    least = min(float(first.min()), float(second.min()))
    up = max(0.0, -1.5 * least)
    first, second = first + up, second + up
    mean = float(np.mean(np.concatenate([first, second[boxed]])))
    floor = max(LEAST_START * mean, 1e-8)
    return np.maximum(first, floor), np.maximum(second, floor)


@dataclass(eq=False)
class _System:
    """Factors of the normal equations: those of each block, and of the linking rows with the blocks eliminated.

    `refine` requests one step of iterative refinement.
    """

    blocks: Blocks
    theta: Array
    first_factor: Ints
    factor: Array
    cholesky: Array
    refine: bool = False

    def solve(self, right: Array) -> Array:
        """The solution (R,) for a right side (R,)."""
        found = self._solve_once(right)
        if self.refine:
            blocks = self.blocks
            matrix = (blocks.starts, blocks.row, blocks.value)
            moved = self.theta * kernels.times_transposed(*matrix, found)
            found += self._solve_once(right - kernels.times(*matrix, moved, len(right)))
        return found

    def _solve_once(self, right: Array) -> Array:
        blocks, found = self.blocks, right.copy()
        arguments = (
            blocks.first_column,
            blocks.first_row,
            blocks.starts,
            blocks.middle,
            blocks.row,
            blocks.value,
            self.theta,
            self.first_factor,
            self.factor,
            found,
        )
        kernels.condense(*arguments)
        head = found[: blocks.n_linking]
        found[: blocks.n_linking] = linalg.cho_solve((self.cholesky, True), head, check_finite=False)
        kernels.expand(*arguments)
        return found
