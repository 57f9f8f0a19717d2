"""What a task hands to adaptation: its modalities, its head, batches to learn from, and how an answer is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.models.adapted import HeadSpec
from netwright.adaptation.models.decision import StepwiseInference
from netwright.core.array_files import Arrays
from netwright.core.policy import AnyObs, AnyPolicy
from netwright.core.trained_for import Conditions
from netwright.core.types import Json
from netwright.llm.encoders import ModalitySpec
from netwright.rl.environment import Environment

Inputs = Mapping[str, Any]
"""Arrays by name, and `GraphBatch`es for modalities of graphs."""

Target = NDArray[np.float32] | Mapping[str, NDArray[np.float32]]
"""What an answer is compared with; by part for a factored action."""
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
        """The scalar that training minimizes."""
        ...

    def validate(self, answer: Answer) -> float:
        """The task's metric on validation data, lower is better; no test trace is used."""
        ...

    def policy(self, answer: Answer) -> AnyPolicy:
        """The model behind `answer` as a policy of the task."""
        ...

    def state(self) -> Json:
        """What is needed to answer without the training data (normalization), as plain JSON types."""
        ...

    def provenance(self) -> Json:
        """Where the training data came from, as plain JSON types."""
        ...


@runtime_checkable
class DecisionAdapter(Protocol):
    """The decision half (Eq. 2-4): whole episodes with the wanted action at each step. Made by `Task.adapter`.

    Attributes:
        modalities: what the encoder reads of one step, in token order; the condition and the last action among them.
        head: scores the candidates of a step.
        window: context window in steps.
    """

    modalities: Sequence[ModalitySpec]
    head: HeadSpec
    window: int

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Inputs, Target]:
        """`size` whole episodes: inputs (size, T, ..) and the weight of each choice as a target (size, T, N).

        Episodes may be of different lengths: T is the longest, and where one has ended the weights are 0. For a
        factored action the target is a mapping by part, and inputs `action.<part>` (size, T) hold the choices.
        """
        ...

    def loss(self, answer: Any, target: Any) -> Tensor:
        """The scalar that training minimizes: `choice_loss`, or `parts_loss` for a factored action."""
        ...

    def validate(self, answer: StepwiseInference) -> float:
        """The task's metric on validation episodes, in its own sense; no test trace is used."""
        ...

    def policy(self, answer: StepwiseInference) -> AnyPolicy:
        """The model behind `answer` as a policy of the task."""
        ...

    def state(self) -> Json:
        """What is needed to decide without the training data (conditions, ranges), as plain JSON types."""
        ...

    def provenance(self) -> Json:
        """Where the experience came from, as plain JSON types."""
        ...


@runtime_checkable
class OnlineAdapter(DecisionAdapter, Protocol):
    """A `DecisionAdapter` whose model can be trained further on fresh episodes of its own."""

    def environment(self, rng: np.random.Generator, n: int) -> Environment:
        """`n` fresh training episodes for the online phase."""
        ...

    def inputs(self, observation: AnyObs) -> Arrays:
        """(B, ..) what the model reads of an observation, without a condition: for the online phase."""
        ...

    def critic_inputs(self, inputs: Inputs) -> NDArray[np.float32]:
        """(B, F) what a critic observes of those inputs, besides the environment's privileged information."""
        ...


@runtime_checkable
class DescribedAdapter(Protocol):
    """An adapter with the conditions that its model is trained for."""

    def trained_for(self) -> Conditions:
        """The conditions of the training data or experience."""
        ...


@runtime_checkable
class SizedAdapter(Protocol):
    """An adapter that knows how many training examples it draws batches from."""

    @property
    def n_examples(self) -> int:
        """Windows or whole episodes that a batch is drawn from."""
        ...


Adapter = PredictionAdapter | DecisionAdapter
