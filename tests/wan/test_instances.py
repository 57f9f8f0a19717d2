"""Instances: what a configuration decides, shares and fingerprints by hand, families of weighted sums, failures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Metric, MetricGroup
from netwright.wan import demands, failures
from netwright.wan.allocation import SAME_WITHIN, STARVED_BELOW, Allocation, shortest_paths_today
from netwright.wan.demands import Demands
from netwright.wan.families import WeightedSum, dirichlet, log_uniform
from netwright.wan.instance import InstanceConfig, assemble, with_overrides
from netwright.wan.routing import carried_within_capacity
from netwright.wan.tunnels import choose
from tests.wan.small import square, with_flows

GROUP = MetricGroup((Metric("a", "%", True), Metric("b", "ms", False)))
SUM = WeightedSum("sum", GROUP, dirichlet)


def flows(*rows):
    source, target, volume, classes = map(np.array, zip(*rows, strict=True))
    return Demands(source, target, volume.astype(float), classes)


def test_utilization_of_a_tunnel_is_its_demand_over_the_capacity_of_its_arcs():
    instance = with_flows((0, 2, 3.0, 0))
    topology = replace(instance.topology, capacity=np.arange(1.0, 9.0))
    instance = replace(instance, topology=topology)
    dense = instance.demand_per_capacity.toarray()
    for tunnel, path in enumerate(instance.tunnels.paths):
        for arc in range(topology.n_arcs):
            assert dense[arc, tunnel] == (3.0 / topology.capacity[arc] if arc in path else 0.0)


def test_weights_are_shares_of_the_total_demand():
    assert with_flows((0, 1, 3.0, 0), (1, 2, 1.0, 0)).weight.tolist() == [0.75, 0.25]


def test_a_configuration_is_applied_in_order():
    """The largest flows are kept first, then scaled to the load, then dealt into classes."""
    every = flows((0, 1, 5.0, 0), (1, 2, 1.0, 0), (2, 3, 3.0, 0), (3, 0, 0.5, 0))
    made = assemble(InstanceConfig("square", 2.0, "k2", flows=2, n_classes=2), square(), every)
    assert made.demands.volume == pytest.approx([2.0, 1.2])
    assert sorted(made.demands.classes.tolist()) == [0, 1]
    kept = assemble(InstanceConfig("square", 0.0, "k2", n_classes=0), square(), every)
    assert kept.demands.volume.tolist() == every.volume.tolist()
    assert len(kept.failures) == 4


def test_overrides_of_none_change_nothing():
    config = InstanceConfig("square", 1.0, "k2", seed=3)
    assert with_overrides(config, {"load": None, "seed": None}) == config
    assert with_overrides(config, {"load": 0.0, "flows": 0}) == replace(config, load=0.0)


@pytest.mark.parametrize("part", ["capacity", "latency_ms"])
def test_a_fingerprint_knows_every_number_of_the_network(part):
    instance = with_flows((0, 2, 1.0, 0))
    changed = getattr(instance.topology, part).copy()
    changed[3] += 1e-9
    other = replace(instance, topology=replace(instance.topology, **{part: changed}))
    assert other.fingerprint != instance.fingerprint
    assert replace(instance, failures=instance.failures[1:]).fingerprint != instance.fingerprint
    assert len(instance.fingerprint) == 16


def test_a_description_counts_what_there_is():
    found = with_flows((0, 2, 1.0, 0), (1, 2, 1.0, 1)).describe()
    assert {key: found[key] for key in ("n_nodes", "n_arcs", "n_flows", "n_tunnels")} == {
        "n_nodes": 4,
        "n_arcs": 8,
        "n_flows": 2,
        "n_tunnels": 4,
    }
    assert found["topology"] == "square"


def test_rows_of_the_program_are_arcs_then_flows():
    instance = with_flows((0, 2, 2.0, 0), (1, 2, 1.0, 0))
    program = carried_within_capacity(instance, np.ones(4))
    assert program.matrix.shape == (8 + 2, 4)
    share = np.array([0.2, 0.3, 0.1, 0.4])
    found = program.matrix @ share
    assert found[:8] == pytest.approx(Allocation(instance, share).utilization)
    assert found[8:] == pytest.approx([0.5, 0.5])
    assert (program.row_upper == 1.0).all()
    assert (program.lower == 0.0).all()
    assert np.isinf(program.upper).all()
    assert (program.row_lower == -np.inf).all()


def test_todays_design_by_hand():
    # A -> C takes A-B-C; B -> C is filled by 2 + 1 units of capacity 1, so both flows get a third of what is offered.
    instance = with_flows((0, 2, 2.0, 0), (1, 2, 1.0, 0))
    today = shortest_paths_today(instance)
    assert today.served == pytest.approx([1 / 3, 1 / 3])
    assert today.worst_link == ("B -> C", pytest.approx(1.0))
    roomy = with_flows((0, 2, 0.2, 0), (1, 2, 0.1, 0))
    assert shortest_paths_today(roomy).served == pytest.approx([1.0, 1.0])


def test_limits_of_starved_flows_and_of_changes():
    instance = with_flows((0, 2, 1.0, 0), (1, 2, 1.0, 0), tunnels="k1")
    share = np.array([STARVED_BELOW, STARVED_BELOW * 0.99])
    found = Allocation(instance, share)
    assert found.starved_flows == 1
    moved = Allocation(instance, share + np.array([SAME_WITHIN * 1.5, -SAME_WITHIN * 0.5]))
    assert moved.changes_from(found) == found.changes_from(moved) == 1


def test_tables_of_an_allocation_by_hand():
    instance = with_flows((0, 2, 2.0, 1), (0, 2, 1.0, 0), tunnels="k1")
    tables = Allocation(instance, np.array([0.25, 0.5])).tables()
    assert tables["tunnels"][0] == {
        "source": "A",
        "target": "C",
        "class": 2,
        "path": "A - B - C",
        "latency_ms": 2.0,
        "demand": 2.0,
        "carried": 0.5,
        "share_of_demand": 0.25,
    }
    by_ends = {(row["from"], row["to"]): row for row in tables["links"]}
    assert by_ends["A", "B"]["load"] == pytest.approx(1.0)
    assert by_ends["A", "B"]["utilization"] == pytest.approx(1.0)
    assert by_ends["B", "A"]["load"] == 0.0


@given(st.integers(1, 6), st.integers(0, 999))
def test_weighted_sums_are_normed_and_linear(n, seed):
    parameters = SUM.sample(np.random.default_rng(seed), n)
    assert parameters.sum(axis=1) == pytest.approx(np.ones(n))
    scores = np.random.default_rng(seed).normal(size=(3, 2))
    expected = [
        [sum(w * s for w, s in zip(row, score, strict=True)) for score in scores] for row in parameters
    ]
    assert SUM.values(parameters, scores) == pytest.approx(np.array(expected))
    for row in parameters:
        SUM.check(row)


def test_a_weighted_sum_in_words_and_its_limits():
    assert SUM.describe(np.array([0.6, 0.4])) == "0.60 a + 0.40 b"
    assert [(p.name, p.low, p.high) for p in SUM.parameters] == [
        ("weight of a", 0.0, 1.0),
        ("weight of b", 0.0, 1.0),
    ]
    SUM.check(np.array([0.6, 0.4 + 5e-7]))
    for wrong in ([0.6, 0.5], [0.6, 0.4 - 2e-6]):
        with pytest.raises(ConfigError, match="the weights of sum must sum to 1"):
            SUM.check(np.array(wrong))


def test_draws_of_weights_lie_in_their_ranges():
    found = log_uniform(np.random.default_rng(0), 4000, 3)
    assert found.shape == (4000, 3)
    assert (found.min(), found.max()) == (pytest.approx(1.0, rel=0.01), pytest.approx(100.0, rel=0.01))
    assert np.median(found) == pytest.approx(10.0, rel=0.05)
    assert dirichlet(np.random.default_rng(0), 5, 3).sum(1) == pytest.approx(np.ones(5))


def test_volumes_scale_and_classes_close_ranks():
    every = flows((0, 1, 5.0, 0), (1, 2, 1.0, 1), (2, 3, 3.0, 2))
    assert every.scaled(2.0).volume.tolist() == [10.0, 2.0, 6.0]
    kept = every.largest(2)
    assert kept.volume.tolist() == [5.0, 3.0]
    assert kept.classes.tolist() == [0, 1]
    assert demands.dense(np.array([7, 3, 7, 9])).tolist() == [1, 0, 1, 2]


def test_flows_of_one_pair_share_their_tunnels():
    every = flows((0, 2, 1.0, 0), (0, 2, 2.0, 1), (1, 2, 1.0, 0))
    found = choose(square(), every, "k1")
    assert found.paths[0] == found.paths[1]
    assert found.flow.tolist() == [0, 1, 2]
    assert found.first.tolist() == [0, 1, 2, 3]
    assert found.serving.toarray().tolist() == np.eye(3).tolist()
    with pytest.raises(ConfigError, match="unknown tunnel rule 'k0'"):
        choose(square(), every, "k0")
    assert len(choose(square(), every, "k99")) == 2 * 3


def test_groups_of_links_fail_in_both_directions():
    [down] = failures.of_links(square(), [[("A", "B"), ("C", "D")]])
    assert down == tuple(sorted(down))
    assert {square().arc_name(e) for e in down} == {"A -> B", "B -> A", "C -> D", "D -> C"}


def test_the_guarantee_is_part_of_an_instance_and_one_of_two():
    flows_of = with_flows((0, 2, 1.0, 0))
    groups = replace(flows_of, config=replace(flows_of.config, guarantee="group"))
    assert groups.fingerprint != flows_of.fingerprint
    with pytest.raises(ConfigError, match='for each "flow" or for each "group"'):
        replace(flows_of.config, guarantee="class")
