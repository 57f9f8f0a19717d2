"""Linear programs as sparse arrays, and a check of solutions that is independent of the solver."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from netwright.core.errors import ConfigError

Array = npt.NDArray[np.float64]

FEASIBILITY = 1e-6  # largest accepted violation of a row or bound


@dataclass(frozen=True, eq=False)
class LinearProgram:
    """Maximize `cost @ x` subject to `row_lower <= matrix @ x <= row_upper` and `lower <= x <= upper`.

    Attributes:
        cost, lower, upper: shape (n,); bounds may be infinite.
        matrix: shape (rows, n).
        row_lower, row_upper: shape (rows,); may be infinite.
    """

    cost: Array
    lower: Array
    upper: Array
    matrix: sparse.csc_array
    row_lower: Array
    row_upper: Array

    def __post_init__(self) -> None:
        rows, n = self.matrix.shape
        if not self.cost.shape == self.lower.shape == self.upper.shape == (n,):
            raise ConfigError(f"a linear program of {n} columns needs {n} costs and bounds.")
        if not self.row_lower.shape == self.row_upper.shape == (rows,):
            raise ConfigError(f"a linear program of {rows} rows needs {rows} row bounds.")
        if not (np.isfinite(self.cost).all() and np.isfinite(self.matrix.data).all()):
            raise ConfigError("a linear program needs finite costs and coefficients.")
        bounds = (self.lower, self.upper, self.row_lower, self.row_upper)
        if any(np.isnan(bound).any() for bound in bounds):
            raise ConfigError("a linear program has a bound that is not a number.")

    def violation(self, x: Array) -> float:
        """Largest violation of a row or bound by `x` (n,); 0 if it is feasible."""
        activity = self.matrix @ x
        gaps = (self.lower - x, x - self.upper, self.row_lower - activity, activity - self.row_upper)
        return float(np.max(np.concatenate([np.zeros(1), *gaps])))


def stack(
    blocks: list[list[sparse.sparray | None]],
) -> sparse.csc_array:
    """A sparse matrix from a grid of blocks; None stands for zeros."""
    return sparse.csc_array(sparse.block_array(blocks, format="csc"))
