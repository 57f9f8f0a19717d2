"""The learners by name, each made for a pool or for a problem that is solved during the dialogue."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.registry import Registry
from netwright.synthesis.bayes import QUESTIONS, Bayes, BayesConfig
from netwright.synthesis.consistent import Consistent
from netwright.synthesis.generation import Generator, PoolGenerator
from netwright.synthesis.learner import Learner
from netwright.synthesis.no_prune import NoPrune
from netwright.synthesis.objective_only import ObjectiveOnly
from netwright.synthesis.particles import Particles
from netwright.synthesis.pool import Pool
from netwright.synthesis.voting import Voting, VotingConfig

AUTO = "auto"  # the question that a learner asks by itself

LearnerFactory = Callable[[int], Learner]
"""Makes a learner from a seed."""


@dataclass(frozen=True)
class LearnerKind:
    """A learner in the registry.

    Attributes:
        make: makes learners for a pool; a learner ignores settings that it does not use.
        online: makes learners that take their candidates from a generator; None if the learner needs a pool.
        questions: kinds of questions, of `QUESTIONS`, that it can be told to ask.
    """

    name: str
    summary: str
    make: Callable[[Pool, BayesConfig], LearnerFactory]
    online: Callable[[Generator], LearnerFactory] | None = None
    questions: tuple[str, ...] = (AUTO,)


_PARTICLES: WeakKeyDictionary[Pool, dict[tuple[int, int, float], Particles]] = WeakKeyDictionary()


def _bayes(pool: Pool, config: BayesConfig) -> LearnerFactory:
    cache = _PARTICLES.setdefault(pool, {})

    def make(seed: int) -> Bayes:
        key = (seed, config.n_particles, config.generic_share)
        if key not in cache:
            cache.clear()  # keep the particles of one seed only, because they are large
            cache[key] = Bayes.sample(pool, config, seed)
        return Bayes(pool, config, seed, cache[key])

    return make


VOTING = LearnerKind(
    "voting",
    "Net10Q: candidates are kept by votes over sampled objectives",
    lambda pool, config: lambda seed: Voting(PoolGenerator(pool), seed=seed),
    lambda source: lambda seed: Voting(source, VotingConfig(pcs_size=6, thresh=2), seed),
)
BAYES = LearnerKind(
    "bayes", "a posterior over objectives; asks the most informative question", _bayes, questions=QUESTIONS
)
NO_PRUNE = LearnerKind(
    "no-prune",
    "an ablation of voting that never drops a candidate",
    lambda pool, config: lambda seed: NoPrune(pool, seed=seed),
)
CONSISTENT = LearnerKind(
    "consistent",
    "an ablation of voting that proposes the optimum of any objective that explains the answers",
    lambda pool, config: lambda seed: Consistent(PoolGenerator(pool), seed=seed),
    lambda source: lambda seed: Consistent(source, seed),
)
OBJECTIVE_ONLY = LearnerKind(
    "objective-only",
    "naive objective synthesis: compares any pair on which two consistent objectives disagree",
    lambda pool, config: lambda seed: ObjectiveOnly(PoolGenerator(pool), seed=seed),
    lambda source: lambda seed: ObjectiveOnly(source, seed),
)


def _own() -> Mapping[str, str]:
    kinds = {
        "VOTING": VOTING,
        "BAYES": BAYES,
        "NO_PRUNE": NO_PRUNE,
        "CONSISTENT": CONSISTENT,
        "OBJECTIVE_ONLY": OBJECTIVE_ONLY,
    }
    return {kind.name: f"{__name__}:{attribute}" for attribute, kind in kinds.items()}


LEARNERS: Registry[LearnerKind] = Registry("learner", LearnerKind, _own, "netwright.learners")


def check_question(learner: str, question: str) -> None:
    """Refuse a kind of question that a learner cannot be told to ask.

    Raises:
        UnknownNameError: there is no such learner or question.
        ConfigError: the learner asks questions of its own.
    """
    kind = LEARNERS.get(learner)
    if question not in QUESTIONS:
        raise UnknownNameError("question", question, QUESTIONS)
    if question not in kind.questions:
        raise ConfigError(
            f"learner {learner!r} cannot be told to ask {question!r}; drop --question, or use --learner bayes."
        )


def learner_factory(
    name: str,
    pool: Pool,
    *,
    question: str = "tick",
    ties: bool = False,
    confirm_at: int | None = None,
    config: BayesConfig | None = None,
) -> LearnerFactory:
    """Make learners of one kind for a pool; expensive parts are shared between learners of one seed.

    Args:
        name: a learner of this project or of another package (entry point `netwright.learners`).
        question, ties, confirm_at: as in `BayesConfig`; only `bayes` asks other questions than the paper's two.
        config: further settings of `bayes`.

    Raises:
        UnknownNameError: there is no such learner or question.
        ConfigError: `confirm_at` is not the number of a question.
    """
    kind = LEARNERS.get(name)
    if question not in QUESTIONS:
        raise UnknownNameError("question", question, QUESTIONS)
    if confirm_at is not None and confirm_at < 1:
        raise ConfigError(f"the number of the confirming question must be at least 1, got {confirm_at}.")
    settings = replace(config or BayesConfig(), question=question, ties=ties, confirm_at=confirm_at)
    return kind.make(pool, settings)
