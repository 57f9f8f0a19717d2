"""`consistent`: proposes the optimum of any objective that explains the answers, an ablation of `voting`."""

from __future__ import annotations

import numpy as np

from netwright.synthesis.generation import Generator
from netwright.synthesis.learner import Estimate, Historian, estimate_from, running_best
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Kind, Query

_ALTERNATIVES = 16  # objectives among which one is chosen whose proposal is not similar to a refused question


class Consistent(Historian):
    """Finds one objective that explains all answers, proposes its optimum, and repeats.

    It stops asking when no objective explains the answers.
    """

    def __init__(self, source: Generator, seed: int = 0) -> None:
        super().__init__(seed)
        self.source = source

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        return self.source.scores

    def ask(self) -> Query | None:
        """The optimum of an objective that explains the answers, against the running best."""
        best = self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (self.source.any_design(self.rng()),))
        refusals = self.refusals()
        known = np.empty((0, len(self.source.family.parameters)))
        n = _ALTERNATIVES if refusals else 1
        _, designs, _ = self.source.draw(self.history, best, n, self.rng(), known)
        designs = designs[refusals.fresh(np.column_stack([designs, np.full_like(designs, best)]))]
        return Query(Kind.PROPOSE, (int(designs[0]), best)) if len(designs) else None

    def tell(self, query: Query, answer: Answer) -> None:
        """Record the answer."""
        self.record(query, answer)

    def recommend(self) -> int | None:
        """The running best."""
        return running_best(self.history)

    def learned(self) -> Estimate | None:
        """An objective that explains the answers."""
        known = np.empty((0, len(self.source.family.parameters)))
        parameters, _, _ = self.source.draw(self.history, None, 1, self.rng(), known)
        return estimate_from(parameters, np.ones(len(parameters))) if len(parameters) else None
