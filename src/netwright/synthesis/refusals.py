"""Questions without a preference as an answer: neither they nor near twins are asked again."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array, scaled
from netwright.synthesis.queries import Exchange

RADIUS = 0.1  # designs closer than this share of each metric's range hardly differ


class Refusals:
    """The questions of a history that were answered "cannot say", or by all designs as "about equal".

    Args:
        scores: oriented metrics of the known designs; shape (D, m).
    """

    def __init__(self, history: Sequence[Exchange], scores: Array) -> None:
        refused = (e.query.designs for e in history if not e.answer.decides(len(e.query.designs)))
        self._refused = [designs for designs in dict.fromkeys(refused) if len(designs) > 1]
        self._scores = scores

    def __bool__(self) -> bool:
        return bool(self._refused)

    @cached_property
    def _scaled(self) -> Array:
        return scaled(self._scores)

    def closeness(self, questions: Index) -> Array:
        """Similarity of each question to a refused one: 1 for the same designs, 0 from `RADIUS` in some metric.

        Designs are matched in the order that fits best; questions about another number of designs are not similar.

        Args:
            questions: designs shown; shape (n, k).

        Returns:
            0..1, shape (n,).
        """
        nearest = np.full(len(questions), np.inf)
        for refused in self._refused:
            if len(refused) != questions.shape[1]:
                continue
            for order in itertools.permutations(refused):
                apart = np.abs(self._scaled[questions] - self._scaled[list(order)]).max((1, 2))
                np.minimum(nearest, apart, out=nearest)
        found: Array = np.maximum(1.0 - nearest / RADIUS, 0.0)
        return found

    def fresh(self, questions: Index) -> Index:
        """Positions of the questions that are not similar to a refused one."""
        return np.flatnonzero(self.closeness(questions) == 0.0)
