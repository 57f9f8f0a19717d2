"""Probabilities of answers against the normal distribution, and against operators with noise who were asked often."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from netwright.synthesis.answer_models import LAPSE, possible_answers, probabilities
from netwright.synthesis.queries import Answer, Kind, Query

PROPOSE, PAIR = Query(Kind.PROPOSE, (0, 1)), Query(Kind.COMPARE, (0, 1), ties=True)
NO_TIES = Query(Kind.COMPARE, (0, 1), ties=False)
CLOSE = 2e-3  # of the fast normal distribution


def p(query, z, s=0.1, tie=0.0):
    """Probability of each answer."""
    found = probabilities(query, np.array(z, dtype=np.float32), np.float32(s), np.float32(tie))
    return dict(zip(possible_answers(query), found.tolist(), strict=True))


def lapsed(share, n):
    """With a few answers at random."""
    return (1.0 - LAPSE) * share + LAPSE / n


@given(st.floats(-1.0, 1.0), st.floats(0.02, 0.5), st.floats(0.0, 0.3))
def test_a_proposal_is_taken_if_it_looks_better_by_more_than_the_tie(gap, s, tie):
    found = p(PROPOSE, [gap, 0.0], s, tie)
    assert found[Answer((0,))] == pytest.approx(lapsed(ndtr((gap - tie) / (np.sqrt(2.0) * s)), 2), abs=CLOSE)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-5)


@given(st.floats(-1.0, 1.0), st.floats(0.02, 0.5), st.floats(0.0, 0.3))
def test_pairs_within_the_tie_look_equal(gap, s, tie):
    found, spread = p(PAIR, [gap, 0.0], s, tie), np.sqrt(2.0) * s
    first, second = ndtr((gap - tie) / spread), ndtr((-gap - tie) / spread)
    assert found[Answer((0,))] == pytest.approx(lapsed(first, 3), abs=CLOSE)
    assert found[Answer((1,))] == pytest.approx(lapsed(second, 3), abs=CLOSE)
    assert found[Answer((0, 1))] == pytest.approx(lapsed(1.0 - first - second, 3), abs=2 * CLOSE)


@given(st.floats(-1.0, 1.0), st.floats(0.02, 0.5))
def test_without_ties_one_of_a_pair_is_named(gap, s):
    found = p(NO_TIES, [gap, 0.0], s, 0.3)
    assert found[Answer((0,))] == pytest.approx(lapsed(ndtr(gap / (np.sqrt(2.0) * s)), 2), abs=CLOSE)


@pytest.mark.parametrize("gap", [0.0, 0.1, 0.4, -0.6])
def test_strengths_are_ordered_by_the_difference(gap):
    query = Query(Kind.STRENGTH, (0, 1))
    found = list(p(query, [gap, 0.0], 0.02).values())
    place = np.sum(np.array(found) * np.arange(5))
    assert np.sign(round(2.0 - place, 5)) == np.sign(gap)
    mirrored = list(p(query, [0.0, gap], 0.02).values())
    assert mirrored == pytest.approx(found[::-1], abs=1e-5)


@pytest.mark.parametrize("z", [[0.0, 0.0, 0.0], [0.2, 0.0, -0.2], [0.1, 0.1, -1.0]])
def test_the_best_of_three_is_about_as_likely_as_it_looks_best(z):
    s, rng = 0.15, np.random.default_rng(0)
    drawn = (np.array(z) + rng.normal(0.0, s, (200_000, 3))).argmax(axis=1)
    shares = np.bincount(drawn, minlength=3) / len(drawn)
    found = list(p(Query(Kind.TRIPLE, (0, 1, 2), ties=False), z, s).values())
    assert found == pytest.approx(shares, abs=0.03)
    menu = list(p(Query(Kind.MENU, (0, 1, 2), ties=False), z, s).values())
    assert menu == pytest.approx(found)


@pytest.mark.parametrize("z", [[0.0, 0.0, -1.0], [0.3, 0.0, -0.3]])
def test_ticks_are_about_as_likely_as_designs_look_within_the_tie_of_the_best(z):
    s, tie, rng = 0.08, 0.1, np.random.default_rng(0)
    seen = np.array(z) + rng.normal(0.0, s, (100_000, 3))
    ticked = seen >= seen.max(axis=1, keepdims=True) - tie
    query = Query(Kind.TICK, (0, 1, 2))
    found = p(query, z, s, tie)
    for answer, probability in found.items():
        wanted = np.isin(np.arange(3), answer.best)
        assert probability == pytest.approx((ticked == wanted).all(axis=1).mean(), abs=0.08)
    assert sum(found.values()) == pytest.approx(1.0, abs=1e-4)
