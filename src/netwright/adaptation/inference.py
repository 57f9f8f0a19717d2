"""A trained model as its task's policy calls it: arrays in, arrays out, without gradients."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from netwright.adaptation.contract import Adapter, Answer, DecisionAdapter, Inputs
from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.models.decision import DecisionModel, StepwiseInference, as_tensor
from netwright.core.errors import DataError
from netwright.core.policy import AnyPolicy
from netwright.llm.encoders import Value

CHUNK = 2048


def predict_fn(model: nn.Module, device: torch.device, *, chunk: int = CHUNK) -> Answer:
    """The model as a function of arrays, in evaluation mode.

    Args:
        model: called with tensors by name.
        device: of the model.
        chunk: examples of one forward pass, which bounds the memory.

    Returns:
        A function that raises `DataError` where an answer is not finite.
    """

    def predict(inputs: Inputs) -> NDArray[np.float32]:
        model.eval()
        n = len(next(iter(inputs.values())))
        with torch.inference_mode():
            parts = [
                model(to_tensors({k: v[i : i + chunk] for k, v in inputs.items()}, device))
                .float()
                .cpu()
                .numpy()
                for i in range(0, n, chunk)
            ]
        answers = np.concatenate(parts)
        if not np.isfinite(answers).all():
            raise DataError(
                "the model answered NaN or infinity: an input is not finite, or its weights are damaged; "
                "check the observation, or train it again."
            )
        return answers

    return predict


def policy_of(adapter: Adapter, model: AdaptedModel) -> AnyPolicy:
    """The policy of the adapter's task around a model's answers."""
    if isinstance(adapter, DecisionAdapter):
        return adapter.policy(stepwise(model))
    return adapter.policy(predict_fn(model, model.device))


def validation_score(adapter: Adapter, model: AdaptedModel) -> float:
    """The adapter's metric of a model on validation data."""
    if isinstance(adapter, DecisionAdapter):
        return float(adapter.validate(stepwise(model)))
    return float(adapter.validate(predict_fn(model, model.device)))


def stepwise(model: AdaptedModel) -> StepwiseInference:
    """A model of a decision adapter, deciding step by step."""
    assert isinstance(model, DecisionModel), "a decision adapter's model is a DecisionModel"
    return StepwiseInference(model)


def to_tensors(inputs: Inputs, device: torch.device) -> dict[str, Value]:
    """Arrays by name to tensors on a device, without a copy on the CPU; batches of graphs to that device."""
    return {name: as_tensor(value, device) for name, value in inputs.items()}
