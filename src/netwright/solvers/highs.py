"""HiGHS: a simplex method that warm-starts from its last basis, and an interior point method without crossover.

Properties of HiGHS 1.15 that this module handles: the time limit counts over all runs of one object; a warm start may
return an "optimal" solution that is slightly off (HiGHS issue 3194), so every solution is checked; presolve is skipped
if there is a basis. After a change of costs the last basis is still primal feasible, so the primal simplex continues
from it (2 to 5 times fewer pivots than the dual, the default of HiGHS); after a change of bounds the dual does.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Literal

import highspy
import numpy as np
import numpy.typing as npt

from netwright.solvers.program import FEASIBILITY, Array, LinearProgram
from netwright.solvers.solver import LinearSolver
from netwright.solvers.status import Solution, SolveError, SolveReport, Status

Method = Literal["simplex", "ipm"]
Flags = npt.NDArray[np.bool_]
SIMPLEX_UP_TO_NONZEROS = 200_000

_STATUS = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kModelEmpty: Status.OPTIMAL,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Status.UNBOUNDED,
    highspy.HighsModelStatus.kTimeLimit: Status.TIME_LIMIT,
}


class Solver:
    """One linear program, solved repeatedly with different costs or bounds.

    Args:
        method: simplex for many small re-solves; ipm (an optimum inside the optimal face) for the largest programs.
        warm: start from the last basis; otherwise every solve starts cold, with presolve.
        time_limit_s: limit of each solve.
    """

    def __init__(
        self,
        program: LinearProgram,
        method: Method = "simplex",
        *,
        warm: bool = True,
        time_limit_s: float = np.inf,
    ) -> None:
        self.program = program
        self.method: Method = method
        self.warm = warm and method == "simplex"
        self.time_limit_s = time_limit_s
        self._columns = np.arange(len(program.cost), dtype=np.int32)
        self._rows = np.arange(len(program.row_lower), dtype=np.int32)
        self._has_basis = False
        self._only_costs_changed = True
        self._highs = highspy.Highs()
        for option, value in _OPTIONS[method].items():
            self._highs.setOptionValue(option, value)
        self._highs.passModel(_model(program))

    def change_costs(self, cost: Array) -> None:
        """Set the costs (n,) to maximize."""
        self.program = replace(self.program, cost=cost)
        self._highs.changeColsCost(len(cost), self._columns, _scaled(cost))

    def change_bounds(self, lower: Array, upper: Array) -> None:
        """Set the bounds of the columns (n,)."""
        self.program = replace(self.program, lower=lower, upper=upper)
        self._only_costs_changed = False
        self._highs.changeColsBounds(len(lower), self._columns, lower, upper)

    def change_rows(self, lower: Array, upper: Array) -> None:
        """Set the bounds of the rows (rows,)."""
        self.program = replace(self.program, row_lower=lower, row_upper=upper)
        self._only_costs_changed = False
        self._highs.changeRowsBounds(len(lower), self._rows, lower, upper)

    def solve(self) -> Solution:
        """Solve the program; failures are reported in the status and never raised."""
        if not self.warm:
            self.forget()
        warm = self._has_basis
        primal = warm and self._only_costs_changed
        self._highs.setOptionValue("simplex_strategy", _PRIMAL if primal else _DUAL)
        self._only_costs_changed = True
        began, pivots = time.perf_counter(), self._iterations()
        self._highs.setOptionValue("time_limit", self._highs.getRunTime() + self.time_limit_s)
        self._highs.run()
        seconds = time.perf_counter() - began
        status = _STATUS.get(self._highs.getModelStatus(), Status.FAILED)
        x = np.array(self._highs.getSolution().col_value)
        if status is not Status.OPTIMAL:
            # A method that was interrupted leaves no useful iterate.
            x = np.full(len(self.program.cost), np.nan)
        violation = self.program.violation(x)
        if status is Status.OPTIMAL and not violation <= FEASIBILITY:
            status = Status.INACCURATE
        self._has_basis = status is Status.OPTIMAL and self.method == "simplex"
        # HiGHS counts on from run to run, but from zero where nothing was left to do.
        spent = max(0, self._iterations() - (pivots if warm else 0))
        report = SolveReport(self.method, warm, seconds, spent, violation)
        return Solution(status, x, float(self.program.cost @ x), report)

    def start_at(self, basic_columns: Flags, basic_rows: Flags) -> None:
        """Start from that feasible basis; nonbasic columns (n,) and rows (rows,) are at their lower or upper bound."""
        status = highspy.HighsBasisStatus
        basis = highspy.HighsBasis()
        basis.col_status = [status.kBasic if b else status.kLower for b in basic_columns.tolist()]
        basis.row_status = [status.kBasic if b else status.kUpper for b in basic_rows.tolist()]
        basis.valid = True
        self._highs.setBasis(basis)
        self._has_basis = True

    def forget(self) -> None:
        """Drop the basis: the next solve starts cold."""
        self._highs.clearSolver()
        self._has_basis = False

    def _iterations(self) -> int:
        info = self._highs.getInfo()
        return int(max(0, info.simplex_iteration_count) + max(0, info.ipm_iteration_count))


_DUAL, _PRIMAL = 1, 4  # HiGHS' codes
_COMMON = {"output_flag": False, "parallel": "off", "threads": 1}
_OPTIONS = {
    "simplex": {**_COMMON, "solver": "simplex"},
    "ipm": {**_COMMON, "solver": "ipx", "run_crossover": "off"},
}


def _scaled(cost: Array) -> Array:
    """Costs to minimize, scaled to mean size 1, because HiGHS treats a reduced cost below 1e-7 as zero in any unit."""
    size = float(np.abs(cost).sum())
    found: Array = cost * (-np.count_nonzero(cost) / size if size > 0.0 else -1.0)
    return found


def _model(program: LinearProgram) -> highspy.HighsLp:
    matrix = program.matrix
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.col_cost_ = _scaled(program.cost)
    model.col_lower_, model.col_upper_ = program.lower, program.upper
    model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.num_row_, model.a_matrix_.num_col_ = matrix.shape
    model.a_matrix_.start_ = matrix.indptr
    model.a_matrix_.index_ = matrix.indices
    model.a_matrix_.value_ = matrix.data
    return model


def solve(program: LinearProgram, method: Method = "simplex", *, time_limit_s: float = np.inf) -> Solution:
    """Solve a program once, cold."""
    return Solver(program, method, warm=False, time_limit_s=time_limit_s).solve()


def method_for(program: LinearProgram) -> Method:
    """The faster method for a single solve of a program of that size."""
    return "simplex" if program.matrix.nnz <= SIMPLEX_UP_TO_NONZEROS else "ipm"


def cold_gap(solver: LinearSolver, found: Solution) -> float:
    """Difference between the value of a solution and that of a cold solve of the same program by another solver.

    Relative to the value if that is above 1. Detects warm starts whose solution is slightly off.
    """
    again = optimum(Solver(solver.program, method_for(solver.program), warm=False), "the cold check")
    return abs(again.value - found.value) / max(1.0, abs(found.value))


def optimum(solver: LinearSolver, what: str) -> Solution:
    """The optimum; if a warm start fails, the program is solved cold, and then by the other method.

    Raises:
        SolveError: no attempt finds an optimum; `what` names the design in the message.
    """
    found = solver.solve()
    if found.status is Status.OPTIMAL:
        return found
    if found.status is not Status.TIME_LIMIT:
        solver.forget()
        found = solver.solve()
    if found.status in (Status.FAILED, Status.INACCURATE):
        other: Method = "simplex" if solver.method == "ipm" else "ipm"
        found = solve(solver.program, other, time_limit_s=solver.time_limit_s)
    if found.status is not Status.OPTIMAL:
        advice = {
            Status.INFEASIBLE: "no design meets all constraints; lower the load",
            Status.TIME_LIMIT: "allow more time",
        }.get(found.status, "scale demands and capacities to similar sizes")
        raise SolveError(f"{what}: the solver ended with status {found.status.value!r}; {advice}.")
    return found
