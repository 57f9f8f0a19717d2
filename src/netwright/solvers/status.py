"""Status and report of a solve, the same for all solvers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from netwright.core.errors import NetwrightError
from netwright.solvers.program import Array


class Status(Enum):
    """How a solve ended."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    UNBOUNDED = "unbounded"
    TIME_LIMIT = "time limit"
    INACCURATE = "inaccurate"  # reported optimal by the solver, but violates a row or bound
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SolveReport:
    """Cost of a solve, and how far its solution violates the constraints (checked outside of the solver).

    Attributes:
        method: "simplex" or "ipm".
        warm: whether it started from the basis of the previous solve.
        violation: largest over rows and bounds; NaN if there is no solution.
    """

    method: str
    warm: bool
    seconds: float
    iterations: int
    violation: float


@dataclass(frozen=True, eq=False)
class Solution:
    """Result of a solve. `x` (n,) and `value` are those of the last iterate; NaN if there is none."""

    status: Status
    x: Array
    value: float
    report: SolveReport


class SolveError(NetwrightError):
    """The solver could not find the requested design; the message gives its status."""
