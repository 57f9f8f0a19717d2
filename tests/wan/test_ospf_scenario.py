import dataclasses
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.synthesis.pool import Pool
from netwright.wan.chunks import Work
from netwright.wan.instance import Instance, build, load_topology
from netwright.wan.registry import scenario
from netwright.wan.scenarios.ospf import design
from netwright.wan.scenarios.ospf.search import SearchConfig, random_settings
from netwright.wan.scenarios.ospf.space import UtilizationThresholds

FAMILY = UtilizationThresholds(latency_scale_ms=10.0)
OSPF = scenario("ospf")


@pytest.fixture(scope="module")
def abilene() -> Instance:
    return build(OSPF.config("abilene", load_topology("abilene")))


@pytest.fixture(scope="module")
def quick() -> Callable[..., None]:
    """A search of a second."""
    patch = pytest.MonkeyPatch()
    patch.setattr(design, "search_config", lambda net, _=0: SearchConfig(n_walks=128, n_steps=1_000))
    yield patch
    patch.undo()


@pytest.fixture(scope="module")
def pool(abilene, quick) -> Pool:
    group = OSPF.metrics(abilene)
    reference = OSPF.reference(abilene, Work())
    family = OSPF.family(group, reference)
    parameters = family.sample(np.random.default_rng(0), 1_000)
    found = OSPF.optimize(abilene, family, reference, parameters, Work())
    assert found.decisions.shape == (1_000, abilene.topology.n_arcs)
    return Pool.gather("ospf:abilene", group, family, parameters, found.scores)


def test_under_unit_weights_the_fullest_link_has_the_load(abilene):
    values = OSPF.evaluate(abilene, np.ones(abilene.topology.n_arcs))
    assert values[0] == pytest.approx(60.0)
    twice = dataclasses.replace(abilene, config=dataclasses.replace(abilene.config, load=1.2))
    assert OSPF.evaluate(twice, np.ones(abilene.topology.n_arcs)) == pytest.approx(values * [2.0, 1.0])


def test_the_pool_is_varied_enough_to_learn_from(pool):
    assert pool.effective_optima() >= 15.0


def test_the_best_setting_for_an_objective_has_the_metrics_promised(abilene, pool):
    for i in range(5):
        weights = OSPF.decide(abilene, pool.family, pool.parameters[i])
        scores = pool.group.oriented(OSPF.evaluate(abilene, weights))
        assert scores == pytest.approx(pool.scores[pool.optimum[i]], abs=1e-5)
        assert pool.objective(i).values(scores[None])[0] >= pool.values(pool.parameters[i]).max() - 1e-6


def test_no_random_setting_of_abilene_is_worth_more(abilene, quick):
    archive = design.archive(abilene, Work())
    net = design.routing_network(abilene)
    assert all(archive.dominates(*point) for point in random_settings(net, 1_000, up_to=20, seed=11))


def test_the_export_adds_up(abilene):
    weights = np.arange(1, abilene.topology.n_arcs + 1, dtype=float)
    rows = OSPF.export(abilene, weights)["links"]
    assert [row["weight"] for row in rows] == list(range(1, len(rows) + 1))
    assert 100.0 * max(row["utilization"] for row in rows) == pytest.approx(
        OSPF.evaluate(abilene, weights)[0]
    )
    carried = sum(row["load"] * ms for row, ms in zip(rows, abilene.topology.latency_ms, strict=True))
    latency_ms = OSPF.evaluate(abilene, weights)[1]
    assert carried / design.routing_network(abilene).demand.sum() == pytest.approx(latency_ms)


def test_equal_latencies_are_refused():
    b4 = build(OSPF.config("b4", load_topology("b4")))
    with pytest.raises(ConfigError, match=r"all links of B4 have the same latency \(1 ms\); give latencies"):
        OSPF.metrics(b4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (partial(np.delete, obj=0), "28 integers"),
        (lambda w: w + 0.5, "integers"),
        (lambda w: w - 1, "1 to 65535, got 0"),
    ],
)
def test_weights_that_no_router_takes_are_refused(abilene, change, message):
    with pytest.raises(ConfigError, match=message):
        OSPF.evaluate(abilene, change(np.ones(abilene.topology.n_arcs)))


@given(seed=st.integers(0, 10_000), better=st.integers(0, 1), by=st.floats(0.0, 50.0))
def test_improving_a_metric_never_lowers_an_objective(seed, better, by):
    rng = np.random.default_rng(seed)
    parameters = FAMILY.sample(rng, 8)
    scores = -rng.uniform([20.0, 5.0], [150.0, 50.0], (6, 2))
    improved = scores.copy()
    improved[:, better] += by
    assert (FAMILY.values(parameters, improved) >= FAMILY.values(parameters, scores)).all()


@given(seed=st.integers(0, 10_000))
def test_what_is_drawn_is_allowed(seed):
    for parameters in FAMILY.sample(np.random.default_rng(seed), 20):
        FAMILY.check(parameters)


def test_an_objective_worked_by_hand():
    """lo 50, hi 80, beta 2, gamma 40 at 90 % and 12 ms: -1.2 - 2 * 0.4 - 40 * 0.1."""
    value = FAMILY.values(np.array([[50.0, 80.0, 2.0, 40.0]]), np.array([[-90.0, -12.0]]))
    assert value[0, 0] == pytest.approx(-1.2 - 0.8 - 4.0)
    words = FAMILY.describe(np.array([50.0, 80.0, 2.0, 40.0]))
    assert words == (
        "least latency; above 50 % maximum utilization, 1 % costs as much as 0.2 ms; above 80 % as much as 4.2 ms"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([20.0, 80.0, 2.0, 40.0], "parameter lo must lie in 30 to 70, got 20"),
        ([60.0, 50.0, 2.0, 40.0], "parameter hi must be at least lo = 60, got 50; raise hi"),
        ([60.0, 70.0, 9.0, 8.0], "parameter gamma must be at least beta = 9, got 8; raise gamma"),
        ([60.0, 70.0, 2.0], "have 4 parameters"),
    ],
)
def test_impossible_parameters_are_refused(parameters, message):
    with pytest.raises(ConfigError, match=message):
        FAMILY.check(np.array(parameters))
