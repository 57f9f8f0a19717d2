"""The contract of learners, and their common base: a history of answers that determines everything else."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, Self

import numpy as np

from netwright.core.seeding import generator
from netwright.synthesis.generation import Generator
from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Exchange, Kind, Query
from netwright.synthesis.refusals import Refusals


@dataclass(frozen=True, eq=False)
class Estimate:
    """An estimate of the objective: the likeliest parameters (k,), and the ends (k,) of their ranges."""

    parameters: Array
    low: Array
    high: Array


def one_of(parameters: Array) -> Estimate | None:
    """The estimate from equally likely objectives (n, k); None if there is none."""
    return estimate_from(parameters, np.ones(len(parameters))) if len(parameters) else None


def estimate_from(parameters: Array, weights: Array) -> Estimate:
    """The objective (n, k) of largest weight, and the 10th and 90th percentile of each parameter."""
    ranges = [weighted_percentiles(column, weights, (0.1, 0.9)) for column in parameters.T]
    low, high = np.array(ranges).T
    return Estimate(parameters[weights.argmax()], low, high)


def weighted_percentiles(values: Array, weights: Array, shares: tuple[float, float]) -> tuple[float, float]:
    """The values below which these shares of the weight (n,) lie."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order]) / weights.sum()
    low, high = values[order][np.minimum(np.searchsorted(cumulative, shares), len(order) - 1)]
    return float(low), float(high)


class Confidence(StrEnum):
    """How far a recommendation can be relied on."""

    GOOD = "good"
    UNCLEAR = "not enough to tell yet"
    OTHERWISE = "does not answer by these metrics"


_FEWEST_ANSWERS = 3
_WIDE = 0.85  # a recommendation that is worse than this with probability 0.1 is not clear yet
_DOUBTFUL = 0.75  # nor is one if answers by the metrics have a lower probability
_UNLIKELY = 0.5  # answers by the metrics of a lower probability are unlikely


@dataclass(frozen=True)
class Assessment:
    """What a learner says about its recommendation.

    Attributes:
        by_metrics: probability that the operator answers by the metrics shown.
        quality: expected quality if the operator does, 0..1.
        low, high: ends of its 80 % interval.
    """

    confidence: Confidence
    by_metrics: float
    quality: float
    low: float
    high: float

    @classmethod
    def of(cls, n_answers: int, by_metrics: float, quality: float, low: float, high: float) -> Assessment:
        """The assessment after `n_answers` answers that prefer some designs to others."""
        if by_metrics < _UNLIKELY:
            confidence = Confidence.OTHERWISE
        elif n_answers < _FEWEST_ANSWERS or low < _WIDE or by_metrics < _DOUBTFUL:
            confidence = Confidence.UNCLEAR
        else:
            confidence = Confidence.GOOD
        return cls(confidence, by_metrics, quality, low, high)

    @property
    def text(self) -> str:
        """For a person, for example "0.98 (0.95 to 1.00) if you answer by these metrics"."""
        if self.confidence is Confidence.OTHERWISE:
            return "your answers do not follow these metrics; the expected quality is unknown"
        said = f"{self.quality:.2f} ({self.low:.2f} to {self.high:.2f}) if you answer by these metrics"
        return f"{self.confidence}; {said}" if self.confidence is Confidence.UNCLEAR else said


class Learner(Protocol):
    """Asks questions and recommends a design; the same history and seed give the same questions."""

    @property
    def history(self) -> tuple[Exchange, ...]:
        """The questions and answers so far."""
        ...

    @property
    def scores(self) -> Array:
        """Oriented metrics of the known designs; shape (D, m)."""
        ...

    def ask(self) -> Query | None:
        """The next question, or None if no question would help. Does not change the learner."""
        ...

    def tell(self, query: Query, answer: Answer) -> None:
        """Record an answer to the question of `ask` or to any other question."""
        ...

    def recommend(self) -> int | None:
        """The currently best design; None for some learners before the first answer."""
        ...

    def expected_quality(self) -> float | None:
        """The estimated quality of the recommendation, 0..1; None if the learner makes no estimate."""
        ...

    def assessment(self) -> Assessment | None:
        """How far the recommendation can be relied on; None if the learner makes no estimate."""
        ...

    def learned(self) -> Estimate | None:
        """The estimated objective; None if the learner does not model it or no objective explains the answers."""
        ...

    def fork(self) -> Self:
        """An independent copy."""
        ...


class Historian:
    """A learner's history, and random numbers that depend only on the seed and the history."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.history: tuple[Exchange, ...] = ()

    def record(self, query: Query, answer: Answer) -> Exchange:
        """Add an exchange to the history."""
        exchange = Exchange(query, answer)
        self.history = (*self.history, exchange)
        return exchange

    def tell(self, query: Query, answer: Answer) -> None:
        """See `Learner`; records the answer."""
        self.record(query, answer)

    def recommend(self) -> int | None:
        """See `Learner`; the running best."""
        return running_best(self.history)

    def expected_quality(self) -> float | None:
        """See `Learner`; no estimate by default."""
        return None

    def assessment(self) -> Assessment | None:
        """See `Learner`; no estimate by default."""
        return None

    def learned(self) -> Estimate | None:
        """See `Learner`; no estimate by default."""
        return None

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        raise NotImplementedError

    def refusals(self) -> Refusals:
        """The questions so far that were answered without a preference."""
        return Refusals(self.history, self.scores)

    def rng(self) -> np.random.Generator:
        """Random numbers for this point of the dialogue."""
        return generator(self.seed, len(self.history), history_key(self.history))

    def fork(self) -> Self:
        """A shallow copy suffices, because learners replace their state and never change it in place."""
        return copy.copy(self)


class Drawing(Historian):
    """The base of learners that draw objectives from a source."""

    def __init__(self, source: Generator, seed: int = 0) -> None:
        super().__init__(seed)
        self.source = source

    @property
    def scores(self) -> Array:
        """See `Learner`."""
        return self.source.scores

    def drawn(
        self, exchanges: Sequence[Exchange], best: int | None, n: int, rng: np.random.Generator
    ) -> tuple[Array, Index, bool]:
        """`Generator.draw` of any objectives that explain the answers."""
        none = np.empty((0, len(self.source.family.parameters)))
        return self.source.draw(exchanges, best, n, rng, none)


def history_key(history: Sequence[Exchange]) -> int:
    """A 63-bit hash of a history, the same in every process."""
    plain = [[e.query.to_json(), e.answer.to_json()] for e in history]
    digest = hashlib.sha256(json.dumps(plain).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def running_best(history: Sequence[Exchange]) -> int | None:
    """The running best after these answers: the latest accepted proposal."""
    best = None
    for exchange in history:
        query = exchange.query
        if query.kind is Kind.PROPOSE and (len(query.designs) == 1 or exchange.answer.best == (0,)):
            best = exchange.query.designs[0]
    return best
