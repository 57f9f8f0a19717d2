"""One vocabulary for how a solve ended, whatever the solver."""

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
    INACCURATE = "inaccurate"  # called optimal by the solver, but breaks a row or bound
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SolveReport:
    """What a solve cost, and how far its answer breaks the constraints (checked outside of the solver).

    Attributes:
        method: "simplex" or "ipm".
        warm: whether it went on from the basis of the solve before.
        violation: largest over rows and bounds; NaN where there is no answer.
    """

    method: str
    warm: bool
    seconds: float
    iterations: int
    violation: float


@dataclass(frozen=True, eq=False)
class Solution:
    """Answer of a solve. `x` (n,) and `value` are those of the last iterate, NaN where there is none."""

    status: Status
    x: Array
    value: float
    report: SolveReport


class SolveError(NetwrightError):
    """A design was asked for that the solver could not find; the message says how the solve ended."""
