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
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from netwright.synthesis.answer_models import Float32, probabilities
from netwright.synthesis.queries import Kind, Query

Columns = npt.NDArray[np.int64]

Penalty = Callable[[Columns], npt.NDArray[np.floating[Any]]]
"""Penalties in units of rank for questions that show the designs (n, k); shape (n,)."""

_NAT = np.float32(0.03)  # rank gain that one nat of information about the best design is worth
_TINY = np.float32(1e-12)


@dataclass(frozen=True, eq=False)
class Outlook:
    """A posterior sample of objectives and operators, on a few candidate designs.

    Attributes:
        designs: the candidates; shape (C,).
        standing: value of each candidate under each sampled objective; shape (P, C).
        rank: rank of each candidate; shape (P, C).
        noise, tie: answer model of the operator in each sample; shape (P,).
    """

    designs: Columns
    standing: Float32
    rank: Float32
    noise: Float32
    tie: Float32

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
    return probabilities(Query(kind, (0,) * columns.shape[1], ties), z, outlook.noise, outlook.tie)


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
) -> tuple[tuple[int, ...], float]:
    """The best of up to `n_questions` pairs by value and information, less the penalty; returns designs and value."""
    pairs = np.array(list(itertools.combinations(range(len(outlook.designs)), 2)))
    if len(pairs) > n_questions:
        pairs = pairs[rng.choice(len(pairs), n_questions, replace=False)]
    p = answers(outlook, kind, pairs, ties)
    values = _values(outlook, p)
    chosen = (values + _NAT * information(outlook, p) - penalty(outlook.designs[pairs])).argmax()
    return _designs(outlook, pairs[chosen]), float(values[chosen])


def best_triple(
    outlook: Outlook,
    kind: Kind,
    n_questions: int,
    exchange_rounds: int,
    rng: np.random.Generator,
    penalty: Penalty = no_penalty,
) -> tuple[tuple[int, ...], float]:
    """The best of `n_questions` random triples, improved by exchanging one design at a time, less the penalty."""
    n = len(outlook.designs)
    near = np.sort(rng.random((n_questions, n)).argpartition(2, axis=1)[:, :3], axis=1)
    best, value = near[0], -np.inf
    for _ in range(1 + exchange_rounds):
        values = question_values(outlook, kind, near, True) - penalty(outlook.designs[near])
        if values.max() <= value:
            break
        best, value = near[values.argmax()], float(values.max())
        near = _exchanges(best, n)
    return _designs(outlook, best), value


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
