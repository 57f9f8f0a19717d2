"""A square with one flow, by hand: what is carried while a link is down, and in which order flows change."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.wan import transition
from netwright.wan.allocation import Allocation, surviving, without_lost_tunnels
from netwright.wan.registry import scenario
from netwright.wan.transition import Step, Transition
from tests.wan.small import with_flows

# A -> C of 2 units, over A-B-C and A-D-C; every capacity is 1.
SQUARE = with_flows((0, 2, 2.0, 0))
NAMES = SQUARE.topology.nodes
FAILED = next(arcs for arcs in SQUARE.topology.links if SQUARE.topology.arc_name(arcs[0]) == "A -> B")


def shares(over_b, over_d):
    """Shares of the demand over B and over D."""
    found = np.zeros(len(SQUARE.tunnels))
    for i, path in enumerate(SQUARE.tunnels.paths):
        found[i] = over_b if NAMES[SQUARE.topology.arcs[path[0], 1]] == "B" else over_d
    return found


def on(utilization, arc):
    names = [SQUARE.topology.arc_name(i) for i in range(SQUARE.topology.n_arcs)]
    return float(utilization[names.index(arc)])


def test_tunnels_over_a_failed_link_are_lost():
    assert surviving(SQUARE, FAILED).tolist() == shares(0.0, 1.0).tolist()
    assert surviving(SQUARE, ()).tolist() == [1.0, 1.0]


def test_lost_tunnels_are_not_replaced():
    utilization, carried = without_lost_tunnels(SQUARE, shares(0.5, 0.4), FAILED)
    assert carried == pytest.approx(0.4)
    assert on(utilization, "A -> D") == pytest.approx(0.8)
    assert on(utilization, "A -> B") == 0.0


@pytest.mark.parametrize(
    ("over_b", "over_d", "failure", "carried", "on_d"),
    [
        (0.5, 0.4, (), 0.9, 0.8),
        (0.5, 0.4, FAILED, 0.4, 0.8),
        # More is reserved than is sent: normally 0.6 / 1.5 of the demand goes over D, in the failure 0.6.
        (0.9, 0.6, (), 1.0, 0.8),
        (0.9, 0.6, FAILED, 0.6, 1.2),
        # A reservation of more than the demand never carries more than the demand.
        (0.2, 1.3, FAILED, 1.0, 2.0),
        (0.7, 0.0, FAILED, 0.0, 0.0),
    ],
)
def test_reservations_that_survive_carry_what_the_flow_may_send(over_b, over_d, failure, carried, on_d):
    utilization, found = scenario("nf").when_failed(SQUARE, shares(over_b, over_d), failure)
    assert found == pytest.approx(carried)
    assert on(utilization, "A -> D") == pytest.approx(on_d)


def test_an_allocation_needs_a_share_for_every_tunnel():
    with pytest.raises(ConfigError, match=r"a share for each of 2 tunnels, got \(3,\)"):
        Allocation(SQUARE, np.zeros(3))


def test_a_flow_that_moves_is_carried_on_both_ways_for_a_moment():
    found = transition.of_allocations(SQUARE, shares(0.5, 0.1), shares(0.2, 0.45))
    # During the move A-B carries 0.5 * 2 and A-D 0.45 * 2.
    assert found.steps == (Step("A -> C", "move", pytest.approx(1.0)),)
    assert found.safe
    assert found.paused == 0.0


def test_a_link_that_is_overfull_at_first_may_stay_so():
    assert transition.of_allocations(SQUARE, shares(0.75, 0.1), shares(0.7, 0.2)).safe
    assert not transition.of_allocations(SQUARE, shares(0.4, 0.1), shares(0.7, 0.2)).safe


def test_the_flow_that_relieves_the_fullest_link_moves_first():
    relief, total = np.array([[0.1, 0.0], [0.0, 0.3], [9.0, 9.0]]), np.array([1.0, 0.5])
    # Loads count by their fourth power: 0.1 * 1 is more than 0.3 * 0.0625. The third flow does not fit.
    assert transition._first_to_move(np.array([True, True, False]), relief, total) == 0
    assert transition._first_to_move(np.array([False, True, False]), relief, total) == 1


def test_the_flow_that_frees_blocking_links_with_the_least_loss_is_reduced_first():
    relief, blocking = np.array([[0.4, 0.4], [0.3, 0.0], [-1.0, 5.0]]), np.array([True, False])
    # Of what they give up, 1/2, all and nothing is on the blocking link.
    assert transition._first_to_reduce(np.ones(3, dtype=bool), relief, blocking) == 1
    assert transition._first_to_reduce(np.array([True, False, True]), relief, blocking) == 0


def test_a_transition_as_a_document():
    steps = (Step("A -> B", "reduce", 0.9, 1.5), Step("A -> B", "move", 0.7, 0.5))
    found = Transition(steps, True)
    assert (found.fullest, found.paused) == (0.9, 2.0)
    assert found.to_json()["steps"][0] == {"what": "A -> B", "kind": "reduce", "fullest": 0.9, "paused": 1.5}
    assert Transition((), True).to_json() == {"safe": True, "fullest": 0.0, "paused": 0, "steps": []}
