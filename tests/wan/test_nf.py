"""NF: guarantees against every failure, simulated one by one, and designs worked by hand."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance
from netwright.wan.scenarios.nf.metrics import kills, outcome, worst_for_groups
from tests.wan.small import abilene, random_shares, with_flows

NF = registry.scenario("nf")


def worst_by_simulation(instance, reserved):
    """Share of demand met under the worst failure of each flow, by taking the failures one after another."""
    worst = np.minimum(instance.tunnels.serving @ reserved, 1.0)
    for arcs in instance.failures:
        alive = np.array([not set(path) & set(arcs) for path in instance.tunnels.paths])
        worst = np.minimum(worst, instance.tunnels.serving @ (reserved * alive))
    return worst


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 9999))
def test_maximal_kill_sets_give_the_worst_of_all_failures(seed):
    instance = abilene("nf")
    reserved = random_shares(instance, np.random.default_rng(seed))
    assert outcome(instance, reserved)[1] == pytest.approx(worst_by_simulation(instance, reserved))


def test_no_kill_set_contains_another():
    sets = kills(abilene("nf"))
    surviving = sets.surviving.toarray().astype(bool)
    for flow in range(20):
        own = surviving[sets.flow == flow]
        assert len(own)
        for a, b in itertools.permutations(own, 2):
            assert not (a <= b).all()


def decided(weights, *flows):
    instance = with_flows(*flows)
    family = NF.family(NF.metrics(instance), NF.reference(instance, Work()))
    return instance, NF.decide(instance, family, np.array(weights))


def test_a_flow_alone_is_guaranteed_over_its_two_ways():
    instance, reserved = decided([0.5, 0.5], (0, 2, 1.0, 0))
    assert NF.evaluate(instance, reserved) == pytest.approx([100.0, 100.0])
    assert reserved == pytest.approx([1.0, 1.0])


def test_normal_traffic_fills_both_ways_when_failures_do_not_count():
    instance, reserved = decided([0.99, 0.01], (0, 2, 2.0, 0))
    assert NF.evaluate(instance, reserved) == pytest.approx([100.0, 50.0])


def test_two_flows_over_the_same_two_ways_share_the_guarantee():
    # Each way holds 1 unit, and a guarantee for a unit needs a unit on both: one unit of 2 can be guaranteed.
    instance, reserved = decided([0.01, 0.49, 0.01, 0.49], (0, 2, 1.0, 0), (0, 2, 1.0, 1))
    values = NF.evaluate(instance, reserved)
    assert values[1] + values[3] == pytest.approx(100.0)
    assert (instance.demand_per_capacity @ reserved).max() <= 1.0 + 1e-9


def test_a_flow_without_a_second_way_has_no_guarantee():
    instance = with_flows((0, 2, 1.0, 0), tunnels="k1")
    family = NF.family(NF.metrics(instance), {})
    assert NF.evaluate(instance, NF.decide(instance, family, np.array([0.5, 0.5]))) == pytest.approx(
        [100.0, 0.0]
    )


def test_flows_are_exported_with_their_guarantee():
    instance, reserved = decided([0.5, 0.5], (0, 2, 2.0, 0))
    tables = NF.export(instance, reserved)
    (flow,) = tables["flows"]
    assert flow["share_worst_failure"] <= flow["share_normal"]
    carried = sum(row["carried"] for row in tables["tunnels"])
    assert carried == pytest.approx(flow["share_normal"] * flow["demand"])
    assert all(row["reserved"] >= row["carried"] - 1e-9 for row in tables["tunnels"])


def test_a_flow_that_no_failure_touches_is_guaranteed_all_it_gets():
    instance = replace(with_flows((0, 1, 2.0, 0), tunnels="k1"), failures=((4,),))
    family = NF.family(NF.metrics(instance), {})
    reserved = NF.decide(instance, family, np.array([0.5, 0.5]))
    assert NF.evaluate(instance, reserved) == pytest.approx([50.0, 50.0])


def by_group(instance: Instance) -> Instance:
    return replace(instance, config=replace(instance.config, guarantee="group"))


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 9999))
def test_the_worst_failure_of_a_group_is_that_of_all_failures_simulated(seed):
    instance = by_group(abilene("nf"))
    reserved = random_shares(instance, np.random.default_rng(seed))
    volume, one = instance.demands.volume, np.eye(2)[instance.demands.classes]
    met = []
    for arcs in ((), *instance.failures):
        alive = np.array([not set(path) & set(arcs) for path in instance.tunnels.paths])
        met.append(np.minimum(instance.tunnels.serving @ (reserved * alive), 1.0) * volume @ one)
    worst = np.min(met, axis=0) / (volume @ one)
    assert NF.evaluate(instance, reserved)[1::2] == pytest.approx(100.0 * worst)
    by_flow = NF.evaluate(abilene("nf"), reserved)[1::2]
    assert (by_flow <= 100.0 * worst + 1e-9).all()


@pytest.mark.parametrize(("guarantee", "met"), [("flow", 0.0), ("group", 50.0)])
def test_flows_that_suffer_in_different_failures_differ_by_the_kind_of_guarantee(guarantee, met):
    # Each flow has one way, over a link of its own: no failure takes both, but each flow has one that takes all.
    instance = with_flows((0, 1, 1.0, 0), (2, 3, 1.0, 0), tunnels="k1")
    instance = replace(instance, config=replace(instance.config, guarantee=guarantee))
    family = NF.family(NF.metrics(instance), {})
    reserved = NF.decide(instance, family, np.array([0.5, 0.5]))
    assert NF.evaluate(instance, reserved) == pytest.approx([100.0, met])


def test_the_optimum_for_groups_has_the_metrics_of_its_reservations_and_beats_that_for_flows():
    instance = by_group(abilene("nf"))
    family = NF.family(NF.metrics(instance), {})
    weights = np.array([[0.1, 0.4, 0.2, 0.3], [0.3, 0.2, 0.1, 0.4]])
    scores = NF.optimize(instance, family, {}, weights, Work()).scores
    for row, found in zip(weights, scores, strict=True):
        assert NF.evaluate(instance, NF.decide(instance, family, row)) == pytest.approx(found, abs=1e-3)
        of_flows = NF.evaluate(instance, NF.decide(abilene("nf"), family, row))
        assert row @ found >= row @ of_flows - 1e-6


def test_without_failures_a_group_is_guaranteed_what_it_gets():
    instance = by_group(replace(with_flows((0, 1, 2.0, 0), tunnels="k1"), failures=()))
    assert worst_for_groups(instance, np.array([0.5])) == pytest.approx([0.5])
