"""Probabilities of answers for an operator with noisy perception: one model for each kind of question.

Values are in units of (max - mean) of the operator's objective. `s` is the standard deviation of the noise on each
design shown; designs that differ by less than `tie` look equal.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from netwright.synthesis.queries import STRENGTHS, Answer, Kind, Query

Float32 = npt.NDArray[np.float32]

LAPSE = 0.003  # share of random answers
_LIKE = 0.05  # in a question of strength, a difference up to this is "about equal"
_MUCH = (0.15, 0.3, 0.5)  # a difference above this is "much better"; varies between operators
_SHARPNESS = 1.28  # scale of the softmax for three designs; matches the probit for two
_SUBSETS = tuple(s for n in (1, 2, 3) for s in itertools.combinations(range(3), n))
_FACTORS = (
    (0, False),
    (1, False),
    (2, True),
    (3, False),
    (0, True),
    (1, True),
    (3, True),
)  # of each subset, in `_tick`


def possible_answers(query: Query) -> tuple[Answer, ...]:
    """The answers that `probabilities` distinguishes, in its order."""
    n = len(query.designs)
    if query.kind is Kind.STRENGTH:
        slightly, much = STRENGTHS
        graded = [Answer((0,), much), Answer((0,), slightly), Answer((0, 1)), Answer((1,), slightly)]
        return (*graded, Answer((1,), much))
    if query.kind is Kind.TICK:
        return tuple(Answer(s) for s in _SUBSETS)
    single = tuple(Answer((i,)) for i in range(n))
    return (*single, Answer((0, 1))) if query.kind is Kind.COMPARE and query.ties else single


def probabilities(
    query: Query, z: Float32, s: Float32, tie: Float32, lapse: Float32 | float = LAPSE
) -> Float32:
    """Probability of each possible answer.

    Args:
        query: only its kind and whether ties are offered are used.
        z: values of the designs shown; shape (n shown, ..).
        s, tie, lapse: parameters of the model; shapes that broadcast with (..).

    Returns:
        Shape (n answers, ..); sums to 1 over the first axis.
    """
    if query.kind is Kind.STRENGTH:
        p = _strength(z, s)
    elif query.kind is Kind.TICK:
        p = _tick(z, s, tie)
    elif query.kind in (Kind.TRIPLE, Kind.MENU):
        p = _best_of(z, s)
    elif query.kind is Kind.PROPOSE:  # a proposal that looks equal is not better
        better = normal_cdf((z[0] - z[1] - tie) / (np.float32(np.sqrt(2.0)) * s))
        p = np.stack([better, 1.0 - better])
    else:
        p = _pair(z, s, tie if query.ties else np.zeros_like(tie), query.ties)
    share = np.asarray(lapse, dtype=np.float32)
    p *= np.float32(1.0) - share
    p += share * _chance(query).reshape(-1, *[1] * (p.ndim - 1))
    return p


def probability(
    query: Query, position: int, z: Float32, s: Float32, tie: Float32, lapse: Float32 | float = LAPSE
) -> Float32:
    """One of `probabilities`, without computing the others where that costs more; shape (..)."""
    if query.kind is not Kind.TICK:
        alone: Float32 = probabilities(query, z, s, tie, lapse)[position]
        return alone
    pairs, third, none = _ticked(z, s, tie)
    pair, of_third = _FACTORS[position]
    p: Float32 = pairs[pair] * (third if of_third else np.float32(1.0) - third) / (np.float32(1.0) - none)
    share = np.asarray(lapse, dtype=np.float32)
    lapsed: Float32 = p * (np.float32(1.0) - share) + share * _chance(query)[position]
    return lapsed


def _chance(query: Query) -> Float32:
    """Probability of each possible answer in a lapse: either of the two ways of `by_chance`; shape (n answers,)."""
    found: Float32 = by_chance(query).mean(0).astype(np.float32)
    return found


def by_chance(query: Query) -> npt.NDArray[np.float64]:
    """Probability of each possible answer if answers are random; shape (2, n answers).

    The first operator chooses one design, the second one of all answers.
    """
    single = np.array([len(a.best) == 1 for a in possible_answers(query)], dtype=np.float64)
    return np.stack([single / single.sum(), np.full(len(single), 1.0 / len(single))])


def normal_cdf(x: Float32) -> Float32:
    """The standard normal distribution function with error below 3e-4, fast in single precision (Page 1977)."""
    found: Float32 = np.asarray(x * x)
    found *= np.float32(0.7978846 * 0.044715)
    found += np.float32(0.7978846)
    found *= x
    np.tanh(found, out=found)
    found *= np.float32(0.5)
    found += np.float32(0.5)
    return found


def _pair(z: Float32, s: Float32, tie: Float32, ties: bool) -> Float32:
    scale = np.float32(np.sqrt(2.0)) * s
    first = normal_cdf((z[0] - z[1] - tie) / scale)
    if not ties:
        return np.stack([first, 1.0 - first])
    second = normal_cdf((z[1] - z[0] - tie) / scale)
    return np.stack([first, second, np.maximum(1.0 - first - second, 0.0)])


def _strength(z: Float32, s: Float32) -> Float32:
    """Ordered probit; the threshold of "much" is averaged over its variation between operators."""
    scale = np.float32(np.sqrt(2.0)) * s
    ahead = z[0] - z[1]

    def above(threshold: float) -> Float32:
        return normal_cdf((ahead - np.float32(threshold)) / scale)

    much = sum(above(t) for t in _MUCH) / np.float32(len(_MUCH))
    not_much_less = sum(above(-t) for t in _MUCH) / np.float32(len(_MUCH))
    cuts = [np.zeros_like(ahead), much, above(_LIKE), above(-_LIKE), not_much_less, np.ones_like(ahead)]
    shaped = np.stack(np.broadcast_arrays(*cuts))
    return np.maximum(np.diff(shaped, axis=0), 0.0)


def _best_of(z: Float32, s: Float32) -> Float32:
    scaled = np.float32(_SHARPNESS) * (z - z.max(0)) / s
    odds = np.exp(scaled)
    found: Float32 = odds / odds.sum(0)
    return found


def _tick(z: Float32, s: Float32, tie: Float32) -> Float32:
    """A design is ticked if it seems at most `tie` worse than the best other design; at least one always is."""
    pairs, third, none = _ticked(z, s, tie)
    not_third = np.float32(1.0) - third
    p = np.empty((len(_SUBSETS), *third.shape), dtype=np.float32)
    for i, (pair, of_third) in enumerate(_FACTORS):
        np.multiply(pairs[pair], third if of_third else not_third, out=p[i, ...])
    p /= np.float32(1.0) - none  # at least one design is the best, so this is above a half
    return p


def _ticked(z: Float32, s: Float32, tie: Float32) -> tuple[tuple[Float32, ...], Float32, Float32]:
    """Probabilities that of the first two only one, the other, none or both are ticked, the third is, and none is."""
    inverse = np.float32(1.0) / (np.float32(np.sqrt(2.0)) * s)
    a, b, c = z
    others = (np.maximum(b, c), np.maximum(a, c), np.maximum(a, b))
    first, second, third = (
        normal_cdf((own - other + tie) * inverse) for own, other in zip(z, others, strict=True)
    )
    not_first, not_second = np.float32(1.0) - first, np.float32(1.0) - second
    pairs = (first * not_second, not_first * second, not_first * not_second, first * second)
    return pairs, third, pairs[2] * (np.float32(1.0) - third)
