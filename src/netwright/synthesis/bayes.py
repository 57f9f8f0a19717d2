"""`bayes`: a learner with a posterior over thousands of objectives that asks the most useful question.

The paper's learner removes candidates that contradict an answer; this one keeps a weight for every pair of sampled
objective and answer model, so that it is robust to noise, ties and objectives outside its template.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.synthesis.answer_models import Float32, possible_answers, probabilities
from netwright.synthesis.generation import Improve
from netwright.synthesis.learner import Estimate, Historian, estimate_from
from netwright.synthesis.look_ahead import Outlook, best_pair, best_triple, menu
from netwright.synthesis.particles import Particles, sample_particles
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Array, Objective
from netwright.synthesis.queries import Answer, Kind, Query

QUESTIONS = ("pair", "strength", "triple", "tick", "auto")
_PAIR_SUFFICES = 0.9  # share of a triple's gain at which `auto` prefers a pair, which is easier to answer
_NEGLIGIBLE = 1e-4  # total probability of particles that may be omitted from a mean
_PARTICLE_STREAM = 1 << 21  # distinct from the streams of a dialogue's steps


@dataclass(frozen=True)
class BayesConfig:
    """Settings of `Bayes`.

    Attributes:
        question: `pair` (A or B), `strength` (and how much), `triple` (best of three), `tick` (all of three that
            are about best) or `auto` (`tick`, or a pair if it is expected to help about as much).
        ties: whether pairs offer "about equal".
        confirm_at: number of the last question, which offers a menu of three designs; None for no menu.
        n_particles: number of sampled objectives.
        generic_share: share of objectives that are not from the problem's template.
        noise: possible answer noise of the operator, as a share of (max - mean); uniform prior.
        tie: possible differences below which designs look equal, with prior probabilities `tie_prior`.
        n_samples: number of particles used to choose a question.
        n_candidates: number of designs that a question may show.
        n_pairs, n_triples, exchange_rounds: number of questions that are compared.
    """

    question: str = "tick"
    ties: bool = False
    confirm_at: int | None = None
    n_particles: int = 6000
    generic_share: float = 0.25
    noise: tuple[float, ...] = (0.0003, 0.003, 0.02, 0.06, 0.2)
    tie: tuple[float, ...] = (0.0, 0.03, 0.1)
    tie_prior: tuple[float, ...] = (0.6, 0.2, 0.2)
    n_samples: int = 800
    n_candidates: int = 64
    n_pairs: int = 700
    n_triples: int = 300
    exchange_rounds: int = 3

    def __post_init__(self) -> None:
        if self.question not in QUESTIONS:
            raise UnknownNameError("question", self.question, QUESTIONS)
        if min(self.n_particles, self.n_samples, self.n_pairs, self.n_triples) < 1 or self.n_candidates < 4:
            raise ConfigError(
                "a Bayes learner needs particles, samples and questions, and at least 4 candidates."
            )
        if not 0.0 <= self.generic_share < 1.0:
            raise ConfigError(f"generic_share must be at least 0 and below 1, got {self.generic_share}.")
        if not self.noise or min(self.noise) <= 0.0 or len(self.tie) != len(self.tie_prior):
            raise ConfigError("noise must be above 0, and each tie needs a probability in tie_prior.")


class Bayes(Historian):
    """A posterior over objectives and answer models, with a rank-aware one-step look-ahead.

    Args:
        particles: sampled for this pool and seed by default; learners of one pool may share them.
    """

    def __init__(
        self, pool: Pool, config: BayesConfig | None = None, seed: int = 0, particles: Particles | None = None
    ) -> None:
        super().__init__(seed)
        if pool.n_designs < 4:
            raise ConfigError(
                f"pool {pool.name} has {pool.n_designs} distinct designs; a dialogue needs at least 4."
            )
        self.pool = pool
        self.config = config or BayesConfig()
        self.particles = particles or self.sample(pool, self.config, seed)
        noise, tie = np.meshgrid(self.config.noise, self.config.tie, indexing="ij")
        self._noise = noise.ravel().astype(np.float32)  # (M,), answer models
        self._tie = tie.ravel().astype(np.float32)
        prior = np.tile(np.asarray(self.config.tie_prior), len(self.config.noise))
        start = np.log(np.maximum(prior, 1e-30)).astype(np.float32)
        self._log_weights: Float32 = np.tile(start, (len(self.particles), 1))  # (F, M)

    @staticmethod
    def sample(pool: Pool, config: BayesConfig, seed: int) -> Particles:
        """The particles of learners with this pool, configuration and seed."""
        return sample_particles(
            pool, config.n_particles, config.generic_share, generator(seed, _PARTICLE_STREAM)
        )

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        return self.pool.scores

    def tell(self, query: Query, answer: Answer) -> None:
        """Bayes' rule over objectives and answer models."""
        self.record(query, answer)
        self.__dict__.pop("_posterior", None)
        self.__dict__.pop("mean_rank", None)
        if answer.cannot_say or len(query.designs) == 1:
            return
        if answer not in possible_answers(query):
            query = Query(query.kind, query.designs, ties=True)  # answered without being offered
        z = self.particles.standing[:, query.designs].T[:, :, None]  # (n shown, F, 1)
        p = probabilities(query, z, self._noise, self._tie)[possible_answers(query).index(answer)]
        weights = self._log_weights + np.log(p)
        self._log_weights = weights - weights.max()

    def recommend(self) -> int:
        """The design with the highest posterior mean rank, whether it was shown or not."""
        return int(self.mean_rank.argmax())

    @cached_property
    def _posterior(self) -> Float32:
        """Probability of each objective and answer model; shape (F, M)."""
        weights = np.exp(self._log_weights)
        found: Float32 = weights / weights.sum(dtype=np.float64)
        return found

    @cached_property
    def mean_rank(self) -> Float32:
        """Expected quality of every design; shape (D,)."""
        weights = self._posterior.sum(1)
        used = np.flatnonzero(weights > _NEGLIGIBLE / len(weights))
        if len(used) > len(weights) // 2:  # copying the ranks would cost more than it saves
            found: Float32 = weights @ self.particles.rank
        else:
            found = (weights[used] @ self.particles.rank[used]) / weights[used].sum()
        return found

    def expected_quality(self) -> float:
        """Posterior mean rank of the recommendation, 0..1."""
        return float(self.mean_rank.max())

    def learned(self) -> Estimate:
        """The likeliest objective of the template, and the 80 % interval of each parameter."""
        parameters = self.particles.parameters
        weights = self._posterior.sum(1)[: len(parameters)].astype(np.float64)
        if weights.sum() <= 0.0:
            return estimate_from(parameters, np.ones(len(parameters)))
        return estimate_from(parameters, weights)

    def likely_objectives(self, n: int, rng: np.random.Generator) -> list[Objective]:
        """The likeliest objective of the template, and `n` draws from the posterior over the template."""
        parameters = self.particles.parameters
        weights = self._posterior.sum(1)[: len(parameters)].astype(np.float64) + 1e-30
        rows = [int(weights.argmax()), *rng.choice(len(parameters), n, p=weights / weights.sum())]
        return [Objective(self.pool.family, parameters[i]) for i in dict.fromkeys(rows)]

    def refreshed(self, improve: Improve, n: int = 8) -> Bayes:
        """The learner with the optima of likely objectives added to its designs, for pools of few designs.

        Solves for the likeliest objective and `n` posterior draws; designs keep their indices, and the history is kept.
        """
        objectives = self.likely_objectives(n, self.rng())
        pool = self.pool.with_designs(np.array([improve(o) for o in objectives]))
        later = Bayes(pool, self.config, self.seed)
        for exchange in self.history:
            later.tell(exchange.query, exchange.answer)
        return later

    def ask(self) -> Query:
        """The question that maximizes the expected rank of the recommendation after its answer."""
        rng, config = self.rng(), self.config
        outlook = self._outlook(rng)
        if config.confirm_at is not None and len(self.history) == config.confirm_at - 1:
            return Query(Kind.MENU, menu(outlook, self.recommend(), 3), ties=False)
        if config.question in ("triple", "tick"):
            kind = Kind(config.question)
            return Query(kind, self._triple(outlook, kind, rng)[0], ties=kind is Kind.TICK)
        if config.question in ("pair", "strength"):
            kind = Kind.COMPARE if config.question == "pair" else Kind.STRENGTH
            ties = config.ties or kind is Kind.STRENGTH
            return Query(kind, self._pair(outlook, kind, ties, rng)[0], ties)
        pair, pair_value = self._pair(outlook, Kind.COMPARE, True, rng)
        triple, triple_value = self._triple(outlook, Kind.TICK, rng)
        now = outlook.present_value()
        if pair_value - now >= _PAIR_SUFFICES * (triple_value - now):
            return Query(Kind.COMPARE, pair, ties=True)
        return Query(Kind.TICK, triple, ties=True)

    def _pair(
        self, outlook: Outlook, kind: Kind, ties: bool, rng: np.random.Generator
    ) -> tuple[tuple[int, ...], float]:
        return best_pair(outlook, kind, ties, self.config.n_pairs, rng, self.refusals().closeness)

    def _triple(
        self, outlook: Outlook, kind: Kind, rng: np.random.Generator
    ) -> tuple[tuple[int, ...], float]:
        config = self.config
        return best_triple(
            outlook, kind, config.n_triples, config.exchange_rounds, rng, self.refusals().closeness
        )

    def _outlook(self, rng: np.random.Generator) -> Outlook:
        """Candidate designs, with a posterior sample over them."""
        rows, models = self._resampled(rng)
        designs = self._candidates(rng)
        grid = np.ix_(rows, designs)
        return Outlook(
            designs,
            self.particles.standing[grid],
            self.particles.rank[grid],
            self._noise[models],
            self._tie[models],
        )

    def _resampled(self, rng: np.random.Generator) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Systematic resampling of (particle, answer model)."""
        cumulative = np.cumsum(self._posterior.ravel(), dtype=np.float64)
        n = self.config.n_samples
        at = (np.arange(n) + rng.random()) / n * cumulative[-1]
        drawn = np.minimum(np.searchsorted(cumulative, at), cumulative.size - 1)
        rows, models = np.unravel_index(drawn, self._posterior.shape)
        return rows, models

    def _candidates(self, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """Candidates: likely optima, high mean ranks, draws from the optima, and a few random designs."""
        n, n_designs = min(self.config.n_candidates, self.pool.n_designs), self.pool.n_designs
        optimal = np.bincount(self.particles.optimum, weights=self._posterior.sum(1), minlength=n_designs)
        by_optimum = np.argpartition(-optimal, min(n // 3, n_designs - 1))[: n // 3]
        by_rank = np.argpartition(-self.mean_rank, min(n // 4, n_designs - 1))[: n // 4]
        drawn = rng.choice(n_designs, n // 2, p=optimal / optimal.sum())
        any_kind = rng.choice(n_designs, max(n // 8, 4), replace=False)
        return np.unique(np.concatenate([[self.recommend()], by_optimum, by_rank, drawn, any_kind]))
