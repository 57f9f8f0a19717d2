"""The convergence bounds, and the sortability that the second one needs."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.synthesis.bounds import general_bound, sortability, sortable_bound
from tests.synthesis.problems import concave_pool, weighted_pool


def test_the_bounds_have_their_published_values():
    assert general_bound(5) == pytest.approx(0.871, abs=5e-4)
    assert general_bound(10) == pytest.approx(0.933, abs=5e-4)
    assert sortable_bound(5) == pytest.approx(0.872, abs=5e-4)
    assert sortable_bound(10) == pytest.approx(0.982, abs=5e-4)
    assert general_bound(1) == sortable_bound(1) == 0.5


def test_the_general_bound_is_the_best_of_n_random_candidates():
    best = np.random.default_rng(0).random((200_000, 7)).max(1)
    for share in (0.1, 0.5):
        assert np.quantile(best, share) == pytest.approx(general_bound(7, share), abs=2e-3)


def test_a_concave_problem_of_two_metrics_is_sorted_by_either():
    pool = concave_pool(120)
    order = np.argsort(pool.scores[:, 0])
    found = sortability(pool.values(pool.parameters), pool.optimum, order, tolerance=1e-5)
    assert found.sortable
    assert found.steps == 120 * (pool.n_designs - 1)
    shuffled = np.random.default_rng(0).permutation(order)
    assert not sortability(pool.values(pool.parameters), pool.optimum, shuffled, tolerance=1e-5).sortable


def test_three_metrics_are_not_sorted_by_the_first():
    pool = weighted_pool(120)
    found = sortability(pool.values(pool.parameters), pool.optimum, np.argsort(pool.scores[:, 0]))
    assert not found.sortable


def test_bad_arguments_are_named():
    with pytest.raises(ConfigError, match="at least one query"):
        general_bound(0)
    with pytest.raises(ConfigError, match="share in 0 to 1"):
        sortable_bound(3, 1.0)


def test_a_rise_of_the_tolerance_itself_counts_as_rounding():
    """One objective, best at program 0: a later value may exceed the one before by 0.25, not by more."""
    order, own = np.arange(3), np.array([0])
    assert sortability(np.array([[1.0, 0.5, 0.75]]), own, order, tolerance=0.25).sortable
    assert not sortability(np.array([[1.0, 0.5, 0.875]]), own, order, tolerance=0.25).sortable
    assert sortability(np.array([[0.5, 0.25, 1.0]]), np.array([2]), order, tolerance=0.25).sortable
    assert not sortability(np.array([[0.5, 0.125, 1.0]]), np.array([2]), order, tolerance=0.25).sortable
