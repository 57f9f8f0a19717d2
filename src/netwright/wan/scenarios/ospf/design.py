"""The best weight setting for an objective, from an archive that is searched once per instance."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from netwright.core.errors import ConfigError
from netwright.synthesis.problem import Array, MetricGroup, ObjectiveFamily
from netwright.wan.chunks import Work
from netwright.wan.failures import Failure
from netwright.wan.instance import Instance, InstanceConfig
from netwright.wan.scenario import Optima, Reference
from netwright.wan.scenarios.ospf.metrics import GROUP
from netwright.wan.scenarios.ospf.routing import (
    MAX_WEIGHT,
    Floats,
    Network,
    loads,
    metrics,
    metrics_of_loads,
    network,
)
from netwright.wan.scenarios.ospf.search import Archive, SearchConfig, latency_weights, search
from netwright.wan.scenarios.ospf.space import UtilizationThresholds
from netwright.wan.tables import Tables
from netwright.wan.topology import Topology

LOAD = 0.6  # at full load nearly all objectives prefer the setting of least utilization
TUNNELS = "k1"  # unused: routing does not need tunnels
# Seeds and loads with at least 15 effectively distinct optima; elsewhere traffic of seed 0 at `LOAD` has them.
SEEDS = {"abilene": 13, "btnorthamerica": 2}
LOADS = {"deltacom": 0.75}
FEW_OBJECTIVES = 100


def config(name: str, topology: Topology) -> InstanceConfig:
    """Default instance of a topology: the fullest link 60 % full under unit weights, or 75 % on Deltacom."""
    return InstanceConfig(name, LOADS.get(name, LOAD), TUNNELS, seed=SEEDS.get(name, 0))


def group(instance: Instance) -> MetricGroup:
    """Maximum utilization and latency.

    Raises:
        ConfigError: all links have the same latency, so there is hardly a trade-off.
    """
    latency_ms = instance.topology.latency_ms
    if np.ptp(latency_ms) <= 1e-9 * latency_ms.max():
        raise ConfigError(
            f"scenario ospf trades utilization for latency, but all links of {instance.topology.name} have "
            f"the same latency ({latency_ms[0]:g} ms); give latencies in a topology file."
        )
    return GROUP


def routing_network(instance: Instance) -> Network:
    """The instance as arrays.

    Traffic is scaled so that the fullest link has the configured load under unit weights; a load of 0 leaves it
    unscaled.
    """
    topology, demands = instance.topology, instance.demands
    volume = np.zeros((topology.n_nodes, topology.n_nodes))
    np.add.at(volume, (demands.source, demands.target), demands.volume)
    tail, head = topology.arcs.T
    net = network(tail, head, topology.capacity, topology.latency_ms, volume)
    if instance.config.load == 0.0:
        return net
    fullest, _ = metrics(net, np.ones(net.n_arcs, dtype=np.int64))
    return net._replace(demand=net.demand * (instance.config.load / fullest))


def warm_up() -> None:
    """Compile the search, which takes about ten seconds after an installation, on the smallest network."""
    ends, ones = np.array([0, 1]), np.ones(2)
    search(network(ends, ends[::-1], ones, ones, np.ones((2, 2))), SearchConfig(n_walks=1, n_steps=1))


def search_config(net: Network, n_objectives: int = 1000) -> SearchConfig:
    """Search settings for the network's size: seconds on small networks, minutes on those of a hundred nodes.

    A pool of few objectives, for first questions, takes an eighth of the walks.
    """
    n_walks = 256 if net.n_nodes <= 25 else 128 if net.n_nodes <= 60 else 64
    return SearchConfig(n_walks=n_walks // 8 if n_objectives <= FEW_OBJECTIVES else n_walks)


def reference(instance: Instance, work: Work) -> Reference:
    """The latency that counts as 1: that of latency weights."""
    group(instance)
    net = routing_network(instance)
    return {"latency_scale_ms": metrics(net, latency_weights(net))[1]}


def family(metric_group: MetricGroup, facts: Reference) -> UtilizationThresholds:
    """The objectives of an instance."""
    return UtilizationThresholds(float(facts["latency_scale_ms"]))


@lru_cache(maxsize=4)
def _archive(instance: Instance) -> Archive:
    return archive(instance, Work())


def archive(instance: Instance, work: Work, n_objectives: int = 1000) -> Archive:
    """All nondominated settings that are found for a pool of `n_objectives`."""
    net = routing_network(instance)
    return search(net, search_config(net, n_objectives), work)


def optimize(
    instance: Instance, objectives: ObjectiveFamily, facts: Reference, parameters: Array, work: Work
) -> Optima:
    """The archive's best setting for each objective (N, k)."""
    found = archive(instance, work, len(parameters))
    best = objectives.values(parameters, scores_of(found)).argmax(axis=1)
    report = {
        "settings_kept": len(found),
        "utilization_percent": [100.0 * float(found.utilization[i]) for i in (0, -1)],
        "latency_ms": [float(found.latency_ms[i]) for i in (0, -1)],
    }
    return Optima(scores_of(found)[best], found.weights[best].astype(np.float64), report)


def decide(instance: Instance, objectives: ObjectiveFamily, parameters: Array) -> Array:
    """The best link weights for one objective (k,); shape (A,)."""
    found = _archive(instance)
    best = int(objectives.values(np.atleast_2d(parameters), scores_of(found))[0].argmax())
    weights: Array = found.weights[best].astype(np.float64)
    return weights


def scores_of(found: Archive) -> Array:
    """Oriented metrics of the archive; shape (D, 2)."""
    return GROUP.oriented(np.stack([100.0 * found.utilization, found.latency_ms], axis=1))


def evaluate(instance: Instance, decision: Array) -> Array:
    """Maximum utilization (%) and latency (ms) of link weights (A,)."""
    utilization, latency_ms = metrics(routing_network(instance), checked(instance, decision))
    return np.array([100.0 * utilization, latency_ms])


def checked(instance: Instance, decision: Array) -> Any:
    """Link weights as integers.

    Raises:
        ConfigError: a weight is not an integer from 1 to 65535, or their number is wrong.
    """
    weights = np.rint(decision).astype(np.int64)
    if weights.shape != (instance.topology.n_arcs,) or not np.array_equal(weights, decision):
        raise ConfigError(f"link weights must be {instance.topology.n_arcs} integers, one per arc.")
    if weights.min() < 1 or weights.max() > MAX_WEIGHT:
        raise ConfigError(
            f"link weights must lie in 1 to {MAX_WEIGHT}, got {weights.min()} to {weights.max()}."
        )
    return weights


def when_failed(instance: Instance, decision: Array, failure: Failure) -> tuple[Array, float]:
    """Utilization (A,) and carried share of the demand after routing has converged without the arcs of a failure."""
    net, weights = routing_network(instance), checked(instance, decision)
    up = np.setdiff1d(np.arange(net.n_arcs), failure)
    adjacent = sparse.csr_array((np.ones(len(up)), (net.tail[up], net.head[up])), shape=(net.n_nodes,) * 2)
    reached = np.isfinite(csgraph.shortest_path(adjacent, unweighted=True))  # (source, destination)
    demand = np.where(reached, net.demand.T, 0.0)
    left = network(net.tail[up], net.head[up], net.capacity[up], net.latency_ms[up], demand)
    utilization = np.zeros(net.n_arcs)
    utilization[up] = loads(left, weights[up]) / left.capacity
    return utilization, float(demand.sum() / net.demand.sum())


def export(instance: Instance, decision: Array) -> Tables:
    """Table "links": weight, traffic and utilization of every arc."""
    topology, net = instance.topology, routing_network(instance)
    weights = checked(instance, decision)
    load: Floats = loads(net, weights)
    rows = [
        {
            "from": topology.nodes[a],
            "to": topology.nodes[b],
            "weight": int(weights[e]),
            "load": float(load[e]),
            "capacity": float(topology.capacity[e]),
            "utilization": float(load[e] / topology.capacity[e]),
        }
        for e, (a, b) in enumerate(topology.arcs.tolist())
    ]
    assert np.isclose(max(row["utilization"] for row in rows), metrics_of_loads(net, load)[0])
    return {"links": rows}
