"""Generate-more (Algorithm 2): objectives that explain the answers, each with a design above the running best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from netwright.synthesis.pool import Index, Pool
from netwright.synthesis.problem import Array, Objective, ObjectiveFamily
from netwright.synthesis.queries import Exchange, explained, satisfying

FRESH_DRAWS = 4096
FRESH_ROUNDS = 4

_BLOCK = 64  # number of objectives whose optima are evaluated together

Mask = npt.NDArray[np.bool_]

Improve = Callable[[Objective], Array]
"""Solves for an objective's best design and returns its oriented scores (m,)."""


class Generator(Protocol):
    """A source of candidates for the Pareto candidate set."""

    family: ObjectiveFamily
    scores: Array  # oriented metrics of the known designs, (D, m)

    def any_design(self, rng: np.random.Generator) -> int:
        """An arbitrary feasible design to start from."""
        ...

    def draw(
        self,
        exchanges: Sequence[Exchange],
        best: int | None,
        n: int,
        rng: np.random.Generator,
        known: Array,
    ) -> tuple[Array, Index, bool]:
        """Up to `n` objectives that explain all answers, are not in `known` (G, k), and have a better design.

        Returns:
            Their parameters (n', k), the design of each (n',), and whether any objective explains the answers.
        """
        ...

    def sampled(self, rng: np.random.Generator) -> Array:
        """Many objectives of the prior; shape (n, k)."""
        ...


class PoolGenerator:
    """Draws from a pool without replacement; when it is exhausted, new objectives over the pool's designs.

    New objectives need no solver; they are used if a finite pool contains no objective near the truth (the paper draws
    from the pool only).
    """

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.family = pool.family
        self.scores = pool.scores

    def any_design(self, rng: np.random.Generator) -> int:
        """The optimum of a random objective."""
        return int(self.pool.optimum[rng.integers(len(self.pool))])

    def draw(
        self,
        exchanges: Sequence[Exchange],
        best: int | None,
        n: int,
        rng: np.random.Generator,
        known: Array,
    ) -> tuple[Array, Index, bool]:
        """See `Generator`."""
        pool = self.pool
        consistent = satisfying(pool.family, pool.parameters, pool.scores, exchanges)
        rows = np.flatnonzero(consistent)
        found_any = len(rows) > 0
        rows = rows[~_among(pool.parameters[rows], known)]
        rows = rng.permutation(rows)
        rows = rows[_better(pool.family, pool.parameters[rows], pool.scores, pool.optimum[rows], best)][:n]
        parameters, designs = pool.parameters[rows], pool.optimum[rows]
        for _ in range(FRESH_ROUNDS):
            if len(parameters) >= n:
                break
            fresh = pool.family.sample(rng, FRESH_DRAWS)
            fresh = fresh[satisfying(pool.family, fresh, pool.scores, exchanges)][: 4 * n]
            found_any |= len(fresh) > 0
            wanted = pool.values(fresh).argmax(1) if len(fresh) else np.empty(0, dtype=np.int64)
            kept = _better(pool.family, fresh, pool.scores, wanted, best)
            parameters = np.vstack([parameters, fresh[kept]])[:n]
            designs = np.concatenate([designs, wanted[kept]])[:n]
        return parameters, designs, found_any

    def sampled(self, rng: np.random.Generator) -> Array:
        """The pool's objectives and fresh ones."""
        return np.vstack([self.pool.parameters, self.family.sample(rng, FRESH_ROUNDS * FRESH_DRAWS)])


class OnlineGenerator:
    """Works without a pool: samples an objective that explains the answers and solves for its optimum (section 4.4)."""

    def __init__(self, family: ObjectiveFamily, improve: Improve) -> None:
        self.family = family
        self.improve = improve
        self.scores: Array = np.empty((0, 0))

    def any_design(self, rng: np.random.Generator) -> int:
        """The optimum of an objective drawn from the prior."""
        return self._solved(self.family.sample(rng, 1)[0])

    def draw(
        self,
        exchanges: Sequence[Exchange],
        best: int | None,
        n: int,
        rng: np.random.Generator,
        known: Array,
    ) -> tuple[Array, Index, bool]:
        """See `Generator`. Solves at most twice per requested objective."""
        found: list[tuple[Array, int]] = []
        found_any = False
        tries = 2 * n
        for _ in range(FRESH_ROUNDS):
            fresh = self.family.sample(rng, FRESH_DRAWS)
            fresh = fresh[satisfying(self.family, fresh, self.scores, exchanges)]
            found_any |= len(fresh) > 0
            for parameters in fresh[:tries]:
                tries -= 1
                design = np.array([self._solved(parameters)])
                if _better(self.family, parameters[None], self.scores, design, best)[0]:
                    found.append((parameters, int(design[0])))
                if len(found) == n:
                    break
            if len(found) == n or tries <= 0:
                break
        parameters = np.array([k for k, _ in found]).reshape(-1, len(self.family.parameters))
        return parameters, np.array([d for _, d in found], dtype=np.int64), found_any

    def sampled(self, rng: np.random.Generator) -> Array:
        """Draws from the prior."""
        return self.family.sample(rng, FRESH_ROUNDS * FRESH_DRAWS)

    def _solved(self, parameters: Array) -> int:
        """Index of the optimum of these parameters; a new design is added to the known ones."""
        scores = np.round(self.improve(Objective(self.family, parameters)), 6)[None]
        if not self.scores.size:
            self.scores = scores
            return 0
        same = np.flatnonzero((self.scores == scores).all(1))
        if len(same):
            return int(same[0])
        self.scores = np.vstack([self.scores, scores])
        return len(self.scores) - 1


def satisfiable(
    source: Generator, exchanges: Sequence[Exchange], rng: np.random.Generator, most: int = 8
) -> list[frozenset[int]]:
    """The largest subsets of the answers that one objective explains, each as the positions of the others.

    The paper finds such a subset by backups that each drop random answers (section 5.2). Here the answers that each of
    many objectives explains are compared, so that all answers but one are kept if any sampled objective explains them.

    Returns:
        Up to `most` sets, by the number of dropped answers, then by the number of objectives that explain the rest.
    """
    objectives = source.sampled(rng)
    followed = explained(source.family, objectives, source.scores, exchanges)
    sets, support = np.unique(followed, axis=0, return_counts=True)
    order = np.lexsort((-support, -sets.sum(1)))[:most]
    return [frozenset(int(i) for i in np.flatnonzero(~sets[row])) for row in order]


def _better(
    family: ObjectiveFamily, parameters: Array, scores: Array, designs: Index, best: int | None
) -> Mask:
    """Whether each objective (n, k) rates its own design (n,) above the running best; shape (n,)."""
    found: Mask = np.ones(len(parameters), dtype=bool)
    if best is None:
        return found
    for low in range(0, len(parameters), _BLOCK):
        block = slice(low, low + _BLOCK)
        values = family.values(parameters[block], scores[[*designs[block], best]])
        found[block] = np.diagonal(values) > values[:, -1]
    found &= designs != best
    return found


def _among(parameters: Array, known: Array) -> Mask:
    """Whether each row of `parameters` (n, k) is a row of `known` (G, k); shape (n,)."""
    out = np.zeros(len(parameters), dtype=bool)
    for row in known:
        out |= (parameters == row).all(1)
    return out
