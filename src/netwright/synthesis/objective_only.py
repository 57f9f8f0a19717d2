"""`objective-only`: naive objective synthesis (Fig. 3), which learns the objective and only then a design.

Wang, Jiang, Qiu and Rao ("Learning Network Design Objectives Using A Program Synthesis Approach", HotNets 2019) ask
about any pair of designs on which two objectives that explain the answers disagree, until there are no such objectives.
"""

from __future__ import annotations

import numpy as np

from netwright.synthesis.generation import satisfiable
from netwright.synthesis.learner import Drawing, Estimate, one_of
from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Exchange, Kind, Query

_FUNCTIONS = 8  # objectives among which two must disagree
_PAIRS = 512  # pairs of designs that are tried


class ObjectiveOnly(Drawing):
    """Asks a Compare on which two consistent objectives disagree; recommends the optimum of a consistent objective.

    It stops asking when the objectives that explain the answers agree. If there are none, a largest explainable subset
    of the answers is followed.
    """

    def ask(self) -> Query | None:
        """A random pair of designs, for which one consistent objective prefers the first and another the second."""
        rng = self.rng()
        parameters, designs = self._consistent(_FUNCTIONS, rng)
        if len(designs) < 2:
            return None
        drawn = rng.integers(len(self.scores), size=(_PAIRS, 2))
        optima = np.column_stack([designs, np.roll(designs, 1)])
        pairs = np.vstack([drawn, optima])
        pairs = pairs[self.refusals().fresh(pairs)]
        values = self.source.family.values(parameters, self.scores)
        ahead = values[:, pairs[:, 0]] - values[:, pairs[:, 1]]  # (functions, pairs)
        disputed = np.flatnonzero((ahead > 0.0).any(0) & (ahead < 0.0).any(0))
        if not len(disputed):
            return None
        a, b = pairs[disputed[0]]
        return Query(Kind.COMPARE, (int(a), int(b)))

    def recommend(self) -> int | None:
        """The optimum of an objective that explains the answers; None if a source has no design yet."""
        if not len(self.history):
            return None
        _, designs = self._consistent(1, self.rng())
        return int(designs[0]) if len(designs) else None

    def learned(self) -> Estimate | None:
        """An objective that explains the answers."""
        return one_of(self._consistent(1, self.rng())[0])

    def _consistent(self, n: int, rng: np.random.Generator) -> tuple[Array, Index]:
        """Up to `n` objectives (n', k) that explain the answers, or as many of them as possible, with their optima."""
        parameters, designs, found = self.drawn(self.history, None, n, rng)
        if found:
            return parameters, designs
        for dropped in satisfiable(self.source, self.history, self.rng()):
            followed: list[Exchange] = [e for i, e in enumerate(self.history) if i not in dropped]
            parameters, designs, found = self.drawn(followed, None, n, rng)
            if found:
                break
        return parameters, designs
