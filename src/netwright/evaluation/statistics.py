"""Bootstrap intervals; two methods are compared per episode, over the same episodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % bootstrap interval, in the unit of the samples."""

    value: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0.0 or self.high < 0.0


def bootstrap_mean(
    values: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    groups: ArrayLike | None = None,
    n_draws: int = 4000,
    seed: int = 0,
) -> Interval:
    """Weighted mean of per-episode values with a percentile bootstrap interval over the episodes.

    Args:
        values: (E,) one value per episode, e.g. a trace's mean error or the difference of two methods on it.
        weights: (E,) the episode's share in the mean, e.g. its number of windows; equal if None.
        groups: (E,) label of the resampling unit, such as the viewer; each episode is its own unit if None.
        n_draws: bootstrap resamples.
        seed: seed of the resampling.

    Raises:
        ConfigError: no episode, unequal lengths, a value that is not finite, or no weight above 0.
    """
    x: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=np.float64)
    if x.ndim != 1 or x.size == 0 or w.shape != x.shape:
        raise ConfigError(
            f"bootstrap_mean needs one value and one weight per episode, got {x.shape} and {w.shape}."
        )
    if not (np.isfinite(x).all() and np.isfinite(w).all()):
        raise ConfigError("bootstrap_mean got a value that is not finite; drop or correct that episode.")
    if (w < 0.0).any() or not w.any():
        raise ConfigError("bootstrap_mean needs nonnegative weights, at least one of them positive.")
    if groups is not None and np.shape(groups) != x.shape:
        raise ConfigError(f"bootstrap_mean needs a group per episode, got {np.shape(groups)} for {x.shape}.")
    labels = np.arange(x.size) if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    total = np.bincount(labels, weights=w * x)
    share = np.bincount(labels, weights=w)
    n = total.size
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(n, 1.0 / n), size=n_draws)  # (draws, groups)
    draws = (counts @ total) / np.maximum(counts @ share, 1e-300)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float((w @ x) / w.sum()), float(low), float(high))
