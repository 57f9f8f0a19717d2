"""A small Bayesian search: the highest point of a function of a few parameters that is costly or noisy to measure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from netwright.tasks.abr.media import Floats

LENGTH = 0.3  # over which values are correlated, in units of the cube's side
NOISE = 0.1  # variance of a measurement, in units of that of the values
CAUTION = 1.5  # standard deviations by which an unknown place may be better than expected
N_CANDIDATES = 512


def highest(
    measure: Callable[[Floats], float],
    n_parameters: int,
    rng: np.random.Generator,
    *,
    n_first: int = 6,
    n_trials: int = 15,
) -> tuple[Floats, float]:
    """The best point of the unit cube that was tried, and what was measured there.

    A Gaussian process is fitted to what is known; the next point is where its mean plus `CAUTION` standard
    deviations is highest among random candidates (GP-UCB, Srinivas et al. 2010).

    Args:
        measure: of one point (n_parameters,) in 0..1.
        n_parameters: of the function.
        rng: draws points.
        n_first: random points to begin with.
        n_trials: points in all.
    """
    points = [rng.random(n_parameters) for _ in range(n_first)]
    values = [measure(point) for point in points]
    while len(values) < n_trials:
        candidates = rng.random((N_CANDIDATES, n_parameters))
        mean, deviation = posterior(np.array(points), np.array(values), candidates)
        points.append(candidates[int(np.argmax(mean + CAUTION * deviation))])
        values.append(measure(points[-1]))
    best = int(np.argmax(values))
    return points[best], values[best]


def posterior(points: Floats, values: Floats, where: Floats) -> tuple[Floats, Floats]:
    """(K,) mean and standard deviation of a Gaussian process at K places, given (N, P) points and (N,) values."""
    centre, spread = values.mean(), max(float(values.std()), 1e-9)
    factor = cho_factor(_alike(points, points) + NOISE * np.eye(len(points)))
    cross = _alike(where, points)
    mean = cross @ cho_solve(factor, (values - centre) / spread)
    variance = 1.0 - np.einsum("kn,nk->k", cross, cho_solve(factor, cross.T))
    return centre + spread * mean, spread * np.sqrt(np.maximum(variance, 0.0))


def _alike(one: Floats, other: Floats) -> Floats:
    apart = ((one[:, None] - other[None]) ** 2).sum(axis=2)
    kernel: Floats = np.exp(-0.5 * apart / LENGTH**2)
    return kernel
