"""Small problems of known answers for the tests: a concave frontier, and weighted log utilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Array, Metric, MetricGroup, Parameter, check_within_ranges

TWO = MetricGroup(
    (Metric("throughput", "Gbit/s", True, "what is carried"), Metric("latency", "ms", False, "how long"))
)


@dataclass(frozen=True)
class Concave:
    """Throughput against latency with two bends, the shape of Eq. 2.1; parameters as in the MCF scenario."""

    name: str = "concave"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return (
            Parameter("latency weight", 0.0, 1.2),
            Parameter("bend weight", 0.0, 1.0),
            Parameter("slow weight", 0.0, 3.0),
            Parameter("throughput bend", 0.4, 1.0),
            Parameter("latency bend", 0.3, 1.0),
        )

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        low, high = np.array([(k.low, k.high) for k in self.parameters]).T
        return rng.uniform(low, high, (n, len(low)))

    def values(self, parameters: Array, scores: Array) -> Array:
        a2, a3, a4, bend_t, bend_l = (parameters[:, i, None] for i in range(5))
        carried, latency = scores[:, 0], -scores[:, 1]
        return (
            carried
            - a2 * latency
            - a3 * np.maximum(carried - bend_t, 0.0)
            - a4 * np.maximum(latency - bend_l, 0.0)
        )

    def describe(self, parameters: Array) -> str:
        return ", ".join(f"{k.name} {v:.2f}" for k, v in zip(self.parameters, parameters, strict=True))

    def check(self, parameters: Array) -> None:
        check_within_ranges(self, parameters)


@dataclass(frozen=True)
class Weighted:
    """Weighted sum of m utilities; weights log-uniform in 1..100, normalized (the BW scenario's template)."""

    n_metrics: int = 3
    name: str = "weighted"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return tuple(Parameter(f"weight {i}", 0.0, 1.0) for i in range(self.n_metrics))

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        raw = 100.0 ** rng.uniform(0.0, 1.0, (n, self.n_metrics))
        return raw / raw.sum(1, keepdims=True)

    def values(self, parameters: Array, scores: Array) -> Array:
        return parameters @ scores.T

    def describe(self, parameters: Array) -> str:
        return " + ".join(f"{v:.2f} U{i}" for i, v in enumerate(parameters))

    def check(self, parameters: Array) -> None:
        check_within_ranges(self, parameters)


def concave_pool(n: int = 300, seed: int = 0) -> Pool:
    """Optima by brute force along a quarter circle: latency rises ever faster with throughput."""
    family = Concave()
    parameters = family.sample(np.random.default_rng(seed), n)
    carried = np.linspace(0.2, 1.0, 2001)
    frontier = np.column_stack([carried, -(1.0 - np.sqrt(1.0 - (0.95 * carried) ** 2))])
    best = family.values(parameters, frontier).argmax(1)
    return Pool.gather("concave", TWO, family, parameters, frontier[best])


def weighted_pool(n: int = 300, n_metrics: int = 3, seed: int = 0) -> Pool:
    """Shares x of one link with sum 1: sum w log x is largest at x = w."""
    family = Weighted(n_metrics)
    group = MetricGroup(tuple(Metric(f"class {i}", "log share", True) for i in range(n_metrics)))
    parameters = family.sample(np.random.default_rng(seed), n)
    return Pool.gather("weighted", group, family, parameters, np.log(parameters))
