"""Pools of objectives with their optimal designs, and the quality of a design for a true objective."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from netwright.core.errors import ConfigError
from netwright.core.results import Details
from netwright.synthesis.problem import Array, Design, MetricGroup, Objective, ObjectiveFamily, scaled

SCORE_STEP = 1e-6  # scores closer than this are the same design

Index = npt.NDArray[np.int64]


# Families whose name has changed since dialogues over their pools were first saved.
_SAVED_AS = {"utilization thresholds": "utilisation thresholds"}  # words: ok


@dataclass(frozen=True, eq=False)
class Pool:
    """N objectives of one family, each with its best design out of D distinct designs.

    Objectives may share a design, so designs have a multiplicity (`counts`).

    Attributes:
        name: for example "mcf:abilene".
        scores: oriented metrics of the distinct designs, larger is better; shape (D, m).
        parameters: the objectives; shape (N, k).
        optimum: row of `scores` that is best for each objective; shape (N,).
        design_ids: row of the pool's file with the decision of each design; shape (D,).
        provenance: origin of the pool, as plain data.
    """

    name: str
    group: MetricGroup
    family: ObjectiveFamily
    scores: Array
    parameters: Array
    optimum: Index
    design_ids: Index
    provenance: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        n, d = len(self.parameters), len(self.scores)
        if not n or self.optimum.shape != (n,) or self.design_ids.shape != (d,):
            raise ConfigError(
                f"pool {self.name}: {n} objectives need {n} optima and {d} designs need {d} ids, "
                f"got {self.optimum.shape} and {self.design_ids.shape}."
            )
        if self.scores.shape != (d, len(self.group)) or self.parameters.shape != (
            n,
            len(self.family.parameters),
        ):
            raise ConfigError(
                f"pool {self.name}: scores are {self.scores.shape} and parameters {self.parameters.shape}, "
                f"but there are {len(self.group)} metrics and {len(self.family.parameters)} parameters."
            )
        if self.optimum.min() < 0 or self.optimum.max() >= d:
            raise ConfigError(f"pool {self.name}: the index of an optimum exceeds the {d} designs.")

    @classmethod
    def gather(
        cls,
        name: str,
        group: MetricGroup,
        family: ObjectiveFamily,
        parameters: Array,
        scores: Array,
        provenance: Details | None = None,
    ) -> Pool:
        """The pool of `parameters` (N, k) with the oriented scores (N, m) of each objective's optimal design.

        Scores are rounded to `SCORE_STEP`; equal scores become one design, whose id is the first such row.
        """
        rounded = np.round(np.asarray(scores, dtype=np.float64), 6) + 0.0  # no -0
        distinct, first, optimum = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
        return cls(
            name,
            group,
            family,
            distinct,
            np.asarray(parameters, dtype=np.float64),
            optimum.reshape(-1).astype(np.int64),
            first.astype(np.int64),
            provenance or {},
        )

    def __len__(self) -> int:
        """Number of objectives."""
        return len(self.parameters)

    @property
    def n_designs(self) -> int:
        """Number of distinct designs."""
        return len(self.scores)

    @cached_property
    def counts(self) -> Index:
        """Number of objectives for which each design is best; shape (D,)."""
        return np.bincount(self.optimum, minlength=self.n_designs)

    @cached_property
    def scaled(self) -> Array:
        """Scores scaled to 0..1 over the pool, metric by metric; shape (D, m)."""
        return scaled(self.scores)

    def objective(self, i: int) -> Objective:
        """One of the pool's objectives."""
        return Objective(self.family, self.parameters[i])

    def design(self, d: int) -> Design:
        """One of the pool's designs, its metrics in their units."""
        values = self.group.oriented(self.scores[d])
        return Design(f"design {d}", tuple(float(v) for v in values))

    def values(self, parameters: Array) -> Array:
        """Values of the pool's designs under the objectives (n, k); shape (n, D)."""
        return self.family.values(np.atleast_2d(parameters), self.scores)

    def effective_optima(self) -> float:
        """Effective number of optima: the exponential of the entropy of `counts`."""
        share = self.counts[self.counts > 0] / len(self)
        return float(np.exp(-(share * np.log(share)).sum()))

    def subset(self, rows: npt.ArrayLike) -> Pool:
        """The pool of some of the objectives, without designs that are best for none of them."""
        chosen = np.asarray(rows)
        used, optimum = np.unique(self.optimum[chosen], return_inverse=True)
        return Pool(
            self.name,
            self.group,
            self.family,
            self.scores[used],
            self.parameters[chosen],
            optimum.reshape(-1).astype(np.int64),
            self.design_ids[used],
            self.provenance,
        )

    def with_designs(self, scores: Array) -> Pool:
        """The pool with additional designs (n, m), unless already present; they have multiplicity 0 and id -1."""
        rounded = np.unique(np.round(scores, 6) + 0.0, axis=0)
        new = rounded[[not (self.scores == row).all(1).any() for row in rounded]]
        return replace(
            self,
            scores=np.vstack([self.scores, new]),
            design_ids=np.concatenate([self.design_ids, np.full(len(new), -1)]),
        )

    def fingerprint(self) -> str:
        """SHA-256 of the pool's objectives and designs."""
        digest = hashlib.sha256(_SAVED_AS.get(self.family.name, self.family.name).encode())
        for array in (self.scores, self.parameters, self.optimum):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    def split(self, rng: np.random.Generator, n_truths: int) -> tuple[Pool, Array]:
        """Hold out objectives at random; returns the pool of the others and the held-out parameters (n_truths, k)."""
        if not 0 < n_truths < len(self):
            raise ConfigError(
                f"pool {self.name} has {len(self)} objectives, so 1 to {len(self) - 1} can be held out as "
                f"truths, not {n_truths}; build a larger pool."
            )
        order = rng.permutation(len(self))
        return self.subset(np.sort(order[n_truths:])), self.parameters[np.sort(order[:n_truths])]


def quality(values: Array, counts: Index) -> Array:
    """Share of the pool's members that a truth rates no higher than each design (Def. 3.13).

    Args:
        values: value of each design under each truth; shape (.., D).
        counts: multiplicity of each design; shape (D,).

    Returns:
        0..1, shape (.., D). Equal designs count as no higher, so the best design always has 1.
    """
    below = members_below(values.reshape(-1, values.shape[-1]), counts)
    share: Array = (below / counts.sum()).reshape(values.shape)
    return share


def members_below(values: Array, counts: Index) -> Index:
    """Number of the pool's members that a truth rates no higher than each design; arguments as for `quality`.

    Args:
        values: shape (n, D).

    Returns:
        Shape (n, D).
    """
    order = np.argsort(values, axis=1)
    ranked = np.take_along_axis(values, order, axis=1)
    below = np.cumsum(counts[order], axis=1)
    ties = ranked[:, 1:] == ranked[:, :-1]
    if ties.any():  # equal designs have the count of the last of them
        total = int(counts.sum())
        below[:, :-1][ties] = total
        below = np.minimum.accumulate(below[:, ::-1], axis=1)[:, ::-1]
    out = np.empty_like(below)
    np.put_along_axis(out, order, below, axis=1)
    return out


def normalized(values: Array, counts: Index) -> Array:
    """Normalized gain: values scaled for each truth so that the pool's mean is 0 and its best design 1.

    Args:
        values: value of each design under each truth; shape (.., D).
        counts: multiplicity of each design; shape (D,).
    """
    mean = values @ (counts / counts.sum())
    spread = values.max(-1) - mean
    gain: Array = (values - mean[..., None]) / np.where(spread > 0.0, spread, 1.0)[..., None]
    return gain
