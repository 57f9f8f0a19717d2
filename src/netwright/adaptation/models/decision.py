"""The model that decides: encoder, backbone over a window of decisions, and a head that scores what may be chosen.

Sequence modeling of decisions (Eq. 2-4, Wu et al. 2024). The tokens of a step are those of its modalities: in the
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
from netwright.core.array_files import RawArray
from netwright.core.errors import ConfigError, DataError
from netwright.llm.backbone import Backbone
from netwright.llm.encoders import GraphBatch, Inputs, ModalitySpec, Value, tensor_of
from netwright.llm.heads import CANDIDATES, NODES, FactoredHead, best
from netwright.llm.heads.factored import Choose
from netwright.llm.windows import WindowMemory, windowed

__all__ = [
    "ACTION",
    "CANDIDATES",
    "DecisionModel",
    "FactoredDecisionModel",
    "StepwiseInference",
    "as_tensor",
    "choice_loss",
    "parts_loss",
]


Tensors = dict[str, Tensor]
Arrays = Mapping[str, RawArray | GraphBatch]

ACTION = "action."
"""Beginning of the inputs that hold what was chosen for each part of a factored action, in training."""


class DecisionModel(AdaptedModel):
    """An adapted model over episodes; inputs are (B, steps, ..) by modality and what the head reads by name.

    An input may be nested: a `GraphBatch` of B * steps graphs of any size. Decisions may have any number of candidates,
    padded within a batch and masked; actions may be factored (`heads.Factored`).

    Attributes:
        window: context window in steps, the current one included (w of Eq. 3); see `netwright.llm.windows`.
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

    def forward(self, inputs: Inputs) -> Tensor:
        """Whole episodes to the scores of every candidate at every step, (B, steps, N)."""
        scores: Tensor = self.head(*self.read(inputs))
        return scores

    def read(self, inputs: Inputs) -> tuple[Tensor, dict[str, Value]]:
        """What the head is called with: (B, steps, n_tokens * width) states, and inputs with embeddings of nodes."""
        n_episodes, n_steps = inputs[self.encoder.names[0]].shape[:2]
        flat = {name: inputs[name].flatten(0, 1) for name in self.encoder.names}
        tokens, nodes = self.encoder.encode(flat)
        states = self.hidden(tokens.reshape(n_episodes, n_steps * tokens.shape[1], -1))
        return states.reshape(n_episodes, n_steps, -1), _with_nodes(inputs, nodes)

    def states(self, tokens: Tensor) -> Tensor:
        """The backbone's states of whole episodes, under the band of the window."""
        return windowed(self.backbone, tokens, self.encoder.n_tokens, self.window)

    def next(self, inputs: Inputs, memory: WindowMemory | None) -> Tensor:
        """One step (B, ..) of each episode to the scores of its candidates (B, N), as `forward` gives them."""
        scores: Tensor = self.head(*self.read_next(inputs, memory))
        return scores

    def read_next(self, inputs: Inputs, memory: WindowMemory | None) -> tuple[Tensor, dict[str, Value]]:
        """As `read`, for one step of each episode: (B, n_tokens * width)."""
        tokens, nodes = self.encoder.encode(inputs)
        if self.gate is not None and self.joined:
            assert memory is not None
            tokens = tokens + self.gate * memory.extend(self.backbone, tokens).float()
        return tokens.flatten(1), _with_nodes(inputs, nodes)

    def memory(self, n_episodes: int) -> WindowMemory | None:
        """An empty memory for that many episodes; None where there is no backbone to remember anything."""
        if self.gate is None or not self.joined:
            return None
        return WindowMemory(n_episodes, self.encoder.n_tokens, self.window, self.device)


class FactoredDecisionModel(DecisionModel):
    """A `DecisionModel` whose head is `heads.Factored`: an action has several parts, chosen in one pass."""

    head: FactoredHead

    def parts(self, inputs: Inputs, actions: Mapping[str, Tensor]) -> Tensors:
        """Whole episodes to the scores (B, steps, N) of every part, given what was chosen (B, steps) before it."""
        return self.head(*self.read(inputs), actions)  # type: ignore[no-any-return]

    def training_answer(self, inputs: Inputs, target: Any) -> Any:
        """Scores of every part, given the parts before it as they were: inputs `action.<part>` (B, steps)."""
        return self.parts(inputs, {name: tensor_of(inputs, ACTION + name) for name in self.head.parts})

    def next_parts(
        self, inputs: Inputs, memory: WindowMemory | None, choose: Choose = best
    ) -> tuple[Tensors, Tensors]:
        """One step of each episode to the scores (B, N) of every part, and what `choose` picks from them (B,)."""
        return self.head.decide(*self.read_next(inputs, memory), choose)


class StepwiseInference:
    """A model that decides step by step for any number of episodes, remembering each one's window."""

    def __init__(self, model: DecisionModel) -> None:
        self.model = model
        self._memory: WindowMemory | None = None
        self._n = 0

    def reset(self) -> None:
        """Forget all episodes."""
        self._memory, self._n = None, 0

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """Forget the episodes of these rows (B,): new episodes begin in their rows."""
        if self._memory is not None:
            with torch.inference_mode():  # as `scores`, which made what is changed in place
                self._memory.restart(torch.from_numpy(rows).to(self.model.device))

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Continue with the episodes of these rows (R,) only: the others have ended."""
        if self._memory is not None:
            self._memory.select(torch.from_numpy(rows).to(self.model.device))
        self._n = len(rows)

    def scores(self, inputs: Arrays) -> NDArray[np.float32]:
        """(B, N) scores of the candidates at the next step of each episode.

        Args:
            inputs: arrays (B, ..) by name, or `GraphBatch`es of B graphs.

        Raises:
            DataError: a score is not finite.
        """
        with torch.inference_mode():
            tensors = self._begin(inputs)
            return _finite(self.model.next(tensors, self._memory))

    def decide(self, inputs: Arrays, choose: Choose = best) -> dict[str, NDArray[np.int64]]:
        """(B,) what is chosen for each part of a factored action at the next step of each episode.

        Args:
            inputs: as for `scores`.
            choose: scores (B, N) to choices (B,).

        Raises:
            DataError: a score is not finite.
        """
        assert isinstance(self.model, FactoredDecisionModel)
        with torch.inference_mode():
            tensors = self._begin(inputs)
            scores, chosen = self.model.next_parts(tensors, self._memory, choose)
            for part in scores.values():
                _finite(part)
        return {name: value.cpu().numpy() for name, value in chosen.items()}

    def _begin(self, inputs: Arrays) -> dict[str, Value]:
        model = self.model
        if model.training:  # setting the mode walks through every module, which would cost more than a token
            model.eval()
        n = inputs[model.encoder.names[0]].shape[0]
        if n != self._n:
            self._memory, self._n = model.memory(n), n
        return {name: as_tensor(value, model.device) for name, value in inputs.items()}


def as_tensor(value: RawArray | GraphBatch, device: torch.device) -> Value:
    """An array as a tensor, or a batch of graphs, on a device."""
    if isinstance(value, GraphBatch):
        return value.to(device)
    return torch.from_numpy(np.ascontiguousarray(value)).to(device)


def _with_nodes(inputs: Inputs, nodes: Mapping[str, Tensor]) -> dict[str, Value]:
    return {**inputs, **{name + NODES: embedded for name, embedded in nodes.items()}}


def _finite(scores: Tensor) -> NDArray[np.float32]:
    """Scores as an array; one that is masked is minus infinity.

    Raises:
        DataError: another one is not finite.
    """
    found: NDArray[np.float32] = scores.float().cpu().numpy()
    if np.isnan(found).any() or np.isposinf(found).any() or np.isneginf(found).all(axis=-1).any():
        raise DataError(
            "the model scored a choice NaN or infinity: an input is not finite, or its weights are damaged; "
            "check the observation, or adapt again."
        )
    return found


def parts_loss(scores: Mapping[str, Tensor], targets: Mapping[str, Tensor]) -> Tensor:
    """Sum of `choice_loss` over the parts of a factored action: the negative logarithm of its probability."""
    return torch.stack([choice_loss(scores[name], target) for name, target in targets.items()]).sum()


def choice_loss(scores: Tensor, target: Tensor) -> Tensor:
    """Cross-entropy of choices, weighted (Eq. 4): mean over the decisions that count.

    Args:
        scores: (B, steps, N).
        target: (B, steps, N) how much each choice is wanted: one-hot to imitate, times a weight, or probabilities; all
            zero in padding.
    """
    log_probabilities = torch.log_softmax(scores, dim=-1)
    wanted = torch.where(target > 0, target * log_probabilities, 0.0)  # a masked choice has -inf
    return -wanted.sum() / (target.sum(dim=-1) > 0).sum().clamp(min=1)
