"""Training targets of scheduling models by hand: weights, conditions, shares of alternatives, what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.adaptation.offline.experience import (
    ACTION,
    COMPONENTS,
    OBSERVATION,
    PRIVILEGED,
    REWARD,
    TEACHER,
    Experience,
)
from netwright.adaptation.offline.ragged import Ragged
from netwright.core.errors import ConfigError, DataError
from netwright.tasks.cjs.alternatives import N_COLUMNS
from netwright.tasks.cjs.candidates import MOST
from netwright.tasks.cjs.features import JOBS
from netwright.tasks.cjs.imitation import (
    LARGEST,
    Condition,
    best_policy,
    cost_scale,
    relative_returns,
    targets,
)
from netwright.tasks.cjs.recipes import RECIPES, CjsRecipe


def experience(rewards, *, policy=None, session=None, jobs=None, **columns):
    """Episodes of these rewards (minus job times in s); two policies take turns, two episodes to a session."""
    lengths = [len(r) for r in rewards]
    flat = np.concatenate([np.asarray(r, dtype=np.float32) for r in rewards])
    n, e = len(flat), len(lengths)
    counts = jobs or [1] * n
    return Experience(
        columns={
            ACTION: np.stack([np.arange(n) % 3, 1 + np.arange(n) % 4], axis=1).astype(np.int16),
            REWARD: flat,
            COMPONENTS: flat[:, None],
            OBSERVATION + JOBS: Ragged.of([np.zeros((c, 4), dtype=np.float32) for c in counts]),
            **columns,
        },
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        policy=np.array(policy if policy is not None else np.arange(e) % 2, dtype=np.int32),
        where=np.zeros(e, dtype=np.int32),
        seed=np.zeros(e, dtype=np.int64),
        session=np.array(session if session is not None else np.arange(e) // 2, dtype=np.int64),
        policies=("one", "two"),
        places=("short",),
        info={"task": "cjs", "components": ["job time"]},
    )


# The same sequence under two policies: 1 s and 4 s; then 10 s and 10 s.
TWO = [[-0.5, -0.5], [-4.0], [-10.0], [-3.0, -7.0]]


def test_relative_returns_are_logs_over_the_geometric_mean_in_standard_deviations():
    # The geometric mean of 1 and 4 is 2: plus and minus log 2; equal times are 0.
    raw = np.array([math.log(2.0), -math.log(2.0), 0.0, 0.0])
    assert relative_returns(experience(TWO)) == pytest.approx(raw / raw.std(), rel=1e-6)


def test_relative_returns_are_clipped():
    rewards = [[-1.0], [-1.0]] * 30 + [[-1.0], [-1e6]]
    found = relative_returns(experience(rewards))
    assert found[-2:].tolist() == [LARGEST, -LARGEST]


def test_equal_episodes_and_no_time_at_all_have_a_return_of_zero():
    assert relative_returns(experience([[-2.0], [-2.0]])).tolist() == [0.0, 0.0]
    assert np.isfinite(relative_returns(experience([[0.0], [-2.0]]))).all()


@settings(max_examples=25)
@given(st.lists(st.floats(0.125, 1e4, width=32), min_size=2, max_size=8), st.floats(0.1, 100.0))
def test_a_common_factor_of_all_times_changes_no_return(times, factor):
    session = [0] * len(times)
    one = experience([[-t] for t in times], session=session)
    other = experience([[-t * factor] for t in times], session=session)
    assert relative_returns(one) == pytest.approx(relative_returns(other), abs=2e-2)


def test_the_best_policy_has_the_highest_mean_return():
    assert best_policy(experience(TWO)) == 0
    assert best_policy(experience(TWO, policy=[1, 0, 1, 0])) == 1
    assert best_policy(experience(TWO, policy=[1, 1, 1, 1])) == 1, "of those that played"


def test_the_clone_counts_the_decisions_of_the_best_policy_only():
    found = targets(CjsRecipe("clone"), experience(TWO))
    assert found.weight.tolist() == [1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    assert found.shares.tolist() == [[1.0]] * 6
    assert found.actions[:, 0].tolist() == experience(TWO).array(ACTION).tolist()
    assert found.condition.size == 0
    assert found.conditions.shape == (6, 0)


def test_weights_of_advantages_are_exponential_and_of_mean_one():
    found = targets(CjsRecipe("advantage", temperature=2.0), experience(TWO))
    relative = np.repeat(relative_returns(experience(TWO)), [2, 1, 1, 2])
    weight = np.exp(relative / 2.0)
    assert found.weight == pytest.approx(weight / weight.mean(), rel=1e-5)


def test_labels_replace_the_actions():
    labels = np.full((6, 2), 2, dtype=np.int16)
    found = targets(CjsRecipe("distill"), experience(TWO, **{TEACHER: labels}))
    assert found.actions[:, 0].tolist() == [[2, 2]] * 6
    assert found.weight.tolist() == [1.0] * 6
    with pytest.raises(ConfigError, match=r"collect with --label, for example --label es-rule\."):
        targets(CjsRecipe("distill"), experience(TWO))


def test_a_relative_return_is_the_condition_of_all_decisions_of_its_episode():
    made = experience(TWO)
    found = targets(CjsRecipe("returns"), made)
    assert found.conditions[:, 0] == pytest.approx(np.repeat(relative_returns(made), [2, 1, 1, 2]), rel=1e-6)
    quantiles = found.condition.quantiles
    assert (found.condition.kind, len(quantiles)) == ("relative", 21)
    assert (quantiles[0], quantiles[-1]) == pytest.approx((found.conditions.min(), found.conditions.max()))


def test_published_returns_are_scaled_rewards_to_the_end_over_1000():
    found = targets(CjsRecipe("returns-published"), experience(TWO))
    scaled = [np.array(r) / 9.5 + 10.0 / 9.5 for r in TWO]  # from -10 .. -0.5 to 0 .. 1
    expected = np.concatenate([np.cumsum(r[::-1])[::-1] for r in scaled]) / 1000.0
    assert found.conditions[:, 0] == pytest.approx(expected, rel=1e-5)
    condition = found.condition
    assert (condition.kind, condition.low, condition.high) == ("published", -10.0, -0.5)
    assert condition.quantiles[-1] == pytest.approx(2.0 / 1000.0), "the first decision of the best episode"


# Conditions at test time


def test_a_relative_target_is_a_quantile_and_stays():
    condition = Condition(kind="relative", quantiles=(-2.0, 0.0, 4.0))
    assert condition.size == 1
    assert condition.start(3, 0.5).tolist() == [[0.0]] * 3
    assert condition.start(1, 0.75).tolist() == [[2.0]]
    now = condition.start(2, 1.0)
    assert condition.after(now, np.array([-5.0, -1.0])).tolist() == [[4.0], [4.0]]


def test_a_published_target_is_a_share_of_the_highest_and_falls_by_each_reward():
    condition = Condition(kind="published", quantiles=(0.001, 0.004), low=-10.0, high=0.0)
    now = condition.start(2, 0.5)
    assert now.tolist() == [[0.002], [0.002]]
    after = condition.after(now, np.array([-10.0, -2.5]))
    assert after[:, 0] == pytest.approx([0.002, 0.002 - 0.00075])
    beyond = condition.after(now, np.array([-99.0, 5.0]))
    assert beyond[:, 0] == pytest.approx([0.002, 0.001]), "scaled rewards lie between 0 and 1"


def test_without_a_condition_nothing_is_asked_for():
    assert Condition().start(4, 0.9).shape == (4, 0)
    assert Condition().after(np.zeros((2, 0)), np.array([-1.0, -2.0])).shape == (2, 0)


@pytest.mark.parametrize("wrong", [{"kind": "regret"}, {"quantiles": [1.0]}, {"low": "x"}, {"more": 1}])
def test_conditions_that_cannot_be_are_refused(wrong):
    with pytest.raises(DataError, match=next(iter(wrong))):
        Condition.of(wrong, "model", remedy="adapt again")


# Costs of alternatives


def with_costs(rows, *, teacher=None, jobs=None):
    """Decisions, each with a list of (place, number, cost in s); one episode."""
    privileged = np.full((len(rows), 3 + MOST * N_COLUMNS), -1.0, dtype=np.float32)
    for row, found in zip(privileged, rows, strict=True):
        for k, one in enumerate(found):
            row[3 + N_COLUMNS * k : 3 + N_COLUMNS * (k + 1)] = one
    more = {} if teacher is None else {TEACHER: np.array(teacher, dtype=np.int16)}
    return experience([[-1.0] * len(rows)], session=[0], jobs=jobs, **{PRIVILEGED: privileged, **more})


def test_shares_are_exponential_in_the_costs():
    made = with_costs([[(0, 3, 0.0), (1, 2, 3.0), (2, 1, -1.5)]], jobs=[4])
    found = targets(CjsRecipe("costs", temperature=0.5), made)
    # Four jobs: a typical difference is 1 + 4 / 2 = 3 s, times the temperature 1.5 s.
    expected = np.exp([0.0, -2.0, 1.0])
    assert found.shares[0, :3] == pytest.approx(expected / expected.sum(), rel=1e-5)
    assert not found.shares[0, 3:].any()
    assert found.actions[0, :3].tolist() == [[0, 3], [1, 2], [2, 1]]
    assert (found.actions[0, 3:] == 0).all()
    assert found.weight.tolist() == [1.0]


def test_trust_prefers_the_rules_own_decision():
    made = with_costs([[(0, 3, 0.0), (1, 2, 0.0)]])
    found = targets(CjsRecipe("costs", trust=math.log(3.0)), made)
    assert found.shares[0, :2] == pytest.approx([0.75, 0.25])


def test_a_candidate_that_costs_very_much_is_still_compared():
    made = with_costs([[(0, 3, 0.0), (1, 2, 1e9)]])
    share = targets(CjsRecipe("costs"), made).shares[0, 1]
    assert share == pytest.approx(math.exp(-15.0), rel=1e-3)


def test_decisions_without_costs_follow_the_label_where_the_recipe_says_so():
    rows = [[(0, 3, 0.0), (1, 2, 1.0)], []]
    labels = [[0, 3], [2, 4]]
    imitating = targets(CjsRecipe("costs", imitation=0.25), with_costs(rows, teacher=labels))
    assert imitating.weight.tolist() == [1.0, 0.25]
    assert imitating.actions[1, 0].tolist() == [2, 4]
    assert imitating.shares[1].tolist() == [1.0] + [0.0] * (MOST - 1)
    plain = targets(CjsRecipe("costs"), with_costs(rows, teacher=labels))
    assert plain.weight.tolist() == [1.0, 0.0]


def test_costs_must_have_been_collected():
    made = experience(TWO, **{PRIVILEGED: np.zeros((6, 3), dtype=np.float32)})
    with pytest.raises(ConfigError, match=r"collect with --setting alternatives"):
        targets(CjsRecipe("costs"), made)


def test_a_typical_difference_grows_by_half_a_second_a_job():
    made = experience([[-1.0, -1.0, -1.0]], session=[0], jobs=[1, 2, 10])
    assert cost_scale(made).tolist() == [1.5, 2.0, 6.0]


# Recipes


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window": 0}, "window must be a whole number from 1, got 0"),
        ({"slice_steps": 0}, "slice_steps must be a whole number from 1"),
        ({"validation_jobs": -1}, "validation_jobs must be a whole number from 1"),
        ({"rounds": 17}, "rounds must be 0 to 16, got 17"),
        ({"attention": -1}, "attention must be 0 to 16"),
        ({"temperature": 0.0}, "temperature must be above 0, got 0"),
    ],
)
def test_recipes_that_cannot_be_are_refused(change, words):
    with pytest.raises(ConfigError, match=words):
        CjsRecipe(**change)
    assert replace(CjsRecipe(), rounds=0, attention=16).attention == 16


def test_recipes_are_known_by_their_name_and_differ():
    assert set(RECIPES) == {"clone", "distill", "advantage", "costs", "returns", "paper"}
    assert len({r.config for r in RECIPES.values()}) == len(RECIPES)
    assert all(name == r.name and r.summary for name, r in RECIPES.items())
