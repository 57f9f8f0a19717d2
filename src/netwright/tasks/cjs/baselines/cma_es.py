"""CMA-ES: minimize a function of a few numbers from noisy values of it.

Source: Hansen, "The CMA Evolution Strategy: A Tutorial" (arXiv 1604.00772), Fig. 6 with the constants of its Table 1,
without negative weights.
"""

from __future__ import annotations

import math

import numpy as np

from netwright.tasks.cjs.graphs import Floats


class CmaEs:
    """A normal distribution over n numbers that moves towards better ones: `ask` for candidates, `tell` their losses.

    Args:
        start: (n,) where it begins.
        scales: (n,) its first standard deviations.
        population: candidates of a generation.
    """

    def __init__(self, start: Floats, scales: Floats, population: int) -> None:
        n, half = len(start), population // 2
        weights = math.log((population + 1) / 2) - np.log(np.arange(1, half + 1))
        self.weights: Floats = weights / weights.sum()
        self.effective = 1.0 / float((self.weights**2).sum())
        self.population = population
        self.mean, self.sigma = np.array(start, dtype=np.float64), 1.0
        self.covariance: Floats = np.diag(np.asarray(scales, dtype=np.float64) ** 2)
        self.sigma_path, self.path = np.zeros(n), np.zeros(n)
        self.generation = 0
        mu = self.effective
        self.sigma_rate = (mu + 2) / (n + mu + 5)
        self.damping = 1 + 2 * max(0.0, math.sqrt((mu - 1) / (n + 1)) - 1) + self.sigma_rate
        self.path_rate = (4 + mu / n) / (n + 4 + 2 * mu / n)
        self.rank_one = 2 / ((n + 1.3) ** 2 + mu)
        self.rank_mu = min(1 - self.rank_one, 2 * (mu - 2 + 1 / mu) / ((n + 2) ** 2 + mu))
        self.expected = math.sqrt(n) * (
            1 - 1 / (4 * n) + 1 / (21 * n * n)
        )  # length of n standard normal numbers

    def ask(self, rng: np.random.Generator) -> Floats:
        """(population, n) candidates."""
        drawn = rng.standard_normal((self.population, len(self.mean)))
        found: Floats = self.mean + self.sigma * drawn @ np.linalg.cholesky(self.covariance).T
        return found

    def tell(self, candidates: Floats, losses: Floats) -> None:
        """Learn from the losses (population,) of the candidates that were asked for."""
        steps = (candidates[np.argsort(losses, kind="stable")[: len(self.weights)]] - self.mean) / self.sigma
        step: Floats = self.weights @ steps
        self.mean = self.mean + self.sigma * step
        self.generation += 1
        values, vectors = np.linalg.eigh(self.covariance)
        white = vectors @ ((vectors.T @ step) / np.sqrt(values))
        rate = self.sigma_rate
        self.sigma_path = (1 - rate) * self.sigma_path + math.sqrt(rate * (2 - rate) * self.effective) * white
        length = float(np.linalg.norm(self.sigma_path))
        stalled = (
            length / math.sqrt(1 - (1 - rate) ** (2 * self.generation))
            >= (1.4 + 2 / (len(self.mean) + 1)) * self.expected
        )
        rate = self.path_rate
        self.path = (1 - rate) * self.path + (not stalled) * math.sqrt(
            rate * (2 - rate) * self.effective
        ) * step
        kept = 1 - self.rank_one - self.rank_mu + stalled * self.rank_one * rate * (2 - rate)
        self.covariance = (
            kept * self.covariance
            + self.rank_one * np.outer(self.path, self.path)
            + self.rank_mu * (steps.T * self.weights) @ steps
        )
        self.sigma *= math.exp(self.sigma_rate / self.damping * (length / self.expected - 1))
