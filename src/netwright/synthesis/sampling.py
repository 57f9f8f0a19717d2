"""Weighted samples: their effective number, and systematic resampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from netwright.synthesis.pool import Index


def effective_number(weights: npt.NDArray[np.floating[Any]]) -> float:
    """Effective number of particles with these normalized weights (n,): 1 / sum of squares."""
    return float(1.0 / np.square(weights, dtype=np.float64).sum())


def systematic(weights: npt.NDArray[np.floating[Any]], n: int, start: float) -> Index:
    """Systematic resampling: `n` positions, ascending, in proportion to the weights; `start` is in 0 to 1."""
    cumulative = np.cumsum(weights, dtype=np.float64)
    at = (np.arange(n) + start) / n * cumulative[-1]
    found: Index = np.minimum(np.searchsorted(cumulative, at), len(cumulative) - 1)
    return found
