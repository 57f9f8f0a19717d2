from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.encoders import Image, ModalitySpec, MultimodalEncoder, Scalars, TimeSeries

WIDTH = 16

Graphs = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class ToyGraph:
    """Two rounds of message passing and a mean over each graph's nodes: what a graph modality may be."""

    name: str
    n_inputs: int
    n_features: int = 8
    n_tokens: int = 1

    def network(self) -> nn.Module:
        return _ToyGraphNetwork(self)


class _ToyGraphNetwork(nn.Module):
    def __init__(self, spec: ToyGraph) -> None:
        super().__init__()
        self.inner = nn.Linear(spec.n_inputs, spec.n_features)
        self.message = nn.Linear(spec.n_features, spec.n_features)

    def forward(self, graphs: Graphs) -> Tensor:
        nodes, edges, graph = graphs
        hidden = self.inner(nodes)
        for _ in range(2):
            sent = self.message(hidden)[edges[0]]
            hidden = hidden + torch.zeros_like(hidden).index_add(0, edges[1], sent)
        n_graphs = int(graph.max()) + 1
        total = torch.zeros(n_graphs, hidden.shape[1]).index_add(0, graph, hidden)
        return (total / torch.bincount(graph)[:, None])[:, None]


SERIES = TimeSeries("series", n_channels=3, length=10, patch=5, n_features=12)
SCALARS = Scalars("scalars", size=4, n_tokens=2, n_features=8)
IMAGE = Image("image", n_features=20)
GRAPH = ToyGraph("graph", n_inputs=3)
ALL: tuple[ModalitySpec, ...] = (SERIES, SCALARS, IMAGE, GRAPH)


def graph_batch() -> Graphs:
    edges = torch.tensor([[0, 1, 3], [1, 2, 4]])
    return torch.randn(5, 3), edges, torch.tensor([0, 0, 0, 1, 1])


def observations(seed: int = 0) -> dict[str, Any]:
    torch.manual_seed(seed)
    return {
        "series": torch.randn(2, 10, 3),
        "scalars": torch.randn(2, 4),
        "image": torch.randn(2, 20),
        "graph": graph_batch(),
    }


@pytest.mark.parametrize("spec", ALL, ids=lambda spec: type(spec).__name__)
def test_a_feature_network_gives_what_its_spec_says(spec: ModalitySpec) -> None:
    features = spec.network()(observations()[spec.name])
    assert features.shape == (2, spec.n_tokens, spec.n_features)


def test_tokens_stand_in_the_order_of_the_modalities_and_are_normed() -> None:
    torch.manual_seed(0)
    encoder = MultimodalEncoder(ALL, WIDTH)
    tokens = encoder(observations())
    assert tokens.shape == (2, encoder.n_tokens, WIDTH) == (2, 2 + 2 + 1 + 1, WIDTH)
    assert torch.allclose(tokens.mean(dim=-1), torch.zeros(2, 6), atol=1e-5)
    assert torch.allclose(tokens.var(dim=-1, correction=0), torch.ones(2, 6), atol=1e-2)
    start = 0
    for spec in ALL:
        changed = observations() | {spec.name: observations(seed=1)[spec.name]}
        moved = (encoder(changed) != tokens).any(dim=-1).all(dim=0)
        assert moved.nonzero().flatten().tolist() == list(range(start, start + spec.n_tokens))
        start += spec.n_tokens


def test_every_weight_of_every_modality_learns() -> None:
    encoder = MultimodalEncoder(ALL, WIDTH)
    (encoder(observations()) * torch.randn(WIDTH)).sum().backward()
    assert [n for n, p in encoder.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []


def test_an_image_trains_its_projection_only() -> None:
    assert list(IMAGE.network().parameters()) == []
    assert {n.split(".")[0] for n, _ in MultimodalEncoder([IMAGE], WIDTH).named_parameters()} == {
        "projections"
    }


def test_series_sees_time_inside_a_patch_and_its_neighbors() -> None:
    network = SERIES.network()
    series = observations()["series"].requires_grad_()
    network(series)[:, 0].sum().backward()
    assert (series.grad[0].abs().sum(dim=-1) > 0).tolist() == [True] * 6 + [False] * 4


def test_renaming_nodes_of_a_graph_changes_nothing() -> None:
    network = GRAPH.network()
    nodes, edges, graph = graph_batch()
    order = torch.randperm(5)
    place = torch.argsort(order)
    renamed = network((nodes[order], place[edges], graph[order]))
    assert torch.allclose(renamed, network((nodes, edges, graph)), atol=1e-6)


def test_absent_and_doubled_modalities_are_named() -> None:
    encoder = MultimodalEncoder(ALL, WIDTH)
    with pytest.raises(ConfigError, match="lacks image, graph; it needs series, scalars, image, graph"):
        encoder({k: v for k, v in observations().items() if k in ("series", "scalars")})
    for modalities in ([], [SERIES, SERIES]):
        with pytest.raises(ConfigError, match="distinct names"):
            MultimodalEncoder(modalities, WIDTH)


def test_specs_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="patch must divide the length 10, got 3"):
        TimeSeries("x", 3, 10, patch=3)
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        Image("x", 0)
    with pytest.raises(ConfigError, match="Scalars"):
        Scalars("x", size=0)
    with pytest.raises(ConfigError, match="TimeSeries"):
        TimeSeries("x", n_channels=0, length=5)
