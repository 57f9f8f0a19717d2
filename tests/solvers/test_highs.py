"""The solver layer against scipy and by hand: statuses, warm starts, limits, and a check that trusts no solver."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import linprog

from netwright.core.errors import ConfigError
from netwright.solvers.highs import Solver, optimum, solve
from netwright.solvers.program import LinearProgram, stack
from netwright.solvers.status import Solution, SolveError, SolveReport, Status

METHODS = ("simplex", "ipm")


def program(cost, matrix, row_upper, row_lower=None, upper=None):
    """A program over x >= 0."""
    matrix = np.asarray(matrix, dtype=float)
    rows, n = matrix.shape
    return LinearProgram(
        np.asarray(cost, dtype=float),
        np.zeros(n),
        np.full(n, np.inf) if upper is None else np.asarray(upper, dtype=float),
        sparse.csc_array(matrix),
        np.full(rows, -np.inf) if row_lower is None else np.asarray(row_lower, dtype=float),
        np.asarray(row_upper, dtype=float),
    )


def transport(seed, sources=4, sinks=6):
    """Ship from sources to sinks at random gains."""
    rng = np.random.default_rng(seed)
    out = np.kron(np.eye(sources), np.ones(sinks))
    into = np.kron(np.ones(sources), np.eye(sinks))
    limits = np.concatenate([rng.uniform(1, 3, sources), rng.uniform(0.5, 2, sinks)])
    return program(rng.uniform(0, 1, sources * sinks), np.vstack([out, into]), limits)


def by_scipy(p):
    return -linprog(-p.cost, A_ub=p.matrix.toarray(), b_ub=p.row_upper, method="highs").fun


SMALL = program([1.0, 2.0], [[1.0, 1.0], [0.0, 1.0]], [3.0, 2.0])


@pytest.mark.parametrize("method", METHODS)
def test_a_program_worked_by_hand(method):
    found = solve(SMALL, method)
    assert found.status is Status.OPTIMAL
    assert found.x == pytest.approx([1.0, 2.0])
    assert found.value == pytest.approx(5.0)
    assert found.report.method == method
    assert found.report.violation <= 1e-9


@pytest.mark.parametrize("method", METHODS)
def test_both_methods_agree_with_scipy(method):
    for seed in range(5):
        p = transport(seed)
        assert solve(p, method).value == pytest.approx(by_scipy(p), abs=1e-6)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_warm_solves_of_other_costs_and_rows_are_those_of_cold_ones(seed):
    rng = np.random.default_rng(seed)
    p = transport(seed)
    solver = Solver(p)
    solver.solve()
    for _ in range(3):
        cost = rng.uniform(0, 1, len(p.cost))
        solver.change_costs(cost)
        p = replace(p, cost=cost)
        warm = solver.solve()
        assert warm.report.warm
        assert warm.value == pytest.approx(solve(p).value, abs=1e-9)
        limits = p.row_upper * rng.uniform(0.5, 1.5, len(p.row_upper))
        solver.change_rows(p.row_lower, limits)
        p = replace(p, row_upper=limits)
        assert solver.solve().value == pytest.approx(solve(p).value, abs=1e-9)
        upper = rng.uniform(0.1, 1.0, len(p.cost))
        solver.change_bounds(p.lower, upper)
        p = replace(p, upper=upper)
        assert solver.solve().value == pytest.approx(solve(p).value, abs=1e-9)


def test_a_warm_start_needs_fewer_pivots():
    p = transport(1, 12, 15)
    solver = Solver(p)
    cold = solver.solve().report
    cost = p.cost.copy()
    cost[0] += 0.05
    solver.change_costs(cost)
    assert solver.solve().report.iterations < cold.iterations
    solver.forget()
    assert not solver.solve().report.warm


@pytest.mark.parametrize("method", METHODS)
def test_an_infeasible_program_is_reported_by_the_status(method):
    infeasible = program([1.0], [[1.0]], [2.0], row_lower=[1.0], upper=[0.5])
    found = solve(infeasible, method)
    assert found.status is Status.INFEASIBLE
    assert np.isnan(found.x).all()
    with pytest.raises(SolveError, match=r"best design: the solver ended with status 'infeasible'; .* load"):
        optimum(Solver(infeasible, method), "the best design")


def test_an_unbounded_program_is_reported():
    assert solve(program([1.0, 1.0], [[1.0, -1.0]], [1.0])).status is Status.UNBOUNDED


def test_each_solve_has_the_whole_time_limit():
    solver = Solver(transport(3, 20, 30), time_limit_s=60.0)
    for cost in (0.3, 0.6, 0.9):
        before = solver._highs.getRunTime()  # HiGHS counts its limit from the first solve of an object
        solver.change_costs(np.full(600, cost))
        assert solver.solve().status is Status.OPTIMAL
        assert solver._highs.getOptionValue("time_limit")[1] == pytest.approx(before + 60.0)
    assert before > 0.0


def test_a_time_limit_ends_a_solve_and_says_so():
    solver = Solver(transport(3, 60, 80), time_limit_s=1e-6)
    assert solver.solve().status is Status.TIME_LIMIT
    with pytest.raises(SolveError, match="allow more time"):
        optimum(solver, "a design")


def test_an_answer_that_breaks_a_row_is_not_called_optimal(monkeypatch):
    monkeypatch.setattr(LinearProgram, "violation", lambda self, x: 1e-3)
    assert solve(SMALL).status is Status.INACCURATE


def test_an_inaccurate_warm_solve_is_done_again_cold(monkeypatch):
    solver, seen = Solver(SMALL), []
    real = Solver.solve

    def lying(self):
        found = real(self)
        seen.append(found.report.warm)
        lies = Solution(Status.INACCURATE, found.x, found.value, found.report)
        return lies if found.report.warm else found

    solver.solve()
    monkeypatch.setattr(Solver, "solve", lying)
    solver.change_costs(np.array([2.0, 1.0]))
    assert optimum(solver, "a design").value == pytest.approx(6.0)
    assert seen == [True, False]


@given(x=st.lists(st.floats(-5, 5), min_size=2, max_size=2))
def test_violation_is_the_worst_of_rows_and_bounds(x):
    a, b = x
    expected = max(0.0, a + b - 3.0, b - 2.0, -a, -b)
    assert SMALL.violation(np.array(x)) == pytest.approx(expected)


def test_shapes_and_values_that_do_not_fit_are_refused():
    with pytest.raises(ConfigError, match="2 columns"):
        replace(SMALL, cost=np.ones(3))
    with pytest.raises(ConfigError, match="2 rows"):
        replace(SMALL, row_upper=np.ones(3))
    with pytest.raises(ConfigError, match="finite"):
        replace(SMALL, cost=np.array([1.0, np.nan]))
    with pytest.raises(ConfigError, match="not a number"):
        replace(SMALL, upper=np.array([1.0, np.nan]))


def test_blocks_stack_with_zeros_between():
    one = sparse.csr_array(np.ones((1, 2)))
    assert (stack([[one, None], [None, one]]).toarray() == [[1, 1, 0, 0], [0, 0, 1, 1]]).all()


def test_a_report_is_plain():
    report = solve(SMALL).report
    assert isinstance(report, SolveReport)
    assert report.seconds > 0.0
    assert not report.warm


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_the_unit_of_the_costs_does_not_matter(scale):
    solver = Solver(transport(3))
    cost = solver.program.cost * scale
    unscaled = by_scipy(solver.program)
    assert solve(replace(solver.program, cost=cost)).value == pytest.approx(unscaled * scale, rel=1e-9)
    solver.solve()
    solver.change_costs(cost)
    assert solver.solve().value == pytest.approx(unscaled * scale, rel=1e-9)
    backwards = by_scipy(replace(solver.program, cost=solver.program.cost[::-1] / scale))
    solver.change_costs(cost[::-1].copy())
    assert solver.solve().value == pytest.approx(backwards * scale, rel=1e-9)


def test_the_primal_simplex_continues_where_only_costs_changed_and_the_dual_elsewhere():
    p = transport(2)
    solver, used = Solver(p), []
    assert solver._highs.getOptionValue("threads")[1] == 1
    for change in (
        lambda: None,
        lambda: solver.change_costs(p.cost[::-1].copy()),
        lambda: solver.change_bounds(p.lower, np.ones(len(p.cost))),
        lambda: solver.change_rows(p.row_lower, 0.9 * p.row_upper),
        solver.forget,
    ):
        change()
        assert solver.solve().status is Status.OPTIMAL
        used.append(solver._highs.getOptionValue("simplex_strategy")[1])
    assert used == [1, 4, 1, 1, 1]  # HiGHS: 1 dual, 4 primal
