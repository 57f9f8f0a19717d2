"""Small instances that tests share."""

from __future__ import annotations

from functools import cache

import numpy as np

from netwright.wan import registry
from netwright.wan.demands import Demands
from netwright.wan.instance import Instance, InstanceConfig, assemble, build
from netwright.wan.topology import Topology, from_links

TUNNEL_SCENARIOS = ("mcf", "bw", "nf")


@cache
def abilene(scenario: str) -> Instance:
    """Abilene as the scenario wants it."""
    from netwright.wan.catalog import topology

    return build(registry.scenario(scenario).config("abilene", topology("abilene")))


def square() -> Topology:
    """A - B - C - D - A, capacity 1, latency 1 ms, but 2 ms on D - A."""
    links = [(0, 1), (1, 2), (2, 3), (0, 3)]
    return from_links("square", ["A", "B", "C", "D"], links, [1.0] * 4, [1.0, 1.0, 1.0, 2.0])


def with_flows(*flows: tuple[int, int, float, int], tunnels: str = "k4") -> Instance:
    """The square with flows (source, target, volume, class) as given."""
    source, target, volume, classes = zip(*flows, strict=True)
    demands = Demands(
        np.array(source), np.array(target), np.array(volume, dtype=float), np.array(classes, dtype=np.int64)
    )
    return assemble(InstanceConfig("square", 0.0, tunnels, n_classes=0), square(), demands)


def random_shares(instance: Instance, rng: np.random.Generator) -> np.ndarray:
    """A feasible allocation: random, then cut to the demands and to the capacities."""
    share = rng.dirichlet(np.ones(4), len(instance.tunnels))[:, 0] * rng.uniform(0, 4)
    share *= rng.random(len(share)) < 0.7
    served = instance.tunnels.serving @ share
    share /= np.maximum(served, 1.0)[instance.tunnels.flow]
    return share / max(1.0, float((instance.demand_per_capacity @ share).max()))
