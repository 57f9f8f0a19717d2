"""`voting`: the paper's learner. It keeps candidates that explain every answer and asks what splits them best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.seeding import generator
from netwright.synthesis.generation import Generator
from netwright.synthesis.learner import Estimate, Historian, estimate_from, running_best
from netwright.synthesis.pcs import ParetoCandidateSet
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Exchange, Kind, Query

_BACKUP_STREAM = 1 << 20  # far from the streams of a dialogue's steps


@dataclass(frozen=True)
class VotingConfig:
    """Settings of `Voting`.

    A small set is better: with many candidates the rule asks Compares, during which the running best stands still.

    Attributes:
        pcs_size: objectives in a freshly filled Pareto candidate set.
        thresh: the set is filled up when it holds fewer (Thresh of Algorithm 1; the paper names no value).
        n_backups: members of the ensemble that stands by for inconsistent teachers.
        drop_probability: how likely a backup is to ignore an answer.
    """

    pcs_size: int = 6
    thresh: int = 3
    n_backups: int = 8
    drop_probability: float = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.thresh <= self.pcs_size:
            raise ConfigError(f"thresh must lie in 1 to pcs_size ({self.pcs_size}), got {self.thresh}.")
        if self.n_backups < 0 or not 0.0 <= self.drop_probability < 1.0:
            raise ConfigError("n_backups must be at least 0, and drop_probability at least 0 and below 1.")


class Voting(Historian):
    """Voting-guided comparative synthesis (Algorithms 1 and 2), with the ensemble of section 5.

    `dropped` are the positions of answers that the ensemble gave up because no objective explains them all.
    """

    def __init__(self, source: Generator, config: VotingConfig | None = None, seed: int = 0) -> None:
        super().__init__(seed)
        self.source = source
        self.config = config or VotingConfig()
        self.pcs = ParetoCandidateSet.empty(source.family)
        self.dropped: frozenset[int] = frozenset()

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        return self.source.scores

    def ask(self) -> Query | None:
        """The most informative Propose or Compare; a first design when there is none to compare with."""
        best = self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (self.source.any_design(self.rng()),))
        return self.pcs.most_informative(best, self.scores)

    def tell(self, query: Query, answer: Answer) -> None:
        """Drop the candidates that the answer rules out, then generate more if few are left."""
        exchange = self.record(query, answer)
        self.pcs = self.pcs.updated(exchange, self.scores)
        if len(self.pcs) < self.config.thresh:
            self._generate_more()

    def recommend(self) -> int | None:
        """The running best."""
        return running_best(self.history)

    def learned(self) -> Estimate | None:
        """One of the candidates, and the range of all."""
        return estimate_from(self.pcs.parameters, np.ones(len(self.pcs))) if len(self.pcs) else None

    def _generate_more(self) -> None:
        """Fill the set up; where no objective explains all answers, let a backup of the ensemble take over."""
        if self._filled(self.dropped) or len(self.pcs):
            return
        n = len(self.history)
        subsets = sorted((self._dropped_by(i) for i in range(self.config.n_backups)), key=len)
        for dropped in [*subsets, self.dropped | {n - 1}, frozenset(range(n))]:
            if dropped and self._filled(dropped):
                self.dropped = dropped
                return

    def _filled(self, dropped: frozenset[int]) -> bool:
        """Draw candidates that explain all but the dropped answers; whether any objective explains them."""
        followed: Sequence[Exchange] = [e for i, e in enumerate(self.history) if i not in dropped]
        missing = self.config.pcs_size - len(self.pcs)
        parameters, designs, explained = self.source.draw(
            followed, self.recommend(), missing, self.rng(), self.pcs.parameters
        )
        self.pcs = self.pcs.adding(parameters, designs)
        return explained

    def _dropped_by(self, backup: int) -> frozenset[int]:
        """Positions of the answers that a backup ignores; those of a shorter history stay the same."""
        draws = generator(self.seed, _BACKUP_STREAM, backup).random(len(self.history))
        return frozenset(int(i) for i in (draws < self.config.drop_probability).nonzero()[0])
