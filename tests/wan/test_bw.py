"""BW: fair shares worked by hand, and the secants against the logarithm."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.scenarios.bw.metrics import BREAKPOINTS, LEAST_SHARE, SLOPES, utility
from tests.wan.small import with_flows

BW = registry.scenario("bw")


@given(share=st.floats(LEAST_SHARE, 1.0))
def test_secants_lie_just_below_the_logarithm(share):
    gap = np.log(share) - utility(np.array([share]))[0]
    assert -1e-12 <= gap < 0.05


def test_secants_meet_the_logarithm_and_flatten():
    assert utility(BREAKPOINTS) == pytest.approx(np.log(BREAKPOINTS))
    assert (np.diff(SLOPES) < 0).all()


def shares(weights, *flows):
    """What the flows get in the best design of the given weights."""
    instance = with_flows(*flows, tunnels="k1")
    family = BW.family(BW.metrics(instance), BW.reference(instance, Work()))
    weights = np.array(weights) / np.sum(weights)
    return instance.tunnels.serving @ BW.decide(instance, family, weights)


def test_two_classes_share_a_link_by_their_weights():
    # Both flows want all of the link A -> B, twice over: shares s and 0.5 - s with s to (0.5 - s) as the weights,
    # up to the breakpoint next to it, as marginal utility falls in steps.
    for weights in ([1.0, 1.0], [3.0, 1.0]):
        low, high = BREAKPOINTS[:-1], BREAKPOINTS[1:]
        found = shares(weights, (0, 1, 2.0, 0), (0, 1, 2.0, 1))
        assert found.sum() == pytest.approx(0.5)
        exact = 0.5 * np.array(weights) / np.sum(weights)
        for share, wanted in zip(found, exact, strict=True):
            step = np.searchsorted(high, wanted)
            assert low[max(step - 1, 0)] - 1e-9 <= share <= high[min(step + 1, len(high) - 1)] + 1e-9
    equal = shares([1.0, 1.0], (0, 1, 2.0, 0), (0, 1, 2.0, 1))
    skewed = shares([3.0, 1.0], (0, 1, 2.0, 0), (0, 1, 2.0, 1))
    assert skewed[0] > equal[0]


def test_no_class_is_reduced_where_all_fits():
    assert shares([5.0, 1.0], (0, 1, 0.5, 0), (1, 2, 0.5, 1)) == pytest.approx([1.0, 1.0])


def test_metrics_are_means_over_the_flows_of_a_class():
    instance = with_flows((0, 1, 1.0, 0), (1, 2, 1.0, 0), (2, 3, 1.0, 1), tunnels="k1")
    share = np.array([1.0, LEAST_SHARE, BREAKPOINTS[5]])
    assert BW.evaluate(instance, share) == pytest.approx([np.log(LEAST_SHARE) / 2, np.log(BREAKPOINTS[5])])
    assert [m.name for m in BW.metrics(instance).metrics] == ["class 1", "class 2"]
