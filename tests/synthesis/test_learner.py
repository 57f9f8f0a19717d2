"""What a learner has learned: the heaviest objective, and the 10th and 90th percentile of each parameter."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.synthesis.learner import estimate_from


def test_equal_weights_give_the_percentiles_of_the_values():
    parameters = np.column_stack([np.arange(101.0), 1000.0 - np.arange(101.0)])
    found = estimate_from(parameters, np.ones(101))
    assert found.low.tolist() == [10.0, 910.0]
    assert found.high.tolist() == [90.0, 990.0]


def test_weights_move_the_percentiles():
    parameters = np.arange(10.0)[:, None]
    found = estimate_from(parameters, np.array([8.9, *[0.01] * 8, 2.0]))
    assert (found.low.tolist(), found.high.tolist()) == ([0.0], [9.0])
    assert found.parameters.tolist() == [0.0]
    light = estimate_from(parameters, np.array([0.5, *[1.0] * 8, 0.5]))
    assert (light.low.tolist(), light.high.tolist()) == ([1.0], [8.0])


@given(st.lists(st.floats(0.01, 10.0), min_size=1, max_size=40))
def test_a_tenth_of_the_weight_lies_on_each_side(weights):
    heavy = np.array(weights)
    found = estimate_from(np.arange(float(len(heavy)))[:, None], heavy)
    total = heavy.sum() * (1 + 1e-9)
    assert heavy[: int(found.low[0])].sum() <= 0.1 * total
    assert heavy[: int(found.low[0]) + 1].sum() >= 0.1 * heavy.sum() * (1 - 1e-9)
    assert heavy[: int(found.high[0])].sum() <= 0.9 * total
    assert heavy[: int(found.high[0]) + 1].sum() == pytest.approx(
        max(heavy[: int(found.high[0]) + 1].sum(), 0.9 * heavy.sum())
    )
