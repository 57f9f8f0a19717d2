"""Random monotone functions: laws of the functions that stand for objectives outside of the template."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.synthesis.generic import sample_ces, sample_sigmoid_sums


@pytest.mark.parametrize("sample", [sample_ces, sample_sigmoid_sums])
@given(st.integers(0, 999), st.integers(1, 4), st.floats(0.0, 0.5))
def test_more_of_any_metric_is_never_worth_less(sample, seed, n_metrics, more):
    rng = np.random.default_rng(seed)
    scaled = rng.uniform(0.0, 0.5, (1, n_metrics))
    better = scaled.copy()
    better[0, seed % n_metrics] += more
    before, after = sample(n_metrics, 20, rng).values(np.vstack([scaled, better])).T
    assert (after >= before - 1e-12).all()


def test_sums_of_sigmoids_are_negative_at_the_worst_and_positive_at_the_best():
    """Every sigmoid has its center between the worst design and the best."""
    functions = sample_sigmoid_sums(3, 500, np.random.default_rng(0))
    worst, middle, best = functions.values(np.array([[0.0] * 3, [0.5] * 3, [1.0] * 3])).T
    assert (worst < 0.0).all()
    assert (best > 0.0).all()
    assert 0.35 < (middle > 0.0).mean() < 0.65
    assert np.mean(worst) == pytest.approx(-np.mean(best), rel=0.15)


def test_functions_of_constant_elasticity_lie_between_the_metrics_where_all_are_alike():
    """Weights sum to one: where all metrics are 0.5, so is the value of each function that weights the metrics."""
    values = sample_ces(3, 400, np.random.default_rng(1)).values(np.full((1, 3), 0.5))[:, 0]
    weighting = np.isclose(values, 0.5, atol=0.02)
    assert 0.4 < weighting.mean() < 0.6
    assert (values > 0.0).all()


def test_one_seed_gives_one_set_of_functions():
    scaled = np.random.default_rng(0).random((4, 2))
    for sample in (sample_ces, sample_sigmoid_sums):
        one, two, other = (sample(2, 5, np.random.default_rng(seed)).values(scaled) for seed in (3, 3, 4))
        assert (one == two).all()
        assert (one != other).any()
        assert one.shape == (5, 4)
