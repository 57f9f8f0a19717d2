"""A broad prior over objectives: the problem's template, and generic monotone functions in case it does not fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from netwright.synthesis.pool import Pool, normalized, quality
from netwright.synthesis.problem import Array

Float32 = npt.NDArray[np.float32]

_FLOOR = 0.02  # keeps the CES functions finite if a scaled metric is 0
_RETURNS = (0.3, 12.0)  # range of 1 - r: from nearly linear to nearly the minimum
_N_SIGMOIDS = 6
_BATCH = 256


@dataclass(frozen=True, eq=False)
class Particles:
    """F sampled objectives, evaluated on the D designs of a pool without a solver.

    Attributes:
        parameters: of the template's particles, which come first; shape (T, k), T <= F.
        standing: (f(d) - mean) / (max - mean) over the pool; shape (F, D).
        rank: quality of each design if the particle were the truth; shape (F, D).
        optimum: the best design of each particle; shape (F,).
    """

    parameters: Array
    standing: Float32
    rank: Float32
    optimum: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.optimum)


def sample_particles(pool: Pool, n: int, generic_share: float, rng: np.random.Generator) -> Particles:
    """Draw `n` objectives: (1 - `generic_share`) from the template including the pool's own, the rest generic."""
    n_generic = round(n * generic_share)
    n_template = n - n_generic
    own = rng.permutation(len(pool))[:n_template]
    fresh = pool.family.sample(rng, n_template - len(own))
    parameters = np.vstack([pool.parameters[np.sort(own)], fresh])
    n_ces = n_generic // 2
    standing = np.empty((n, pool.n_designs), dtype=np.float32)
    rank = np.empty_like(standing)
    optimum = np.empty(n, dtype=np.int64)
    for low in range(0, n, _BATCH):  # in batches, to bound the memory of double precision
        high = min(low + _BATCH, n)
        parts = [
            pool.values(parameters[low : min(high, n_template)]) if low < n_template else None,
            _generic(pool.scaled, low, high, n_template, n_ces, rng),
        ]
        values = np.vstack([p for p in parts if p is not None])
        standing[low:high] = normalized(values, pool.counts)
        rank[low:high] = quality(values, pool.counts)
        optimum[low:high] = values.argmax(1)
    return Particles(parameters, standing, rank, optimum)


def _generic(
    scaled: Array, low: int, high: int, n_template: int, n_ces: int, rng: np.random.Generator
) -> Array | None:
    """Values of the generic particles among rows `low` to `high`: CES first, then sums of sigmoids."""
    first_sum = n_template + n_ces
    ces = max(0, min(high, first_sum) - max(low, n_template))
    sums = max(0, high - max(low, first_sum))
    if ces + sums == 0:
        return None
    return np.vstack([sample_ces(scaled, ces, rng), sample_sigmoid_sums(scaled, sums, rng)])


def sample_ces(scaled: Array, n: int, rng: np.random.Generator) -> Array:
    """Functions of constant elasticity of substitution, (sum a x^r)^(1/r), from the sum to the minimum.

    Half of them weight the metrics, a = w; for the others w are the preferred proportions, a = w^(1-r), which tends
    to min x / w (Arrow, Chenery, Minhas and Solow 1961).

    Args:
        scaled: metrics scaled to 0..1, larger is better; shape (D, m).

    Returns:
        Values of n functions; shape (n, D).
    """
    weights = _log_uniform(rng, 1.0, 100.0, (n, scaled.shape[1]))
    weights /= weights.sum(1, keepdims=True)
    r = 1.0 - _log_uniform(rng, *_RETURNS, (n, 1, 1))
    power = np.where(rng.random((n, 1, 1)) < 0.5, 1.0, 1.0 - r)
    exponents = power * np.log(weights)[:, None, :] + r * np.log(scaled + _FLOOR)[None]
    top = exponents.max(-1, keepdims=True)
    sums: Array = (top[..., 0] + np.log(np.exp(exponents - top).sum(-1))) / r[..., 0]
    return np.exp(sums)


def sample_sigmoid_sums(scaled: Array, n: int, rng: np.random.Generator) -> Array:
    """Random monotone functions: sums of sigmoids along nonnegative directions.

    Args:
        scaled: as in `sample_ces`.

    Returns:
        Values of n functions; shape (n, D).
    """
    directions = rng.dirichlet(np.ones(scaled.shape[1]), (n, _N_SIGMOIDS))  # (n, 6, m)
    centers = rng.uniform(0.0, 1.0, (n, _N_SIGMOIDS, 1))
    widths = _log_uniform(rng, 0.05, 0.5, (n, _N_SIGMOIDS, 1))
    heights = rng.exponential(1.0, (n, _N_SIGMOIDS, 1))
    steps = np.tanh((directions @ scaled.T - centers) / (2.0 * widths))  # (n, 6, D)
    sums: Array = (heights * steps).sum(1)
    return sums


def _log_uniform(rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]) -> Array:
    drawn: Array = np.exp(rng.uniform(np.log(low), np.log(high), shape))
    return drawn
