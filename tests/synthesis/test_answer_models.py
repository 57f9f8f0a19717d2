"""Answer models: proper distributions, sensible limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from netwright.synthesis.answer_models import LAPSE, normal_cdf, possible_answers, probabilities, probability
from netwright.synthesis.queries import Answer, Kind, Query, check_answer
from netwright.synthesis.teachers import Oracle

QUERIES = [
    Query(Kind.COMPARE, (0, 1), ties=False),
    Query(Kind.COMPARE, (0, 1), ties=True),
    Query(Kind.PROPOSE, (0, 1)),
    Query(Kind.STRENGTH, (0, 1)),
    Query(Kind.TRIPLE, (0, 1, 2), ties=False),
    Query(Kind.TICK, (0, 1, 2)),
    Query(Kind.MENU, (0, 1, 2), ties=False),
]
LEVELS = st.floats(-3.0, 1.0, width=32)


def _p(query, z, s, tie):
    z = np.asarray(z, dtype=np.float32)[: len(query.designs)]
    return probabilities(query, z, np.float32(s), np.float32(tie))


@given(
    st.sampled_from(QUERIES),
    st.tuples(LEVELS, LEVELS, LEVELS),
    st.floats(0.002, 0.3),
    st.floats(0.0, 0.2),
)
def test_answers_are_a_distribution(query, z, s, tie):
    p = _p(query, z, s, tie)
    assert len(p) == len(possible_answers(query))
    assert p.sum() == pytest.approx(1.0, abs=1e-4)
    assert p.min() >= LAPSE / 2 / len(p) - 1e-6


@given(st.sampled_from(QUERIES), st.permutations([0, 1, 2]), st.floats(0.002, 0.3))
def test_the_order_in_which_designs_are_shown_does_not_matter(query, order, s):
    if query.kind is Kind.PROPOSE or len(query.designs) == 2:
        return
    z = np.array([0.3, 0.8, 0.75])
    plain = dict(zip(possible_answers(query), _p(query, z, s, 0.02), strict=True))
    for answer, p in zip(possible_answers(query), _p(query, z[list(order)], s, 0.02), strict=True):
        assert p == pytest.approx(plain[Answer(tuple(order[i] for i in answer.best))], abs=1e-5)


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q.kind}{'-ties' if q.ties else ''}")
def test_one_answer_has_the_probability_that_it_has_among_all(query):
    z = np.random.default_rng(1).uniform(-1.0, 1.0, (len(query.designs), 5)).astype(np.float32)
    s, tie, lapse = np.float32(0.1), np.float32(0.05), np.float32(0.2)
    for position, p in enumerate(probabilities(query, z, s, tie, lapse)):
        np.testing.assert_allclose(probability(query, position, z, s, tie, lapse), p, rtol=1e-4)


def test_a_lapse_is_one_design_in_half_of_the_cases_and_any_answer_in_the_others():
    z = np.zeros((3, 1), dtype=np.float32)
    p = probabilities(Query(Kind.TICK, (0, 1, 2)), z, np.float32(0.1), np.float32(0.0), np.float32(1.0))
    np.testing.assert_allclose(p[:, 0], [1 / 6 + 1 / 14] * 3 + [1 / 14] * 4, rtol=1e-5)


def test_a_pair_is_symmetric():
    for query in (QUERIES[0], QUERIES[1], QUERIES[3]):
        one, other = _p(query, [0.2, 0.5], 0.1, 0.03), _p(query, [0.5, 0.2], 0.1, 0.03)
        named = dict(zip(possible_answers(query), other, strict=True))
        for answer, p in zip(possible_answers(query), one, strict=True):
            swapped = Answer(tuple(1 - i for i in answer.best), answer.strength)
            assert p == pytest.approx(named[swapped], abs=1e-6)


@pytest.mark.parametrize("query", QUERIES, ids=lambda q: f"{q.kind}{'-ties' if q.ties else ''}")
def test_a_clean_teacher_gives_the_likeliest_answer(query):
    rng = np.random.default_rng(0)
    for _ in range(40):
        z = np.append(rng.uniform(-1.0, 0.9, 2), [0.0, 1.0])  # the oracle's scale: mean 0, best 1
        z[2] = z[:2].mean() - 0.4
        if abs(z[0] - z[1]) < 0.06 or abs(abs(z[0] - z[1]) - 0.3) < 0.21:
            continue
        scale = (z - z.mean()) / (z.max() - z.mean())
        answer = Oracle(scale, np.ones(4, dtype=int)).answer(query)
        check_answer(query, answer)
        likeliest = possible_answers(query)[int(_p(query, scale[:3], 0.002, 0.0).argmax())]
        assert answer == likeliest


def test_the_fast_normal_distribution_is_within_its_error():
    x = np.linspace(-8.0, 8.0, 4001, dtype=np.float32)
    assert np.abs(normal_cdf(x) - ndtr(x)).max() < 3e-4
