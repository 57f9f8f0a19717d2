"""Objectives of OSPF: below a first utilization only latency counts, above a second one mainly utilization.

Section 5 of Wang et al. (POPL 2023) describes the template in words; the formula is reconstructed from it:
f = -L / L0 - beta max(U - lo, 0) - gamma max(U - hi, 0), with U the maximum utilization, L the latency and gamma much
larger than beta.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Array, Parameter, check_within_ranges

LO_RANGE = (30.0, 70.0)
HI_MOST = 110.0
BETA_RANGE = (0.3, 10.0)
STEEPER = (10.0, 100.0)  # gamma / beta


@dataclass(frozen=True)
class UtilizationThresholds:
    """The family of objectives with parameters lo, hi (%), beta and gamma (both per 100 % of utilization).

    Attributes:
        latency_scale_ms: L0, the latency that counts as 1.
    """

    latency_scale_ms: float

    @property
    def name(self) -> str:
        """The family's name in reports."""
        return "utilization thresholds"

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """lo, hi, beta, gamma."""
        return (
            Parameter("lo", *LO_RANGE, "utilization in % above which utilization has a cost"),
            Parameter("hi", LO_RANGE[0], HI_MOST, "utilization in % above which utilization dominates"),
            Parameter("beta", *BETA_RANGE, "cost of 100 % additional utilization between lo and hi"),
            Parameter(
                "gamma",
                BETA_RANGE[0] * STEEPER[0],
                BETA_RANGE[1] * STEEPER[1],
                "further cost of 100 % additional utilization above hi",
            ),
        )

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Draws from the prior, shape (n, 4): lo and hi uniform, beta and gamma / beta log-uniform."""
        lo = rng.uniform(*LO_RANGE, n)
        hi = rng.uniform(lo, HI_MOST)
        beta = np.exp(rng.uniform(math.log(BETA_RANGE[0]), math.log(BETA_RANGE[1]), n))
        steeper = np.exp(rng.uniform(math.log(STEEPER[0]), math.log(STEEPER[1]), n))
        return np.stack([lo, hi, beta, beta * steeper], axis=1)

    def values(self, parameters: Array, scores: Array) -> Array:
        """Values of designs with scores (D, 2) under objectives (n, 4); shape (n, D)."""
        lo, hi, beta, gamma = (column[:, None] for column in np.asarray(parameters).T)
        utilization, latency_ms = -scores[:, 0], -scores[:, 1]
        over_lo = np.maximum(utilization - lo, 0.0) / 100.0
        over_hi = np.maximum(utilization - hi, 0.0) / 100.0
        found: Array = -latency_ms / self.latency_scale_ms - beta * over_lo - gamma * over_hi
        return found

    def describe(self, parameters: Array) -> str:
        """The objective as one line."""
        lo, hi, beta, gamma = map(float, parameters)
        worth = beta * self.latency_scale_ms / 100.0
        return (
            f"least latency; above {lo:.0f} % maximum utilization, 1 % costs as much as {worth:.2g} ms; "
            f"above {hi:.0f} % as much as {worth + gamma * self.latency_scale_ms / 100.0:.2g} ms"
        )

    def check(self, parameters: Array) -> None:
        """Refuse parameters (4,) out of range, and thresholds in the wrong order.

        Raises:
            ConfigError: names the parameter and its range.
        """
        check_within_ranges(self, parameters)
        lo, hi, beta, gamma = map(float, parameters)
        if hi < lo:
            raise ConfigError(f"{self.name} parameter hi must be at least lo = {lo:g}, got {hi:g}; raise hi.")
        if gamma < beta:
            raise ConfigError(
                f"{self.name} parameter gamma must be at least beta = {beta:g}, got {gamma:g}; raise gamma."
            )
