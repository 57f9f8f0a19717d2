"""How long the search for link weights is, by the size of the network and of the pool."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.wan.scenarios.ospf.design import FEW_OBJECTIVES, search_config
from netwright.wan.scenarios.ospf.routing import network


def ring(n_nodes):
    tail = np.arange(n_nodes)
    ones = np.ones(n_nodes)
    return network(tail, (tail + 1) % n_nodes, ones, ones, np.ones((n_nodes, n_nodes)))


@pytest.mark.parametrize(("n_nodes", "n_walks"), [(25, 256), (26, 128), (60, 128), (61, 64)])
def test_larger_networks_get_fewer_walks(n_nodes, n_walks):
    assert search_config(ring(n_nodes)).n_walks == n_walks
    assert search_config(ring(n_nodes), FEW_OBJECTIVES + 1).n_walks == n_walks


@pytest.mark.parametrize(("n_nodes", "n_walks"), [(25, 32), (60, 16), (61, 8)])
def test_a_pool_of_few_objectives_takes_an_eighth_of_the_walks(n_nodes, n_walks):
    assert search_config(ring(n_nodes), FEW_OBJECTIVES).n_walks == n_walks
