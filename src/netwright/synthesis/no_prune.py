"""`no-prune`: the paper's baseline. It proposes optima of random objectives and keeps the best so far."""

from __future__ import annotations

import numpy as np

from netwright.synthesis.learner import Historian
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Kind, Query

_DRAWS = 64  # proposals among which the first that is not similar to a refused one is asked


class NoPrune(Historian):
    """Each query proposes the optimum of a random objective of the pool; answers remove no candidate."""

    def __init__(self, pool: Pool, seed: int = 0) -> None:
        super().__init__(seed)
        self.pool = pool

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        return self.pool.scores

    def ask(self) -> Query:
        """The optimum of a random objective, against the running best; not similar to a refused question."""
        rng, best = self.rng(), self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (int(self.pool.optimum[rng.integers(len(self.pool))]),))
        drawn = self.pool.optimum[rng.integers(len(self.pool), size=_DRAWS)]
        closeness = self.refusals().closeness(np.column_stack([drawn, np.full_like(drawn, best)]))
        return Query(Kind.PROPOSE, (int(drawn[closeness.argmin()]), best))
