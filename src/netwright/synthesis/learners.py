"""The learners by name, each made for a pool."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.synthesis.bayes import QUESTIONS, Bayes, BayesConfig
from netwright.synthesis.generation import PoolGenerator
from netwright.synthesis.learner import Learner
from netwright.synthesis.no_prune import NoPrune
from netwright.synthesis.objective_only import ObjectiveOnly
from netwright.synthesis.particles import Particles
from netwright.synthesis.pool import Pool
from netwright.synthesis.voting import Voting

LEARNERS = ("voting", "bayes", "no-prune", "objective-only")

LearnerFactory = Callable[[int], Learner]
"""Makes a learner from a seed."""


def learner_factory(
    name: str,
    pool: Pool,
    *,
    question: str = "tick",
    ties: bool = False,
    confirm_at: int | None = None,
    config: BayesConfig | None = None,
) -> LearnerFactory:
    """Makes learners of one kind for a pool; costly parts are shared between those of one seed.

    Args:
        question, ties, confirm_at: as in `BayesConfig`; only `bayes` asks other questions than the paper's two.
        config: other settings of `bayes`.
    """
    if name not in LEARNERS:
        raise UnknownNameError("learner", name, LEARNERS)
    if question not in QUESTIONS:
        raise UnknownNameError("question", question, QUESTIONS)
    if name == "voting":
        return lambda seed: Voting(PoolGenerator(pool), seed=seed)
    if name == "no-prune":
        return lambda seed: NoPrune(pool, seed=seed)
    if name == "objective-only":
        return lambda seed: ObjectiveOnly(PoolGenerator(pool), seed=seed)
    if confirm_at is not None and confirm_at < 1:
        raise ConfigError(
            f"the question that confirms the design must be the 1st or later, got {confirm_at}."
        )
    settings = replace(config or BayesConfig(), question=question, ties=ties, confirm_at=confirm_at)
    cache: dict[int, Particles] = {}

    def make(seed: int) -> Bayes:
        if seed not in cache:
            cache.clear()  # one seed's particles at a time: they are large
            cache[seed] = Bayes.sample(pool, settings, seed)
        return Bayes(pool, settings, seed, cache[seed])

    return make
