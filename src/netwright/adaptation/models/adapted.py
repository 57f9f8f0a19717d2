"""Encoder, frozen backbone with low-rank matrices, and head, as one module (Fig. 5, Wu et al. 2024)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from netwright.llm.backbone import Backbone
from netwright.llm.encoders import Inputs, ModalitySpec, MultimodalEncoder


class HeadSpec(Protocol):
    """A frozen dataclass that builds a networking head for a hidden size."""

    def network(self, width: int) -> nn.Module:
        """A module from (B, width) to the answer."""
        ...


class AdaptedModel(nn.Module):
    """Tokens of all modalities, joined by what the backbone makes of them; the head reads them side by side.

    What the head reads is `token + gate * state` for every token, with a learned gate for each channel that starts
    at zero (a residual connection around the backbone, a departure from the paper). So the backbone can join a
    model whose encoder and head are already trained, and the control `none`, where there are no states,
    is the same model without that term.

    Attributes:
        joined: False while the backbone is bypassed (see `TrainingConfig.warm_start`).
        autocast: lower precision of the backbone's passes in training, or None.
    """

    gate_start = 0.0

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
        self.joined = True
        self.autocast: torch.dtype | None = None
        self.gate = (
            None if backbone.model is None else nn.Parameter(torch.full((backbone.width,), self.gate_start))
        )
        self.encoder = MultimodalEncoder(modalities, backbone.width, encoder_dropout)
        self.head = head.network(self.n_read * backbone.width)

    def forward(self, inputs: Inputs) -> Tensor:
        """Raw inputs by modality to the head's answer, (B, ...)."""
        answer: Tensor = self.head(self.hidden(self.encoder(inputs)).flatten(1))
        return answer

    def hidden(self, tokens: Tensor) -> Tensor:
        """(B, T, width) tokens to what the head reads of each.

        Encoder and head always compute in single precision: their errors would show in the answer.
        """
        if self.gate is None or not self.joined:
            return tokens
        lower = self.autocast if self.training else None
        with torch.autocast(tokens.device.type, dtype=lower, enabled=lower is not None):
            states = self.states(tokens)
        return tokens + self.gate * states.float()

    def states(self, tokens: Tensor) -> Tensor:
        """(B, T, width) what the backbone makes of the tokens."""
        states: Tensor = self.backbone(tokens)
        return states

    def training_answer(self, inputs: Inputs, target: Tensor) -> Tensor:
        """The answer whose loss is taken; here the same as at test time."""
        answer: Tensor = self(inputs)
        return answer

    def trainable(self) -> dict[str, nn.Parameter]:
        """What adaptation changes, by name; the rest is frozen."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}

    @property
    def n_read(self) -> int:
        """How many hidden states the head reads at once."""
        return self.encoder.n_tokens

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        first: Tensor = next(self.encoder.parameters())
        return first.device


class AutoregressiveModel(AdaptedModel):
    """The paper's mode: one head answer a forward pass, each fed back as a token, `n_steps` times.

    The gate starts at one here, since without the states a token has no information on those before it.

    Kept for comparison. With the key-value cache a pass reads one token; `cached=False` recomputes the whole
    sequence each time, as the published code does.
    """

    gate_start = 1.0

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

    @property
    def n_read(self) -> int:
        """One: the last, whose answer is fed back."""
        return 1

    def forward(self, inputs: Inputs) -> Tensor:
        """Raw inputs to (B, n_steps, n_values), each value fed back before the next is computed."""
        tokens = self.encoder(inputs)
        cache, answers = None, []
        for _ in range(self.n_steps):
            if self.cached and self.gate is not None:
                states, cache = self.backbone.extend(tokens, cache)
                last = tokens[:, -1] + self.gate * states[:, -1]
            else:
                last = self.hidden(tokens)[:, -1]
            answers.append(self.head(last))
            fed = self.feedback(answers[-1])[:, None]
            tokens = fed if self.cached else torch.cat([tokens, fed], dim=1)
        return torch.stack(answers, dim=1)

    def training_answer(self, inputs: Inputs, target: Tensor) -> Tensor:
        """Teacher forcing: the true values (B, n_steps, n_values) are fed back, in one pass."""
        tokens = self.encoder(inputs)
        fed = self.feedback(target[:, :-1])
        states = self.hidden(torch.cat([tokens, fed], dim=1))
        answer: Tensor = self.head(states[:, -self.n_steps :])
        return answer
