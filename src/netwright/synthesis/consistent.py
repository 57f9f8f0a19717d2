"""`consistent`: proposes the optimum of any objective that explains the answers, an ablation of `voting`."""

from __future__ import annotations

import numpy as np

from netwright.synthesis.learner import Drawing, Estimate, one_of
from netwright.synthesis.queries import Kind, Query

_ALTERNATIVES = 16  # objectives among which one is chosen whose proposal is not similar to a refused question


class Consistent(Drawing):
    """Finds one objective that explains all answers, proposes its optimum, and repeats.

    It stops asking when no objective explains the answers.
    """

    def ask(self) -> Query | None:
        """The optimum of an objective that explains the answers, against the running best."""
        best = self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (self.source.any_design(self.rng()),))
        refusals = self.refusals()
        _, designs, _ = self.drawn(self.history, best, _ALTERNATIVES if refusals else 1, self.rng())
        designs = designs[refusals.fresh(np.column_stack([designs, np.full_like(designs, best)]))]
        return Query(Kind.PROPOSE, (int(designs[0]), best)) if len(designs) else None

    def learned(self) -> Estimate | None:
        """An objective that explains the answers."""
        return one_of(self.drawn(self.history, None, 1, self.rng())[0])
