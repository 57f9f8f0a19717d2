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
        self,
        backbone: Backbone,
        modalities: Sequence[ModalitySpec],
        head: HeadSpec,
        *,
        encoder_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.encoder = MultimodalEncoder(modalities, backbone.width, encoder_dropout)
        alone = backbone.model is None
        self.query = None if alone else nn.Parameter(torch.randn(1, 1, backbone.width) * 0.02)
        n_read = self.encoder.n_tokens if alone else 1
        self.head = head.network(n_read * backbone.width)

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Raw inputs by modality to the head's answer, (B, ...)."""
        tokens = self.encoder(inputs)
        alone = self.query is None
        answer: Tensor = self.head(
            tokens.flatten(1) if alone else self.backbone(self._with_query(tokens))[:, -1]
        )
        return answer

    def training_answer(self, inputs: Mapping[str, Any], target: Tensor) -> Tensor:
        """The answer whose loss is taken; here the same as at test time."""
        answer: Tensor = self(inputs)
        return answer

    def trainable(self) -> dict[str, nn.Parameter]:
        """What adaptation changes, by name; the rest is frozen."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        first: Tensor = next(self.encoder.parameters())
        return first.device

    def _with_query(self, tokens: Tensor) -> Tensor:
        if self.query is None:
            return tokens
        return torch.cat([tokens, self.query.expand(len(tokens), -1, -1).to(tokens.dtype)], dim=1)


class AutoregressiveModel(AdaptedModel):
    """The paper's mode: one head answer a forward pass, each fed back as a token, `n_steps` times.

    Kept for comparison. With the key-value cache a pass reads one token; `cached=False` recomputes the whole
    sequence each time, as the published code does.
    """

    def __init__(
        self,
        backbone: Backbone,
        modalities: Sequence[ModalitySpec],
        head: HeadSpec,
        *,
        n_steps: int,
        n_values: int,
        encoder_dropout: float = 0.0,
        cached: bool = True,
    ) -> None:
        super().__init__(backbone, modalities, head, encoder_dropout=encoder_dropout)
        self.n_steps = n_steps
        self.cached = cached
        self.feedback = nn.Sequential(nn.Linear(n_values, backbone.width), nn.LayerNorm(backbone.width))

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Raw inputs to (B, n_steps, n_values), each value fed back before the next is asked for."""
        tokens = self._with_query(self.encoder(inputs))
        cache, answers = None, []
        for _ in range(self.n_steps):
            if self.cached:
                hidden, cache = self.backbone.extend(tokens, cache)
            else:
                hidden = self.backbone(tokens)
            answers.append(self.head(hidden[:, -1]))
            fed = self.feedback(answers[-1])[:, None]
            tokens = fed if self.cached else torch.cat([tokens, fed], dim=1)
        return torch.stack(answers, dim=1)

    def training_answer(self, inputs: Mapping[str, Any], target: Tensor) -> Tensor:
        """Teacher forcing: the true values (B, n_steps, n_values) are fed back, in one pass."""
        tokens = self._with_query(self.encoder(inputs))
        fed = self.feedback(target[:, :-1])
        hidden = self.backbone(torch.cat([tokens, fed], dim=1))
        answer: Tensor = self.head(hidden[:, -self.n_steps :])
        return answer
