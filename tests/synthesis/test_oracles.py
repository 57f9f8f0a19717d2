"""Oracles by hand: what they answer to every kind of question, with a threshold of notice and with noise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.synthesis.contradictions import Contradiction, contradictions
from netwright.synthesis.presentation import BEST, decimals, headings, metric_rows, text_rows
from netwright.synthesis.problem import Design, Metric, MetricGroup, Parameter, check_ranges, dominated
from netwright.synthesis.queries import CANNOT_SAY, Answer, Exchange, Kind, Query
from netwright.synthesis.teachers import Oracle, Person, Replay

VALUES = np.array([0.0, 4.0, 8.0, 10.0, 10.0])
COUNTS = np.array([1, 1, 1, 1, 1])


def said(kind, designs, *, ties=True, **options):
    """The answer of an oracle; best minus mean is 3.6, best minus worst is 10."""
    return Oracle(VALUES, COUNTS, **options).answer(Query(kind, designs, ties))


def test_a_proposal_is_accepted_only_if_it_is_better():
    assert said(Kind.PROPOSE, (1,)) == Answer((0,))
    assert said(Kind.PROPOSE, (2, 1)) == Answer((0,))
    assert said(Kind.PROPOSE, (1, 2)) == Answer((1,))
    assert said(Kind.PROPOSE, (3, 4)) == Answer((1,)), "as good is not better"
    assert said(Kind.PROPOSE, (3, 2), jnd_share=0.2) == Answer((1,)), "2 is not more than a fifth of 10"
    assert said(Kind.PROPOSE, (3, 2), jnd_share=0.19) == Answer((0,))


def test_pairs_are_equal_within_the_just_noticeable_difference():
    assert said(Kind.COMPARE, (1, 2)) == Answer((1,))
    assert said(Kind.COMPARE, (3, 4)) == Answer((0, 1))
    assert said(Kind.COMPARE, (2, 3), jnd_share=0.2) == Answer((0, 1))
    assert said(Kind.COMPARE, (2, 3), jnd_share=0.19) == Answer((1,))
    assert said(Kind.COMPARE, (3, 4), ties=False) == Answer((0,)), "without a tie the first of equals"


def test_where_no_tie_is_offered_designs_that_look_alike_are_chosen_at_random():
    oracle = Oracle(VALUES, COUNTS, jnd_share=0.5, rng=np.random.default_rng(0))
    drawn = [oracle.answer(Query(Kind.TRIPLE, (2, 3, 0))).best for _ in range(200)]
    assert set(drawn) == {(0,), (1,)}
    assert drawn.count((0,)) == pytest.approx(100, abs=30)


def test_the_strength_of_a_difference_is_relative_to_what_can_be_gained():
    # Much is more than 0.3 * 3.6 = 1.08, about equal within 0.05 * 3.6 = 0.18.
    close = np.array([0.0, 10.0, 9.9, 9.0, 8.9])
    oracle = Oracle(close, np.array([0, 1, 0, 0, 1]))
    scale = 10.0 - (10.0 + 8.9) / 2
    assert oracle.scale == pytest.approx(scale)
    assert Oracle(VALUES, COUNTS).answer(Query(Kind.STRENGTH, (3, 2))) == Answer((0,), "much")
    assert oracle.answer(Query(Kind.STRENGTH, (1, 2))) == Answer((0,), "slightly")
    assert oracle.answer(Query(Kind.STRENGTH, (3, 1))) == Answer((1,), "much")
    alike = Oracle(np.array([0.0, 10.0, 9.9]), np.array([1, 1, 0]))
    assert alike.answer(Query(Kind.STRENGTH, (1, 2))) == Answer((0, 1)), "0.1 is within 0.05 * 5"


def test_all_that_are_about_best_are_ticked():
    assert said(Kind.TICK, (3, 4, 2)) == Answer((0, 1))
    assert said(Kind.TICK, (3, 4, 2), jnd_share=0.2) == Answer((0, 1, 2))
    assert said(Kind.TRIPLE, (4, 3, 2)) == Answer((0,))
    assert said(Kind.MENU, (0, 1, 3)) == Answer((2,))


def test_noise_is_in_percent_of_best_minus_mean():
    oracle = Oracle(np.array([0.0, 1.0]), np.array([1, 1]), noise_percent=200.0, rng=np.random.default_rng(1))
    assert oracle.noise == pytest.approx(2.0 * 0.5)
    first = [oracle.answer(Query(Kind.COMPARE, (1, 0))).best == (0,) for _ in range(2000)]
    # The difference is 1 with a standard deviation of sqrt(2): right with probability Phi(0.7071) = 0.760.
    assert np.mean(first) == pytest.approx(0.760, abs=0.03)


@pytest.mark.parametrize("wrong", [{"noise_percent": -1.0}, {"jnd_share": -0.1}])
def test_negative_imperfections_are_refused(wrong):
    with pytest.raises(ConfigError, match="must not be negative"):
        Oracle(VALUES, COUNTS, **wrong)


def test_a_replay_answers_what_it_was_given_in_any_order():
    one, two = Query(Kind.COMPARE, (0, 1)), Query(Kind.COMPARE, (1, 0))
    replay = Replay([Exchange(one, Answer((1,))), Exchange(two, Answer((0,)))])
    assert replay.answer(two) == Answer((0,))
    assert replay.answer(one) == Answer((1,))
    assert replay.answer(Query(Kind.COMPARE, (0, 2))) == CANNOT_SAY


@pytest.mark.parametrize(
    ("reply", "answer"),
    [(1, Answer((1,))), ([0, 1], Answer((0, 1))), ((), CANNOT_SAY), (Answer((0,)), Answer((0,)))],
)
def test_a_person_answers_by_positions(reply, answer):
    person = Person(lambda query, designs: reply)
    assert person.answer(Query(Kind.COMPARE, (3, 4)), []) == answer


def test_a_person_who_names_what_is_not_shown_is_refused():
    with pytest.raises(ConfigError, match="shows designs 1 to 2"):
        Person(lambda query, designs: 2).answer(Query(Kind.COMPARE, (3, 4)), [])


def preferring(*pairs):
    return [Exchange(Query(Kind.COMPARE, pair), Answer((0,))) for pair in pairs]


LEVEL = np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0], [3.0, 0.0]])


def test_a_circle_of_answers_is_named_once_it_is_closed():
    assert contradictions(preferring((0, 1), (1, 2)), LEVEL) == []
    assert contradictions(preferring((0, 1), (1, 2), (2, 0)), LEVEL) == [Contradiction((1, 2, 3))]
    assert contradictions(preferring((0, 1), (1, 0)), LEVEL) == [Contradiction((1, 2))]


def test_the_shortest_circle_is_named():
    found = contradictions(preferring((0, 1), (1, 2), (2, 3), (0, 3), (3, 0)), LEVEL)
    assert found == [Contradiction((4, 5))]


def test_better_metrics_count_as_preferred():
    scores = np.array([[1.0, 1.0], [0.0, 0.0], [0.5, 2.0]])
    assert contradictions(preferring((1, 0)), scores) == [Contradiction((1,))]
    # 0 dominates 1, and 1 is preferred to 2, which is preferred to 0: answers 1 and 2.
    assert contradictions(preferring((1, 2), (2, 0)), scores[[0, 1, 2]]) == [
        Contradiction((1,)),
        Contradiction((1, 2)),
    ]
    equal = np.array([[1.0, 1.0], [1.0, 1.0]])
    assert contradictions(preferring((1, 0)), equal) == []


def test_contradictions_in_words():
    assert str(Contradiction((2,))).startswith("answer 2 prefers a design that another one matches")
    assert str(Contradiction((1, 2, 5))) == "answers 1, 2 and 5 disagree"


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_design_is_dominated_where_another_is_nowhere_worse_and_somewhere_better(points):
    scores = np.array(points, dtype=float)
    expected = [any(q != p and q[0] >= p[0] and q[1] >= p[1] for q in points) for p in points]
    assert dominated(scores).tolist() == expected


@pytest.mark.parametrize(
    ("values", "gap", "places"),
    [
        ([123.0, 100.0], 23.0, 0),
        ([12.3, 10.0], 2.3, 1),
        ([1.23, 1.0], 0.23, 2),
        ([123.0, 122.5], 0.5, 2),
        ([0.0, 0.0], 0.0, 0),
        ([5.0, 5.0], 0.0, 2),
        ([1e-7, 0.0], 1e-7, 4),
        ([99.9, 99.1], 0.8, 2),
    ],
)
def test_decimals_show_three_digits_of_a_value_and_two_of_a_difference(values, gap, places):
    assert decimals(np.array(values), gap) == places


GROUP = MetricGroup((Metric("rate", "Gbit/s", True), Metric("delay", "ms", False)))


def rows(*metrics, ranges=(10.0, 100.0)):
    return metric_rows(GROUP, [Design(f"d{i}", m) for i, m in enumerate(metrics)], np.array(ranges))


def test_metrics_with_the_largest_difference_come_first_with_the_best_marked():
    delay, rate = rows((5.0, 20.0), (6.0, 60.0))
    assert delay.title == "delay (ms), less is better"
    assert delay.cells == ("20.0*", "60.0 ")
    assert delay.difference == "40.0 (40% of range)"
    assert delay.share == pytest.approx(0.4)
    assert rate.title == "rate (Gbit/s), more is better"
    assert rate.cells == ("5.00 ", f"6.00{BEST}")
    assert rate.texts == [rate.title, *rate.cells, "1.00 (10% of range)"]


def test_designs_that_are_alike_in_a_metric_have_no_best():
    found = {row.title.partition(" ")[0]: row for row in rows((5.0, 20.0), (5.0, 20.0000001))}
    assert found["rate"].cells == ("5.00 ", "5.00 ")
    assert (found["rate"].difference, found["delay"].difference) == ("same", "same")
    [alone, _] = rows((5.0, 20.0))
    assert alone.difference == ""
    level = rows((5.0, 20.0), (6.0, 20.0), ranges=(0.0, 0.0))
    assert all(row.share == 0.0 for row in level)


def test_headings_and_further_figures():
    designs = [Design("x", ()), Design("y", ())]
    assert headings(designs) == ["", "A", "B", "difference"]
    assert headings(designs, 1) == ["", "A", "B (best so far)", "difference"]
    assert headings(designs[:1]) == ["", "A", ""]
    found = text_rows([{"link": "a -> b", "n": 2.4}, {"link": "a -> b", "n": 3.6}])
    assert found == [["link", "a -> b", "a -> b", "same"], ["n", "2", "4", ""]]
    assert text_rows([{"n": 2.0}]) == [["n", "2", ""]]


def test_parameters_at_the_ends_of_their_ranges_are_allowed():
    known = [Parameter("a", 0.0, 1.0), Parameter("b", -2.0, 2.0)]
    check_ranges("it", known, np.array([0.0, 2.0]))
    check_ranges("it", known, np.array([1.0, -2.0]))
    for wrong, words in (
        ([1.001, 0.0], "it parameter a must lie in 0 to 1, got 1.001"),
        ([0.5, np.nan], "b must lie in -2 to 2, got nan"),
        ([0.5], r"2 parameters \(a, b\), got 1"),
        (0.5, "got a single number"),
    ):
        with pytest.raises(ConfigError, match=words):
            check_ranges("it", known, np.array(wrong))
