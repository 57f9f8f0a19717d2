"""The model that decides: encoder, backbone over a window of decisions, and a head that scores what may be chosen.

Sequence modelling of decisions (Eq. 2-4, Wu et al. 2024). The tokens of a step are those of its modalities: in the
published layout the return, each piece of the state and, as the first of the next step, each piece of the action
are tokens of their own; a layout may also put all of them into one. The head reads every token of the step, each joined
by what the backbone makes of it (see `AdaptedModel`), and scores the candidates of that step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.models.adapted import AdaptedModel, HeadSpec
from netwright.core.errors import ConfigError, DataError
from netwright.llm.backbones import Backbone
from netwright.llm.encoders import ModalitySpec
from netwright.llm.windows import WindowMemory, windowed

CANDIDATES, VALID = "candidates", "valid"


class DecisionModel(AdaptedModel):
    """An adapted model over episodes; inputs are (B, steps, ..) by modality, and `candidates` (B, steps, N, C).

    Attributes:
        window: how many steps a decision sees, its own included (w of Eq. 3); see `netwright.llm.windows`.
    """

    def __init__(
        self,
        backbone: Backbone,
        modalities: Sequence[ModalitySpec],
        head: HeadSpec,
        *,
        window: int,
        encoder_dropout: float = 0.0,
    ) -> None:
        if window < 1:
            raise ConfigError(f"the context window must be at least 1 decision, got {window}.")
        super().__init__(backbone, modalities, head, encoder_dropout=encoder_dropout)
        self.window = window

    def forward(self, inputs: Mapping[str, Any]) -> Tensor:
        """Whole episodes to the scores of every candidate at every step, (B, steps, N)."""
        return self.scored(self.encoded(inputs), inputs)

    def encoded(self, inputs: Mapping[str, Any]) -> Tensor:
        """(B, steps, n_tokens, width) what the head reads."""
        n_episodes, n_steps = inputs[CANDIDATES].shape[:2]
        tokens = self.encoder({name: inputs[name].flatten(0, 1) for name in self.encoder.names})
        read = self.hidden(tokens.reshape(n_episodes, n_steps * tokens.shape[1], -1))
        return read.reshape(n_episodes, n_steps, *tokens.shape[1:])

    def scored(self, read: Tensor, inputs: Mapping[str, Any]) -> Tensor:
        """(.., n_tokens, width) to the scores of the candidates (.., N)."""
        scores: Tensor = self.head(read.flatten(-2), inputs[CANDIDATES], inputs.get(VALID))
        return scores

    def states(self, tokens: Tensor) -> Tensor:
        """The backbone's states of whole episodes, under the band of the window."""
        return windowed(self.backbone, tokens, self.encoder.n_tokens, self.window)

    def next(self, inputs: Mapping[str, Any], memory: WindowMemory | None) -> Tensor:
        """One step (B, ..) of each episode to the scores of its candidates (B, N), as `forward` gives them."""
        tokens = self.encoder(inputs)
        if self.gate is not None and self.joined:
            assert memory is not None
            tokens = tokens + self.gate * memory.extend(self.backbone, tokens).float()
        return self.scored(tokens, inputs)

    def memory(self, n_episodes: int) -> WindowMemory | None:
        """An empty memory for that many episodes; None where there is no backbone to remember anything."""
        if self.gate is None or not self.joined:
            return None
        return WindowMemory(n_episodes, self.encoder.n_tokens, self.window, self.device)


class Decider:
    """A model that decides step by step for any number of episodes, remembering each one's window."""

    def __init__(self, model: DecisionModel) -> None:
        self.model = model
        self._memory: WindowMemory | None = None
        self._n = 0

    def reset(self) -> None:
        """Forget all episodes."""
        self._memory, self._n = None, 0

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Forget the episodes of these rows (B,): others begin in their place."""
        if self._memory is not None:
            self._memory.restart(torch.from_numpy(rows).to(self.model.device))

    def scores(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """(B, N) scores of the candidates at the next step of each episode.

        Raises:
            DataError: a score is not finite.
        """
        model = self.model
        if model.training:  # setting the mode walks through every module, which would cost more than a token
            model.eval()
        n = len(inputs[CANDIDATES])
        with torch.inference_mode():
            if n != self._n:
                self._memory, self._n = model.memory(n), n
            tensors = {
                k: torch.from_numpy(np.ascontiguousarray(v)).to(model.device) for k, v in inputs.items()
            }
            scores: NDArray[np.float32] = model.next(tensors, self._memory).float().cpu().numpy()
        valid = inputs.get(VALID)
        if not np.isfinite(scores if valid is None else scores[valid]).all():
            raise DataError(
                "the model scored a choice NaN or infinity: an input is not finite, or its weights are damaged; "
                "check the observation, or adapt again."
            )
        return scores


def choice_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of choices, weighted (Eq. 4): mean over the decisions that count.

    Args:
        scores: (B, steps, N).
        target: (B, steps, N) how much each choice is wanted: one-hot to imitate, times a weight, or probabilities; all
            zero where nothing is to be learned (padding).
    """
    log_probabilities = torch.log_softmax(scores, dim=-1)
    wanted = torch.where(target > 0, target * log_probabilities, 0.0)  # a masked choice has -inf
    return -wanted.sum() / (target.sum(dim=-1) > 0).sum().clamp(min=1)
