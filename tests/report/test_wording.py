"""What a report says, by hand-made cases; nothing is claimed that an interval does not support."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.evaluation.statistics import Interval
from netwright.report import compare, wording
from tests.report.made_up import make_evaluation, make_task

CLOSE = [10.0, 20.0, 30.0, 40.0]
CROSSING = [12.0, 17.0, 33.0, 37.0]


def said(values, **more):
    (setting,) = compare(make_task(), [make_evaluation(name, v) for name, v in values.items()])
    return (
        wording.lead(setting, make_task()),
        wording.findings(setting),
        wording.verdict([setting], make_task()),
    )


def test_the_best_is_ahead_by_its_paired_difference():
    lead, _, verdict = said({"last-value": [10, 20, 30], "mlp": [8, 18, 28]})
    assert (
        lead == "The best method here is mlp (18.000 degrees), ahead of last-value by 2.000 [2.000, 2.000]."
    )
    assert verdict == (
        "mlp is best in default (18.000 degrees, ahead of last-value by 2.000 [2.000, 2.000]). "
        "No adapted model was tested."
    )


def test_no_lead_is_claimed_that_the_interval_does_not_support():
    lead, _, verdict = said({"last-value": CLOSE, "mlp": CROSSING})
    assert lead.startswith(
        "The best method here is mlp (24.750 degrees), not distinguishable from last-value"
    )
    assert "ahead" not in lead
    assert verdict.startswith(
        "mlp has the best mean in default (24.750 degrees, not distinguishable from last-value)."
    )


def test_the_verdict_opens_with_the_best_method_its_lead_and_then_the_caveat():
    values = {"last-value": CLOSE, "mlp": CROSSING, "velocity": [v + 20 for v in CROSSING]}
    _, _, verdict = said(values)
    assert verdict.startswith(
        "mlp has the best mean in default (24.750 degrees, ahead of velocity by 20.000 [20.000, 20.000], "
        "not distinguishable from last-value)."
    )


def test_a_control_or_baseline_in_front_is_named_as_such():
    lead, findings, verdict = said({"last-value": [9, 9.5], "adapted:none": [5, 6], "adapted:tiny": [7, 8]})
    assert lead.endswith("It is a control variant: no adapted model is better here.")
    assert findings == [
        "adapted:tiny is ahead of the best baseline last-value by 1.750 [1.500, 2.000].",
        "adapted:tiny is behind the control adapted:none by 2.000 [2.000, 2.000]. Here the backbone is harmful.",
    ]
    assert "behind its control adapted:none in default" in verdict
    lead, findings, verdict = said({"last-value": [3, 3], "mlp": [4, 4], "adapted:tiny": [7, 8]})
    assert lead.endswith("It is a baseline: no adapted model is better here.")
    assert verdict.endswith("adapted:tiny is behind the best baseline in default.")


def test_a_certain_difference_that_means_nothing_is_not_called_harm():
    values = {"last-value": [9, 9.5], "adapted:random:tiny": [5, 6], "adapted:tiny": [5.001, 6.001]}
    _, findings, _ = said(values)
    assert findings[-1].endswith("by 0.001 [0.001, 0.001]. This difference is negligible.")


def test_an_adapted_model_level_with_the_best_is_not_called_worse():
    lead, findings, _ = said({"mlp": CROSSING, "adapted:tiny": CLOSE})
    assert lead.startswith("The best method here is mlp")
    assert "no adapted model" not in lead
    assert findings[0].startswith(
        "adapted:tiny is not distinguishable from the best baseline mlp (advantage −0.250 "
    )


def test_a_control_that_is_level_shows_no_gain():
    _, findings, _ = said({"adapted:random:tiny": CROSSING, "adapted:tiny": CLOSE})
    assert findings[0].endswith("No gain from pre-training is shown here.")


def test_the_reference_has_a_sentence_of_its_own_if_it_is_not_the_best_baseline():
    _, findings, _ = said({"last-value": [9, 9], "mlp": [5, 5], "adapted:tiny": [4, 4]})
    assert [f.split(" by ")[0] for f in findings] == [
        "adapted:tiny is ahead of the reference last-value",
        "adapted:tiny is ahead of the best baseline mlp",
    ]


def test_a_single_method_is_called_the_only_one():
    lead, _, verdict = said({"last-value": [1, 2]})
    assert lead == "The best method here is last-value (1.500 degrees), the only method tested."
    assert verdict == (
        "last-value is best in default (1.500 degrees, the only method tested). No adapted model was tested."
    )


def test_the_verdict_counts_settings():
    values = {
        "default": {"last-value": [9, 9], "adapted:none": [5, 5], "adapted:tiny": [4, 4]},
        "unseen1": {"last-value": [9, 9], "adapted:none": [5, 5], "adapted:tiny": [6, 6]},
    }
    given = [make_evaluation(p, v, setting=s) for s, methods in values.items() for p, v in methods.items()]
    assert wording.verdict(compare(make_task(), given), make_task()) == (
        "adapted:tiny is best in default (4.000 degrees, ahead of adapted:none by 1.000 [1.000, 1.000]); "
        "adapted:none is best in unseen1 (5.000 degrees, ahead of adapted:tiny by 1.000 [1.000, 1.000]). "
        "adapted:tiny is ahead of the best baseline in all 2 settings; it is ahead of its control "
        "adapted:none in default and behind it in unseen1."
    )


def test_settings_with_the_same_best_method_share_a_clause():
    values = {
        "default": {"last-value": [9, 9], "mlp": [5, 5]},
        "unseen1": {"last-value": [9, 9], "mlp": [6, 6]},
    }
    given = [make_evaluation(p, v, setting=s) for s, methods in values.items() for p, v in methods.items()]
    assert wording.verdict(compare(make_task(), given), make_task()).startswith(
        "mlp is best in default (5.000 degrees, ahead of last-value by 4.000 [4.000, 4.000]) and "
        "unseen1 (6.000 degrees, ahead of last-value by 3.000 [3.000, 3.000])."
    )


def test_braces_in_names_are_plain_text():
    values = {"last-value": [9, 9], "adapted:{0}": [4, 4]}
    given = [make_evaluation(p, v, setting="{odd}") for p, v in values.items()]
    assert wording.verdict(compare(make_task(), given), make_task()).endswith(
        "adapted:{0} is ahead of the best baseline in {odd}."
    )


@pytest.mark.parametrize(
    ("scale", "digits"), [(9.5, 3), (12.0, 3), (512.0, 2), (0.8, 3), (70000.0, 0), (0, 3)]
)
def test_decimals(scale, digits):
    assert wording.decimals(scale) == digits


def test_numbers_and_lists():
    assert wording.number(-1.25, 2) == "−1.25"
    assert wording.number(1.25, 1, signed=True) == "+1.2"
    assert wording.bracket(Interval(0, -1, 2), 0) == "[−1, 2]"
    assert wording.listed(["a"]) == "a"
    assert wording.listed(["a", "b", "c"]) == "a, b and c"


def test_what_a_control_lacks_is_read_from_its_evaluation_not_from_its_name():
    control = replace(make_evaluation("mine", CROSSING), role="control", config={"lacks": "the backbone"})
    (setting,) = compare(make_task(), [control, make_evaluation("adapted:tiny", CLOSE)])
    assert wording.findings(setting)[0].endswith("No gain from the backbone is shown here.")
    assert setting.method("mine").to_json()["lacks"] == "the backbone"
    assert setting.method("adapted:tiny").lacks is None


def test_a_control_is_explained_by_what_it_lacks():
    assert wording.explain("the backbone").startswith("No backbone:")
    assert wording.explain("pre-training").startswith("The same backbone with random frozen weights")
