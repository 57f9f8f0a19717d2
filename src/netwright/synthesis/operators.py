"""Simulated operators outside and inside the template, with wishes that may change, and careless or random answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import UnknownNameError
from netwright.synthesis.pool import Pool, normalized
from netwright.synthesis.problem import Array

_LEVELS = 5  # of each metric, for a lexicographic operator
_SEGMENTS = 3  # of each metric, for a piecewise linear operator
_FLOOR_GAIN = 10.0  # worth of a met floor, relative to the whole range of all metrics


@dataclass(frozen=True, eq=False)
class Operators:
    """R simulated operators of one kind.

    Attributes:
        first, last: values of the designs at the first and after the last answer; shape (R, D).
        random_share: share of answers given at random.
    """

    first: Array
    last: Array
    random_share: float = 0.0

    def values(self, share: float) -> Array:
        """Values after this share of the dialogue, 0..1; shape (R, D)."""
        return self.first if self.first is self.last else (1.0 - share) * self.first + share * self.last


Draw = Callable[[Pool, int, np.random.Generator], Array]


def _template(pool: Pool, n: int, rng: np.random.Generator) -> Array:
    return pool.values(pool.family.sample(rng, n))


def _weights(n: int, m: int, rng: np.random.Generator) -> Array:
    """Weights (n, m) log-uniform in 1 to 10, or to 100 for more than two metrics, with sum 1."""
    raw = (10.0 if m == 2 else 100.0) ** rng.uniform(0.0, 1.0, (n, m))
    found: Array = raw / raw.sum(1, keepdims=True)
    return found


def _piecewise(pool: Pool, n: int, rng: np.random.Generator) -> Array:
    """Concave piecewise linear utilities of three segments for each metric."""
    x, m = pool.scaled, len(pool.group)
    ends = np.sort(rng.uniform(0.0, 1.0, (n, m, _SEGMENTS - 1)), axis=2)
    starts = np.concatenate([np.zeros((n, m, 1)), ends], axis=2)
    slopes = np.sort(rng.exponential(1.0, (n, m, _SEGMENTS)), axis=2)[:, :, ::-1]
    bends = np.diff(slopes, axis=2, prepend=0.0)  # change of slope at each start
    above = np.maximum(x[None, :, :, None] - starts[:, None], 0.0)  # (n, D, m, segments)
    found: Array = ((above * bends[:, None]).sum(3) * _weights(n, m, rng)[:, None]).sum(2)
    return found


def _increasing(pool: Pool, n: int, rng: np.random.Generator) -> Array:
    """Increasing returns: weighted powers of 1.5 to 4."""
    m = len(pool.group)
    powers = rng.uniform(1.5, 4.0, (n, 1, m))
    found: Array = (_weights(n, m, rng)[:, None] * pool.scaled[None] ** powers).sum(2)
    return found


def _lexicographic(pool: Pool, n: int, rng: np.random.Generator) -> Array:
    """Metrics in a random order of priority, each in five levels; equal levels are decided by the weighted rest."""
    m = len(pool.group)
    order = rng.permuted(np.tile(np.arange(m), (n, 1)), axis=1)
    level = np.minimum(np.floor(pool.scaled * _LEVELS), _LEVELS - 1) / (_LEVELS - 1)
    ranked = np.take_along_axis(np.broadcast_to(level, (n, *level.shape)), order[:, None, :], axis=2)
    priority = (2.0 * _LEVELS) ** -np.arange(m)
    found: Array = ranked @ priority + 0.1 * priority[-1] * (_weights(n, m, rng) @ pool.scaled.T)
    return found


def _threshold(pool: Pool, n: int, rng: np.random.Generator) -> Array:
    """A floor for each metric, all of which count more than anything above them."""
    m = len(pool.group)
    floors = np.array([np.quantile(pool.scaled[:, j], rng.uniform(0.2, 0.7, n)) for j in range(m)]).T
    met = (pool.scaled[None] >= floors[:, None]).sum(2)
    found: Array = _FLOOR_GAIN * met + _weights(n, m, rng) @ pool.scaled.T
    return found


_DRAWS: dict[str, Draw] = {
    "template": _template,
    "piecewise": _piecewise,
    "increasing": _increasing,
    "lexicographic": _lexicographic,
    "threshold": _threshold,
}
_RANDOM_SHARES = {"careless": 0.2, "coin-flip": 1.0}
KINDS = (*_DRAWS, "careless", "coin-flip", "opposite", "drifting")


def operators(kind: str, pool: Pool, n: int, rng: np.random.Generator) -> Operators:
    """`n` operators of a kind, one of `KINDS`.

    `careless` answers one question in five at random, `coin-flip` every question; both have an objective of the
    template, by which designs are judged. `opposite` prefers less of every metric; the wishes of `drifting` change
    steadily from one objective of the template to another.
    """
    if kind not in KINDS:
        raise UnknownNameError("kind of operator", kind, KINDS)
    if kind in _DRAWS:
        values = _DRAWS[kind](pool, n, rng)
        return Operators(values, values)
    values = _template(pool, n, rng)
    if kind == "opposite":
        values = -values
    if kind == "drifting":
        later = _template(pool, n, rng)
        return Operators(normalized(values, pool.counts), normalized(later, pool.counts))
    return Operators(values, values, _RANDOM_SHARES.get(kind, 0.0))
