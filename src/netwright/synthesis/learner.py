"""The contract of learners, and what they share: a history of answers from which all else follows."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np

from netwright.core.seeding import generator
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer, Exchange, Kind, Query


@dataclass(frozen=True, eq=False)
class Estimate:
    """What has been learned of the objective: its parameters as likely as any (k,), and their range (k,) each side."""

    parameters: Array
    low: Array
    high: Array


def estimate_from(parameters: Array, weights: Array) -> Estimate:
    """The heaviest of the objectives (n, k), and the 10th and 90th percentile of each parameter."""
    ranges = []
    for column in parameters.T:
        order = np.argsort(column)
        cumulative = np.cumsum(weights[order]) / weights.sum()
        ranges.append(column[order][np.minimum(np.searchsorted(cumulative, [0.1, 0.9]), len(order) - 1)])
    low, high = np.array(ranges).T
    return Estimate(parameters[weights.argmax()], low, high)


class Learner(Protocol):
    """Asks questions and recommends a design; the same history and seed give the same questions."""

    @property
    def history(self) -> tuple[Exchange, ...]:
        """What has been answered so far."""
        ...

    @property
    def scores(self) -> Array:
        """Oriented metrics of the designs known so far; shape (D, m)."""
        ...

    def ask(self) -> Query | None:
        """The next question, or None where no question would help. Changes nothing."""
        ...

    def tell(self, query: Query, answer: Answer) -> None:
        """Take in an answer, be it to the question that `ask` gives or to another."""
        ...

    def recommend(self) -> int | None:
        """The best design by what is known now, at any moment; None before the first answer of some learners."""
        ...

    def expected_quality(self) -> float | None:
        """What the learner thinks the recommendation's quality is, 0..1; None if it has no opinion."""
        ...

    def learned(self) -> Estimate | None:
        """What is known of the objective; None if the learner does not model it, or nothing explains the answers."""
        ...

    def fork(self) -> Self:
        """A copy that goes its own way from here."""
        ...


class Historian:
    """A learner's history, and random numbers that depend on nothing but the seed and the history."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.history: tuple[Exchange, ...] = ()

    def record(self, query: Query, answer: Answer) -> Exchange:
        """Add an exchange to the history."""
        exchange = Exchange(query, answer)
        self.history = (*self.history, exchange)
        return exchange

    def expected_quality(self) -> float | None:
        """No opinion, unless a learner has one."""
        return None

    def learned(self) -> Estimate | None:
        """Nothing, unless a learner models the objective."""
        return None

    def rng(self) -> np.random.Generator:
        """Random numbers for this point of the dialogue."""
        return generator(self.seed, len(self.history), history_key(self.history))

    def fork(self) -> Self:
        """A shallow copy: learners replace their state, they never change it in place."""
        return copy.copy(self)


def history_key(history: Sequence[Exchange]) -> int:
    """A number of 63 bits that tells histories apart, the same in every process."""
    plain = [[e.query.to_json(), e.answer.to_json()] for e in history]
    digest = hashlib.sha256(json.dumps(plain).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def running_best(history: Sequence[Exchange]) -> int | None:
    """The running best b after these answers: the latest proposal that was accepted."""
    best = None
    for exchange in history:
        query = exchange.query
        if query.kind is Kind.PROPOSE and (len(query.designs) == 1 or exchange.answer.best == (0,)):
            best = exchange.query.designs[0]
    return best
