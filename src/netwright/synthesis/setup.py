"""The settings of a dialogue and its problem: a pool, or a problem that is solved during the dialogue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from netwright.core.errors import ConfigError, FormatError
from netwright.core.seeding import generator
from netwright.core.types import Json
from netwright.synthesis.bayes import Bayes
from netwright.synthesis.generation import Improve, OnlineGenerator
from netwright.synthesis.learners import LEARNERS, LearnerFactory, check_question, learner_factory
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import MetricGroup, Objective, ObjectiveFamily

_POOL_STREAM = 1 << 23


@dataclass(frozen=True)
class Setup:
    """Settings of a dialogue.

    Attributes:
        question: kind of question of `bayes`, see `BayesConfig`.
        ties: whether pairs of `bayes` offer "about equal".
        confirm: whether the last question of `bayes` is a menu of final designs.
    """

    learner: str = "bayes"
    question: str = "auto"
    n_queries: int = 10
    seed: int = 0
    ties: bool = True
    confirm: bool = True

    def __post_init__(self) -> None:
        check_question(self.learner, self.question)
        if self.n_queries < 1:
            raise ConfigError(f"a dialogue needs at least one question, got {self.n_queries}.")

    @property
    def confirm_at(self) -> int | None:
        """Number of the question that confirms the design."""
        return self.n_queries if self.confirm and self.n_queries > 1 else None


class Problem(Protocol):
    """The problem of a dialogue."""

    @property
    def name(self) -> str:
        """A name for reports."""
        ...

    @property
    def group(self) -> MetricGroup:
        """The metrics of designs."""
        ...

    @property
    def family(self) -> ObjectiveFamily:
        """The template of the unknown objective."""
        ...

    def learner_factory(self, setup: Setup) -> LearnerFactory:
        """Makes the learner of a dialogue."""
        ...

    def identity(self) -> Json:
        """Plain data that identifies the problem in a saved dialogue."""
        ...

    def check_identity(self, document: object, where: Path) -> None:
        """Raise `FormatError` if a saved identity is of another problem."""
        ...

    def n_known_designs(self) -> int:
        """Number of designs that questions may show."""
        ...


@dataclass(frozen=True, eq=False)
class PoolProblem:
    """A choice among the designs of a pool."""

    pool: Pool

    @property
    def name(self) -> str:
        """See `Problem`."""
        return self.pool.name

    @property
    def group(self) -> MetricGroup:
        """See `Problem`."""
        return self.pool.group

    @property
    def family(self) -> ObjectiveFamily:
        """See `Problem`."""
        return self.pool.family

    def learner_factory(self, setup: Setup) -> LearnerFactory:
        """See `Problem`."""
        return learner_factory(
            setup.learner,
            self.pool,
            question=setup.question,
            ties=setup.ties,
            confirm_at=setup.confirm_at,
        )

    def identity(self) -> Json:
        """See `Problem`."""
        return {"name": self.name, "pool": self.pool.fingerprint()}

    def check_identity(self, document: object, where: Path) -> None:
        """See `Problem`."""
        _check_same(self.identity(), document, where)

    def n_known_designs(self) -> int:
        """See `Problem`."""
        return self.pool.n_designs


class OnlineProblem:
    """A problem whose designs are computed during the dialogue by a callable `improve` (section 4.4).

    `voting`, `consistent` and `objective-only` solve for each candidate. `bayes` first solves for `n_designs`
    objectives drawn from the prior, and asks about those designs.
    """

    def __init__(
        self, name: str, group: MetricGroup, family: ObjectiveFamily, improve: Improve, n_designs: int = 100
    ) -> None:
        self.name = name
        self.group = group
        self.family = family
        self.improve = improve
        self.n_designs = n_designs
        self._source = OnlineGenerator(family, improve)

    def learner_factory(self, setup: Setup) -> LearnerFactory:
        """See `Problem`."""
        online = LEARNERS.get(setup.learner).online
        if online is not None:
            return online(self._source)
        pool = self.sample_pool(setup.seed)
        return learner_factory(
            setup.learner, pool, question=setup.question, ties=setup.ties, confirm_at=setup.confirm_at
        )

    def sample_pool(self, seed: int) -> Pool:
        """The optima of `n_designs` objectives drawn from the prior."""
        parameters = self.family.sample(generator(seed, _POOL_STREAM), self.n_designs)
        scores = np.array([self.improve(Objective(self.family, k)) for k in parameters])
        pool = Pool.gather(self.name, self.group, self.family, parameters, scores)
        self._source.scores = pool.scores
        return pool

    def refined(self, learner: Bayes) -> Bayes:
        """A `bayes` learner with the optima of likely objectives added to its designs."""
        later = learner.refreshed(self.improve)
        self._source.scores = later.scores
        return later

    def identity(self) -> Json:
        """See `Problem`; includes the designs, to which saved questions refer."""
        return {"name": self.name, "family": self.family.name, "designs": self._source.scores.tolist()}

    def check_identity(self, document: object, where: Path) -> None:
        """See `Problem`; restores the saved designs."""
        own: Json = {"name": self.name, "family": self.family.name}
        saved = document if isinstance(document, dict) else {}
        _check_same(own, {k: v for k, v in saved.items() if k != "designs"}, where)
        try:
            scores = np.array(saved["designs"], dtype=np.float64).reshape(-1, len(self.group))
        except (KeyError, TypeError, ValueError):
            raise FormatError(f"{where}: its designs cannot be read; start a new dialogue.") from None
        self._source.scores = scores if len(scores) else np.empty((0, 0))

    def n_known_designs(self) -> int:
        """See `Problem`."""
        return len(self._source.scores)


def _check_same(own: Json, saved: object, where: Path) -> None:
    if saved != own:
        held = saved.get("name") if isinstance(saved, dict) else saved
        raise FormatError(
            f"{where}: the dialogue belongs to another problem ({held!r}, here {own['name']!r}, or one with other "
            "options); open it with its own pool."
        )
