"""The Pareto candidate set, and how informative a Propose or Compare is about it (Fig. 4)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array, ObjectiveFamily
from netwright.synthesis.queries import Exchange, Kind, Query, agrees, noticeable
from netwright.synthesis.refusals import Refusals


@dataclass(frozen=True, eq=False)
class ParetoCandidateSet:
    """Objectives that are consistent with the answers, each with its best known design (Def. 4.4).

    Attributes:
        parameters: the objectives; shape (G, k).
        designs: the best design of each objective; shape (G,). Several may share a design.
    """

    family: ObjectiveFamily
    parameters: Array
    designs: Index

    def __len__(self) -> int:
        return len(self.designs)

    @classmethod
    def empty(cls, family: ObjectiveFamily) -> ParetoCandidateSet:
        """The empty set."""
        return cls(family, np.empty((0, len(family.parameters))), np.empty(0, dtype=np.int64))

    def programs(self) -> Index:
        """The distinct best designs, sorted."""
        return np.unique(self.designs)

    def adding(self, parameters: Array, designs: Index) -> ParetoCandidateSet:
        """The set with further objectives."""
        return ParetoCandidateSet(
            self.family, np.vstack([self.parameters, parameters]), np.concatenate([self.designs, designs])
        )

    def without(self, gone: npt.NDArray[np.bool_]) -> ParetoCandidateSet:
        """The set without the objectives marked in `gone` (G,)."""
        return ParetoCandidateSet(self.family, self.parameters[~gone], self.designs[~gone])

    def updated(self, exchange: Exchange, scores: Array) -> ParetoCandidateSet:
        """The set after an answer: without objectives that violate it or have no design above a new running best.

        `scores` (D, m) are the oriented metrics of the designs. No answer enlarges the set.
        """
        query = exchange.query
        values = self.family.values(self.parameters, scores[list(query.designs)])
        tie = noticeable(self.family, self.parameters, scores) if exchange.answer.best == (0, 1) else 0.0
        gone = ~agrees(values, exchange, tie)
        if query.kind is Kind.PROPOSE and exchange.answer.best == (0,):
            gone |= self.designs == query.designs[0]
        return self.without(gone)

    def most_informative(
        self, best: int | None, scores: Array, refusals: Refusals | None = None
    ) -> Query | None:
        """The Propose or Compare of highest informativeness; ties go to a Propose, then to the first in order.

        None if the set is empty or every question is similar to one of the `refusals`.
        """
        programs = self.programs()
        if not len(programs):
            return None
        if best is None:
            return Query(Kind.PROPOSE, (int(programs[0]),))
        shown = np.append(programs, best)
        values = self.family.values(self.parameters, scores[shown])
        own = np.searchsorted(programs, self.designs)
        proposals = propose_removals(values, own).min(1)
        pairs = compare_order(len(programs))
        comparisons = compare_removals(values, own, pairs).min(1)
        if refusals:
            proposals[
                refusals.closeness(np.column_stack([programs, np.full_like(programs, best)])) > 0.0
            ] = -1
            comparisons[refusals.closeness(shown[np.array(pairs)]) > 0.0] = -1
        if max(proposals.max(), comparisons.max()) < 0:
            return None
        if proposals.max() >= comparisons.max():
            return Query(Kind.PROPOSE, (int(programs[proposals.argmax()]), best))
        a, b = pairs[comparisons.argmax()]
        return Query(Kind.COMPARE, (int(shown[a]), int(shown[b])))


def compare_order(n_programs: int) -> list[tuple[int, int]]:
    """Pairs of columns to compare: programs with each other, then each with the running best."""
    return [*combinations(range(n_programs), 2), *((p, n_programs) for p in range(n_programs))]


def compare_removals(values: Array, own: Index, pairs: list[tuple[int, int]]) -> Index:
    """Number of programs that each answer to a Compare would remove (Fig. 4).

    Args:
        values: value of the P programs and, last, of the running best under each objective; shape (G, P + 1).
        own: column of the best program of each objective; shape (G,).
        pairs: columns to compare.

    Returns:
        Removed programs for "first better", "second better", "equal"; shape (n pairs, 3). Its minimum is the
        informativeness.
    """
    left, right = np.array(pairs).T
    order = np.sign(values[:, left] - values[:, right])  # (G, n pairs)
    return np.stack([_removed(order == answer, own) for answer in (1.0, -1.0, 0.0)], axis=1)


def propose_removals(values: Array, own: Index) -> Index:
    """Number of programs that each answer to a Propose would remove (Fig. 4).

    "Better" also removes the objectives whose best program is the proposal, since they cannot improve further.

    Args:
        values: as in `compare_removals`; the last column is the running best.
        own: as in `compare_removals`.

    Returns:
        Removed programs for "better", "not better"; shape (P, 2).
    """
    better = values[:, :-1] > values[:, -1:]  # (G, P)
    wants = own[:, None] == np.arange(better.shape[1])
    return np.stack([_removed(better & ~wants, own), _removed(~better, own)], axis=1)


def _removed(stays: npt.NDArray[np.bool_], own: Index) -> Index:
    """Number of programs that are not the best of any objective in `stays` (G, n); shape (n,)."""
    n_programs = int(own.max()) + 1
    members = own == np.arange(n_programs)[:, None]  # (P, G)
    left = (members.astype(np.float32) @ stays.astype(np.float32)) > 0.5
    removed: Index = n_programs - left.sum(0).astype(np.int64)
    return removed
