"""`bayes`: a learner with a posterior over thousands of objectives that asks the most useful question.

The paper's learner removes candidates that contradict an answer; this one keeps a weight for every pair of sampled
objective and answer model, so that it is robust to noise, ties and objectives outside its template.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.synthesis.answer_models import Float32
from netwright.synthesis.generation import Improve
from netwright.synthesis.learner import (
    Assessment,
    Estimate,
    Historian,
    estimate_from,
    history_key,
    weighted_percentiles,
)
from netwright.synthesis.look_ahead import Outlook, Rivals, best_pair, best_triple, menu, repeat_score
from netwright.synthesis.particles import Particles, sample_particles
from netwright.synthesis.pool import Index, Pool
from netwright.synthesis.posterior import Doubt, OperatorPrior, Posterior, by_metrics
from netwright.synthesis.problem import Array, Objective
from netwright.synthesis.queries import Answer, Kind, Query
from netwright.synthesis.renewal import renewed
from netwright.synthesis.sampling import effective_number, systematic

QUESTIONS = ("pair", "strength", "triple", "tick", "auto")
_PAIR_SUFFICES = 0.9  # share of a triple's gain at which `auto` prefers a pair, which is easier to answer
_PARTICLE_STREAM = 1 << 21  # distinct from the streams of a dialogue's steps
_RENEWAL_STREAM = 1 << 25
_EXACT = 500_000  # ranks that are averaged exactly; of more, the best designs by a sample are
_REFINED = 48  # designs whose mean rank is exact if the others' are of a sample
_ASK_FIRST = 4  # questions before checks of whether the operator answers by the metrics
_RIVALS = 100  # samples of the opposite operator
_CHECK = 0.2  # rank that a nat of information about that is worth
_MIRROR = (
    Kind.COMPARE,
    Kind.STRENGTH,
    Kind.TRIPLE,
    Kind.TICK,
)  # questions that may be repeated in mirrored order


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
        operator: prior probabilities of careless, drifting, opposite and random operators.
        renew_below: particles are renewed if their effective number falls below this.
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
    operator: OperatorPrior = field(default_factory=OperatorPrior)
    renew_below: float = 100.0
    n_samples: int = 600
    n_candidates: int = 48
    n_pairs: int = 400
    n_triples: int = 200
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


@dataclass(frozen=True, eq=False)
class Sampled:
    """Particles and hypotheses drawn from the posterior (P,), and from that of an opposite operator (P',)."""

    rows: Index
    models: Index
    opposite_rows: Index
    opposite_models: Index


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
        known = particles or self.sample(pool, self.config, seed)
        models = by_metrics(self.config.noise, self.config.tie, self.config.tie_prior, self.config.operator)
        self.posterior = Posterior.of(known, models)
        self.doubt = Doubt.of(known, self.config.operator.for_metrics(len(pool.group)))

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

    @property
    def particles(self) -> Particles:
        """The sampled objectives."""
        return self.posterior.particles

    def tell(self, query: Query, answer: Answer) -> None:
        """Bayes' rule over objectives and answer models; renews the particles if few explain the answers."""
        exchange = self.record(query, answer)
        for name in ("mean_rank", "_weights"):
            self.__dict__.pop(name, None)
        self.posterior, self.doubt = self.posterior.after(exchange), self.doubt.after(exchange)
        if effective_number(self._weights) < self.config.renew_below:
            rng = generator(self.seed, _RENEWAL_STREAM, history_key(self.history))
            self.posterior = renewed(self.posterior, self.history, rng)
            self.__dict__.pop("_weights", None)

    def probability_by_metrics(self) -> float:
        """Probability that the operator answers by the metrics."""
        return self.doubt.shares(self.posterior)[0]

    def recommend(self) -> int:
        """The design with the highest posterior mean rank, whether it was shown or not."""
        return int(self.mean_rank.argmax())

    @cached_property
    def _weights(self) -> Array:
        """Probability of each of the posterior's rows; shape (F',)."""
        return self.posterior.weights()

    @cached_property
    def mean_rank(self) -> Float32:
        """Expected quality of every design; shape (D,).

        For large pools it is exact for the best designs by a sample of the particles; for others it is the sample's.
        """
        posterior, weights = self.posterior, self._weights
        if not any(not e.answer.cannot_say for e in self.history):
            return self.particles.prior_mean_rank
        if len(weights) * self.pool.n_designs <= _EXACT:
            return self.particles.mean_rank(posterior.rows, weights)
        n = max(_EXACT // self.pool.n_designs, 1)
        sampled, counts = np.unique(systematic(weights, n, 0.5), return_counts=True)
        found = self.particles.mean_rank(posterior.rows[sampled], counts.astype(np.float64))
        best = np.argpartition(-found, _REFINED)[:_REFINED]
        found[best] = self.particles.mean_rank(posterior.rows, weights, best)
        return found

    def expected_quality(self) -> float:
        """Posterior mean rank of the recommendation, 0..1, if the operator answers by the metrics."""
        return float(self.mean_rank.max())

    def assessment(self) -> Assessment:
        """How far the recommendation can be relied on."""
        rank = self.particles.rank(self.posterior.rows, np.array([self.recommend()]))[:, 0]
        low, high = weighted_percentiles(rank.astype(np.float64), self._weights, (0.1, 0.9))
        answers = sum(e.answer.decides(len(e.query.designs)) for e in self.history)
        return Assessment.of(answers, self.probability_by_metrics(), self.expected_quality(), low, high)

    def learned(self) -> Estimate:
        """An objective of the template near the posterior mean, and the 80 % interval of each parameter.

        The interval includes the prior's in proportion to the probability that the operator does not answer by metrics.
        """
        parameters, weights = self._of_template()
        share = self.probability_by_metrics()
        prior = self.pool.parameters
        estimate = estimate_from(
            np.vstack([parameters, prior]),
            np.concatenate([share * weights, np.full(len(prior), (1.0 - share) / len(prior))]),
        )
        return Estimate(parameters[_central(parameters, weights)], estimate.low, estimate.high)

    def _of_template(self) -> tuple[Array, Array]:
        """Parameters (n, k) of the template's particles in the posterior, and their normalized weights (n,)."""
        rows, known = self.posterior.rows, self.particles.parameters
        chosen = rows < len(known)
        if not chosen.any() or self._weights[chosen].sum() <= 0.0:
            prior = self.pool.parameters  # no objective of the template explains the answers
            return prior, np.full(len(prior), 1.0 / len(prior))
        weights = self._weights[chosen]
        return known[rows[chosen]], weights / weights.sum()

    def likely_objectives(self, n: int, rng: np.random.Generator) -> list[Objective]:
        """An objective near the posterior mean, and `n` draws from the posterior over the template."""
        parameters, weights = self._of_template()
        rows = [_central(parameters, weights), *rng.choice(len(parameters), n, p=weights)]
        return [Objective(self.pool.family, parameters[i]) for i in dict.fromkeys(rows)]

    def refreshed(self, improve: Improve, n: int = 8) -> Bayes:
        """The learner with the optima of likely objectives added to its designs, for pools of few designs.

        Solves for an objective near the posterior mean and `n` draws; designs keep their indices, the history is kept.
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
        sampled = self._sampled(rng)
        outlook = self._outlook(sampled, rng)
        if config.confirm_at is not None and len(self.history) == config.confirm_at - 1:
            return Query(Kind.MENU, menu(outlook, self.recommend(), 3), ties=False)
        chosen, reached = self._new_question(outlook, rng)
        return self._repeat(outlook, sampled, reached) or chosen

    def _new_question(self, outlook: Outlook, rng: np.random.Generator) -> tuple[Query, float]:
        """The best question that was not asked yet, and its value with what else it tells."""
        config = self.config
        if config.question in ("triple", "tick"):
            kind = Kind(config.question)
            triple, _, reached = self._triple(outlook, kind, rng)
            return Query(kind, triple, ties=kind is Kind.TICK), reached
        if config.question in ("pair", "strength"):
            kind = Kind.COMPARE if config.question == "pair" else Kind.STRENGTH
            ties = config.ties or kind is Kind.STRENGTH
            pair, _, reached = self._pair(outlook, kind, ties, rng)
            return Query(kind, pair, ties), reached
        pair, pair_value, pair_reached = self._pair(outlook, Kind.COMPARE, True, rng)
        triple, triple_value, reached = self._triple(outlook, Kind.TICK, rng)
        now = outlook.present_value()
        if pair_value - now >= _PAIR_SUFFICES * (triple_value - now):
            return Query(Kind.COMPARE, pair, ties=True), pair_reached
        return Query(Kind.TICK, triple, ties=True), reached

    def _repeat(self, outlook: Outlook, sampled: Sampled, reached: float) -> Query | None:
        """An earlier question in mirrored order, if it tells more than `reached`; at most one in a dialogue."""
        asked = [e.query for e in self.history if e.answer.decides(len(e.query.designs))]
        if outlook.doubt is None or len({frozenset(query.designs) for query in asked}) < len(asked):
            return None
        designs = np.unique([d for query in asked for d in query.designs])
        own = self.particles.standing(sampled.rows, designs)
        opposite = -self.doubt.opposite.particles.standing(sampled.opposite_rows, designs)
        best = None
        for query in asked:
            if query.kind in _MIRROR:
                at = np.searchsorted(designs, query.designs)
                value = repeat_score(outlook, query, own[:, at], opposite[:, at])
                if value > reached:
                    best, reached = Query(query.kind, query.designs[::-1], query.ties), value
        return best

    def _pair(
        self, outlook: Outlook, kind: Kind, ties: bool, rng: np.random.Generator
    ) -> tuple[tuple[int, ...], float, float]:
        return best_pair(outlook, kind, ties, self.config.n_pairs, rng, self.refusals().closeness)

    def _triple(
        self, outlook: Outlook, kind: Kind, rng: np.random.Generator
    ) -> tuple[tuple[int, ...], float, float]:
        config = self.config
        return best_triple(
            outlook, kind, config.n_triples, config.exchange_rounds, rng, self.refusals().closeness
        )

    def _outlook(self, sampled: Sampled, rng: np.random.Generator) -> Outlook:
        """Candidate designs, with a posterior sample over them."""
        designs, of = self._candidates(rng), self.posterior.models
        return Outlook(
            designs,
            self.particles.standing(sampled.rows, designs),
            self.particles.rank(sampled.rows, designs),
            of.noise[sampled.models],
            of.tie[sampled.models],
            of.lapse[sampled.models],
            self._rivals(sampled, designs) if self._checks() else None,
        )

    def _checks(self) -> bool:
        """Whether questions are also asked to learn whether the operator answers by the metrics."""
        return self.config.confirm_at is not None and len(self.history) >= _ASK_FIRST

    def _rivals(self, sampled: Sampled, designs: Index) -> Rivals:
        of, models = self.doubt.opposite.models, sampled.opposite_models
        standing = -self.doubt.opposite.particles.standing(sampled.opposite_rows, designs)
        opposite = Outlook(designs, standing, standing, of.noise[models], of.tie[models], of.lapse[models])
        return Rivals(opposite, self.doubt.shares(self.posterior), _CHECK)

    def _sampled(self, rng: np.random.Generator) -> Sampled:
        """A sample of the posterior, and a smaller one of the opposite operator."""
        rows, models = self.posterior.sampled(self.config.n_samples, rng.random())
        opposite_rows, opposite_models = self.doubt.opposite.sampled(_RIVALS, 0.5)
        return Sampled(rows, models, opposite_rows, opposite_models)

    def _candidates(self, rng: np.random.Generator) -> Index:
        """Candidates: likely optima, high mean ranks, draws from the optima, and a few random designs."""
        n, n_designs = min(self.config.n_candidates, self.pool.n_designs), self.pool.n_designs
        optima = self.particles.optimum[self.posterior.rows]
        optimal = np.bincount(optima, weights=self._weights, minlength=n_designs)
        by_optimum = np.argpartition(-optimal, min(n // 3, n_designs - 1))[: n // 3]
        by_rank = np.argpartition(-self.mean_rank, min(n // 4, n_designs - 1))[: n // 4]
        drawn = rng.choice(n_designs, n // 2, p=optimal / optimal.sum())
        any_kind = rng.choice(n_designs, max(n // 8, 4), replace=False)
        chosen: list[Index] = [np.array([self.recommend()]), by_optimum, by_rank, drawn, any_kind]
        if self._checks():  # questions with an answer that is clear if it is given by the metrics
            chosen.append(np.argpartition(self.mean_rank, min(n // 8, n_designs - 1))[: n // 8])
        return np.unique(np.concatenate(chosen))


def _central(parameters: Array, weights: Array) -> int:
    """Position of the objective (n, k) nearest the mean by these weights (n,), in units of the standard deviation."""
    center = weights @ parameters
    spread = np.sqrt(weights @ (parameters - center) ** 2) + 1e-12
    return int((((parameters - center) / spread) ** 2).sum(1).argmin())
