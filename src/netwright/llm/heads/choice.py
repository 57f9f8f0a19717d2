"""One of a fixed number of choices, or one of a set of nodes of any number."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError, DataError
from netwright.llm.encoders import Inputs, graphs_of, tensor_of
from netwright.llm.heads.common import VALID, check_hidden, mask_of, masked, perceptron, tamed

NODES = ".nodes"
"""Ending of the input that holds the embeddings (M, n_features) of a graph modality's nodes."""


@dataclass(frozen=True)
class CategoricalChoice:
    """An answer that is one of `n_choices`, such as the rungs of a bitrate ladder.

    `valid` is the name of the input that holds the mask (.., n_choices), if some cannot be taken.
    """

    n_choices: int
    n_hidden: int = 0
    dropout: float = 0.0
    valid: str = VALID

    def __post_init__(self) -> None:
        if self.n_choices < 1:
            raise ConfigError(f"CategoricalChoice.n_choices must be at least 1, got {self.n_choices}.")

    def network(self, width: int) -> ChoiceHead:
        """(.., width) hidden states to (.., n_choices) scores."""
        return ChoiceHead(width, self)


class ChoiceHead(nn.Module):
    """Scores choices; the score of a masked one is minus infinity, its probability zero."""

    def __init__(self, width: int, spec: CategoricalChoice) -> None:
        super().__init__()
        self.spec = spec
        self.scorer = perceptron(width, spec.n_choices, spec.n_hidden, spec.dropout)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """(.., width) to (.., n_choices) scores (logits) in float32, minus infinity where masked.

        Raises:
            DataError: the mask does not fit, or leaves a row without a choice.
        """
        return masked(self.scorer(tamed(hidden)).float(), mask_of(inputs, self.spec.valid))

    def answer(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """(..) int64 index of the best valid choice; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.forward(hidden, inputs).argmax(dim=-1)


@dataclass(frozen=True)
class Pointer:
    """An answer that is one of as many nodes of a graph as there are, such as the stages that could be scheduled.

    Every candidate is scored by the same weights from the decision's hidden state and the node's own embedding: how
    many there are and in which order they stand changes no score. (The published head has one output for each of 100
    positions.)

    Attributes:
        graph: name of the graph modality whose nodes are pointed at.
        n_features: of its nodes' embeddings.
        candidates: name of the input that holds the candidates (.., N): the node's number within its graph, -1 where a
            decision has fewer than N.
        valid: name of the input that holds their mask, if some of them cannot be taken.
    """

    graph: str
    n_features: int
    n_hidden: int = 128
    candidates: str = "candidate_nodes"
    valid: str = VALID

    def __post_init__(self) -> None:
        if min(self.n_features, self.n_hidden) < 1:
            raise ConfigError(
                f"Pointer needs features and a hidden layer of at least 1, got {self.n_features} and {self.n_hidden}."
            )

    def network(self, width: int) -> PointerHead:
        """(.., width) hidden states, nodes and candidates to (.., N) scores."""
        return PointerHead(width, self)


class PointerHead(nn.Module):
    """The network of a `Pointer`."""

    def __init__(self, width: int, spec: Pointer) -> None:
        super().__init__()
        self.spec = spec
        self.of_state = nn.Linear(width, spec.n_hidden)
        self.of_node = nn.Linear(spec.n_features, spec.n_hidden, bias=False)
        self.score = nn.Linear(spec.n_hidden, 1)
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """(.., width) to (.., N) scores (logits) in float32, minus infinity where masked or padded.

        Raises:
            DataError: a decision has no candidate, or one that is not a node of its graph.
        """
        candidates = tensor_of(inputs, self.spec.candidates)
        inner = self.of_state(tamed(hidden))[..., None, :] + self.of_node(tamed(self.described(inputs)))
        valid, mask = candidates >= 0, mask_of(inputs, self.spec.valid)
        return masked(
            self.score(torch.relu(inner)).squeeze(-1).float(), valid if mask is None else valid & mask
        )

    def described(self, inputs: Inputs) -> Tensor:
        """(.., N, n_features) the candidates' embeddings, for a factor that depends on the choice among them."""
        candidates, graphs = tensor_of(inputs, self.spec.candidates), graphs_of(inputs, self.spec.graph)
        if candidates.shape[:-1] != graphs.shape:
            raise DataError(
                f"{self.spec.candidates!r} describes {tuple(candidates.shape[:-1])} decisions, "
                f"{self.spec.graph!r} holds graphs of {tuple(graphs.shape)}."
            )
        sizes, first = (x.reshape(graphs.shape)[..., None] for x in (graphs.sizes, graphs.first))
        if bool((candidates >= sizes).any()):
            raise DataError(f"{self.spec.candidates!r} names a node that its graph does not have.")
        nodes = tensor_of(inputs, self.spec.graph + NODES)
        return nodes[candidates.clamp(min=0) + first]

    def answer(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """(..) int64 place of the best valid candidate; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.forward(hidden, inputs).argmax(dim=-1)
