"""The posterior of `bayes`: weights of sampled objectives and of hypotheses on how the operator answers.

Each column is one hypothesis: noise, just-noticeable difference, share of random answers, and whether old answers count
less (drifting wishes). That the operator does not answer by the metrics, but prefers less of everything or answers at
random, is a hypothesis beside them (`Doubt`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from netwright.synthesis.answer_models import LAPSE, Float32, by_chance, possible_answers, probability
from netwright.synthesis.particles import Particles
from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Exchange, Query
from netwright.synthesis.sampling import systematic

_TINY = 1e-30
_NEGLIGIBLE = 1e-4  # probability that the particles dropped after an answer may have together


@dataclass(frozen=True, eq=False)
class Hypotheses:
    """M hypotheses on how an operator answers.

    Attributes:
        noise: standard deviation of a perceived value, as a share of (max - mean); shape (M,).
        tie: difference below which designs look equal; shape (M,).
        lapse: share of random answers; shape (M,).
        memory: weight of an answer relative to the next one; shape (M,).
        prior: probability, sum 1; shape (M,).
        sign: -1 if the operator prefers less of everything.
    """

    noise: Float32
    tie: Float32
    lapse: Float32
    memory: Float32
    prior: Array
    sign: float = 1.0

    @classmethod
    def of(cls, rows: Sequence[tuple[float, ...]], sign: float = 1.0) -> Hypotheses:
        """Hypotheses of noise, tie, lapse, memory and prior."""
        columns = np.array(rows).T
        noise, tie, lapse, memory = columns[:4].astype(np.float32)
        return cls(noise, tie, lapse, memory, columns[4] / columns[4].sum(), sign)


@dataclass(frozen=True)
class OperatorPrior:
    """Prior probabilities of imperfect operators; the rest answers with little noise.

    Attributes:
        careless: answers at random once in five questions.
        vague: perceives values with a noise of 0.6.
        drifting: an answer counts `memory` times as much as the next one.
        opposite: prefers less of everything.
        random: answers at random.
    """

    careless: float = 0.1
    vague: float = 0.03
    drifting: float = 0.15
    memory: float = 0.6
    opposite: float = 0.02
    random: float = 0.2

    def for_metrics(self, n: int) -> OperatorPrior:
        """The prior for `n` metrics.

        On the trade-off of two metrics, an operator who prefers less of both takes one of its ends, as one with
        increasing returns does, and takes the same one: the two answer alike, and the design is right for both.
        """
        return replace(self, opposite=0.0) if n <= 2 else self


def by_metrics(
    noise: tuple[float, ...], tie: tuple[float, ...], tie_prior: tuple[float, ...], prior: OperatorPrior
) -> Hypotheses:
    """Every noise with every just-noticeable difference, and careless, vague and drifting operators."""
    usual = 1.0 - prior.careless - prior.vague - prior.drifting
    total = sum(tie_prior) * len(noise)
    rows = [(s, t, LAPSE, 1.0, usual * p / total) for s in noise for t, p in zip(tie, tie_prior, strict=True)]
    rows += [(s, 0.0, 0.2, 1.0, prior.careless / 2) for s in (0.003, 0.06)]
    rows += [(0.6, 0.0, 0.05, 1.0, prior.vague)]
    rows += [(s, 0.0, LAPSE, prior.memory, prior.drifting / 2) for s in (0.003, 0.06)]
    return Hypotheses.of(rows)


OPPOSITE = Hypotheses.of([(s, 0.0, 0.02, 1.0, 0.5) for s in (0.01, 0.1)], sign=-1.0)


@dataclass(frozen=True, eq=False)
class Posterior:
    """Weights after some answers.

    Attributes:
        rows: particles that are not negligible, ascending; shape (F',).
        log_weights: log probability of particle and hypothesis; shape (F', M).
        log_evidence: log probability of the answers so far.
    """

    particles: Particles
    models: Hypotheses
    rows: Index
    log_weights: Float32
    log_evidence: float = 0.0

    @classmethod
    def of(cls, particles: Particles, models: Hypotheses, rows: Index | None = None) -> Posterior:
        """The prior over the particles, or some of them."""
        chosen = np.arange(len(particles)) if rows is None else rows
        start = np.log(np.maximum(models.prior, _TINY) / len(chosen)).astype(np.float32)
        return cls(particles, models, chosen, np.tile(start, (len(chosen), 1)))

    def after(self, exchange: Exchange) -> Posterior:
        """Bayes' rule for one answer; negligible particles are dropped."""
        return self.updated(exchange)._compact()

    def updated(self, exchange: Exchange) -> Posterior:
        """Bayes' rule for one answer."""
        asked = informative(exchange)
        if asked is None:
            return self
        query, position = asked
        models = self.models
        z = self.particles.standing(self.rows, np.array(query.designs)).T[:, :, None]  # (n shown, F', 1)
        z = np.float32(models.sign) * z
        weights = self._faded() + np.log(
            probability(query, position, z, models.noise, models.tie, models.lapse)
        )
        total = _log_total(weights)
        return replace(self, log_weights=weights - np.float32(total), log_evidence=self.log_evidence + total)

    def _faded(self) -> Float32:
        """The log weights with old answers weakened where a hypothesis says so, at equal evidence of the hypothesis."""
        columns = np.flatnonzero(self.models.memory < 1.0)
        if not len(columns):
            return self.log_weights
        found = self.log_weights.copy()
        old = found[:, columns]
        faded = old * self.models.memory[columns]
        found[:, columns] = faded + (_log_sum(old) - _log_sum(faded))
        return found

    def _compact(self) -> Posterior:
        """The posterior without negligible particles."""
        weights = self.weights()
        order = np.argsort(weights)
        gone = order[np.cumsum(weights[order]) <= _NEGLIGIBLE]
        if len(gone) < len(weights) // 16:  # copying would cost more than it saves
            return self
        kept = np.setdiff1d(np.arange(len(weights)), gone, assume_unique=True)
        return replace(self, rows=self.rows[kept], log_weights=self.log_weights[kept])

    @cached_property
    def joint(self) -> Float32:
        """Probability of each particle and hypothesis; shape (F', M)."""
        weights = np.exp(self.log_weights)
        found: Float32 = weights / weights.sum(dtype=np.float64)
        return found

    def weights(self) -> Array:
        """Probability of each of `rows`; shape (F',)."""
        found: Array = self.joint.sum(1, dtype=np.float64)
        return found

    def sampled(self, n: int, start: float) -> tuple[Index, Index]:
        """Systematic sample of `n` particles, ascending, with hypotheses; `start` is in 0 to 1; both (n,)."""
        drawn = systematic(self.joint.ravel(), n, start)
        positions, models = np.unravel_index(drawn, self.joint.shape)
        return self.rows[positions], models

    def of_hypotheses(self) -> Array:
        """Probability of each hypothesis; shape (M,)."""
        found: Array = self.joint.sum(0, dtype=np.float64)
        return found


@dataclass(frozen=True, eq=False)
class Doubt:
    """The hypotheses that the operator does not answer by the metrics.

    Attributes:
        opposite: posterior of an operator who prefers less of everything.
        log_chance: log probability of the answers so far if given at random, in two ways; shape (2,).
    """

    prior: OperatorPrior
    opposite: Posterior
    log_chance: Array

    @classmethod
    def of(cls, particles: Particles, prior: OperatorPrior) -> Doubt:
        """Before the first answer."""
        return cls(prior, Posterior.of(particles, OPPOSITE), np.zeros(2))

    def after(self, exchange: Exchange) -> Doubt:
        """Bayes' rule for one answer."""
        asked = informative(exchange)
        if asked is None:
            return self
        query, position = asked
        chance = np.log(np.maximum(by_chance(query)[:, position], _TINY))
        return replace(self, opposite=self.opposite.after(exchange), log_chance=self.log_chance + chance)

    def shares(self, posterior: Posterior) -> tuple[float, float, float]:
        """Probability that the operator answers by the metrics, with this posterior, prefers less, or is random."""
        prior = self.prior
        logs = np.array(
            [
                np.log(1.0 - prior.opposite - prior.random) + posterior.log_evidence,
                np.log(prior.opposite + _TINY) + self.opposite.log_evidence,
                *(np.log(prior.random / 2 + _TINY) + self.log_chance),
            ]
        )
        found = np.exp(logs - logs.max())
        found /= found.sum()
        return float(found[0]), float(found[1]), float(found[2:].sum())


def informative(exchange: Exchange) -> tuple[Query, int] | None:
    """The question of an answer and the answer's position in `possible_answers`; None if it says nothing."""
    query, answer = exchange.query, exchange.answer
    if answer.cannot_say or len(query.designs) == 1:
        return None
    if answer not in possible_answers(query):
        query = Query(query.kind, query.designs, ties=True)  # answered without being offered
    return query, possible_answers(query).index(answer)


def _log_total(weights: Float32) -> float:
    top = float(weights.max())
    return top + float(np.log(np.exp(weights - np.float32(top)).sum(dtype=np.float64)))


def _log_sum(columns: Float32) -> Float32:
    """Log of the sum of exponentials over the rows; shape (M,)."""
    top = columns.max(0)
    found: Float32 = top + np.log(np.exp(columns - top).sum(0))
    return found
