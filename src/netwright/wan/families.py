"""Target functions common to scenarios: weighted sums of metrics."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Array, MetricGroup, Parameter, check_within_ranges


@dataclass(frozen=True)
class WeightedSum:
    """f = sum of weight times score, one parameter in 0..1 for each metric; the parameters sum to 1.

    Attributes:
        draw: returns positive weights (n, m) of any sum, given a generator, n and m.
    """

    name: str
    group: MetricGroup
    draw: Callable[[np.random.Generator, int, int], Array]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The weight of each metric."""
        return tuple(Parameter(f"weight of {m.name}", 0.0, 1.0, m.summary) for m in self.group.metrics)

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Draws from the prior, normalized; shape (n, m)."""
        weights = self.draw(rng, n, len(self.group))
        normed: Array = weights / weights.sum(1, keepdims=True)
        return normed

    def values(self, parameters: Array, scores: Array) -> Array:
        """Shape (n, D)."""
        found: Array = np.asarray(parameters) @ np.asarray(scores).T
        return found

    def describe(self, parameters: Array) -> str:
        """For example "0.60 class 1 + 0.40 class 2"."""
        terms = (f"{w:.2f} {m.name}" for w, m in zip(parameters, self.group.metrics, strict=True))
        return " + ".join(terms)

    def check(self, parameters: Array) -> None:
        """Check that weights are in 0..1 and sum to 1."""
        check_within_ranges(self, parameters)
        if abs(float(np.sum(parameters)) - 1.0) > 1e-6:
            raise ConfigError(f"the weights of {self.name} must sum to 1, got {float(np.sum(parameters)):g}.")


def log_uniform(rng: np.random.Generator, n: int, m: int) -> Array:
    """Weights log-uniform in [1, 100]; shape (n, m)."""
    return np.exp(rng.uniform(0.0, np.log(100.0), (n, m)))


def dirichlet(rng: np.random.Generator, n: int, m: int) -> Array:
    """Weights uniform over the simplex; shape (n, m)."""
    return rng.dirichlet(np.ones(m), n)
