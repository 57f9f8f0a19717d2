"""Rewards and advantages as learning from decisions counts them: each formula against a slow one or its laws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netwright.rl.advantages import compress_rewards, gae, normalize, ragged_gae, time_discounts

REWARDS = hnp.arrays(np.float64, (3, 5), elements=st.floats(-50.0, 5.0))


@given(st.floats(-200.0, 10.0), st.floats(-200.0, 10.0))
def test_compression_keeps_the_order_and_leaves_the_rest_alone(one, other):
    a, b = compress_rewards(np.array([one, other]), -5.0)
    assert (a < b) == (one < other) or a == pytest.approx(b)
    assert one < -5.0 or a == one
    assert a >= one
    assert a >= -5.0 - 5.0 * np.log1p(195.0 / 5.0)


def test_compression_by_hand():
    found = compress_rewards(np.array([3.0, 0.0, -5.0, -10.0, -160.0]), -5.0)
    assert found[:3].tolist() == [3.0, 0.0, -5.0]
    assert found[3] == pytest.approx(-5 - 5 * np.log(2))
    assert -25 < found[4] < found[3]


def test_compression_is_smooth_where_it_begins():
    below, at, above = compress_rewards(np.array([-5.0 - 1e-6, -5.0, -5.0 + 1e-6]), -5.0)
    assert (at - below) == pytest.approx(above - at, rel=1e-3)


@given(REWARDS, REWARDS)
def test_advantages_are_sums_of_discounted_errors(rewards, values):
    gamma, decay = 0.9, 0.7
    found = gae(rewards, values, gamma, decay)
    following = np.hstack([values[:, 1:], np.zeros((3, 1))])
    errors = rewards + gamma * following - values
    for t in range(5):
        expected = sum((gamma * decay) ** (k - t) * errors[:, k] for k in range(t, 5))
        assert found[:, t] == pytest.approx(expected)


@given(REWARDS)
def test_with_a_full_trace_advantage_plus_value_is_the_return(rewards):
    values = np.random.default_rng(0).normal(size=rewards.shape)
    found = gae(rewards, values, 1.0, 1.0) + values
    assert found == pytest.approx(np.cumsum(rewards[:, ::-1], axis=1)[:, ::-1])


def test_advantages_of_a_perfect_critic_are_surprises_only():
    rewards = np.array([[1.0, 2.0, 3.0]])
    values = np.array([[6.0, 5.0, 3.0]])
    assert np.allclose(gae(rewards, values, 1.0, 0.9), 0.0)
    lucky = rewards + np.array([[0.0, 1.0, 0.0]])
    assert np.allclose(gae(lucky, values, 1.0, 0.9), [[0.9, 1.0, 0.0]])


def test_normalized_advantages_of_a_normal_distribution_have_its_standard_deviation_as_unit():
    drawn = np.random.default_rng(0).normal(3.0, 2.0, 100_000)
    found = normalize(drawn, 5.0)
    assert found.mean() == pytest.approx(0.0, abs=0.01)
    assert found.std() == pytest.approx(1.0, abs=0.01)


@given(hnp.arrays(np.float64, 200, elements=st.floats(-100.0, 100.0)), st.floats(0.5, 20.0))
def test_normalized_advantages_keep_their_order_within_the_limit(drawn, limit):
    found = normalize(drawn, limit)
    assert (np.abs(found) <= limit).all()
    assert (np.diff(found[np.argsort(drawn)]) >= 0.0).all()


def test_a_few_long_stalls_do_not_make_the_rest_look_small():
    drawn = np.random.default_rng(0).normal(size=1000)
    with_stalls = np.concatenate([drawn, np.full(10, -500.0)])
    assert normalize(with_stalls, 10.0)[:1000] == pytest.approx(normalize(drawn, 10.0), abs=0.15)
    assert (normalize(with_stalls, 10.0)[1000:] == -10.0).all()


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 9))
def test_ragged_episodes_have_the_advantages_of_each_by_itself(lengths, seed):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rewards, values = rng.normal(size=(2, offsets[-1]))
    found = ragged_gae(rewards, values, offsets, 0.9, 0.8)
    for first, last in pairwise(offsets):
        alone = gae(rewards[None, first:last], values[None, first:last], 0.9, 0.8)[0]
        assert found[first:last] == pytest.approx(alone)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=6), st.integers(0, 9))
def test_equal_steps_of_time_are_discounted_as_steps(lengths, seed):
    rng = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rewards, values = rng.normal(size=(2, offsets[-1]))
    times = np.concatenate([np.arange(n) + rng.normal() for n in lengths])
    discounts = time_discounts(times, offsets, 0.9)
    found = ragged_gae(rewards, values, offsets, discounts, 0.8)
    assert found == pytest.approx(ragged_gae(rewards, values, offsets, 0.9, 0.8))
