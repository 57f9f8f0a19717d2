"""What every solver of a linear program can do, whatever its method."""

from __future__ import annotations

from typing import Protocol

from netwright.solvers.program import Array, LinearProgram
from netwright.solvers.status import Solution


class LinearSolver(Protocol):
    """One linear program, solved again and again with other costs."""

    program: LinearProgram
    time_limit_s: float

    @property
    def method(self) -> str:
        """Such as "simplex"."""

    def change_costs(self, cost: Array) -> None:
        """Maximize other costs (n,) from now on."""

    def solve(self) -> Solution:
        """Solve the program as it stands; trouble is told by the status, and never raised."""

    def forget(self) -> None:
        """The next solve starts cold."""
