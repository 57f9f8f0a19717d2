"""What `optimum` does after each status, bases given by hand, and the scale of costs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.solvers import highs
from netwright.solvers.highs import Solver, cold_gap, method_for, optimum, solve
from netwright.solvers.program import FEASIBILITY, LinearProgram
from netwright.solvers.status import Solution, SolveError, SolveReport, Status
from tests.solvers.test_highs import SMALL, program, transport


class Scripted:
    """A solver that ends with the given statuses, one after the other."""

    def __init__(self, *statuses, method="simplex"):
        self.program, self.time_limit_s, self.method = SMALL, 3.0, method
        self.statuses, self.calls = list(statuses), []

    def change_costs(self, cost):
        raise AssertionError("the costs stay")

    def forget(self):
        self.calls.append("forget")

    def solve(self):
        self.calls.append("solve")
        return solution(self.statuses.pop(0))


def solution(status, value=1.0):
    return Solution(status, np.zeros(2), value, SolveReport("simplex", False, 0.0, 0, 0.0))


@pytest.fixture
def other(monkeypatch):
    """Calls of the other method, which ends with the status in `other.status`."""

    class Calls(list):
        status = Status.OPTIMAL

    calls = Calls()

    def by(program, method, *, time_limit_s):
        calls.append((method, time_limit_s))
        return solution(calls.status, 7.0)

    monkeypatch.setattr(highs, "solve", by)
    return calls


def test_an_optimum_is_taken_at_once(other):
    solver = Scripted(Status.OPTIMAL)
    optimum(solver, "it")
    assert (solver.calls, other) == (["solve"], [])


@pytest.mark.parametrize("first", [Status.INFEASIBLE, Status.UNBOUNDED, Status.INACCURATE, Status.FAILED])
def test_a_failure_is_tried_again_cold(other, first):
    solver = Scripted(first, Status.OPTIMAL)
    assert optimum(solver, "it").status is Status.OPTIMAL
    assert solver.calls == ["solve", "forget", "solve"]
    assert other == []


@pytest.mark.parametrize(("method", "then"), [("simplex", "ipm"), ("ipm", "simplex"), ("blocks", "ipm")])
@pytest.mark.parametrize("second", [Status.FAILED, Status.INACCURATE])
def test_a_second_failure_is_left_to_the_other_method(other, method, then, second):
    solver = Scripted(Status.FAILED, second, method=method)
    assert optimum(solver, "it").value == 7.0
    assert other == [(then, 3.0)]


@pytest.mark.parametrize(
    ("statuses", "said", "solves"),
    [
        ((Status.TIME_LIMIT,), "'time limit'; allow more time", 1),
        ((Status.INFEASIBLE, Status.INFEASIBLE), "'infeasible'; no design meets all constraints", 2),
        ((Status.UNBOUNDED, Status.UNBOUNDED), "'unbounded'; scale demands and capacities", 2),
        ((Status.FAILED, Status.TIME_LIMIT), "'time limit'; allow more time", 2),
    ],
)
def test_no_optimum_is_an_error_with_its_status(other, statuses, said, solves):
    solver = Scripted(*statuses)
    with pytest.raises(SolveError, match=f"the design: the solver ended with status {said}"):
        optimum(solver, "the design")
    assert solver.calls.count("solve") == solves
    assert other == []


def test_where_the_other_method_fails_too_its_status_is_named(other):
    other.status = Status.FAILED
    with pytest.raises(SolveError, match="'failed'; scale demands"):
        optimum(Scripted(Status.FAILED, Status.FAILED), "it")


@given(st.lists(st.floats(-1e6, 1e6).filter(lambda v: v == 0.0 or abs(v) > 1e-6), min_size=1, max_size=6))
def test_scaled_costs_have_mean_size_one_and_the_other_sign(cost):
    cost = np.array(cost)
    found = highs._scaled(cost)
    used = cost != 0.0
    assert (found[~used] == 0.0).all()
    assert (np.sign(found) == -np.sign(cost)).all()
    if used.any():
        assert np.abs(found[used]).mean() == pytest.approx(1.0)
        assert found / np.abs(found).max() == pytest.approx(-cost / np.abs(cost).max())


def test_iterations_are_those_of_one_solve():
    p = transport(1, 8, 9)
    solver = Solver(p, warm=False)
    first, second = solver.solve().report, solver.solve().report
    assert first.iterations == second.iterations > 0
    warm = Solver(p)
    warm.solve()
    assert warm.solve().report.iterations == 0, "nothing is left to do"
    assert solve(p, "ipm").report.iterations > 0


def test_an_interior_point_method_never_starts_warm():
    solver = Solver(transport(1), "ipm")
    assert not solver.warm
    solver.solve()
    assert not solver.solve().report.warm


def test_a_basis_given_by_hand_is_where_the_simplex_starts():
    """x1 + x2 <= 3 and x2 <= 2: both columns are basic at the optimum (1, 2), and both rows are full."""
    solver = Solver(SMALL)
    solver.start_at(np.array([True, True]), np.array([False, False]))
    found = solver.solve()
    assert found.report.warm
    assert found.report.iterations == 0
    assert found.x.tolist() == [1.0, 2.0]
    solver.start_at(np.array([False, False]), np.array([True, True]))
    assert solver.solve().report.iterations > 0


def test_a_failed_solve_leaves_no_basis():
    solver = Solver(transport(2))
    solver.solve()
    lower = solver.program.lower
    solver.change_bounds(lower + 50.0, np.full_like(lower, 60.0))
    assert solver.solve().status is Status.INFEASIBLE
    assert not solver.solve().report.warm


def test_changes_are_kept_in_the_program():
    solver = Solver(SMALL)
    solver.change_costs(np.array([5.0, 1.0]))
    solver.change_bounds(np.array([0.5, 0.0]), np.array([1.0, 9.0]))
    solver.change_rows(np.array([-1.0, -2.0]), np.array([2.0, 1.5]))
    kept = solver.program
    assert (kept.cost.tolist(), kept.lower.tolist(), kept.upper.tolist()) == (
        [5.0, 1.0],
        [0.5, 0.0],
        [1.0, 9.0],
    )
    assert (kept.row_lower.tolist(), kept.row_upper.tolist()) == ([-1.0, -2.0], [2.0, 1.5])
    assert solver.solve().value == pytest.approx(5.0 + 1.0)


def test_the_limit_of_feasibility_itself_is_accepted(monkeypatch):
    monkeypatch.setattr(LinearProgram, "violation", lambda self, x: FEASIBILITY)
    assert solve(SMALL).status is Status.OPTIMAL


def test_the_method_for_one_solve_depends_on_the_entries(monkeypatch):
    monkeypatch.setattr(highs, "SIMPLEX_UP_TO_NONZEROS", SMALL.matrix.nnz)
    assert method_for(SMALL) == "simplex"
    assert method_for(transport(1)) == "ipm"


@pytest.mark.parametrize(("value", "gap"), [(5.0, 0.0), (4.0, 0.25), (10.0, 0.5), (0.5, 4.5), (-0.5, 5.5)])
def test_the_cold_gap_is_relative_to_values_above_one(value, gap):
    assert cold_gap(Solver(SMALL), solution(Status.OPTIMAL, value)) == pytest.approx(gap)


def test_a_program_without_columns_that_matter_has_the_value_zero():
    empty = program([0.0, 0.0], [[1.0, 1.0]], [2.0])
    found = solve(empty)
    assert (found.status, found.value) == (Status.OPTIMAL, 0.0)


@pytest.mark.parametrize("change", [{"cost": np.array([np.inf, 0.0])}, {"lower": np.array([np.nan, 0.0])}])
def test_numbers_that_are_none_are_refused(change):
    with pytest.raises(ConfigError, match=r"finite|not a number"):
        replace(SMALL, **change)


def test_a_violation_counts_every_side_of_every_bound():
    p = replace(SMALL, row_lower=np.array([1.0, -np.inf]), upper=np.array([2.0, 9.0]))
    for x, expected in (
        ((1.0, 1.0), 0.0),
        ((0.2, 0.2), 0.6),
        ((2.5, 0.0), 0.5),
        ((-0.25, 1.5), 0.25),
        ((0.0, 2.75), 0.75),
        ((2.0, 1.5), 0.5),
    ):
        assert p.violation(np.array(x)) == pytest.approx(expected)
    assert np.isnan(p.violation(np.array([np.nan, 0.0])))
