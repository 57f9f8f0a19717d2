"""The numbers of a comparison: worked by hand where they can be, laws elsewhere."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.evaluation.statistics import bootstrap_mean
from netwright.report import compare
from tests.report.made_up import make_evaluation, make_task

LAST = "last-value"
values_of = st.lists(st.floats(0.5, 50), min_size=4, max_size=4)


def only(evaluations, task=None):
    (setting,) = compare(task or make_task(), evaluations)
    return setting


def test_means_ratio_and_difference_by_hand():
    found = only(
        [
            make_evaluation(LAST, [10, 20, 30], weights=[1, 1, 2]),  # (10 + 20 + 60) / 4 = 22.5
            make_evaluation("mlp", [8, 18, 28], weights=[1, 1, 2]),  # 2 lower everywhere
        ]
    )
    mlp, last = found.method("mlp"), found.method(LAST)
    assert last.mean.value == pytest.approx(22.5)
    assert last.ratio == 1.0
    assert mlp.mean.value == pytest.approx(20.5)
    assert mlp.ratio == pytest.approx(20.5 / 22.5)
    difference = mlp.to_reference.difference  # the same in every episode, so every resample gives it
    assert (difference.value, difference.low, difference.high) == pytest.approx((-2, -2, -2))
    assert mlp.to_reference.outcome == "better"
    assert last.to_reference is None
    assert (found.best.policy, found.winner, found.best_baseline) == ("mlp", "mlp", "mlp")


def test_higher_is_better_turns_the_outcome():
    task = make_task(lower_is_better=False)
    found = only([make_evaluation(LAST, [1, 2, 3]), make_evaluation("mlp", [2, 3, 4])], task)
    assert found.best.policy == "mlp"
    assert found.method("mlp").to_reference.outcome == "better"
    assert found.method(LAST).to_best.outcome == "worse"
    assert found.method("mlp").to_reference.advantage.value == pytest.approx(1)


def test_a_clairvoyant_method_is_shown_and_not_ranked():
    task = make_task()
    known = replace(task.policies["track"], clairvoyant=True)
    task = replace(task, policies={**task.policies, "track": known})
    found = only(
        [
            make_evaluation("track", [1, 2, 3]),
            make_evaluation("mlp", [2, 3, 4]),
            make_evaluation(LAST, [4, 5, 6]),
        ],
        task,
    )
    assert found.ranked[0].policy == "track"
    assert found.ranked[0].clairvoyant
    assert (found.best.policy, found.winner, found.best_baseline) == ("mlp", "mlp", "mlp")


def test_what_cannot_be_told_apart_has_no_winner():
    found = only([make_evaluation(LAST, [10, 20, 30, 40]), make_evaluation("mlp", [12, 17, 33, 37])])
    assert found.best.policy == "mlp"
    assert found.winner is None
    assert [m.policy for m in found.level_with_best] == [LAST]


def test_equal_methods_are_level():
    found = only([make_evaluation(LAST, [1, 2]), make_evaluation("mlp", [1, 2])])
    assert found.winner is None
    assert found.method("mlp").to_reference.outcome == "level"


def test_the_wider_interval_counts():
    """Viewer a gains, viewer b loses: by episode a clear gain, by viewer none."""
    groups = {"groups": ["a"] * 9 + ["b"]}
    zero = make_evaluation(LAST, [5.0] * 10, detail=groups)
    gain = make_evaluation("mlp", [4.0] * 9 + [5.5], detail=groups)
    contrast = only([zero, gain]).method("mlp").to_reference
    assert contrast.by_episode.excludes_zero
    assert contrast.by_group.high > 0
    assert contrast.difference.high == contrast.by_group.high
    assert contrast.difference.low == min(contrast.by_episode.low, contrast.by_group.low)
    assert contrast.outcome == "level"
    assert contrast.by_group == bootstrap_mean([-1] * 9 + [0.5], groups=groups["groups"])


def test_one_group_is_no_ground_for_an_interval():
    groups = {"groups": ["a"] * 3}
    found = only(
        [make_evaluation(LAST, [1, 2, 3], detail=groups), make_evaluation("mlp", [1, 1, 2], detail=groups)]
    )
    assert found.method("mlp").to_reference.by_group is None


def test_seeds_are_averaged_by_episode_and_their_spread_kept():
    found = only(
        [
            make_evaluation(LAST, [10, 20]),
            make_evaluation("mlp", [8, 16], seed=2),
            make_evaluation("mlp", [6, 20], seed=1),
        ]
    )
    mlp = found.method("mlp")
    assert mlp.seeds == (1, 2)
    assert mlp.seed_means == (13, 12)
    assert mlp.mean.value == pytest.approx(12.5)
    assert mlp.to_reference.by_episode == bootstrap_mean([-3, -2])


def test_any_two_methods_can_be_paired():
    found = only([make_evaluation(n, [v, v + 1]) for n, v in {LAST: 5, "mlp": 4, "track": 2}.items()])
    assert found.contrast("mlp", "track").difference.value == pytest.approx(2)
    assert found.contrast("mlp", "track").outcome == "worse"
    assert found.contrast("mlp", "mlp").outcome == "level"
    with pytest.raises(UnknownNameError, match="velocity"):
        found.contrast("mlp", "velocity")


def test_adapted_models_meet_every_control():
    methods = {LAST: 5, "adapted:tiny": 3, "adapted:none": 4, "adapted:random:tiny": 2}
    found = only([make_evaluation(name, [value, value + 1]) for name, value in methods.items()])
    outcomes = {c.other: c.outcome for c in found.method("adapted:tiny").to_controls}
    assert outcomes == {"adapted:none": "better", "adapted:random:tiny": "worse"}
    assert found.method("adapted:none").to_controls == ()
    assert [m.kind for m in found.methods] == ["adapted", "control", "control", "baseline"]


def test_without_its_reference_a_setting_has_no_ratio():
    found = only([make_evaluation("mlp", [1, 2]), make_evaluation("track", [2, 3])])
    assert found.reference is None
    assert found.method("mlp").ratio is None
    assert found.method("mlp").to_reference is None
    assert found.method("track").to_best_baseline.other == "mlp"


def test_a_reference_at_or_below_zero_has_no_ratio():
    found = only([make_evaluation(LAST, [-1, 0.5]), make_evaluation("mlp", [1, 2])])
    assert found.method("mlp").ratio is None


def test_a_single_method_wins_nothing():
    found = only([make_evaluation(LAST, [1, 2])])
    assert found.winner is None
    assert found.best.policy == LAST


@settings(max_examples=25, deadline=None)
@given(a=values_of, b=values_of, shift=st.floats(-20, 20))
def test_a_constant_added_to_all_leaves_the_differences(a, b, shift):
    plain = only([make_evaluation(LAST, a), make_evaluation("mlp", b)])
    moved = only(
        [make_evaluation(LAST, [v + shift for v in a]), make_evaluation("mlp", [v + shift for v in b])]
    )
    before, after = (s.method("mlp").to_reference.difference for s in (plain, moved))
    assert (after.value, after.low, after.high) == pytest.approx(
        (before.value, before.low, before.high), abs=1e-9
    )


@settings(max_examples=25, deadline=None)
@given(a=values_of, b=values_of)
def test_contrasts_are_antisymmetric_and_the_reference_has_ratio_one(a, b):
    found = only([make_evaluation(LAST, a), make_evaluation("mlp", b)])
    assert found.method(LAST).ratio == 1.0
    worst = found.ranked[-1]
    best = found.ranked[0]
    assert worst.to_best.advantage.value <= 0
    assert best.to_best is None
    assert worst.to_best.reversed_advantage.value == pytest.approx(
        worst.mean.value - best.mean.value, abs=1e-9
    )


@settings(max_examples=10, deadline=None)
@given(order=st.randoms(use_true_random=False))
def test_no_order_plays_a_part(order: random.Random):
    given_ = [
        make_evaluation(policy, [base, base + 1, base + 3], setting=setting, seed=seed, weights=[1, 2, 3])
        for base, policy in enumerate((LAST, "mlp", "adapted:tiny"))
        for setting in ("default", "unseen1")
        for seed in (1, 2)
    ]
    expected = [s.to_json() for s in compare(make_task(), given_)]
    mixed = [_shuffled(e, order) for e in given_]
    order.shuffle(mixed)
    assert [s.to_json() for s in compare(make_task(), mixed)] == expected
    json.dumps(expected, allow_nan=False)


def _shuffled(evaluation, order):
    index = list(range(len(evaluation.episodes)))
    order.shuffle(index)
    names = ("per_episode", "weights", "episodes")
    return replace(evaluation, **{n: tuple(getattr(evaluation, n)[i] for i in index) for n in names})


@pytest.mark.parametrize(
    ("second", "words"),
    [
        (make_evaluation("mlp", [1, 2], episodes=["episode0", "lone"]), "'lone'"),
        (make_evaluation("mlp", [1, 2], weights=[1, 2]), "'episode1'"),
        (make_evaluation("mlp", [1, 2], episodes=["same", "same"]), "twice"),
        (make_evaluation(LAST, [1, 2]), "given twice"),
        (replace(make_evaluation("mlp", [1, 2]), task="abr"), "'abr'"),
        (replace(make_evaluation("mlp", [1, 2]), unit="radians"), "radians"),
        (make_evaluation("mlp", [1, 2], detail={"groups": ["a"]}), "groups"),
        (make_evaluation("mlp", [1, 2], detail={"by_axis": [float("nan")]}), "JSON"),
        (make_evaluation("mlp", [1, 2], detail={"by_axis": object()}), "JSON"),
    ],
)
def test_what_cannot_be_compared_is_refused(second, words):
    with pytest.raises(ConfigError, match=words):
        compare(make_task(), [make_evaluation(LAST, [1, 2]), second])


def test_different_grouping_is_refused():
    a = make_evaluation(LAST, [1, 2], detail={"groups": ["a", "b"]})
    b = make_evaluation("mlp", [1, 2], detail={"groups": ["a", "a"]})
    with pytest.raises(ConfigError, match="group"):
        compare(make_task(), [a, b])


def test_nothing_one_episode_and_nan_are_refused():
    with pytest.raises(ConfigError, match="no evaluation"):
        compare(make_task(), [])
    with pytest.raises(ConfigError, match="single episode"):
        compare(make_task(), [make_evaluation(LAST, [1])])
    with pytest.raises(ConfigError, match="finite"):
        compare(make_task(), [make_evaluation(LAST, [1, float("nan")])])
