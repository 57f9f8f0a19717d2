"""One-step look-ahead: the question that maximizes the expected mean rank of the next recommendation.

This is the knowledge gradient of Frazier, Powell and Dayanik (2009) on the rank: the value of a question is
sum over answers of max over designs of E[P(answer) rank(design)]. If no single answer would change the recommendation,
all questions have the same value. This is common for pairs if there are few designs, so a pair's value also includes
the information of its answer about the best design (as in predictive entropy search, Hernandez-Lobato, Hoffman and
Ghahramani 2014).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from netwright.synthesis.answer_models import LAPSE, Float32, by_chance, probabilities
from netwright.synthesis.queries import Kind, Query

Columns = npt.NDArray[np.int64]

Penalty = Callable[[Columns], npt.NDArray[np.floating[Any]]]
"""Penalties in units of rank for questions that show the designs (n, k); shape (n,)."""

_NAT = np.float32(0.03)  # rank gain that one nat of information about the best design is worth
_TINY = np.float32(1e-12)
_THIN = 5  # one sample of so many selects questions
_FEWEST = 64  # samples that suffice for that
_LOOKED_AT = 12  # questions evaluated with all samples


@dataclass(frozen=True, eq=False)
class Rivals:
    """The hypotheses that an operator prefers less of everything, or answers at random.

    Attributes:
        opposite: a sample of operators who prefer less, on the same candidates; its ranks are not used.
        shares: probability that the operator answers by the metrics, prefers less, or answers at random; sum 1.
        worth: rank that one nat of information about which of them is true is worth.
    """

    opposite: Outlook
    shares: tuple[float, float, float]
    worth: float


@dataclass(frozen=True, eq=False)
class Outlook:
    """A posterior sample of objectives and operators, on a few candidate designs.

    Attributes:
        designs: the candidates; shape (C,).
        standing: value of each candidate under each sampled objective; shape (P, C).
        rank: rank of each candidate; shape (P, C).
        noise, tie, lapse: answer model of the operator in each sample; shape (P,).
        doubt: that the operator does not answer by the metrics, which the samples assume; None to disregard it.
    """

    designs: Columns
    standing: Float32
    rank: Float32
    noise: Float32
    tie: Float32
    lapse: Float32 | float = LAPSE
    doubt: Rivals | None = None

    def thinned(self) -> Outlook:
        """Every `_THIN`-th sample, to select questions that are worth a closer look."""
        every = slice(None, None, _THIN)
        lapse = self.lapse[every] if isinstance(self.lapse, np.ndarray) else self.lapse
        return replace(
            self,
            standing=self.standing[every],
            rank=self.rank[every],
            noise=self.noise[every],
            tie=self.tie[every],
            lapse=lapse,
        )

    def present_value(self) -> float:
        """Expected rank of the best candidate without a further question."""
        return float(self.rank.mean(0).max())


def question_values(outlook: Outlook, kind: Kind, columns: Columns, ties: bool) -> Float32:
    """Expected rank of the recommendation after each question; `columns` (n, 2 or 3) index the candidates."""
    return _values(outlook, answers(outlook, kind, columns, ties))


def _values(outlook: Outlook, p: Float32) -> Float32:
    n_answers, n, n_samples = p.shape
    after = (p[:-1].reshape(-1, n_samples) @ outlook.rank).reshape(n_answers - 1, n, -1)
    last = outlook.rank.sum(0) - after.sum(0)  # the probabilities sum to 1
    found: Float32 = (after.max(-1).sum(0) + last.max(-1)) / np.float32(n_samples)
    return found


def information(outlook: Outlook, p: Float32) -> Float32:
    """Mutual information in nats between answers of probability `p` (A, n, P) and the best candidate; shape (n,)."""
    n_answers, n, n_samples = p.shape
    is_best = np.zeros(outlook.rank.shape, dtype=np.float32)
    is_best[np.arange(n_samples), outlook.rank.argmax(1)] = 1.0 / n_samples
    joint = (p.reshape(-1, n_samples) @ is_best).reshape(n_answers, n, -1)  # (A, n, C)
    apart = joint.sum(-1, keepdims=True) * joint.sum(0)
    found: Float32 = (joint * np.log((joint + _TINY) / (apart + _TINY))).sum((0, 2))
    return found


def answers(outlook: Outlook, kind: Kind, columns: Columns, ties: bool) -> Float32:
    """Probability of each answer to each question in each sample; shape (A, n, P)."""
    z = np.ascontiguousarray(outlook.standing.T)[columns.T]  # (n shown, n, P)
    return probabilities(_like(kind, columns, ties), z, outlook.noise, outlook.tie, outlook.lapse)


def _like(kind: Kind, columns: Columns, ties: bool) -> Query:
    """A question of the kind of the questions (n, k)."""
    return Query(kind, tuple(range(columns.shape[1])), ties)


def information_about_doubt(rivals: Rivals, kind: Query, own: Float32, opposite: Float32) -> Float32:
    """What an answer tells about whether the operator answers by the metrics.

    Args:
        kind: a question of the kind of the n questions.
        own, opposite: probabilities of the answers if the operator does, or prefers less of everything;
            shape (A, n, samples).

    Returns:
        Mutual information in nats; shape (n,).
    """
    by_kind = np.stack(
        [own.mean(2), opposite.mean(2), np.broadcast_to(by_chance(kind).mean(0)[:, None], own.shape[:2])]
    )
    shares = np.array(rivals.shares)[:, None, None]
    mixed = (shares * by_kind).sum(0)
    told = (shares * by_kind * np.log((by_kind + _TINY) / (mixed + _TINY))).sum((0, 1))
    return np.asarray(told, dtype=np.float32)


def scores(outlook: Outlook, kind: Kind, columns: Columns, ties: bool) -> tuple[Float32, Float32]:
    """Expected rank after each question (n, k), and the same with what else its answer tells; both (n,)."""
    like, p = _like(kind, columns, ties), answers(outlook, kind, columns, ties)
    opposite = None if outlook.doubt is None else answers(outlook.doubt.opposite, kind, columns, ties)
    return _scores(outlook, like, p, opposite)


def repeat_score(outlook: Outlook, query: Query, standing: Float32, opposite: Float32) -> float:
    """The score of one question about any designs; their values under the samples of both kinds are (P, n shown)."""
    p = _answers_about(outlook, query, standing)
    assert outlook.doubt is not None  # a question is repeated to learn about it
    return float(_scores(outlook, query, p, _answers_about(outlook.doubt.opposite, query, opposite))[1][0])


def _answers_about(outlook: Outlook, query: Query, standing: Float32) -> Float32:
    return probabilities(query, standing.T, outlook.noise, outlook.tie, outlook.lapse)[:, None]


def _scores(outlook: Outlook, query: Query, p: Float32, opposite: Float32 | None) -> tuple[Float32, Float32]:
    values = _values(outlook, p)
    total = values
    if query.kind in (Kind.COMPARE, Kind.STRENGTH):
        total = total + _NAT * information(outlook, p)
    if outlook.doubt is not None and opposite is not None:
        told = information_about_doubt(outlook.doubt, query, p, opposite)
        total = total + np.float32(outlook.doubt.worth) * told
    return values, total


def no_penalty(questions: Columns) -> Float32:
    """No question (n, k) is penalized."""
    return np.zeros(len(questions), dtype=np.float32)


def best_pair(
    outlook: Outlook,
    kind: Kind,
    ties: bool,
    n_questions: int,
    rng: np.random.Generator,
    penalty: Penalty = no_penalty,
) -> tuple[tuple[int, ...], float, float]:
    """The best of up to `n_questions` pairs by value and information, less the penalty.

    Returns:
        The designs, the value of the question, and the value with what else its answer tells.
    """
    pairs = np.array(list(itertools.combinations(range(len(outlook.designs)), 2)))
    if len(pairs) > n_questions:
        pairs = pairs[rng.choice(len(pairs), n_questions, replace=False)]
    fair = penalty(outlook.designs[pairs])
    near = _worth_a_look(outlook, kind, pairs, ties, fair)
    values, total = scores(outlook, kind, pairs[near], ties)
    chosen = (total - fair[near]).argmax()
    return _designs(outlook, pairs[near][chosen]), float(values[chosen]), float(total[chosen])


def _worth_a_look(
    outlook: Outlook, kind: Kind, columns: Columns, ties: bool, fair: npt.NDArray[np.floating[Any]]
) -> Columns:
    """Positions of the `_LOOKED_AT` questions that look best by a few samples, less the penalties `fair` (n,)."""
    if len(columns) <= _LOOKED_AT or len(outlook.standing) < _THIN * _FEWEST:
        return np.arange(len(columns))
    total = scores(outlook.thinned(), kind, columns, ties)[1] - fair
    return np.argpartition(-total, _LOOKED_AT)[:_LOOKED_AT]


def best_triple(
    outlook: Outlook,
    kind: Kind,
    n_questions: int,
    exchange_rounds: int,
    rng: np.random.Generator,
    penalty: Penalty = no_penalty,
) -> tuple[tuple[int, ...], float, float]:
    """The best of `n_questions` random triples, improved by exchanging one design at a time; as `best_pair`."""
    n = len(outlook.designs)
    near = np.sort(rng.random((n_questions, n)).argpartition(2, axis=1)[:, :3], axis=1)
    best, value, reached = near[0], 0.0, -np.inf
    for _ in range(1 + exchange_rounds):
        fair = penalty(outlook.designs[near])
        looked = _worth_a_look(outlook, kind, near, True, fair)
        values, total = scores(outlook, kind, near[looked], True)
        chosen = (total - fair[looked]).argmax()
        if total[chosen] - fair[looked][chosen] <= reached:
            break
        best, value, reached = (
            near[looked][chosen],
            float(values[chosen]),
            float((total - fair[looked])[chosen]),
        )
        near = _exchanges(best, n)
    return _designs(outlook, best), value, reached


def _exchanges(triple: Columns, n: int) -> Columns:
    """All triples that differ from the given one in one design; shape (3 (n - 3), 3)."""
    others = np.setdiff1d(np.arange(n), triple)
    near = np.repeat(np.tile(triple, (len(others), 1))[None], 3, axis=0)
    for position in range(3):
        near[position, :, position] = others
    return near.reshape(-1, 3)


def menu(outlook: Outlook, first: int, size: int) -> tuple[int, ...]:
    """A diverse menu: `first`, then greedily the design that adds most to the expected rank of the best one."""
    chosen = [int(np.flatnonzero(outlook.designs == first)[0])]
    reached = outlook.rank[:, chosen[0]]
    while len(chosen) < min(size, len(outlook.designs)):
        gains = np.maximum(outlook.rank, reached[:, None]).mean(0)
        gains[chosen] = -1.0
        chosen.append(int(gains.argmax()))
        reached = np.maximum(reached, outlook.rank[:, chosen[-1]])
    return _designs(outlook, np.array(chosen))


def _designs(outlook: Outlook, columns: Columns) -> tuple[int, ...]:
    return tuple(int(d) for d in outlook.designs[columns])
