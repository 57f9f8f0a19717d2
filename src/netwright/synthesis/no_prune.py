"""`no-prune`: the paper's baseline. It proposes optima of random objectives and keeps the best so far."""

from __future__ import annotations

from netwright.synthesis.learner import Historian, running_best
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Kind, Query


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
        """The optimum of a random objective, against the running best."""
        design, best = int(self.pool.optimum[self.rng().integers(len(self.pool))]), self.recommend()
        return Query(Kind.PROPOSE, (design,) if best is None else (design, best))

    def tell(self, query: Query, answer: Answer) -> None:
        """Record the answer."""
        self.record(query, answer)

    def recommend(self) -> int | None:
        """The running best."""
        return running_best(self.history)
