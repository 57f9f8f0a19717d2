"""Pools: gathering, splitting, quality and gain."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from netwright.core.errors import ConfigError
from netwright.synthesis.pool import Pool, normalized, quality
from netwright.synthesis.problem import Metric, MetricGroup, dominated
from tests.synthesis.problems import TWO, Concave, concave_pool, weighted_pool

VALUES = arrays.arrays(np.float64, (3, 6), elements=st.integers(-4, 4).map(float))
COUNTS = arrays.arrays(np.int64, 6, elements=st.integers(1, 5))


@given(VALUES, COUNTS)
def test_quality_is_the_weighted_share_rated_no_higher(values, counts):
    found = quality(values, counts)
    by_definition = [[(counts * (row <= v)).sum() / counts.sum() for v in row] for row in values]
    np.testing.assert_allclose(found, by_definition)


@given(VALUES, COUNTS)
def test_gain_is_zero_at_the_mean_and_one_at_the_best(values, counts):
    gain = normalized(values, counts)
    np.testing.assert_allclose(gain @ (counts / counts.sum()), 0.0, atol=1e-9)
    spread = values.max(1) > values.min(1)
    np.testing.assert_allclose(gain.max(1)[spread], 1.0)


def test_orientation_is_its_own_inverse():
    values = np.array([[3.0, 20.0], [1.0, 5.0]])
    scores = TWO.oriented(values)
    np.testing.assert_array_equal(scores, [[3.0, -20.0], [1.0, -5.0]])
    np.testing.assert_array_equal(TWO.oriented(scores), values)


def test_equal_designs_are_gathered_into_one():
    family = Concave()
    parameters = family.sample(np.random.default_rng(0), 4)
    scores = np.array([[1.0, -2.0], [0.5, -1.0], [1.0 + 4e-7, -2.0], [0.5, -1.0]])
    pool = Pool.gather("toy", TWO, family, parameters, scores)
    assert pool.n_designs == 2
    np.testing.assert_array_equal(pool.scores[pool.optimum], [[1, -2], [0.5, -1], [1, -2], [0.5, -1]])
    np.testing.assert_array_equal(pool.counts, [2, 2])
    np.testing.assert_array_equal(pool.design_ids, [1, 0])
    assert pool.effective_optima() == pytest.approx(2.0)
    assert pool.design(0).metrics == (0.5, 1.0)


@pytest.mark.parametrize("pool", [concave_pool(), weighted_pool()], ids=lambda p: p.name)
def test_each_objective_prefers_its_own_optimum(pool):
    values = pool.values(pool.parameters)
    own = values[np.arange(len(pool)), pool.optimum]
    assert (own >= values.max(1) - 1e-5).all()
    assert not dominated(pool.scores).any()


def test_a_split_shares_nothing_and_keeps_optima():
    pool = concave_pool()
    rest, truths = pool.split(np.random.default_rng(1), 100)
    assert len(rest) == 200
    assert len(truths) == 100
    assert {tuple(k) for k in rest.parameters}.isdisjoint({tuple(k) for k in truths})
    where = {tuple(k): s for k, s in zip(pool.parameters, pool.scores[pool.optimum], strict=True)}
    for parameters, scores in zip(rest.parameters, rest.scores[rest.optimum], strict=True):
        np.testing.assert_array_equal(where[tuple(parameters)], scores)
    assert rest.counts.min() >= 1


def test_bad_input_is_named():
    pool = concave_pool(10)
    with pytest.raises(ConfigError, match="10 objectives, so 1 to 9"):
        pool.split(np.random.default_rng(0), 10)
    with pytest.raises(ConfigError, match=r"latency weight must lie in 0 to 1\.2, got 3"):
        pool.family.check(np.array([3.0, 0, 0, 0.5, 0.5]))
    with pytest.raises(ConfigError, match="5 parameters"):
        pool.family.check(np.array([3.0]))
    with pytest.raises(ConfigError, match="finite"):
        TWO.oriented([np.nan, 1.0])
    with pytest.raises(ConfigError, match="distinct names"):
        MetricGroup((Metric("a", "", True), Metric("a", "", True)))
