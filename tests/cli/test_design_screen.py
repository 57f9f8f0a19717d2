import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.cli.design.keys import Leave, Stop, Undo, offered, understood
from netwright.core.errors import ConfigError
from netwright.synthesis.presentation import decimals, headings, metric_rows, text_rows
from netwright.synthesis.problem import Design, Metric, MetricGroup
from netwright.synthesis.queries import CANNOT_SAY, Answer, Kind, Query, check_answer

GROUP = MetricGroup((Metric("delay", "ms", False), Metric("carried", "%", True)))
PAIR = [Design("one", (10.0, 50.0)), Design("two", (12.0, 90.0))]


def test_the_largest_difference_comes_first_and_the_best_is_marked():
    rows = metric_rows(GROUP, PAIR, np.array([20.0, 80.0]))
    assert [row.texts for row in rows] == [
        ["carried (%), more is better", "50.0 ", "90.0*", "40.0 (50% of range)"],
        ["delay (ms), less is better", "10.0*", "12.0 ", "2.0 (10% of range)"],
    ]


def test_equal_designs_have_no_best():
    rows = metric_rows(GROUP, [PAIR[0], PAIR[0]], np.array([20.0, 0.0]))
    assert [row.difference for row in rows] == ["same", "same"]
    assert not any("*" in cell for row in rows for cell in row.cells)


@given(value=st.floats(1e-3, 1e4), gap=st.floats(0.0, 1e3))
def test_a_difference_that_can_be_read_is_shown(value, gap):
    places = decimals(np.array([value, value + gap]), gap)
    assert 0 <= places <= 4
    if gap >= 1e-3 and gap > 1e-6 * (value + gap):
        assert float(f"{gap:.{places}f}") == pytest.approx(gap, rel=0.06, abs=5e-5)


def test_headings_name_the_best_so_far():
    assert headings(PAIR, 1) == ["", "A", "B (best so far)", "difference"]
    assert headings(PAIR[:1]) == ["", "A", ""]


def test_further_figures_are_set_side_by_side():
    rows = text_rows([{"worst link": "x", "starved": 2}, {"worst link": "y", "starved": 2}])
    assert rows == [["worst link", "x", "y", ""], ["starved", "2", "2", "same"]]


def query(kind: Kind, n: int = 2, *, ties: bool = True) -> Query:
    return Query(kind, tuple(range(n)), ties)


@pytest.mark.parametrize(
    ("text", "asked", "meant"),
    [
        ("a", query(Kind.COMPARE), Answer((0,))),
        (" B ", query(Kind.COMPARE), Answer((1,))),
        ("=", query(Kind.COMPARE), Answer((0, 1))),
        ("?", query(Kind.COMPARE), CANNOT_SAY),
        ("b", query(Kind.PROPOSE), Answer((1,))),
        ("", query(Kind.PROPOSE, 1), Answer((0,))),
        ("a", query(Kind.STRENGTH), Answer((0,), "slightly")),
        ("bb", query(Kind.STRENGTH), Answer((1,), "much")),
        ("=", query(Kind.STRENGTH), Answer((0, 1))),
        ("c", query(Kind.TRIPLE, 3, ties=False), Answer((2,))),
        ("ca", query(Kind.TICK, 3), Answer((0, 2))),
        ("abc", query(Kind.TICK, 3), Answer((0, 1, 2))),
        ("c", query(Kind.MENU, 3, ties=False), Answer((2,))),
        ("u", query(Kind.COMPARE), Undo(None)),
        ("undo 3", query(Kind.COMPARE), Undo(3)),
        ("s", query(Kind.COMPARE), Stop()),
        ("q", query(Kind.COMPARE), Leave()),
    ],
)
def test_words_mean_answers(text, asked, meant):
    assert understood(text, asked) == meant
    if isinstance(meant, Answer):
        check_answer(asked, meant)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("c", query(Kind.COMPARE)),
        ("ab", query(Kind.COMPARE)),
        ("=", query(Kind.COMPARE, ties=False)),
        ("=", query(Kind.PROPOSE)),
        ("", query(Kind.COMPARE)),
        ("aab", query(Kind.STRENGTH)),
        ("ab", query(Kind.STRENGTH)),
        ("aa", query(Kind.TICK, 3)),
        ("ab", query(Kind.TRIPLE, 3, ties=False)),
        ("3", query(Kind.TICK, 3)),
    ],
)
def test_what_means_nothing_is_refused_with_what_may_be_typed(text, asked):
    with pytest.raises(ConfigError, match="is not a valid answer; type"):
        understood(text, asked)


@given(text=st.text(max_size=6), kind=st.sampled_from(list(Kind)), n=st.integers(1, 3), ties=st.booleans())
def test_whatever_is_understood_as_an_answer_fits_the_question(text, kind, n, ties):
    asked = Query(kind, tuple(range(n)), ties)
    try:
        said = understood(text, asked)
    except ConfigError:
        return
    if isinstance(said, Answer) and not (n == 1 and kind is Kind.STRENGTH):
        check_answer(asked, said)


def test_the_keys_offered_suit_the_question():
    assert "about equal" in offered(query(Kind.COMPARE), 0)
    assert "about equal" not in offered(query(Kind.COMPARE, ties=False), 0)
    assert "undo" not in offered(query(Kind.TICK, 3), 0)
    assert "u: undo" in offered(query(Kind.TICK, 3), 1)
