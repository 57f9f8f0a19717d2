"""What every scenario that allocates over tunnels keeps: feasible, optimal, consistent with its own metrics."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.synthesis.problem import ObjectiveFamily
from netwright.wan import registry, weighted
from netwright.wan.allocation import Allocation
from netwright.wan.chunks import Work
from tests.wan.small import TUNNEL_SCENARIOS, abilene, random_shares


@pytest.fixture(scope="module", params=TUNNEL_SCENARIOS)
def solved(request):
    """A scenario with 12 objectives solved on Abilene."""
    scenario = registry.scenario(request.param)
    instance = abilene(request.param)
    group = scenario.metrics(instance)
    reference = scenario.reference(instance, Work())
    family = scenario.family(group, reference)
    parameters = family.sample(np.random.default_rng(5), 12)
    return (
        scenario,
        instance,
        group,
        family,
        parameters,
        scenario.optimize(instance, family, reference, parameters, Work()),
    )


def test_every_scenario_is_registered_under_its_folder():
    assert set(TUNNEL_SCENARIOS) <= set(registry.scenario_names())
    for name in registry.scenario_names():
        scenario = registry.scenario(name)
        assert scenario.title
        assert scenario.summary
    with pytest.raises(UnknownNameError, match="did you mean 'mcf'"):
        registry.scenario("mfc")


def test_the_family_keeps_its_contract(solved):
    _, _, group, family, parameters, optima = solved
    assert isinstance(family, ObjectiveFamily)
    assert parameters.shape == (12, len(family.parameters))
    for row in parameters:
        family.check(row)
        assert family.describe(row)
    assert optima.scores.shape == (12, len(group))
    assert family.values(parameters, optima.scores).shape == (12, 12)
    again = family.sample(np.random.default_rng(5), 12)
    assert (again == parameters).all()


def test_parameters_that_cannot_be_are_refused(solved):
    family, parameters = solved[3], solved[4]
    with pytest.raises(ConfigError, match=r"must lie in .*, got -1"):
        family.check(np.concatenate([[-1.0], parameters[0][1:]]))
    with pytest.raises(ConfigError, match="parameters"):
        family.check(parameters[0][1:])


def test_a_decision_is_feasible_and_has_the_metrics_that_were_found(solved):
    scenario, instance, group, family, parameters, optima = solved
    for row, scores in list(zip(parameters, optima.scores, strict=True))[:4]:
        share = scenario.decide(instance, family, row)
        assert share.min() >= -1e-9
        assert (instance.demand_per_capacity @ share).max() <= 1.0 + 1e-6
        found = group.oriented(scenario.evaluate(instance, share))
        assert found == pytest.approx(scores, abs=1e-4)
        assert family.values(row[None], found[None])[0, 0] == pytest.approx(
            family.values(row[None], scores[None])[0, 0], abs=1e-4
        )


def test_no_other_feasible_design_is_better(solved):
    scenario, instance, group, family, parameters, optima = solved
    rng = np.random.default_rng(0)
    others = [group.oriented(scenario.evaluate(instance, random_shares(instance, rng))) for _ in range(40)]
    best = family.values(parameters, optima.scores)[np.arange(12), np.arange(12)]
    assert (family.values(parameters, np.array(others)) <= best[:, None] + 1e-6).all()
    assert (family.values(parameters, optima.scores) <= best[:, None] + 1e-4).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 9999), metric=st.integers(0, 3), amount=st.floats(0.0, 10.0))
@pytest.mark.parametrize("name", TUNNEL_SCENARIOS)
def test_a_better_metric_never_lowers_a_value(name, seed, metric, amount):
    scenario, instance = registry.scenario(name), abilene(name)
    group = scenario.metrics(instance)
    family = scenario.family(group, {"throughput": 80.0, "latency": 8.0})
    rng = np.random.default_rng(seed)
    before = group.oriented(rng.uniform(0.0, 10.0, len(group)))
    after = before.copy()
    after[metric % len(group)] += amount
    lower, higher = family.values(family.sample(rng, 1), np.array([before, after]))[0]
    assert higher >= lower - 1e-9


def test_exported_tables_add_up(solved):
    scenario, instance, _, family, parameters, _ = solved
    share = scenario.decide(instance, family, parameters[0])
    tables = scenario.export(instance, share)
    assert len(tables["tunnels"]) == len(instance.tunnels)
    assert len(tables["links"]) == instance.topology.n_arcs
    load = dict.fromkeys(((row["from"], row["to"]) for row in tables["links"]), 0.0)
    for row in tables["tunnels"]:
        hops = row["path"].split(" - ")
        for hop in itertools.pairwise(hops):
            load[hop] += row["carried"]
    for row in tables["links"]:
        assert row["load"] == pytest.approx(load[row["from"], row["to"]], abs=1e-6)
        assert row["load"] <= row["capacity"] * (1 + 1e-6)


def test_the_walk_visits_every_objective_once_and_starts_at_the_first():
    points = np.random.default_rng(0).random((50, 3))
    order = weighted.walk(points)
    assert order[0] == 0
    assert sorted(order) == list(range(50))
    steps = np.linalg.norm(np.diff(points[order], axis=0), axis=1).mean()
    assert steps < 0.7 * np.linalg.norm(np.diff(points, axis=0), axis=1).mean()


def test_walking_to_an_optimum_gives_the_same_value(monkeypatch):
    scenario, instance = registry.scenario("nf"), abilene("nf")
    family = scenario.family(scenario.metrics(instance), {})
    parameters = family.sample(np.random.default_rng(1), 1)
    straight = scenario.optimize(instance, family, {}, parameters, Work())
    monkeypatch.setattr(weighted, "WALK_FROM_NONZEROS", 0)
    walked = scenario.optimize(instance, family, {}, parameters, Work())
    assert family.values(parameters, walked.scores) == pytest.approx(
        family.values(parameters, straight.scores), abs=1e-4
    )
    assert walked.report["cold_gap_max"] < 1e-6
    assert walked.report["iterations"] < straight.report["iterations"]  # only the last step is counted


def test_an_allocation_of_another_instance_is_refused():
    with pytest.raises(ConfigError, match="440 tunnels"):
        Allocation(abilene("mcf"), np.zeros(3))


@pytest.mark.parametrize("name", ["bw", "nf"])
def test_large_programs_are_solved_by_blocks_to_the_same_values(name, monkeypatch):
    instance, scenario = abilene(name), registry.scenario(name)
    family = scenario.family(scenario.metrics(instance), {})
    parameters = family.sample(np.random.default_rng(4), 8)
    usual = scenario.optimize(instance, family, {}, parameters, Work())
    monkeypatch.setattr(weighted, "BLOCKS_FROM_NONZEROS", 0)
    blocks = scenario.optimize(instance, family, {}, parameters, Work())
    assert family.values(parameters, blocks.scores).diagonal() == pytest.approx(
        family.values(parameters, usual.scores).diagonal(), rel=1e-6
    )
    assert blocks.report["cold_gap_max"] <= 1e-6
    assert blocks.report["violation_max"] <= 1e-6
    share = scenario.decide(instance, family, parameters[0])
    assert scenario.evaluate(instance, share) == pytest.approx(usual.scores[0], abs=1e-3)
