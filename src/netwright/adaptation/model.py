"""Encoder, frozen backbone with low-rank matrices, and head, as one module (Fig. 5, Wu et al. 2024)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from netwright.llm.backbones import Backbone
from netwright.llm.encoders import ModalitySpec, MultimodalEncoder


class HeadSpec(Protocol):
    """A frozen dataclass that builds a networking head for a hidden size."""

    def network(self, width: int) -> nn.Module:
        """A module from (B, width) to the answer."""
        ...


class AdaptedModel(nn.Module):
    """Tokens of all modalities, then one learned query token; the head reads the hidden state of the query.

    The control `none` has no attention to gather the tokens by: there the head reads all of them, concatenated.
    """

    def __init__(
        self, backbone: Backbone, modalities: Sequence[ModalitySpec], head: HeadSpec, *, encoder_dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = MultimodalEncoder(modalities, backbone.width, encoder_dropout)
        self.query = nn.Parameter(torch.randn(1, 1, backbone.width) * 0.02)
        n_read = self.encoder.n_tokens if backbone.model is None else 1
        self.head = head.network(n_read * backbone.width)

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Raw inputs by modality to the head's answer, (B, ...)."""
        tokens = self.encoder(inputs)
        if self.backbone.model is None:
            answer: Tensor = self.head(tokens.flatten(1))
            return answer
        query = self.query.expand(len(tokens), -1, -1).to(tokens.dtype)
        hidden = self.backbone(torch.cat([tokens, query], dim=1))
        answer = self.head(hidden[:, -1])
        return answer

    def trainable(self) -> dict[str, nn.Parameter]:
        """What adaptation changes, by name; the rest is frozen."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}
