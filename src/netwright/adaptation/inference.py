"""A trained model as its task's policy calls it: arrays in, arrays out, without gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from netwright.adaptation.contract import Answer, Inputs
from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.models.decision import DecisionModel, StepwiseInference, as_tensor
from netwright.core.errors import DataError

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

    def predict(inputs: Inputs) -> np.ndarray[Any, np.dtype[np.float32]]:
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


def inference(model: AdaptedModel) -> Any:
    """What an adapter's `policy` and `validate` are called with: a `StepwiseInference`, or a function of arrays."""
    return StepwiseInference(model) if isinstance(model, DecisionModel) else predict_fn(model, model.device)


def to_tensors(inputs: Inputs, device: torch.device) -> dict[str, Any]:
    """Arrays by name to tensors on a device, without a copy on the CPU; batches of graphs to that device."""
    return {name: as_tensor(value, device) for name, value in inputs.items()}
