"""Graphs: message passing along the edges, a token for each graph, and an embedding for each of its nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.core.errors import ConfigError, DataError

Array = NDArray[np.generic]

N_HEADS = 4  # of attention among nodes


@dataclass(frozen=True)
class GraphBatch:
    """Graphs of any size as one disjoint graph, in the order of a batch of shape `shape`.

    Attributes:
        nodes: (M, F) features of all nodes, graph by graph.
        edges: (2, E) from and to, as rows of `nodes`.
        sizes: (G,) nodes of each graph, at least one.
        shape: of the batch, (B,) or (B, T); its product is G.
    """

    nodes: Tensor
    edges: Tensor
    sizes: Tensor
    shape: tuple[int, ...]

    @staticmethod
    def of(graphs: Sequence[tuple[Array, Array]], shape: tuple[int, ...] | None = None) -> GraphBatch:
        """A batch from (nodes (n, F), edges (2, e)) of each graph, edges within the graph.

        Raises:
            DataError: a graph has no nodes, or an edge leads to a node that it does not have.
        """
        for i, (nodes, edges) in enumerate(graphs):
            if not len(nodes):
                raise DataError(f"graph {i} of the batch has no nodes; give at least one.")
            if edges.size and not (int(edges.min()) >= 0 and int(edges.max()) < len(nodes)):
                raise DataError(
                    f"graph {i} of the batch has an edge to a node that is not among its {len(nodes)}."
                )
        sizes = np.array([len(nodes) for nodes, _ in graphs], dtype=np.int64)
        first = np.cumsum(sizes) - sizes
        moved = [e.reshape(2, -1).astype(np.int64) + f for (_, e), f in zip(graphs, first, strict=True)]
        return GraphBatch(
            torch.from_numpy(np.concatenate([nodes for nodes, _ in graphs]).astype(np.float32)),
            torch.from_numpy(np.concatenate(moved, axis=1)),
            torch.from_numpy(sizes),
            shape or (len(graphs),),
        )

    @property
    def graph_of(self) -> Tensor:
        """(M,) number of the graph that each node belongs to."""
        return torch.repeat_interleave(torch.arange(len(self.sizes), device=self.sizes.device), self.sizes)

    @property
    def first(self) -> Tensor:
        """(G,) row of each graph's first node."""
        return self.sizes.cumsum(0) - self.sizes

    def flatten(self, start: int, end: int) -> GraphBatch:
        """The same graphs, dimensions `start` to `end` of the batch as one; as `Tensor.flatten`."""
        end = end % len(self.shape)
        one = math.prod(self.shape[start : end + 1])
        return replace(self, shape=(*self.shape[:start], one, *self.shape[end + 1 :]))

    def reshape(self, *shape: int) -> GraphBatch:
        """The same graphs in a batch of another shape; as `Tensor.reshape`, without -1."""
        assert math.prod(shape) == len(self.sizes)
        return replace(self, shape=shape)

    def __getitem__(self, rows: Tensor) -> GraphBatch:
        """The graphs of a batch of shape (B,) at these rows (..), which may repeat."""
        index = rows.reshape(-1).to(self.sizes.device)
        sizes = self.sizes[index]
        n_edges = torch.bincount(self.graph_of[self.edges[0]], minlength=len(self.sizes))
        edges, edges_of = _ranges(self._by_graph(), n_edges[index], (n_edges.cumsum(0) - n_edges)[index])
        nodes, _ = _ranges(None, sizes, self.first[index])
        moved = (sizes.cumsum(0) - sizes) - self.first[index]
        return GraphBatch(self.nodes[nodes], self.edges[:, edges] + moved[edges_of], sizes, tuple(rows.shape))

    def _by_graph(self) -> Tensor:
        """(E,) columns of `edges`, sorted by graph."""
        return torch.argsort(self.graph_of[self.edges[0]], stable=True)

    @staticmethod
    def concatenated(batches: Sequence[GraphBatch]) -> GraphBatch:
        """Batches of shape (B,) one after the other."""
        counts = torch.tensor([0, *(len(b.nodes) for b in batches[:-1])]).cumsum(0).tolist()
        sizes = torch.cat([b.sizes for b in batches])
        return GraphBatch(
            torch.cat([b.nodes for b in batches]),
            torch.cat([b.edges + first for b, first in zip(batches, counts, strict=True)], dim=1),
            sizes,
            (len(sizes),),
        )

    def to(self, device: torch.device) -> GraphBatch:
        """The same graphs on a device."""
        return replace(
            self, nodes=self.nodes.to(device), edges=self.edges.to(device), sizes=self.sizes.to(device)
        )


Value = Tensor | GraphBatch
Inputs = Mapping[str, Value]
"""What models read of a batch of observations, by name."""


def tensor_of(inputs: Inputs, name: str) -> Tensor:
    """The tensor of that name."""
    found = inputs[name]
    assert isinstance(found, Tensor), f"{name} must be a tensor, got {type(found).__name__}"
    return found


def graphs_of(inputs: Inputs, name: str) -> GraphBatch:
    """The batch of graphs of that name."""
    found = inputs[name]
    assert isinstance(found, GraphBatch), f"{name} must be a GraphBatch, got {type(found).__name__}"
    return found


def _ranges(values: Tensor | None, lengths: Tensor, starts: Tensor) -> tuple[Tensor, Tensor]:
    """Consecutive ranges of `values` (of the numbers themselves if None), and the number of each value's range."""
    of = torch.repeat_interleave(torch.arange(len(lengths), device=lengths.device), lengths)
    within = torch.arange(len(of), device=lengths.device) - (lengths.cumsum(0) - lengths)[of]
    found = starts[of] + within
    return found if values is None else values[found], of


@dataclass(frozen=True)
class Graph:
    """A graph whose nodes have `size` numbers each: one token, and an embedding of each node for a `Pointer`.

    Attributes:
        rounds: of message passing; a node's embedding depends on nodes up to so many edges away, in both directions.
        attention: layers in which all nodes of a graph attend to each other afterwards, whatever their edges.
    """

    name: str
    size: int
    rounds: int = 3
    n_features: int = 64
    attention: int = 0

    n_tokens = 1

    def __post_init__(self) -> None:
        if min(self.size, self.n_features) < 1 or min(self.rounds, self.attention) < 0:
            raise ConfigError(
                "Graph needs a size and features of at least 1, rounds and attention of at least 0, got "
                f"{self.size}, {self.n_features}, {self.rounds}, {self.attention}."
            )
        if self.attention and self.n_features % N_HEADS:
            raise ConfigError(f"attention needs features in multiples of {N_HEADS}, got {self.n_features}.")

    def network(self) -> GraphNetwork:
        """A `GraphBatch` of G graphs to (G, 1, n_features)."""
        return GraphNetwork(self)


class SetAttention(nn.Module):
    """A transformer layer without positions: the order of a set changes nothing (Lee et al. 2019, Set Transformer)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(n), nn.LayerNorm(n)
        self.query_key_value, self.out = nn.Linear(n, 3 * n), nn.Linear(n, n)
        self.inner = nn.Sequential(nn.Linear(n, 4 * n), nn.GELU(), nn.Linear(4 * n, n))

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        """(G, N, n) sets to sets; `real` (G, N) is False in padding, which is not attended to."""
        n_sets, longest, n = x.shape
        split = self.query_key_value(self.before(x)).view(n_sets, longest, 3, N_HEADS, n // N_HEADS)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=real[:, None, None])
        x = x + self.out(mixed.transpose(1, 2).reshape(n_sets, longest, n))
        found: Tensor = x + self.inner(self.between(x))
        return found


class GraphNetwork(nn.Module):
    """Message passing with sums over incoming and outgoing edges, residual, normalized after each round.

    As in Decima (Mao et al. 2019, Eq. 1) a node's embedding comes from its own features and its neighbors'
    embeddings by networks shared by all nodes. Departures: a fixed number of rounds over both directions at once, in
    place of one sweep from the leaves, so that all nodes of all graphs are computed together.
    """

    def __init__(self, spec: Graph) -> None:
        super().__init__()
        n = spec.n_features
        self.embed = nn.Sequential(nn.Linear(spec.size, n), nn.GELU(), nn.Linear(n, n))
        self.down, self.up, self.norms = (
            nn.ModuleList(make() for _ in range(spec.rounds))
            for make in (lambda: nn.Linear(n, n), lambda: nn.Linear(n, n), lambda: nn.LayerNorm(n))
        )
        self.attention = nn.ModuleList(SetAttention(n) for _ in range(spec.attention))
        self.pooled = nn.Linear(2 * n, n)

    def nodes(self, graphs: GraphBatch) -> Tensor:
        """(M, n_features) an embedding of every node."""
        hidden: Tensor = self.embed(graphs.nodes)
        source, target = graphs.edges
        for down, up, norm in zip(self.down, self.up, self.norms, strict=True):
            message = torch.zeros_like(hidden)
            message = message.index_add(0, target, down(hidden)[source])
            message = message.index_add(0, source, up(hidden)[target])
            hidden = norm(hidden + nn.functional.gelu(message))
        return self._attended(hidden, graphs) if len(self.attention) else hidden

    def _attended(self, nodes: Tensor, graphs: GraphBatch) -> Tensor:
        """(M, n_features) after the nodes of each graph have attended to each other, padded to the largest graph."""
        graph, longest = graphs.graph_of, int(graphs.sizes.max())
        place = torch.arange(len(nodes), device=nodes.device) - graphs.first[graph]
        padded = nodes.new_zeros(len(graphs.sizes), longest, nodes.shape[1])
        padded = padded.index_put((graph, place), nodes)
        real = torch.arange(longest, device=nodes.device) < graphs.sizes[:, None]
        for layer in self.attention:
            padded = layer(padded, real)
        attended: Tensor = padded[graph, place]
        return attended

    def forward(self, graphs: GraphBatch) -> Tensor:
        """(G, 1, n_features) one token for each graph."""
        return self.token(self.nodes(graphs), graphs)

    def token(self, nodes: Tensor, graphs: GraphBatch) -> Tensor:
        """(G, 1, n_features) from the embeddings (M, n_features): their mean and their maximum, projected."""
        n_graphs, graph = len(graphs.sizes), graphs.graph_of
        total = nodes.new_zeros(n_graphs, nodes.shape[1]).index_add(0, graph, nodes)
        mean = total / graphs.sizes[:, None]
        highest = nodes.new_full((n_graphs, nodes.shape[1]), -torch.inf)
        highest = highest.scatter_reduce(0, graph[:, None].expand_as(nodes), nodes, "amax")
        token: Tensor = self.pooled(torch.cat([mean, highest], dim=1))[:, None]
        return token
