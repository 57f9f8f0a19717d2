"""Questions and answers: what fits, what an answer states, and which objectives explain it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.synthesis.queries import (
    CANNOT_SAY,
    Answer,
    Exchange,
    Kind,
    Query,
    agrees,
    check_answer,
    preferred,
    satisfying,
)
from tests.synthesis.problems import Weighted

PAIRS = (Kind.PROPOSE, Kind.COMPARE)


def query(kind, n=None, *, ties=True):
    """A question of that kind about designs 10, 11, .."""
    default = {Kind.TRIPLE: 3, Kind.TICK: 3, Kind.MENU: 3}.get(kind, 2)
    return Query(kind, tuple(range(10, 10 + (n or default))), ties)


@pytest.mark.parametrize("kind", Kind)
def test_every_answer_either_fits_or_is_refused(kind):
    """By the rules, for all subsets of positions and all strengths."""
    asked = query(kind)
    n = len(asked.designs)
    for k in range(n + 1):
        for best in itertools.combinations(range(n), k):
            for strength in (None, "slightly", "much", "hugely"):
                single, pair = k == 1, kind is Kind.STRENGTH
                fits = k <= 1 or kind is not Kind.PROPOSE
                fits &= (strength in ("slightly", "much")) if pair and single else strength is None
                if fits:
                    check_answer(asked, Answer(best, strength))
                else:
                    with pytest.raises(ConfigError):
                        check_answer(asked, Answer(best, strength))


@pytest.mark.parametrize("best", [(2,), (-1,), (0, 0), (0, 5)])
def test_positions_that_are_not_shown_are_refused(best):
    with pytest.raises(ConfigError, match="shows designs 1 to 2; name each"):
        check_answer(query(Kind.COMPARE), Answer(best))


def test_several_are_best_only_where_that_was_offered():
    check_answer(query(Kind.TRIPLE), Answer((0, 2)))
    with pytest.raises(ConfigError, match="to the question triple name one design"):
        check_answer(query(Kind.TRIPLE, ties=False), Answer((0, 2)))


@pytest.mark.parametrize(
    ("kind", "best", "pairs"),
    [
        (Kind.PROPOSE, (0,), [(10, 11)]),
        (Kind.PROPOSE, (1,), []),
        (Kind.COMPARE, (1,), [(11, 10)]),
        (Kind.COMPARE, (0, 1), []),
        (Kind.COMPARE, (), []),
        (Kind.STRENGTH, (0,), [(10, 11)]),
        (Kind.TRIPLE, (1,), [(11, 10), (11, 12)]),
        (Kind.TICK, (0, 2), [(10, 11), (12, 11)]),
        (Kind.TICK, (0, 1, 2), []),
    ],
)
def test_preferences_that_an_answer_states(kind, best, pairs):
    strength = "much" if kind is Kind.STRENGTH else None
    assert preferred(Exchange(query(kind), Answer(best, strength))) == pairs


@pytest.mark.parametrize(
    ("kind", "best", "explained"),
    [
        (Kind.PROPOSE, (0,), [True, False, False]),
        (Kind.PROPOSE, (1,), [False, True, True]),
        (Kind.COMPARE, (0,), [True, False, False]),
        (Kind.COMPARE, (1,), [False, True, False]),
        (Kind.COMPARE, (0, 1), [False, False, True]),
        (Kind.COMPARE, (), [True, True, True]),
    ],
)
def test_objectives_that_explain_an_answer(kind, best, explained):
    values = np.array([[2.0, 1.0], [1.0, 2.0], [1.0, 1.0]])
    assert agrees(values, Exchange(query(kind), Answer(best))).tolist() == explained


def test_a_first_proposal_rules_nothing_out():
    exchange = Exchange(query(Kind.PROPOSE, 1), Answer((0,)))
    assert agrees(np.zeros((4, 1)), exchange).all()


ANSWERS = st.lists(
    st.tuples(st.sampled_from(PAIRS), st.permutations(range(4)), st.sampled_from([(0,), (1,), ()])),
    max_size=4,
)


@given(ANSWERS, st.integers(0, 999))
def test_all_answers_together_are_explained_by_those_that_explain_each(answers, seed):
    family, rng = Weighted(3), np.random.default_rng(seed)
    parameters, scores = family.sample(rng, 20), rng.normal(size=(4, 3))
    exchanges = [Exchange(Query(kind, tuple(order[:2])), Answer(best)) for kind, order, best in answers]
    expected = np.ones(20, dtype=bool)
    for exchange in exchanges:
        a, b = exchange.query.designs
        first, second = parameters @ scores[a], parameters @ scores[b]
        if exchange.answer.best == (0,):
            expected &= first > second
        elif exchange.answer.best == (1,):
            expected &= first <= second
    assert satisfying(family, parameters, scores, exchanges).tolist() == expected.tolist()


def test_the_order_in_which_the_best_are_named_does_not_matter():
    assert Answer((2, 0)) == Answer((0, 2))
    assert CANNOT_SAY.cannot_say
    assert not Answer((0,)).cannot_say


@given(
    st.sampled_from(list(Kind)),
    st.lists(st.integers(0, 99), min_size=1, max_size=3, unique=True),
    st.booleans(),
    st.sampled_from([None, "slightly", "much"]),
)
def test_plain_data_and_back(kind, designs, ties, strength):
    asked, said = Query(kind, tuple(designs), ties), Answer((0,), strength)
    assert Query.from_json(asked.to_json()) == asked
    assert Answer.from_json(said.to_json()) == said


def test_indices_in_a_document_are_a_list():
    with pytest.raises(TypeError, match="a list of indices is needed, got 'ab'"):
        Answer.from_json({"best": "ab", "strength": None})


def test_questions_in_words():
    assert query(Kind.PROPOSE, 1).text == "A first design, which becomes the best so far."
    assert query(Kind.PROPOSE).text.endswith("the best so far?")
    assert len({query(kind).text for kind in Kind}) == len(Kind)
