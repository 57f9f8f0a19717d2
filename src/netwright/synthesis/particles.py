"""A broad prior over objectives: the problem's template, and generic monotone functions in case it does not fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from netwright.synthesis.generic import CesFunctions, SigmoidSums, sample_ces, sample_sigmoid_sums
from netwright.synthesis.pool import Index, Pool, members_below
from netwright.synthesis.problem import Array, ObjectiveFamily, scaled

Float32 = npt.NDArray[np.float32]

_BATCH = 256
_VALUES = 100_000  # values of double precision computed together


@dataclass(frozen=True, eq=False)
class Particles:
    """F sampled objectives, evaluated without a solver on the D designs of a pool.

    Values are computed for the designs that are asked for; of all designs only the ranks are stored.

    Attributes:
        family: the template.
        scores: oriented metrics of the designs; shape (D, m).
        counts: multiplicity of each design in the pool; shape (D,).
        parameters: of the template's particles, which come first; shape (T, k), T <= F.
        ces, sums: the generic particles, in this order.
        mean, spread: the pool's mean, and its best value less the mean, of each particle; shape (F,).
        below: number of the pool's members that each particle prefers no more than a design; shape (F, D).
        optimum: the best design of each particle; shape (F,).
    """

    family: ObjectiveFamily
    scores: Array
    counts: Index
    parameters: Array
    ces: CesFunctions
    sums: SigmoidSums
    mean: Array
    spread: Array
    below: npt.NDArray[np.uint16 | np.uint32]
    optimum: Index

    def __len__(self) -> int:
        return len(self.optimum)

    @cached_property
    def n_members(self) -> int:
        """Number of the pool's members."""
        return int(self.counts.sum())

    @cached_property
    def scaled(self) -> Array:
        """Scores scaled to 0..1 over the designs; shape (D, m)."""
        return scaled(self.scores)

    def values(self, rows: Index, designs: Index) -> Array:
        """Values of some designs under some particles, in ascending order; shape (rows, designs)."""
        n_template, first_sum = len(self.parameters), len(self.parameters) + len(self.ces)
        template, of_ces, of_sums = np.split(rows, np.searchsorted(rows, [n_template, first_sum]))
        parts = []
        if len(template):
            parts.append(self.family.values(self.parameters[template], self.scores[designs]))
        if len(of_ces):
            parts.append(self.ces[of_ces - n_template].values(self.scaled[designs]))
        if len(of_sums):
            parts.append(self.sums[of_sums - first_sum].values(self.scaled[designs]))
        return np.vstack(parts)

    def standing(self, rows: Index, designs: Index) -> Float32:
        """Value (f(d) - mean) / (max - mean) of some designs under some particles; shape (rows, designs)."""
        values = self.values(rows, designs)
        found: Float32 = ((values - self.mean[rows, None]) / self.spread[rows, None]).astype(np.float32)
        return found

    def rank(self, rows: Index, designs: Index) -> Float32:
        """Quality of some designs if each of some particles were the truth, 0..1; shape (rows, designs)."""
        return self.below[np.ix_(rows, designs)].astype(np.float32) / np.float32(self.n_members)

    def mean_rank(self, rows: Index, weights: Array, designs: Index | None = None) -> Float32:
        """Mean rank of the designs, all by default, over some particles of these weights; shape (designs,)."""
        width = self.below.shape[1] if designs is None else len(designs)
        total = np.zeros(width, dtype=np.float32)
        scaled = (weights / (weights.sum() * self.n_members)).astype(np.float32)
        for low in range(0, len(rows), _BATCH):  # in blocks that stay in the cache as floats
            block = rows[low : low + _BATCH]
            part = self.below[block] if designs is None else self.below[np.ix_(block, designs)]
            total += scaled[low : low + _BATCH] @ part.astype(np.float32)
        return total

    @cached_property
    def prior_mean_rank(self) -> Float32:
        """Mean rank of every design over all particles; shape (D,)."""
        return self.mean_rank(np.arange(len(self)), np.ones(len(self)))

    def selected(self, rows: Index) -> Particles:
        """Some of the particles, in ascending order of rows; rows may repeat."""
        template = rows[rows < len(self.parameters)]
        first_sum = len(self.parameters) + len(self.ces)
        ces = rows[(rows >= len(self.parameters)) & (rows < first_sum)] - len(self.parameters)
        sums = rows[rows >= first_sum] - first_sum
        return replace(
            self,
            parameters=self.parameters[template],
            ces=self.ces[ces],
            sums=self.sums[sums],
            mean=self.mean[rows],
            spread=self.spread[rows],
            below=self.below[rows],
            optimum=self.optimum[rows],
        )

    def moved(self, changed: Index, parameters: Array) -> Particles:
        """The particles with other parameters (n, k) of the template's particles `changed` (n,)."""
        every = self.parameters.copy()
        every[changed] = parameters
        found = replace(
            self,
            parameters=every,
            mean=self.mean.copy(),
            spread=self.spread.copy(),
            below=self.below.copy(),
            optimum=self.optimum.copy(),
        )
        found.rank_all(changed)
        return found

    def rank_all(self, rows: Index) -> None:
        """Compute mean, spread, ranks and optimum of some particles in place, which are not shared yet."""
        every = np.arange(len(self.scores))
        size = max(_VALUES // len(every), 1)
        for low in range(0, len(rows), size):  # in batches, to bound the memory of double precision
            block = rows[low : low + size]
            values = self.values(block, every)
            self.mean[block] = values @ (self.counts / self.n_members)
            spread = values.max(1) - self.mean[block]
            self.spread[block] = np.where(spread > 0.0, spread, 1.0)
            self.below[block] = members_below(values, self.counts)
            self.optimum[block] = values.argmax(1)


def sample_particles(pool: Pool, n: int, generic_share: float, rng: np.random.Generator) -> Particles:
    """Draw `n` objectives: (1 - `generic_share`) from the template including the pool's own, the rest generic."""
    n_generic = round(n * generic_share)
    n_template = n - n_generic
    own = rng.permutation(len(pool))[:n_template]
    fresh = pool.family.sample(rng, n_template - len(own))
    parameters = np.vstack([pool.parameters[np.sort(own)], fresh])
    ces = sample_ces(len(pool.group), n_generic // 2, rng)
    sums = sample_sigmoid_sums(len(pool.group), n_generic - n_generic // 2, rng)
    found = Particles(
        pool.family,
        pool.scores,
        pool.counts,
        parameters,
        ces,
        sums,
        np.empty(n),
        np.empty(n),
        np.empty((n, pool.n_designs), dtype=np.uint16 if len(pool) < 1 << 16 else np.uint32),
        np.empty(n, dtype=np.int64),
    )
    found.rank_all(np.arange(n))
    return found
