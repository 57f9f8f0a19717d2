"""Paths and tunnels against networkx, and the laws that they keep."""

from __future__ import annotations

import itertools

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.wan import catalog, demands, tunnels
from netwright.wan.paths import Network
from netwright.wan.topology import from_links


@st.composite
def networks(draw):
    """A ring with random chords, latencies without ties."""
    n = draw(st.integers(3, 7))
    ring = [(i, (i + 1) % n) for i in range(n)]
    links = sorted({(min(a, b), max(a, b)) for a, b in ring})
    chords = [pair for pair in itertools.combinations(range(n), 2) if pair not in links]
    links += draw(st.lists(st.sampled_from(chords), unique=True)) if chords else []
    latency = np.random.default_rng(draw(st.integers(0, 999))).uniform(1.0, 9.0, len(links))
    return from_links("drawn", [f"n{i}" for i in range(n)], links, [1.0] * len(links), latency)


def as_graph(topology):
    graph = nx.DiGraph()
    for (a, b), latency in zip(topology.arcs.tolist(), topology.latency_ms, strict=True):
        graph.add_edge(a, b, ms=latency)
    return graph


def nodes_of(topology, path):
    return [int(topology.arcs[path[0], 0]), *(int(topology.arcs[e, 1]) for e in path)]


@settings(deadline=None, max_examples=30)
@given(topology=networks(), k=st.integers(1, 6))
def test_k_shortest_are_those_of_networkx(topology, k):
    graph, network = as_graph(topology), Network.of(topology)
    target = topology.n_nodes - 1
    expected = list(itertools.islice(nx.shortest_simple_paths(graph, 0, target, weight="ms"), k))
    assert [nodes_of(topology, path) for path in network.k_shortest(0, target, k)] == expected


@settings(deadline=None, max_examples=30)
@given(topology=networks())
def test_two_disjoint_paths_share_nothing_when_greed_allows(topology):
    network = Network.of(topology)
    paths = network.disjoint(0, topology.n_nodes - 1, 3)
    assert len(set(paths)) == len(paths)
    assert paths[0] == network.k_shortest(0, topology.n_nodes - 1, 1)[0]
    graph = as_graph(topology).to_undirected()
    graph.remove_edges_from([tuple(topology.arcs[e]) for e in paths[0]])
    if nx.has_path(graph, 0, topology.n_nodes - 1):
        used = {frozenset(topology.arcs[e].tolist()) for e in paths[0]}
        assert not used & {frozenset(topology.arcs[e].tolist()) for e in paths[1]}


@pytest.mark.parametrize("rule", ["k4", "d3"])
def test_every_tunnel_leads_from_its_source_to_its_target(rule):
    topology = catalog.topology("abilene")
    traffic = demands.gravity(topology, np.random.default_rng(0))
    chosen = tunnels.choose(topology, traffic, rule)
    for flow, path, latency in zip(chosen.flow, chosen.paths, chosen.latency_ms, strict=True):
        way = nodes_of(topology, path)
        assert (way[0], way[-1]) == (traffic.source[flow], traffic.target[flow])
        assert len(set(way)) == len(way)
        assert latency == pytest.approx(topology.latency_ms[list(path)].sum())
    assert (np.diff(chosen.first) >= 1).all()
    assert (chosen.crossing.sum(0) == [len(path) for path in chosen.paths]).all()


def test_an_unknown_tunnel_rule_is_refused():
    topology = catalog.topology("b4")
    with pytest.raises(ConfigError, match="k4 or d3"):
        tunnels.choose(topology, demands.gravity(topology, np.random.default_rng(0)), "x3")
