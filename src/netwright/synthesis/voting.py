"""`voting`: the paper's learner. Keeps candidates that explain every answer; asks the most informative question."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.generation import Generator, satisfiable
from netwright.synthesis.learner import Drawing, Estimate, one_of
from netwright.synthesis.pcs import ParetoCandidateSet
from netwright.synthesis.queries import Answer, Exchange, Kind, Query

_REPLACEMENTS = 16  # attempts to find candidates about which a question would not repeat a refused one


@dataclass(frozen=True)
class VotingConfig:
    """Settings of `Voting`.

    A small set works better: with many candidates the rule asks Compares, which do not change the running best.

    Attributes:
        pcs_size: number of objectives in a full Pareto candidate set.
        thresh: the set is refilled below this size (Thresh of Algorithm 1; the paper gives no value).
    """

    pcs_size: int = 6
    thresh: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.thresh <= self.pcs_size:
            raise ConfigError(f"thresh must lie in 1 to pcs_size ({self.pcs_size}), got {self.thresh}.")


class Voting(Drawing):
    """Voting-guided comparative synthesis (Algorithms 1 and 2).

    If no objective explains all answers, a largest subset that one explains is followed. `dropped` are the positions of
    the others.
    """

    def __init__(self, source: Generator, config: VotingConfig | None = None, seed: int = 0) -> None:
        super().__init__(source, seed)
        self.config = config or VotingConfig()
        self.pcs = ParetoCandidateSet.empty(source.family)
        self.dropped: frozenset[int] = frozenset()

    def ask(self) -> Query | None:
        """The most informative Propose or Compare; a first design if there is no running best."""
        best = self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (self.source.any_design(self.rng()),))
        return self.pcs.most_informative(best, self.scores, self.refusals())

    def tell(self, query: Query, answer: Answer) -> None:
        """Remove the candidates that contradict the answer, then generate more if few remain."""
        exchange = self.record(query, answer)
        self.pcs = self.pcs.updated(exchange, self.scores)
        if len(self.pcs) < self.config.thresh:
            self._generate_more()
        if len(self.pcs) and self.refusals() and self.ask() is None:
            self._replace_refused()

    def learned(self) -> Estimate | None:
        """One of the candidates, and the range of all candidates."""
        return one_of(self.pcs.parameters)

    def _generate_more(self) -> None:
        """Refill the set; if no objective explains all answers, drop as few of them as possible."""
        if self._filled(self.dropped) or len(self.pcs):
            return
        everything = frozenset(range(len(self.history)))
        for dropped in [*satisfiable(self.source, self.history, self.rng()), everything]:
            if dropped and self._filled(dropped):
                self.dropped = dropped
                return

    def _filled(self, dropped: frozenset[int]) -> bool:
        """Draw candidates that explain all but the dropped answers; returns whether any objective explains them."""
        missing = self.config.pcs_size - len(self.pcs)
        parameters, designs, explained = self.source.draw(
            self._followed(dropped), self.recommend(), missing, self.rng(), self.pcs.parameters
        )
        self.pcs = self.pcs.adding(parameters, designs)
        return explained

    def _followed(self, dropped: frozenset[int]) -> list[Exchange]:
        return [e for i, e in enumerate(self.history) if i not in dropped]

    def _replace_refused(self) -> None:
        """Replace candidates of which every question is similar to a refused one; keep them if there are no others."""
        best, rng, known = self.recommend(), self.rng(), self.pcs.parameters
        assert best is not None  # candidates exist only after the first proposal
        for _ in range(_REPLACEMENTS):
            parameters, designs, _ = self.source.draw(
                self._followed(self.dropped), best, self.config.pcs_size, rng, known
            )
            known = np.vstack([known, parameters])
            kept = self.refusals().fresh(np.column_stack([designs, np.full_like(designs, best)]))
            if len(kept):
                empty = ParetoCandidateSet.empty(self.source.family)
                self.pcs = empty.adding(parameters[kept], designs[kept])
                return
