"""Target functions of MCF: throughput minus latency, with different marginal values beyond thresholds.

f = T - a2 L - a3 max(T - t, 0) - a4 max(L - l, 0), with T and L as fractions of their values at maximum throughput.
Reconstructed from Eq. 2.1 (Wang et al. 2023) and SWAN (Hong et al., SIGCOMM 2013). Concave, because a3 and a4 are
nonnegative; increasing in throughput, because a3 is at most 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.synthesis.problem import Array, MetricGroup, Parameter, check_within_ranges
from netwright.wan.scenario import Reference

PARAMETERS = (
    Parameter("latency weight", 0.0, 1.2, "cost of latency"),
    Parameter("throughput discount", 0.0, 1.0, "reduction of the value of throughput above its threshold"),
    Parameter("latency surcharge", 0.0, 3.0, "additional cost of latency above its threshold"),
    Parameter("throughput threshold", 0.4, 1.0, "as a fraction of the largest throughput"),
    Parameter("latency threshold", 0.3, 1.0, "as a fraction of the latency at the largest throughput"),
)


@dataclass(frozen=True)
class ThroughputLatency:
    """The family; `throughput` (%) and `latency` (ms) are those of the design of largest throughput."""

    throughput: float
    latency: float
    name: str = "mcf"
    parameters: tuple[Parameter, ...] = PARAMETERS

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """Every parameter uniform over its range; shape (n, 5)."""
        return rng.uniform([k.low for k in PARAMETERS], [k.high for k in PARAMETERS], (n, len(PARAMETERS)))

    def values(self, parameters: Array, scores: Array) -> Array:
        """Shape (n, D)."""
        t, lat = self.fractions(np.asarray(scores)).T
        return self.of_fractions(np.asarray(parameters), t[None], lat[None])

    def of_fractions(self, parameters: Array, t: Array, lat: Array) -> Array:
        """The formula; `t` and `lat` (n or 1, D) are fractions of the reference, parameters (n, 5)."""
        a2, a3, a4, t0, lat0 = (parameters[:, [i]] for i in range(len(PARAMETERS)))
        found: Array = t - a2 * lat - a3 * np.maximum(t - t0, 0.0) - a4 * np.maximum(lat - lat0, 0.0)
        return found

    def fractions(self, scores: Array) -> Array:
        """Scores (.., 2) as throughput and latency in fractions of the reference, both positive."""
        found: Array = scores / np.array([self.throughput, -self.latency])
        return found

    def describe(self, parameters: Array) -> str:
        """The formula with its figures in units."""
        a2, a3, a4, t0, lat0 = parameters
        return (
            f"throughput - {a2:.2f} latency - {a3:.2f} (throughput above {t0 * self.throughput:.1f} %) "
            f"- {a4:.2f} (latency above {lat0 * self.latency:.2f} ms), "
            f"in units of {self.throughput:.1f} % and {self.latency:.2f} ms"
        )

    def check(self, parameters: Array) -> None:
        """Check that every parameter is in its range."""
        check_within_ranges(self, parameters)


def family(group: MetricGroup, reference: Reference) -> ThroughputLatency:
    """The family with the reference of an instance."""
    return ThroughputLatency(float(reference["throughput"]), float(reference["latency"]))
