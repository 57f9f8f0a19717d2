"""The order of changes: every state on the way fits, and an independent simulation agrees."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.wan import demands, transition
from netwright.wan.allocation import shortest_paths_today
from netwright.wan.exporting import described, settings_of
from netwright.wan.instance import InstanceConfig, assemble, build
from netwright.wan.registry import scenario
from netwright.wan.topology import from_links

PAIR = from_links("pair", ["a", "b", "c"], [(0, 1), (1, 2), (0, 2)], [10.0] * 3, [1.0, 1.0, 1.5])


@pytest.fixture(scope="module")
def abilene():
    return build(InstanceConfig("abilene", 3.0, "k3", n_classes=2))


def random_allocation(instance, seed: int) -> np.ndarray:
    """Random shares, reduced until every link fits; some links are full."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.ones(3), len(instance.demands)).ravel()
    crowding = np.maximum(instance.demand_per_capacity @ share, 1.0)
    return share / np.array([crowding[list(path)].max() for path in instance.tunnels.paths])


def replayed(instance, before, after, steps) -> list[float]:
    """The fullest link during each step, from the steps' words only."""
    names, share, peaks = instance.topology.nodes, before.copy(), []
    flows = {}
    for flow in range(len(instance.demands)):
        ends = f"{names[instance.demands.source[flow]]} -> {names[instance.demands.target[flow]]}"
        flows[f"{ends}, class {instance.demands.classes[flow] + 1}"] = flow
    for step in steps:
        own = instance.tunnels.flow == flows[step.what]
        later = share.copy()
        later[own] = after[own] if step.kind == "move" else np.minimum(share[own], after[own])
        of_flow = [instance.demand_per_capacity @ np.where(own, each, 0.0) for each in (share, later)]
        others = instance.demand_per_capacity @ np.where(own, 0.0, share)
        peaks.append(float((others + np.maximum(*of_flow)).max()))
        share = later
    np.testing.assert_allclose(share, after, atol=1e-3)
    return peaks


@pytest.mark.parametrize("seed", range(4))
def test_no_link_overfills_on_the_way(abilene, seed):
    before, after = random_allocation(abilene, seed), random_allocation(abilene, seed + 100)
    found = transition.of_allocations(abilene, before, after)
    assert found.safe and found.fullest <= 1.0 + 1e-5
    peaks = replayed(abilene, before, after, found.steps)
    assert max(peaks) <= 1.0 + 1e-5
    np.testing.assert_allclose([step.fullest for step in found.steps], peaks, atol=1e-4)


def test_two_flows_that_change_places_need_a_reduction():
    """Each flow fills one link of capacity 10 and wants the other's: neither can move first."""
    flows = demands.Demands(
        *(np.array(v) for v in ([0, 0], [2, 2])), np.array([10.0, 10.0]), np.array([0, 1])
    )
    instance = assemble(InstanceConfig("pair", 0.0, "k2", n_classes=0), PAIR, flows)
    direct = np.array([len(path) == 1 for path in instance.tunnels.paths])
    before = np.where((instance.tunnels.flow == 0) == direct, 1.0, 0.0)
    found = transition.of_allocations(instance, before, 1.0 - before)
    assert [step.kind for step in found.steps] == ["reduce", "move", "move"]
    assert found.safe and found.paused == pytest.approx(10.0) and found.fullest == pytest.approx(1.0)


def test_nothing_changes_between_equal_designs(abilene):
    today = shortest_paths_today(abilene).share
    assert transition.of_allocations(abilene, today, today).steps == ()


def test_settings_are_read_back_from_tables(abilene):
    share = random_allocation(abilene, 1)
    tables = described("mcf", abilene, share).tables
    np.testing.assert_allclose(settings_of(abilene, tables), share)


def test_weights_change_one_at_a_time_in_the_best_order():
    """Of two orders, the one that avoids the peak is found; the peak of each state is that of the state."""
    peaks = {(1, 1): 0.5, (9, 1): 1.4, (1, 9): 0.7, (9, 9): 0.6}
    found = transition.of_weights(
        PAIR,
        np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.0]),
        np.array([9.0, 9.0, 1.0, 1.0, 1.0, 1.0]),
        lambda w: peaks[int(w[0]), int(w[1])],
    )
    assert [step.what for step in found.steps] == ["b -> a: weight 1 to 9", "a -> b: weight 1 to 9"]
    assert [step.fullest for step in found.steps] == [0.7, 0.6] and found.safe


def test_an_unavoidable_peak_is_said():
    found = transition.of_weights(PAIR, np.ones(6), np.array([2.0, *np.ones(5)]), lambda w: 1.3 * w[0] / 2.0)
    assert found.safe  # the new design is that full itself
    peaks = {(1, 1): 0.5, (9, 1): 1.4, (1, 9): 1.2, (9, 9): 0.6}
    found = transition.of_weights(
        PAIR, np.ones(6), np.array([9.0, 9.0, *np.ones(4)]), lambda w: peaks[int(w[0]), int(w[1])]
    )
    assert not found.safe and found.fullest == 1.2


@pytest.mark.parametrize("name", ["mcf", "nf", "ospf"])
def test_a_failure_empties_its_arcs_and_carries_no_more(name):
    known = scenario(name)
    instance = build(InstanceConfig("abilene", 0.6 if name == "ospf" else 2.0, "k3"))
    decision = np.ones(instance.topology.n_arcs) if name == "ospf" else random_allocation(instance, 2)
    _, all_up = known.when_failed(instance, decision, ())
    for failure in instance.failures[:4]:
        utilization, carried = known.when_failed(instance, decision, failure)
        assert utilization[list(failure)].max() == 0.0
        assert carried <= all_up + 1e-9
        if name == "ospf":
            assert carried == pytest.approx(1.0)  # Abilene has no bridge
        else:
            assert utilization.max() <= 1.0 + 1e-9


def test_a_bridge_cuts_off_its_traffic():
    line = from_links("line", ["a", "b", "c"], [(0, 1), (1, 2)], [10.0, 10.0], [1.0, 2.0])
    flows = demands.Demands(*(np.array(v) for v in ([0, 0], [1, 2])), np.array([3.0, 1.0]), np.array([0, 0]))
    instance = assemble(InstanceConfig("line", 0.0, "k1", n_classes=0), line, flows)
    utilization, carried = scenario("ospf").when_failed(instance, np.ones(4), (2, 3))
    assert carried == pytest.approx(0.75)
    np.testing.assert_allclose(utilization, [0.3, 0.0, 0.0, 0.0])
