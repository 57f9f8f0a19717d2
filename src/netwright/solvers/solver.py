"""The protocol of all solvers of linear programs."""

from __future__ import annotations

from typing import Protocol

from netwright.solvers.program import Array, LinearProgram
from netwright.solvers.status import Solution


class LinearSolver(Protocol):
    """One linear program, solved repeatedly with different costs."""

    program: LinearProgram
    time_limit_s: float

    @property
    def method(self) -> str:
        """Name of the method, such as "simplex"."""

    def change_costs(self, cost: Array) -> None:
        """Set the costs (n,) to maximize."""

    def solve(self) -> Solution:
        """Solve the program; failures are reported in the status and never raised."""

    def forget(self) -> None:
        """Make the next solve start cold."""
