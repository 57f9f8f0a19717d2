"""Which conditions a training covered: values, ranges, ladders, tolerance, and the sentence about the others."""

from __future__ import annotations

from typing import ClassVar

import pytest

from netwright.core import notes
from netwright.core.errors import DataError
from netwright.core.results import Evaluation
from netwright.core.trained_for import (
    OUTSIDE,
    Condition,
    differences,
    from_json,
    remark,
    single,
    to_json,
    with_remark,
)

LADDER = Condition(unit="kbit/s", values=((300.0, 750.0, 1200.0), (1000.0, 2000.0)))
RANGE = Condition(unit="samples", low=2.0, high=20.0)


@pytest.mark.parametrize(
    ("value", "covered"),
    [
        ((300.0, 750.0, 1200.0), True),
        ((303.0, 750.0, 1200.0), True),  # within one percent
        ((304.0, 750.0, 1200.0), False),
        ((1000.0, 2000.0), True),
        ((300.0, 750.0), False),
        ((300.0,), False),
    ],
)
def test_a_ladder_is_covered_rung_by_rung_within_a_percent(value, covered):
    assert LADDER.covers(value) is covered


@pytest.mark.parametrize(
    ("value", "covered"), [(1.7, False), (1.8, True), (2.0, True), (11.0, True), (20.2, True), (20.3, False)]
)
def test_a_range_covers_its_values_with_a_percent_of_its_larger_end(value, covered):
    assert RANGE.covers((value,)) is covered
    assert not RANGE.covers((value, value)), "a list of numbers is not within a range"


def test_a_range_needs_both_ends():
    assert not Condition(low=1.0).covers((5.0,))
    assert not Condition(high=9.0).covers((5.0,))
    assert not Condition().covers((5.0,))


def test_extremes_are_all_values_and_both_ends():
    assert RANGE.extremes() == ((2.0,), (20.0,))
    assert Condition(values=((3.0,),), low=1.0, high=2.0).extremes() == ((3.0,), (1.0,), (2.0,))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (LADDER, "300, 750, 1200 or 1000, 2000 kbit/s"),
        (RANGE, "2 to 20 samples"),
        (single(4.0, "s"), "4 s"),
        (single(4.3), "4.3"),
        (Condition(values=((1.0,), (2.0,), (3.0,), (4.0,), (5.0,))), "1 or 2 or 3 or 2 others"),
        (Condition(values=((1.0,),), low=2.0, high=3.0, unit="Hz"), "1 or 2 to 3 Hz"),
    ],
)
def test_conditions_in_words(condition, words):
    assert condition.shown() == words


def test_only_known_conditions_that_differ_are_named():
    trained = {"chunk": single(4.0, "s"), "ladder": LADDER, "history": RANGE}
    here = {
        "chunk": single(2.0, "s"),
        "ladder": Condition(values=((300.0, 750.0, 1200.0),)),
        "history": Condition(low=2.0, high=30.0),
        "buffer": single(60.0, "s"),
    }
    assert differences(trained, here) == ["chunk", "history"]
    assert differences({}, here) == []
    assert differences(trained, {}) == []


class Trained:
    trained_for: ClassVar = {"chunk": single(4.0, "s"), "rungs": single(6.0)}


def test_the_sentence_names_both_sides_of_every_difference():
    here = {"chunk": single(2.0, "s"), "rungs": single(8.0)}
    assert remark(Trained(), here) == (
        "was trained for chunk 4 s and rungs 6; here there is chunk 2 s and rungs 8: its results may be far off"
    )
    assert remark(Trained(), {"chunk": single(4.0, "s")}) is None
    assert remark(object(), here) is None, "a rule was not trained"


def test_a_remark_is_noted_and_kept_with_the_evaluation():
    plain = Evaluation("abr", "5g", "ppo", "qoe", "per chunk", (1.0,), (1.0,), ("a",), 0.0, detail={"x": 1})
    said: list[str] = []
    with notes.collected(said.append):
        assert with_remark(plain, Trained(), {"chunk": single(4.0, "s")}) is plain
        found = with_remark(plain, Trained(), {"chunk": single(2.0, "s")})
    assert found.detail["x"] == 1
    assert found.detail[OUTSIDE].startswith("was trained for chunk 4 s; here there is chunk 2 s")
    assert said == [f"note: 5g: ppo {found.detail[OUTSIDE]}"]


def test_conditions_survive_a_document():
    conditions = {"ladder": LADDER, "history": RANGE, "chunk": single(4.0, "s")}
    assert from_json(to_json(conditions), "model", remedy="train again") == conditions


@pytest.mark.parametrize(
    "document",
    [
        {"chunk": {"values": [["four"]]}},
        {"chunk": {"value": 4}},
        {"chunk": {"low": float("nan")}},
        ["chunk"],
        {"chunk": None},
    ],
)
def test_conditions_that_cannot_be_are_refused(document):
    with pytest.raises(DataError, match=r"model.*train again"):
        from_json(document, "model", remedy="train again")
