"""Routing against networkx, which finds all shortest paths one by one."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.wan.scenarios.ospf.routing import Network, loads, metrics, network


def made_up(seed: int, n: int = 7, extra: int = 6) -> Network:
    """A ring with chords, both directions of each link, and random demands."""
    rng = np.random.default_rng(seed)
    links = {(i, (i + 1) % n) for i in range(n)}
    links |= {tuple(sorted(map(int, rng.choice(n, 2, replace=False)))) for _ in range(extra)}
    links = sorted({(min(a, b), max(a, b)) for a, b in links})
    tail, head = np.array(links + [(b, a) for a, b in links]).T
    latency = np.tile(rng.uniform(0.5, 10.0, len(links)), 2)
    demand = rng.uniform(0.0, 1.0, (n, n))
    np.fill_diagonal(demand, 0.0)
    return network(tail, head, rng.uniform(1.0, 3.0, len(tail)), latency, demand)


def by_networkx(net: Network, weights: np.ndarray) -> np.ndarray:
    """Loads by splitting each demand evenly at each node, node by node, as the definition says."""
    graph = nx.DiGraph()
    number = {}
    for arc, (u, v) in enumerate(zip(net.tail.tolist(), net.head.tolist(), strict=True)):
        graph.add_edge(u, v, weight=int(weights[arc]))
        number[u, v] = arc
    load = np.zeros(net.n_arcs)

    def send(v: int, t: int, amount: float) -> None:
        if v == t:
            return
        best = nx.shortest_path_length(graph, v, t, weight="weight")
        following = [
            u
            for u in graph.successors(v)
            if graph[v][u]["weight"] + nx.shortest_path_length(graph, u, t, weight="weight") == best
        ]
        for u in following:
            load[number[v, u]] += amount / len(following)
            send(u, t, amount / len(following))

    for t in range(net.n_nodes):
        for s in range(net.n_nodes):
            if s != t:
                send(s, t, float(net.demand[t, s]))
    return load


@given(seed=st.integers(0, 10_000), largest=st.sampled_from([1, 2, 5, 100]))
@settings(max_examples=15)
def test_loads_are_those_of_the_definition(seed, largest):
    net = made_up(seed, n=5, extra=3)
    weights = np.random.default_rng(seed).integers(1, largest + 1, net.n_arcs)
    assert loads(net, weights) == pytest.approx(by_networkx(net, weights))


@given(seed=st.integers(0, 10_000))
def test_traffic_is_neither_made_nor_lost(seed):
    net = made_up(seed)
    load = loads(net, np.random.default_rng(seed).integers(1, 4, net.n_arcs))
    enters = np.bincount(net.head, load, net.n_nodes)
    leaves = np.bincount(net.tail, load, net.n_nodes)
    assert enters - leaves == pytest.approx(net.demand.sum(axis=1) - net.demand.sum(axis=0))


@given(seed=st.integers(0, 10_000), factor=st.integers(2, 9))
def test_only_the_ratios_of_weights_matter(seed, factor):
    net = made_up(seed)
    weights = np.random.default_rng(seed).integers(1, 20, net.n_arcs)
    assert metrics(net, weights) == metrics(net, factor * weights)


@given(seed=st.integers(0, 10_000))
def test_relabeled_nodes_change_nothing(seed):
    net = made_up(seed)
    rng = np.random.default_rng(seed)
    label = rng.permutation(net.n_nodes)
    demand = np.empty_like(net.demand)
    demand[np.ix_(label, label)] = net.demand.T
    renamed = network(label[net.tail], label[net.head], net.capacity, net.latency_ms, demand)
    weights = rng.integers(1, 5, net.n_arcs)
    assert loads(renamed, weights) == pytest.approx(loads(net, weights))


def test_a_square_splits_evenly():
    """Two ways of equal cost round a square: each carries half, worked by hand."""
    tail, head = np.array([0, 0, 1, 2]), np.array([1, 2, 3, 3])
    demand = np.zeros((4, 4))
    demand[0, 3], demand[1, 3] = 4.0, 1.0
    net = network(tail, head, np.array([4.0, 4.0, 6.0, 2.0]), np.array([1.0, 5.0, 1.0, 5.0]), demand)
    # The rest is unreachable and asks for nothing; the two demands alone are routed.
    assert loads(net, np.array([3, 3, 2, 2])).tolist() == [2.0, 2.0, 3.0, 2.0]
    assert metrics(net, np.array([3, 3, 2, 2])) == (1.0, pytest.approx((2 + 10 + 3 + 10) / 5))
