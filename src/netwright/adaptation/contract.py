"""What a task hands to adaptation: its modalities, its head, batches to learn from, and how an answer is judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.model import HeadSpec
from netwright.core.policy import Policy
from netwright.llm.encoders import ModalitySpec

Inputs = Mapping[str, NDArray[Any]]
Answer = Callable[[Inputs], NDArray[np.float32]]


class PredictionAdapter(Protocol):
    """The supervised half (Eq. 1): inputs, targets and a loss. Made by `Task.adapter`; names no model.

    Attributes:
        modalities: what the encoder reads, in token order.
        head: the shape and bounds of one answer.
        n_steps: 0 to answer in one forward pass; else the passes of the autoregressive mode, one head answer each.
    """

    modalities: Sequence[ModalitySpec]
    head: HeadSpec
    n_steps: int

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Inputs, NDArray[np.float32]]:
        """`size` training examples: inputs by modality (size, ..) and their targets (size, ..)."""
        ...

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """The scalar that training makes small."""
        ...

    def validate(self, answer: Answer) -> float:
        """The task's metric on validation data, lower is better; never sees a test trace."""
        ...

    def policy(self, answer: Answer) -> Policy[Any, Any]:
        """The model behind `answer` as a policy of the task."""
        ...

    def state(self) -> dict[str, Any]:
        """What is needed to answer without the training data (normalisation), as plain JSON types."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Where the training data came from, as plain JSON types."""
        ...
