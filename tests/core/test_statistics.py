import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.evaluation.statistics import Interval, bootstrap_mean

VALUES = st.lists(st.floats(-1e3, 1e3), min_size=1, max_size=12)


def test_the_estimate_is_the_weighted_mean():
    assert bootstrap_mean([1.0, 3.0], [1.0, 3.0]).value == 2.5


def test_the_interval_has_the_width_of_the_normal_one_for_many_episodes():
    values = np.random.default_rng(0).normal(5.0, 2.0, size=400)
    found = bootstrap_mean(values)
    standard_error = values.std() / 20
    assert found.low == pytest.approx(values.mean() - 1.96 * standard_error, abs=0.02)
    assert found.high == pytest.approx(values.mean() + 1.96 * standard_error, abs=0.02)


def test_about_95_of_100_intervals_cover_the_true_mean():
    rng = np.random.default_rng(1)
    intervals = [bootstrap_mean(rng.normal(3.0, 1.0, size=50), n_draws=500, seed=i) for i in range(200)]
    covered = sum(i.low <= 3.0 <= i.high for i in intervals)
    assert 180 <= covered <= 198  # 190 expected; the percentile interval is slightly narrow at 50


def test_resampling_groups_widens_the_interval_when_their_episodes_agree():
    values = np.repeat([1.0, 2.0, 3.0, 4.0], 25)
    groups = np.repeat(["a", "b", "c", "d"], 25)
    alone, grouped = bootstrap_mean(values), bootstrap_mean(values, groups=groups)
    assert alone.value == grouped.value == 2.5
    assert grouped.high - grouped.low > 3 * (alone.high - alone.low)


@settings(max_examples=30)
@given(VALUES, st.floats(1e-3, 1e3), st.data())
def test_scaling_the_weights_changes_nothing(values, scale, data):
    weights = np.array(data.draw(st.lists(st.floats(0.1, 10), min_size=len(values), max_size=len(values))))
    one, other = (
        bootstrap_mean(values, weights, n_draws=50),
        bootstrap_mean(values, weights * scale, n_draws=50),
    )
    assert (one.value, one.low, one.high) == pytest.approx((other.value, other.low, other.high), abs=1e-8)


@settings(max_examples=30)
@given(VALUES, st.floats(-100, 100))
def test_shifting_the_values_shifts_the_interval(values, shift):
    one, other = bootstrap_mean(values, n_draws=50), bootstrap_mean(np.add(values, shift), n_draws=50)
    shifted = (one.value + shift, one.low + shift, one.high + shift)
    assert (other.value, other.low, other.high) == pytest.approx(shifted, abs=1e-8)


@settings(max_examples=30)
@given(VALUES)
def test_the_interval_lies_within_the_values_and_is_repeatable(values):
    found = bootstrap_mean(values, n_draws=50, seed=3)
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
    assert found == bootstrap_mean(values, n_draws=50, seed=3)


def test_each_episode_its_own_group_is_the_default():
    values = [1.0, 2.0, 4.0]
    assert bootstrap_mean(values, groups=["x", "y", "z"]) == bootstrap_mean(values)


@pytest.mark.parametrize(
    ("values", "weights", "groups", "message"),
    [
        ([], None, None, "one value and one weight per episode"),
        ([1.0, 2.0], [1.0], None, "one value and one weight per episode"),
        ([[1.0]], None, None, "one value and one weight per episode"),
        ([1.0, float("nan")], None, None, "not finite"),
        ([1.0, 2.0], [1.0, float("inf")], None, "not finite"),
        ([1.0, 2.0], [0.0, 0.0], None, "nonnegative weights"),
        ([1.0, 2.0], [-1.0, 2.0], None, "nonnegative weights"),
        ([1.0, 2.0], None, ["a"], "a group per episode"),
    ],
)
def test_what_cannot_be_averaged_is_refused(values, weights, groups, message):
    with pytest.raises(ConfigError, match=message):
        bootstrap_mean(values, weights, groups=groups)


@pytest.mark.parametrize(
    ("low", "high", "excludes"), [(0.1, 0.2, True), (-0.2, -0.1, True), (-0.1, 0.1, False), (0.0, 1.0, False)]
)
def test_an_interval_knows_whether_zero_is_inside(low, high, excludes):
    assert Interval((low + high) / 2, low, high).excludes_zero is excludes
