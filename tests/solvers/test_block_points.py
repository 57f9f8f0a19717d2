"""Where the method for linked blocks starts, restarts and ends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.solvers import blocks as method
from netwright.solvers.blocks import BlockSolver
from netwright.solvers.highs import solve
from netwright.solvers.status import Status
from tests.solvers.test_block_kernels import dense
from tests.solvers.test_blocks import AGREE, N_LINKS, linked_blocks


def shifted(program, by):
    """The same program in other coordinates: x + by in place of x."""
    return replace(
        program,
        lower=program.lower + by,
        upper=program.upper + by,
        row_lower=program.row_lower + program.matrix @ by,
        row_upper=program.row_upper + program.matrix @ by,
    )


@settings(max_examples=12)
@given(seed=st.integers(0, 100_000))
def test_lower_bounds_other_than_zero_only_shift_the_optimum(seed):
    program = linked_blocks(seed)
    by = np.random.default_rng(seed).normal(size=len(program.cost))
    found = BlockSolver(shifted(program, by), N_LINKS).solve()
    assert found.status is Status.OPTIMAL
    assert found.value == pytest.approx(solve(program).value + program.cost @ by, rel=AGREE, abs=AGREE)
    assert (found.x >= program.lower + by).all()
    assert (found.x <= program.upper + by).all()


@settings(max_examples=12)
@given(seed=st.integers(0, 100_000))
def test_columns_without_an_upper_bound_need_a_row_that_holds_them(seed):
    program = linked_blocks(seed)
    held = replace(
        program,
        cost=-np.abs(program.cost),
        upper=np.where(np.arange(len(program.cost)) % 2, np.inf, program.upper),
    )
    assert BlockSolver(held, N_LINKS).solve().value == pytest.approx(solve(held).value, rel=AGREE, abs=AGREE)


@settings(max_examples=12)
@given(seed=st.integers(0, 100_000), power=st.integers(-8, 8))
def test_the_unit_of_the_costs_does_not_matter(seed, power):
    program = linked_blocks(seed)
    found = BlockSolver(replace(program, cost=program.cost * 10.0**power), N_LINKS).solve()
    assert found.value * 10.0**-power == pytest.approx(solve(program).value, rel=AGREE, abs=AGREE)


def normed(seed):
    solver = BlockSolver(linked_blocks(seed), N_LINKS)
    cost = np.zeros(len(solver._u))
    cost[solver._ours] = -solver.program.cost[solver.blocks.columns[solver._ours]]
    return solver, cost / np.abs(cost).max()


@pytest.mark.parametrize("seed", range(4))
def test_the_start_lies_inside_of_all_bounds(seed):
    solver, c = normed(seed)
    start, boxed = solver._start(c), np.isfinite(solver._u)
    assert min(start.x.min(), start.z.min(), start.t[boxed].min(), start.w[boxed].min()) > 0.0
    assert (start.t[~boxed] == 1.0).all()
    assert (start.w[~boxed] == 0.0).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_prices_of_the_start_are_a_weighted_least_squares_fit(seed):
    solver, c = normed(seed)
    theta = np.where(np.isfinite(solver._u), 0.5, 1.0)
    matrix = dense(solver.blocks)
    normal = matrix @ np.diag(theta) @ matrix.T
    assert normal @ solver._start(c).y == pytest.approx(matrix @ (theta * c), abs=1e-8)


def test_lifting_moves_both_parts_alike_and_then_off_the_bounds():
    boxed = np.array([True, False])
    first, second = method._lifted(np.array([1.0, 5.0]), np.array([-2.0, np.inf]), boxed)
    # The least value is -2, so both rise by 3.
    assert first.tolist() == [4.0, 8.0]
    assert second.tolist() == [1.0, np.inf]
    first, second = method._lifted(np.array([0.0, 3000.0]), np.array([3000.0, np.inf]), boxed)
    assert first.tolist() == [pytest.approx(1e-3 * 2000.0), 3000.0]
    first, _ = method._lifted(np.zeros(2), np.zeros(2), boxed)
    assert first.tolist() == [1e-8, 1e-8]


@pytest.mark.parametrize("seed", range(4))
def test_a_restart_is_dual_feasible_and_no_closer_to_its_bounds_than_the_center(seed):
    solver, c = normed(seed)
    solver.solve()
    kept = solver._kept
    scale = float(np.abs(solver.program.cost).max())
    rng = np.random.default_rng(seed)
    c = c + 0.1 * rng.normal(size=len(c)) * solver._ours
    point, boxed = solver._restart(kept, c, scale), np.isfinite(solver._u)
    mu = (kept.x @ kept.z + kept.t[boxed] @ kept.w[boxed]) / (len(kept.x) + boxed.sum()) / scale
    assert (point.x == kept.x).all()
    assert point.y == pytest.approx(kept.y / scale)
    slack = c - dense(solver.blocks).T @ point.y
    assert (point.z - point.w)[boxed] == pytest.approx(slack[boxed])
    near = mu * (1.0 - 1e-9)
    assert (point.x * point.z >= near).all()
    assert (point.t * point.w >= near)[boxed].all()
    assert (point.w[~boxed] == 0.0).all()


def test_a_warm_start_needs_fewer_iterations_than_a_cold_one():
    fewer = []
    for seed in range(6):
        program = linked_blocks(seed)
        solver = BlockSolver(program, N_LINKS)
        cold = solver.solve().report
        cost = program.cost * (1.0 + 1e-3 * np.arange(len(program.cost)))
        solver.change_costs(cost)
        warm = solver.solve().report
        assert (cold.warm, warm.warm) == (False, True)
        fewer.append(cold.iterations - warm.iterations)
    assert np.mean(fewer) > 0.0
    never = BlockSolver(program, N_LINKS, warm=False)
    never.solve()
    assert never._kept is None


def test_too_few_iterations_are_a_failure_and_no_answer(monkeypatch):
    monkeypatch.setattr(method, "MOST_ITERATIONS", 2)
    found = BlockSolver(linked_blocks(2), N_LINKS).solve()
    assert (found.status, found.report.iterations) == (Status.FAILED, 2)
    assert np.isnan(found.x).all()
    assert np.isnan(found.value)


def test_an_answer_that_breaks_a_row_is_inaccurate(monkeypatch):
    program = linked_blocks(2)
    solver = BlockSolver(program, N_LINKS)
    monkeypatch.setattr(type(program), "violation", lambda self, x: method.FEASIBILITY)
    assert solver.solve().status is Status.OPTIMAL, "the limit itself is accepted"
    monkeypatch.setattr(type(program), "violation", lambda self, x: 1.01 * method.FEASIBILITY)
    assert solver.solve().status is Status.INACCURATE


def test_corrections_aim_at_steps_no_longer_than_whole(monkeypatch):
    aims: list[tuple[float, float]] = []
    recentered = method.kernels.recentered

    def seen(*arguments):
        aims.append(arguments[9:11])
        return recentered(*arguments)

    monkeypatch.setattr(method.kernels, "recentered", seen)
    for seed in range(4):
        BlockSolver(linked_blocks(seed), N_LINKS).solve()
    assert aims
    assert all(0.0 < aim <= 1.0 for pair in aims for aim in pair)


def test_corrections_are_few_and_lengthen_the_step(monkeypatch):
    lengths: list[list[float]] = []
    toward = BlockSolver._toward

    def seen(self, *arguments):
        step = toward(self, *arguments)
        lengths[-1].append(sum(step.shares(1.0)))
        return step

    def step(self, *arguments):
        lengths.append([])
        found = taken(self, *arguments)
        lengths[-1].append(sum(found.shares(1.0)))
        return found

    taken = BlockSolver._step
    monkeypatch.setattr(BlockSolver, "_toward", seen)
    monkeypatch.setattr(BlockSolver, "_step", step)
    for seed in range(4):
        BlockSolver(linked_blocks(seed), N_LINKS).solve()
    for _, predicted, *corrected, chosen in lengths:
        assert len(corrected) <= method.MOST_CORRECTIONS
        assert chosen >= predicted
        assert chosen in (predicted, *corrected)
        if len(corrected) == 2:
            assert corrected[0] >= predicted + method.WORTH - 1e-12
    assert any(len(found) > 3 for found in lengths), "some step was corrected"
