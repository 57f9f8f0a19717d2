"""`voting`: the paper's learner. Keeps candidates that explain every answer; asks the most informative question."""

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

_BACKUP_STREAM = 1 << 20  # distinct from the streams of a dialogue's steps


@dataclass(frozen=True)
class VotingConfig:
    """Settings of `Voting`.

    A small set works better: with many candidates the rule asks Compares, which do not change the running best.

    Attributes:
        pcs_size: number of objectives in a full Pareto candidate set.
        thresh: the set is refilled below this size (Thresh of Algorithm 1; the paper gives no value).
        n_backups: members of the backup ensemble for inconsistent teachers.
        drop_probability: probability that a backup ignores an answer.
    """

    pcs_size: int = 6
    thresh: int = 3
    n_backups: int = 8
    drop_probability: float = 0.2

    def __post_init__(self) -> None:
        if not 1 <= self.thresh <= self.pcs_size:
            raise ConfigError(f"thresh must lie in 1 to pcs_size ({self.pcs_size}), got {self.thresh}.")
        if self.n_backups < 0 or not 0.0 <= self.drop_probability < 1.0:
            raise ConfigError(
                "n_backups must not be negative, and drop_probability must be in 0 to 1, excluding 1."
            )


class Voting(Historian):
    """Voting-guided comparative synthesis (Algorithms 1 and 2), with the ensemble of section 5.

    `dropped` are the positions of answers that the ensemble ignores because no objective explains them all.
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
        """The most informative Propose or Compare; a first design if there is no running best."""
        best = self.recommend()
        if best is None:
            return Query(Kind.PROPOSE, (self.source.any_design(self.rng()),))
        return self.pcs.most_informative(best, self.scores)

    def tell(self, query: Query, answer: Answer) -> None:
        """Remove the candidates that contradict the answer, then generate more if few remain."""
        exchange = self.record(query, answer)
        self.pcs = self.pcs.updated(exchange, self.scores)
        if len(self.pcs) < self.config.thresh:
            self._generate_more()

    def recommend(self) -> int | None:
        """The running best."""
        return running_best(self.history)

    def learned(self) -> Estimate | None:
        """One of the candidates, and the range of all candidates."""
        return estimate_from(self.pcs.parameters, np.ones(len(self.pcs))) if len(self.pcs) else None

    def _generate_more(self) -> None:
        """Refill the set; if no objective explains all answers, switch to a backup of the ensemble."""
        if self._filled(self.dropped) or len(self.pcs):
            return
        n = len(self.history)
        subsets = sorted((self._dropped_by(i) for i in range(self.config.n_backups)), key=len)
        for dropped in [*subsets, self.dropped | {n - 1}, frozenset(range(n))]:
            if dropped and self._filled(dropped):
                self.dropped = dropped
                return

    def _filled(self, dropped: frozenset[int]) -> bool:
        """Draw candidates that explain all but the dropped answers; returns whether any objective explains them."""
        followed: Sequence[Exchange] = [e for i, e in enumerate(self.history) if i not in dropped]
        missing = self.config.pcs_size - len(self.pcs)
        parameters, designs, explained = self.source.draw(
            followed, self.recommend(), missing, self.rng(), self.pcs.parameters
        )
        self.pcs = self.pcs.adding(parameters, designs)
        return explained

    def _dropped_by(self, backup: int) -> frozenset[int]:
        """Positions of the answers that a backup ignores; stable as the history grows."""
        draws = generator(self.seed, _BACKUP_STREAM, backup).random(len(self.history))
        return frozenset(int(i) for i in (draws < self.config.drop_probability).nonzero()[0])
