"""The convergence bounds of Theorems 4.6 and 4.11, and the test of Definition 4.9."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array


def general_bound(n_queries: int, share: float = 0.5) -> float:
    """Quality that a fraction 1 - `share` of runs exceeds after n queries, by Theorem 4.6 (0.5: the median).

    Each query removes at least one candidate, so the output is no worse than the best of n random ones:
    quality ~ Beta(n, 1), whose quantile is share^(1/n); the median is 1 - ln 2 / n + O(1/n^2).
    """
    _check(n_queries, share)
    return float(share ** (1.0 / n_queries))


def sortable_bound(n_queries: int, share: float = 0.5) -> float:
    """The bound for sortable sets by Theorem 4.11: the output is the best of (3/2)^(n-1) candidates.

    Each query but the last leaves at most two thirds of the candidates and the running best.
    """
    _check(n_queries, share)
    return float(share ** ((2.0 / 3.0) ** (n_queries - 1)))


def _check(n_queries: int, share: float) -> None:
    if n_queries < 1 or not 0.0 < share < 1.0:
        raise ConfigError(
            f"a bound needs at least one query and a share in 0 to 1, got {n_queries}, {share}."
        )


@dataclass(frozen=True)
class Sortability:
    """Result of testing whether every objective prefers closer neighbors in an order of programs (Def. 4.9).

    Attributes:
        violations: number of steps away from an objective's optimum at which its value rises.
        steps: number of all steps.
    """

    violations: int
    steps: int

    @property
    def sortable(self) -> bool:
        """Whether the order passes the test."""
        return self.violations == 0


def sortability(values: Array, own: Index, order: Index, tolerance: float = 1e-9) -> Sortability:
    """Test one order of programs: no value may rise with the distance from an objective's optimum on either side.

    With two metrics, a convex problem and concave objectives, the order by the first metric passes.

    Args:
        values: value of each of P programs under each of G objectives; shape (G, P).
        own: the best program of each objective; shape (G,).
        order: the programs in the order to test; shape (P,).
        tolerance: largest rise that counts as rounding.
    """
    sorted_values = values[:, order]
    place = np.argsort(order)[own]  # position of each objective's optimum in the order
    rises = np.diff(sorted_values, axis=1)  # (G, P - 1)
    right = np.arange(rises.shape[1]) >= place[:, None]
    wrong = np.where(right, rises > tolerance, rises < -tolerance)
    return Sortability(int(wrong.sum()), int(wrong.size))
