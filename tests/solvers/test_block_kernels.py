"""One iteration of the method for linked blocks against dense formulas and Newton's own equations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netwright.solvers import block_kernels as kernels
from netwright.solvers import blocks as method
from netwright.solvers.blocks import BlockSolver, blocks_of
from tests.solvers.test_blocks import N_LINKS, linked_blocks

SEEDS = st.integers(0, 100_000)


@dataclass
class Iterate:
    """A random interior point of a random program, and the program as dense arrays."""

    solver: BlockSolver
    matrix: np.ndarray
    b: np.ndarray
    c: np.ndarray
    u: np.ndarray
    x: np.ndarray
    t: np.ndarray
    y: np.ndarray
    z: np.ndarray
    w: np.ndarray

    @property
    def boxed(self):
        return np.isfinite(self.u)

    @property
    def sparse(self):
        return self.solver.blocks.starts, self.solver.blocks.row, self.solver.blocks.value

    def residuals(self):
        return kernels.residuals(*self.sparse, self.b, self.c, self.u, self.x, self.t, self.y, self.z, self.w)

    def newton(self, pairs_x, pairs_t, found):
        r_p, r_d, r_u, theta = found
        return kernels.newton(
            *self.sparse, self.u, self.x, self.t, self.w, pairs_x, pairs_t, r_p, r_d, r_u, theta
        )

    def direction(self, rho, pairs_x, pairs_t, r_u, theta, dy):
        return kernels.direction(
            *self.sparse, self.u, self.x, self.t, self.z, self.w, rho, pairs_x, pairs_t, r_u, theta, dy
        )


def dense(blocks):
    """The matrix (R, N) that the columns' entries stand for."""
    found = np.zeros((len(blocks.rows), len(blocks.columns)))
    for j, (first, end) in enumerate(zip(blocks.starts[:-1], blocks.starts[1:], strict=True)):
        found[blocks.row[first:end], j] = blocks.value[first:end]
    return found


def iterate(seed):
    solver, rng = BlockSolver(linked_blocks(seed), N_LINKS), np.random.default_rng(seed)
    u = solver._u
    boxed, n = np.isfinite(u), len(u)
    t = np.where(boxed, rng.uniform(0.1, 2.0, n), 1.0)
    w = np.where(boxed, rng.uniform(0.1, 2.0, n), 0.0)
    x, z = rng.uniform(0.1, 2.0, (2, n))
    c, y = rng.normal(size=n), rng.normal(size=len(solver._b))
    return Iterate(solver, dense(solver.blocks), solver._b, c, u, x, t, y, z, w)


@settings(max_examples=15)
@given(SEEDS)
def test_residuals_and_figures_are_those_of_the_formulas(seed):
    it = iterate(seed)
    r_p, r_d, r_u, theta, (lack_b, lack_u, lack_c, products, primal, dual) = it.residuals()
    box = it.boxed
    expected_u = np.where(box, np.where(box, it.u, 0.0) - it.x - it.t, 0.0)
    assert r_p == pytest.approx(it.b - it.matrix @ it.x)
    assert r_d == pytest.approx(it.c - it.matrix.T @ it.y - it.z + it.w)
    assert r_u == pytest.approx(expected_u)
    assert 1.0 / theta == pytest.approx(it.z / it.x + np.where(box, it.w / it.t, 0.0), abs=1e-10)
    assert [lack_b, lack_u, lack_c] == pytest.approx([np.abs(r).max() for r in (r_p, r_u, r_d)])
    assert products == pytest.approx(it.x @ it.z + it.t[box] @ it.w[box])
    assert primal == pytest.approx(it.c @ it.x)
    assert dual == pytest.approx(it.b @ it.y - it.u[box] @ it.w[box])


@settings(max_examples=15)
@given(SEEDS)
def test_a_direction_satisfies_newtons_equations(seed):
    """Primal and dual feasibility, upper bounds and linearized complementarity, all with one direction."""
    it, rng = iterate(seed), np.random.default_rng(seed)
    r_p, r_d, r_u, theta, _ = it.residuals()
    box, n = it.boxed, len(it.x)
    pairs_x, pairs_t = rng.normal(size=n), np.where(box, rng.normal(size=n), 0.0)
    rho, right = it.newton(pairs_x, pairs_t, (r_p, r_d, r_u, theta))
    dy = np.linalg.lstsq(it.matrix @ np.diag(theta) @ it.matrix.T, right, rcond=None)[0]
    dx, dt, dz, dw, primal, dual = it.direction(rho, pairs_x, pairs_t, r_u, theta, dy)
    near = {"abs": 1e-6}
    assert it.matrix @ dx == pytest.approx(r_p, **near)
    assert it.matrix.T @ dy + dz - dw == pytest.approx(r_d, **near)
    assert (dx + dt)[box] == pytest.approx(r_u[box], **near)
    assert it.z * dx + it.x * dz == pytest.approx(pairs_x, **near)
    assert (it.w * dt + it.t * dw)[box] == pytest.approx(pairs_t[box], **near)
    assert not dt[~box].any()
    assert not dw[~box].any()
    for step, values, moves in ((primal, (it.x, it.t), (dx, dt)), (dual, (it.z, it.w), (dz, dw))):
        all_values, all_moves = (np.concatenate([p[0], p[1][box]]) for p in (values, moves))
        falling = all_moves < 0.0
        assert step == pytest.approx(min(-all_values[falling] / all_moves[falling], default=np.inf))


@settings(max_examples=15)
@given(SEEDS, st.floats(0.0, 0.5), st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_products_of_a_step(seed, center, step_p, step_d):
    it, rng = iterate(seed), np.random.default_rng(seed)
    box, n = it.boxed, len(it.x)
    dx, dz = rng.normal(size=(2, n))
    dt, dw = np.where(box, rng.normal(size=(2, n)), 0.0)
    moves = (it.u, it.x, it.t, it.z, it.w, dx, dt, dz, dw)
    pairs_x, pairs_t = kernels.second_order(*moves, center)
    assert pairs_x == pytest.approx(center - it.x * it.z - dx * dz)
    assert pairs_t == pytest.approx(np.where(box, center - it.t * it.w - dt * dw, 0.0))
    after_x = (it.x + step_p * dx) * (it.z + step_d * dz)
    after_t = (it.t + step_p * dt) * (it.w + step_d * dw)
    total = kernels.products_after(*moves, step_p, step_d)
    assert total == pytest.approx(after_x.sum() + after_t[box].sum())
    low, high = 0.2, 1.5
    more_x, more_t = kernels.recentered(*moves, step_p, step_d, low, high, pairs_x, pairs_t)
    for more, pairs, after in ((more_x, pairs_x, after_x), (more_t[box], pairs_t[box], after_t[box])):
        inside = (after >= low) & (after <= high)
        assert (more[inside] == pairs[inside]).all(), "products near the center are left alone"
        assert (more - pairs)[after < low] == pytest.approx(low - after[after < low])
        above = after > high
        assert (more - pairs)[above] == pytest.approx(np.maximum(high - after[above], -high))
    assert (more_t[~box] == pairs_t[~box]).all()


@settings(max_examples=15)
@given(SEEDS)
def test_multiplications_are_those_of_the_matrix(seed):
    it = iterate(seed)
    assert kernels.times(*it.sparse, it.x, len(it.b)) == pytest.approx(it.matrix @ it.x)
    assert kernels.times_transposed(*it.sparse, it.y) == pytest.approx(it.matrix.T @ it.y)


@settings(max_examples=25)
@given(SEEDS)
def test_blocks_reorder_the_matrix_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    n_rows, n_columns = int(rng.integers(3, 9)), int(rng.integers(2, 9))
    matrix = rng.normal(size=(n_rows, n_columns)) * (rng.random((n_rows, n_columns)) < 0.35)
    n_linking = int(rng.integers(1, n_rows + 1))
    found = blocks_of(sparse.csc_array(matrix), n_linking)
    assert sorted(found.rows.tolist()) == list(range(n_rows))
    assert sorted(found.columns.tolist()) == list(range(n_columns))
    assert found.rows[:n_linking].tolist() == list(range(n_linking))
    assert (dense(found) == matrix[found.rows][:, found.columns]).all()
    assert found.first_column[0] == 0
    assert found.first_column[-1] == n_columns
    assert (found.first_row[0], found.first_row[-1]) == (n_linking, n_rows)
    of_column = np.searchsorted(found.first_column, np.arange(n_columns), side="right") - 1
    of_row = np.searchsorted(found.first_row, np.arange(n_rows), side="right") - 1
    for j in range(n_columns):
        entries = found.row[found.starts[j] : found.starts[j + 1]]
        assert (np.diff(entries) > 0).all()
        before = found.middle[j] - found.starts[j]
        assert (entries < n_linking).sum() == before
        assert (of_row[entries[before:]] == of_column[j]).all(), "a column stays inside of its block"


def system_of(seed):
    solver = BlockSolver(linked_blocks(seed), N_LINKS)
    rng = np.random.default_rng(seed)
    theta = rng.uniform(0.5, 2.0, len(solver._u))
    return solver, theta, rng.normal(size=len(solver._b))


def residual(solver, theta, found, right):
    matrix = dense(solver.blocks)
    return float(np.abs(matrix @ (theta * (matrix.T @ found)) - right).max())


def test_refinement_reduces_the_residual_of_inexact_factors():
    solver, theta, right = system_of(3)
    system = solver._factorized(theta)
    system.cholesky = system.cholesky * (1.0 + 1e-4)
    once = residual(solver, theta, system.solve(right), right)
    system.refine = True
    twice = residual(solver, theta, system.solve(right), right)
    assert once > 1e-6
    assert twice < 1e-2 * once


@pytest.mark.parametrize("inexact", [False, True])
def test_refinement_begins_when_rows_do_not_close_as_they_should(monkeypatch, inexact):
    used: list[bool] = []
    solve_once = method._System._solve_once

    def noisy(self, right):
        used.append(self.refine)
        found = solve_once(self, right)
        return found * (1.0 + 1e-3 * np.cos(np.arange(len(found)))) if inexact else found

    monkeypatch.setattr(method._System, "_solve_once", noisy)
    solver = BlockSolver(linked_blocks(7), N_LINKS)
    assert solver.solve().status.value == "optimal"
    assert any(used) is inexact


def test_normal_equations_without_a_factor_are_reported_as_singular():
    solver, theta, _ = system_of(1)
    assert solver._factorized(np.full_like(theta, np.nan)) is None
    assert solver._factorized(theta) is not None
