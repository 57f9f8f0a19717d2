"""Decima's graph neural network for any number of clusters at once, with the published names of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from netwright.tasks.cjs.baselines.decima_graph import N_FEATURES, N_JOB_FEATURES, Graph, graph_of
from netwright.tasks.cjs.observation import Observation

WIDTH = 16
"""Size of an embedding."""

ENCODING, SCORING = (32, 16), (64, 64)
"""Hidden sizes of the parts that make embeddings, and of those that score."""


@dataclass(frozen=True)
class Graphs:
    """The graphs of B clusters side by side: N stages of A jobs, of which C stages can be chosen.

    Attributes:
        features, job, caps, leaves: see `Graph`.
        first_node: first stage of each job.
        cluster: of each job.
        n_executors: of each cluster.
        choices: stages that can be chosen.
        passes: edges (parent, child) of each pass, the first one first.
    """

    features: Tensor  # (N, 5)
    job: Tensor  # (N,)
    caps: Tensor  # (A,)
    leaves: Tensor  # (L,)
    first_node: Tensor  # (A,)
    cluster: Tensor  # (A,)
    n_executors: Tensor  # (B,)
    choices: Tensor  # (C,)
    passes: tuple[Tensor, ...]  # each (K, 2)

    @classmethod
    def of(cls, observations: Sequence[Observation]) -> Graphs:
        """The graphs of one observation or more."""
        graphs = [graph_of(one) for one in observations]
        nodes = np.cumsum([0, *(len(one.stage) for one in observations)])[:-1]
        jobs = np.cumsum([0, *(len(one.job) for one in observations)])[:-1]
        shifted = list(zip(observations, graphs, nodes, strict=True))
        return cls(
            features=torch.from_numpy(np.concatenate([g.features for g in graphs])),
            job=_joined([g.job + first for g, first in zip(graphs, jobs, strict=True)]),
            caps=_joined([g.caps for g in graphs]),
            leaves=_joined([g.leaves + first for _, g, first in shifted]),
            first_node=_joined([o.first_node[:-1] + first for o, _, first in shifted]),
            cluster=_joined([np.full(len(g.caps), b) for b, g in enumerate(graphs)]),
            n_executors=torch.tensor([one.n_executors for one in observations]),
            choices=_joined([o.choices + first for o, _, first in shifted]),
            passes=_merged_passes([(g, int(first)) for _, g, first in shifted]),
        )


def _joined(parts: Sequence[np.ndarray[tuple[int], np.dtype[np.int64]]]) -> Tensor:
    return torch.from_numpy(np.concatenate(parts))


def _merged_passes(graphs: Sequence[tuple[Graph, int]]) -> tuple[Tensor, ...]:
    """The passes of all graphs, aligned at the last one; the second part is the first node of a graph."""
    n_passes = max(len(graph.first_edge) - 1 for graph, _ in graphs)
    merged: list[list[np.ndarray[tuple[int, int], np.dtype[np.int64]]]] = [[] for _ in range(n_passes)]
    for graph, first in graphs:
        skipped = n_passes - (len(graph.first_edge) - 1)
        for number, (begin, end) in enumerate(zip(graph.first_edge, graph.first_edge[1:], strict=False)):
            merged[skipped + number].append(graph.edges[begin:end] + first)
    return tuple(torch.from_numpy(np.concatenate(parts)) for parts in merged)


@dataclass(frozen=True)
class Embeddings:
    """What the network makes of stages, jobs and clusters."""

    nodes: Tensor  # (N, 16)
    jobs: Tensor  # (A, 16)
    clusters: Tensor  # (B, 16)


def mlp(n_inputs: int, widths: tuple[int, int], n_outputs: int, activation: nn.Module) -> nn.Sequential:
    """Three linear layers, an activation between them."""
    first, second = widths
    return nn.Sequential(
        nn.Linear(n_inputs, first),
        activation,
        nn.Linear(first, second),
        activation,
        nn.Linear(second, n_outputs),
    )


def _encoding(n_inputs: int) -> nn.Sequential:
    return mlp(n_inputs, ENCODING, WIDTH, nn.LeakyReLU(0.2))


class NodeEncoder(nn.Module):
    """Embeddings of stages: messages go from the leaves to the roots, one pass for each generation."""

    def __init__(self) -> None:
        super().__init__()
        self.mlp_prep, self.mlp_msg, self.mlp_update = map(_encoding, (N_FEATURES, WIDTH, WIDTH))

    def forward(self, graphs: Graphs) -> Tensor:
        """(N, 16) embeddings."""
        prepared: Tensor = self.mlp_prep(graphs.features)
        h = prepared.index_copy(0, graphs.leaves, self.mlp_update(prepared[graphs.leaves]))
        for edges in graphs.passes:
            parents, place = torch.unique(edges[:, 0], return_inverse=True)
            received = h.new_zeros(len(parents), WIDTH).index_add(0, place, self.mlp_msg(h[edges[:, 1]]))
            h = h.index_copy(0, parents, prepared[parents] + self.mlp_update(received))
        return h


class Summary(nn.Module):
    """A sum of transformed rows for each group."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.mlp = _encoding(n_inputs)

    def forward(self, rows: Tensor, group: Tensor, n_groups: int) -> Tensor:
        """(n_groups, 16) sums over the rows of each group."""
        return rows.new_zeros(n_groups, WIDTH).index_add(0, group, self.mlp(rows))


class Encoder(nn.Module):
    """Embeddings of stages, of jobs from their stages, and of clusters from their jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.node_encoder = NodeEncoder()
        self.dag_encoder = Summary(N_FEATURES + WIDTH)
        self.global_encoder = Summary(WIDTH)

    def forward(self, graphs: Graphs) -> Embeddings:
        """The embeddings of all three."""
        nodes: Tensor = self.node_encoder(graphs)
        jobs = self.dag_encoder(torch.cat([graphs.features, nodes], 1), graphs.job, len(graphs.caps))
        clusters = self.global_encoder(jobs, graphs.cluster, len(graphs.n_executors))
        return Embeddings(nodes, jobs, clusters)


class Score(nn.Module):
    """A number for each row."""

    def __init__(self, n_inputs: int) -> None:
        super().__init__()
        self.mlp_score = mlp(n_inputs, SCORING, 1, nn.Tanh())

    def forward(self, *parts: Tensor) -> Tensor:
        """(R,) scores of rows whose parts (R, ..) stand side by side."""
        scores: Tensor = self.mlp_score(torch.cat(parts, 1)).squeeze(1)
        return scores


class DecimaNetwork(nn.Module):
    """Scores of stages, and of numbers of executors for a job. 20,802 parameters, whatever the size of the cluster."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = Encoder()
        self.stage_policy_network = Score(N_FEATURES + 3 * WIDTH)
        self.exec_policy_network = Score(N_JOB_FEATURES + 2 * WIDTH + 1)

    def forward(self, graphs: Graphs) -> tuple[Tensor, Embeddings]:
        """(C,) logits of the stages that can be chosen, and the embeddings."""
        found: Embeddings = self.encoder(graphs)
        chosen = graphs.choices
        job = graphs.job[chosen]
        cluster = found.clusters[graphs.cluster[job]]
        return self.stage_policy_network(
            graphs.features[chosen], found.nodes[chosen], found.jobs[job], cluster
        ), found

    def executor_logits(self, graphs: Graphs, found: Embeddings, jobs: Tensor) -> Tensor:
        """Logits of adding 1, 2, .., `caps` executors to each of these jobs (J,), one job after the other."""
        counts = graphs.caps[jobs]
        row = jobs.repeat_interleave(counts)
        before = torch.arange(len(row)) - (counts.cumsum(0) - counts).repeat_interleave(counts)
        cluster = graphs.cluster[row]
        scores: Tensor = self.exec_policy_network(
            graphs.features[graphs.first_node[row], :N_JOB_FEATURES],
            found.jobs[row],
            found.clusters[cluster],
            (before / graphs.n_executors[cluster]).unsqueeze(1),
        )
        return scores
