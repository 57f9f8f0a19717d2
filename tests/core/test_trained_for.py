"""Conditions of training: what counts as the same, and the clause on what does not."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.core.trained_for import Condition, differences, from_json, remark, single, to_json

LADDER = Condition(unit="kbit/s", values=((300.0, 750.0), (400.0, 900.0)))
NUMBERS = st.floats(0.01, 1e6)


@pytest.mark.parametrize(
    ("value", "covered"),
    [((300.0, 750.0), True), ((301.0, 752.0), True), ((300.0, 800.0), False), ((300.0, 750.0, 900.0), False)],
)
def test_a_ladder_is_the_same_up_to_rounding(value, covered):
    assert LADDER.covers(value) is covered


@pytest.mark.parametrize(
    ("value", "covered"), [(2.0, True), (11.0, True), (20.0, True), (1.0, False), (25.0, False)]
)
def test_a_range_covers_what_lies_within(value, covered):
    assert Condition(low=2.0, high=20.0).covers((value,)) is covered


@given(low=NUMBERS, width=NUMBERS, share=st.floats(0, 1))
def test_every_number_of_a_range_is_covered(low, width, share):
    assert Condition(low=low, high=low + width).covers((low + share * width,))


@given(
    values=st.lists(st.lists(NUMBERS, min_size=1, max_size=6).map(tuple), min_size=1, max_size=4).map(tuple)
)
def test_conditions_cover_themselves_and_survive_being_saved(values):
    conditions = {"ladder": Condition(unit="kbit/s", values=values)}
    assert differences(conditions, conditions) == []
    assert from_json(to_json(conditions), "x", remedy="y") == conditions


def test_what_is_not_known_counts_as_met():
    assert differences({}, {"RTT": single(80, "ms")}) == []
    assert differences({"RTT": single(80, "ms")}, {}) == []


def test_a_wider_range_than_that_of_training_differs():
    trained = {"weight": Condition(low=1.0, high=4.0)}
    assert differences(trained, {"weight": Condition(low=2.0, high=3.0)}) == []
    assert differences(trained, {"weight": Condition(low=2.0, high=9.0)}) == ["weight"]


def test_the_clause_names_both_sides():
    policy = SimpleNamespace(trained_for={"ladder": LADDER, "RTT": single(80, "ms"), "cap": single(60, "s")})
    here = {
        "ladder": Condition(unit="kbit/s", values=((2000.0,),)),
        "RTT": single(20, "ms"),
        "cap": single(60, "s"),
    }
    assert remark(policy, here) == (
        "was trained for ladder 300, 750 or 400, 900 kbit/s and RTT 80 ms; here there is ladder 2000 kbit/s and "
        "RTT 20 ms: its results may be far off"
    )


def test_a_rule_and_a_policy_within_its_training_get_no_clause():
    assert remark(object(), {"ladder": LADDER}) is None
    assert remark(SimpleNamespace(trained_for={"ladder": LADDER}), {"ladder": LADDER}) is None


def test_a_damaged_document_is_refused_with_its_place():
    with pytest.raises(DataError, match="ladder"):
        from_json({"ladder": {"unit": 3}}, "netwright.json", remedy="train again")
