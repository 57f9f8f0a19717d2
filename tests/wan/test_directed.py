"""Networks whose directions differ: every scenario keeps to the capacity of each arc, and exports name it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.demands import Demands
from netwright.wan.instance import Instance, InstanceConfig, assemble
from netwright.wan.topology import Topology

# A ring both ways with other capacities each way, and a chord A -> C that leads one way only.
ARCS = [(0, 1), (1, 0), (1, 2), (2, 1), (2, 3), (3, 2), (3, 0), (0, 3), (0, 2)]
CAPACITY = [10.0, 4.0, 8.0, 8.0, 6.0, 2.0, 10.0, 5.0, 3.0]
LATENCY_MS = [1.0, 1.0, 2.0, 2.5, 1.0, 1.0, 3.0, 3.0, 1.5]


def network(latency_ms: list[float] | None = None) -> Topology:
    return Topology(
        "uneven", tuple("ABCD"), np.array(ARCS), np.array(CAPACITY), np.array(latency_ms or LATENCY_MS),
        np.full((4, 2), np.nan),
    )  # fmt: skip


def instance(topology: Topology, volume: float = 4.0, classes: int = 2) -> Instance:
    pairs = [(a, b) for a in range(topology.n_nodes) for b in range(topology.n_nodes) if a != b]
    source, target = np.array(pairs).T
    demands = Demands(source, target, np.full(len(pairs), volume), np.arange(len(pairs)) % classes)
    return assemble(InstanceConfig("uneven", 0.0, "k4", n_classes=0), topology, demands)


def decided(name: str, problem: Instance) -> tuple[dict, np.ndarray]:
    scenario = registry.scenario(name)
    family = scenario.family(scenario.metrics(problem), scenario.reference(problem, Work()))
    decision = scenario.decide(problem, family, family.sample(np.random.default_rng(3), 1)[0])
    return dict(scenario.export(problem, decision)), scenario.evaluate(problem, decision)


@pytest.mark.parametrize("name", registry.scenario_names())
def test_each_direction_has_its_own_capacity(name):
    tables, _ = decided(name, instance(network()))
    rows = tables["links"]
    found = {(row["from"], row["to"]): row["capacity"] for row in rows}
    assert found == {("ABCD"[a], "ABCD"[b]): c for (a, b), c in zip(ARCS, CAPACITY, strict=True)}
    for row in rows:
        assert row["load"] == pytest.approx(row["utilization"] * row["capacity"], abs=1e-9)
        if "weight" not in row:  # link weights overfill links where traffic is much; allocations never do
            assert row["utilization"] <= 1.0 + 1e-6
    arcs = set(found)
    for row in tables.get("tunnels", []):
        hops = row["path"].split(" -> ")
        assert set(pairwise(hops)) <= arcs


def test_the_most_that_two_nodes_can_exchange_differs_by_direction():
    """Demands of 20 each way over 10 there and 4 back: 14 of 40 can be carried, computed by hand."""
    two = Topology(
        "two", ("A", "B"), np.array([(0, 1), (1, 0)]), np.array([10.0, 4.0]), np.array([1.0, 1.0]),
        np.full((2, 2), np.nan),
    )  # fmt: skip
    problem = instance(two, volume=20.0, classes=1)
    scenario = registry.scenario("mcf")
    reference = scenario.reference(problem, Work())
    family = scenario.family(scenario.metrics(problem), reference)
    parameters = family.sample(np.random.default_rng(0), 40)
    scores = scenario.optimize(problem, family, reference, parameters, Work()).scores
    assert scores[:, 0].max() == pytest.approx(35.0)


def test_latencies_of_zero_leave_mcf_nothing_to_weigh():
    with pytest.raises(ConfigError, match="mcf trades throughput for latency, but all links of uneven have"):
        registry.scenario("mcf").metrics(instance(network([0.0] * 9)))
