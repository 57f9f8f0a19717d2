"""All modalities of an observation, side by side, as one sequence of token-like embeddings (section 4.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.encoders.graphs import GraphNetwork, Inputs, graphs_of


class ModalitySpec(Protocol):
    """Specification of one modality: a frozen dataclass that builds its feature network.

    The raw input may be of any type that the network takes: a tensor, or a `GraphBatch` for a batch of graphs.
    """

    @property
    def name(self) -> str:
        """Key of the modality in the inputs."""
        ...

    @property
    def n_tokens(self) -> int:
        """Tokens that one observation gives."""
        ...

    @property
    def n_features(self) -> int:
        """Size of a token before the projection."""
        ...

    def network(self) -> nn.Module:
        """The feature network: raw input of B observations to (B, n_tokens, n_features)."""
        ...


class MultimodalEncoder(nn.Module):
    """For each modality a feature network, a trainable projection to the backbone's width and a layer norm.

    Args:
        modalities: in the order in which their tokens stand.
        width: size of the backbone's embeddings.
        dropout: of the features before the projection, in training.
    """

    def __init__(self, modalities: Sequence[ModalitySpec], width: int, dropout: float = 0.0) -> None:
        super().__init__()
        if not modalities or len({m.name for m in modalities}) != len(modalities):
            raise ConfigError(
                f"modalities need distinct names, at least one, got {[m.name for m in modalities]}."
            )
        self.names = tuple(m.name for m in modalities)
        self.n_tokens = sum(m.n_tokens for m in modalities)
        self.features = nn.ModuleDict({m.name: m.network() for m in modalities})
        self.projections = nn.ModuleDict(
            {
                m.name: nn.Sequential(
                    nn.Dropout(dropout), nn.Linear(m.n_features, width), nn.LayerNorm(width)
                )
                for m in modalities
            }
        )

    def forward(self, inputs: Inputs) -> Tensor:
        """Raw inputs by modality to (B, n_tokens, width).

        Raises:
            ConfigError: a modality is absent from the inputs.
        """
        return self.encode(inputs)[0]

    def encode(self, inputs: Inputs) -> tuple[Tensor, dict[str, Tensor]]:
        """Tokens as of `forward`, and for each modality of graphs the embeddings (M, n_features) of its nodes.

        Raises:
            ConfigError: a modality is absent from the inputs.
        """
        absent = [n for n in self.names if n not in inputs]
        if absent:
            raise ConfigError(f"the observation lacks {', '.join(absent)}; it needs {', '.join(self.names)}.")
        tokens, nodes = [], {}
        for name in self.names:
            network, projection = self.features[name], self.projections[name]
            if isinstance(network, GraphNetwork):
                graphs = graphs_of(inputs, name)
                embedded = network.nodes(graphs)
                tokens.append(projection(network.token(embedded, graphs)))
                nodes[name] = embedded
            else:
                tokens.append(projection(network(inputs[name])))
        return torch.cat(tokens, dim=1), nodes
