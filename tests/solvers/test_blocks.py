"""The method for linked blocks against HiGHS, on random programs and on those of the scenarios."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netwright.core.errors import ConfigError
from netwright.solvers.blocks import BlockSolver, blocks_of
from netwright.solvers.highs import optimum, solve
from netwright.solvers.program import LinearProgram
from netwright.solvers.status import SolveError, Status
from netwright.wan.scenarios.bw.design import linear_design as bw
from netwright.wan.scenarios.nf.design import linear_design as nf
from tests.wan.small import abilene

AGREE = 1e-6  # relative; both methods stop at 1e-8 or better
N_LINKS = 4


def linked_blocks(seed):
    """Random blocks of up to four columns and two rows, one of which may be an equation, that share four rows."""
    rng = np.random.default_rng(seed)
    n_blocks = int(rng.integers(1, 8))
    widths = rng.integers(1, 5, n_blocks)
    n = int(widths.sum())
    links = rng.uniform(0.0, 1.0, (N_LINKS, n)) * (rng.random((N_LINKS, n)) < 0.6)
    inside = rng.uniform(0.1, 1.0, n)  # a point that every row below leaves room around
    blocks, low, high = [], [], []
    for width in widths:
        rows = rng.uniform(-1.0, 1.0, (int(rng.integers(0, 3)), int(width)))
        blocks.append(rows)
        here = rows @ inside[sum(b.shape[1] for b in blocks[:-1]) :][:width]
        for i, value in enumerate(here):
            is_equation = i == 0 and width > 2 and rng.random() < 0.5
            kind = "equation" if is_equation else rng.choice(["upper", "lower", "range"])
            low.append(value - (0.0 if kind == "equation" else np.inf if kind == "upper" else 0.3))
            high.append(value + (0.0 if kind == "equation" else np.inf if kind == "lower" else 0.3))
    matrix = np.vstack([links, sparse.block_diag(blocks).toarray().reshape(-1, n)])
    return LinearProgram(
        rng.normal(size=n),
        np.zeros(n),
        np.where(rng.random(n) < 0.8, 2.0, 5.0),
        sparse.csc_array(matrix),
        np.concatenate([np.full(N_LINKS, -np.inf), low]),
        np.concatenate([links @ inside + rng.uniform(0.01, 0.5, N_LINKS), high]),
    )


@settings(deadline=None, max_examples=60)
@given(seed=st.integers(0, 100_000))
def test_random_programs_have_the_value_that_highs_finds(seed):
    program = linked_blocks(seed)
    found, expected = BlockSolver(program, N_LINKS).solve(), solve(program)
    assert found.status is expected.status is Status.OPTIMAL
    assert found.value == pytest.approx(expected.value, rel=AGREE, abs=AGREE)
    assert program.violation(found.x) <= 1e-6
    assert found.report.method == "blocks"


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 100_000))
def test_continuing_with_other_costs_ends_where_a_cold_start_does(seed):
    program = linked_blocks(seed)
    solver, rng = BlockSolver(program, N_LINKS), np.random.default_rng(seed)
    assert not solver.solve().report.warm
    for _ in range(3):
        cost = program.cost + 0.3 * rng.normal(size=len(program.cost))
        solver.change_costs(cost)
        warm = optimum(solver, "the program")
        cold = BlockSolver(replace(program, cost=cost), N_LINKS, warm=False).solve()
        assert warm.value == pytest.approx(cold.value, rel=AGREE, abs=AGREE)
    solver.forget()
    assert not solver.solve().report.warm


@pytest.mark.parametrize(("scenario", "linear_design"), [("bw", bw), ("nf", nf)])
def test_optima_of_the_scenarios_are_those_of_highs(scenario, linear_design):
    design = linear_design(abilene(scenario))
    solver = BlockSolver(design.program, design.n_linking)
    for weights in np.random.default_rng(0).dirichlet(np.ones(design.metrics.shape[0]), 6):
        cost = design.metrics.T @ weights
        solver.change_costs(cost)
        found, expected = optimum(solver, "a design"), solve(replace(design.program, cost=cost))
        assert found.value == pytest.approx(expected.value, rel=AGREE)
        assert found.report.violation <= 1e-6


def test_blocks_are_what_hangs_together_without_the_linking_rows():
    #            a    b    c    d    e
    rows = [
        [1.0, 1.0, 1.0, 1.0, 1.0],  # links
        [1.0, 0.0, 1.0, 0.0, 0.0],  # a, c
        [0.0, 1.0, 0.0, 0.0, 0.0],  # b
        [0.0, 0.0, 1.0, 0.0, 1.0],  # c, e, and so a
    ]
    found = blocks_of(sparse.csc_array(np.array(rows)), 1)
    members = [
        set(found.columns[i:j].tolist())
        for i, j in zip(found.first_column[:-1], found.first_column[1:], strict=True)
    ]
    assert sorted(members, key=min) == [{0, 2, 4}, {1}, {3}]
    assert (found.middle - found.starts[:-1] == 1).all()
    assert found.rows[0] == 0


def test_a_program_without_a_solution_is_not_called_optimal():
    program = LinearProgram(
        np.ones(2),
        np.zeros(2),
        np.ones(2),
        sparse.csc_array(np.array([[1.0, 1.0], [1.0, 0.0]])),
        np.array([3.0, -np.inf]),
        np.array([np.inf, 1.0]),
    )
    solver = BlockSolver(program, 1)
    found = solver.solve()
    assert found.status is Status.FAILED
    assert np.isnan(found.x).all()
    with pytest.raises(SolveError, match="infeasible"):
        optimum(solver, "this")


def test_the_time_limit_ends_a_solve():
    solver = BlockSolver(linked_blocks(1), N_LINKS, time_limit_s=0.0)
    assert solver.solve().status is Status.TIME_LIMIT


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"lower": np.array([-np.inf, 0.0])}, "lower bound"),
        ({"row_upper": np.full(2, np.inf)}, "bound for every row"),
        ({"upper": np.zeros(2)}, "room"),
    ],
)
def test_programs_that_it_cannot_take_are_refused(change, said):
    program = LinearProgram(
        np.ones(2), np.zeros(2), np.ones(2), sparse.csc_array(np.eye(2)), np.full(2, -np.inf), np.ones(2)
    )
    with pytest.raises(ConfigError, match=said):
        BlockSolver(replace(program, **change), 1)
    for n_linking in (0, 3):
        with pytest.raises(ConfigError, match="linking"):
            BlockSolver(program, n_linking)


@pytest.mark.parametrize("seed", range(5))
def test_the_normal_equations_are_solved_as_a_dense_solver_solves_them(seed):
    solver, rng = BlockSolver(linked_blocks(seed), N_LINKS), np.random.default_rng(seed)
    matrix = np.zeros((len(solver.blocks.rows), len(solver.blocks.columns)))
    for j, (first, end) in enumerate(zip(solver.blocks.starts[:-1], solver.blocks.starts[1:], strict=True)):
        matrix[solver.blocks.row[first:end], j] = solver.blocks.value[first:end]
    theta, right = rng.uniform(0.5, 2.0, matrix.shape[1]), rng.normal(size=len(matrix))
    dense = matrix @ np.diag(theta) @ matrix.T
    assert dense @ solver._factorized(theta).solve(right) == pytest.approx(right, abs=1e-6)
