"""All modalities of an observation, side by side, as one sequence of token-like embeddings (section 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError


class ModalitySpec(Protocol):
    """What the encoder must know of one modality: a frozen dataclass that builds its feature network.

    The raw input may be of any type that the network takes: a tensor, or for a batch of graphs, say, a tuple
    of node features (all nodes, n), edges (2, all edges) and each node's graph (all nodes,).
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

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Raw inputs by modality to (B, n_tokens, width).

        Raises:
            ConfigError: a modality is absent from the inputs.
        """
        absent = [n for n in self.names if n not in inputs]
        if absent:
            raise ConfigError(f"the observation lacks {', '.join(absent)}; it needs {', '.join(self.names)}.")
        return torch.cat([self.projections[n](self.features[n](inputs[n])) for n in self.names], dim=1)
