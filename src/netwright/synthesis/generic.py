"""Generic monotone functions of metrics, for objectives that are not of the problem's template."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array

_FLOOR = 0.02  # keeps the CES functions finite if a scaled metric is 0
_RETURNS = (0.3, 12.0)  # range of 1 - r: from nearly linear to nearly the minimum
_INCREASING = (1.0, 4.0)  # range of r for increasing returns, which prefer extremes
_INCREASING_SHARE = 0.25  # of the CES functions
_N_SIGMOIDS = 6


@dataclass(frozen=True, eq=False)
class CesFunctions:
    """Functions of constant elasticity of substitution, (sum a x^r)^(1/r), from the maximum to the minimum.

    Attributes:
        log_a: shape (n, m).
        r: shape (n,).
    """

    log_a: Array
    r: Array

    def __len__(self) -> int:
        return len(self.r)

    def __getitem__(self, rows: Index) -> CesFunctions:
        return CesFunctions(self.log_a[rows], self.r[rows])

    def values(self, scaled: Array) -> Array:
        """Values of designs whose metrics (D, m) are scaled to 0..1, larger is better; shape (n, D)."""
        exponents = self.log_a[:, None, :] + self.r[:, None, None] * np.log(scaled + _FLOOR)[None]
        top = exponents.max(-1, keepdims=True)
        sums: Array = (top[..., 0] + np.log(np.exp(exponents - top).sum(-1))) / self.r[:, None]
        return np.exp(sums)


@dataclass(frozen=True, eq=False)
class SigmoidSums:
    """Random monotone functions: sums of sigmoids along nonnegative directions.

    Attributes:
        directions: shape (n, 6, m).
        centers, widths, heights: of each sigmoid; shape (n, 6).
    """

    directions: Array
    centers: Array
    widths: Array
    heights: Array

    def __len__(self) -> int:
        return len(self.centers)

    def __getitem__(self, rows: Index) -> SigmoidSums:
        return SigmoidSums(self.directions[rows], self.centers[rows], self.widths[rows], self.heights[rows])

    def values(self, scaled: Array) -> Array:
        """As `CesFunctions.values`."""
        at = self.directions @ scaled.T - self.centers[..., None]
        sums: Array = (self.heights[..., None] * np.tanh(at / (2.0 * self.widths[..., None]))).sum(1)
        return sums


def sample_ces(n_metrics: int, n: int, rng: np.random.Generator) -> CesFunctions:
    """Random CES functions.

    Half of them weight the metrics, a = w; for the others w are the preferred proportions, a = w^(1-r), which tends
    to min x / w (Arrow, Chenery, Minhas and Solow 1961).
    """
    weights = _log_uniform(rng, 1.0, 100.0, (n, n_metrics))
    weights /= weights.sum(1, keepdims=True)
    r = 1.0 - _log_uniform(rng, *_RETURNS, (n,))
    increasing = rng.random(n) < _INCREASING_SHARE
    r = np.where(increasing, rng.uniform(*_INCREASING, n), r)
    power = np.where(rng.random(n) < 0.5, 1.0, 1.0 - r)
    return CesFunctions(power[:, None] * np.log(weights), r)


def sample_sigmoid_sums(n_metrics: int, n: int, rng: np.random.Generator) -> SigmoidSums:
    """Random sums of sigmoids."""
    return SigmoidSums(
        rng.dirichlet(np.ones(n_metrics), (n, _N_SIGMOIDS)),
        rng.uniform(0.0, 1.0, (n, _N_SIGMOIDS)),
        _log_uniform(rng, 0.05, 0.5, (n, _N_SIGMOIDS)),
        rng.exponential(1.0, (n, _N_SIGMOIDS)),
    )


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    drawn: Array = np.exp(rng.uniform(np.log(low), np.log(high), shape))
    return drawn
