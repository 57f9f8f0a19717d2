"""Common parts of all heads, which make every answer valid for any hidden state (section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netwright.core.errors import DataError
from netwright.llm.encoders import Inputs, tensor_of

LARGEST_HIDDEN = 1e4
CANDIDATES, VALID = "candidates", "valid"


def mask_of(inputs: Inputs, name: str) -> Tensor | None:
    """The mask of that name, if there is one."""
    return tensor_of(inputs, name) if name in inputs else None


def perceptron(width: int, size: int, n_hidden: int, dropout: float) -> nn.Sequential:
    """(..., width) to (..., size): linear, or with one hidden layer if `n_hidden` is not 0."""
    layers: list[nn.Module] = [nn.Dropout(dropout)]
    if n_hidden:
        layers += [nn.Linear(width, n_hidden), nn.GELU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(n_hidden or width, size))


def tamed(hidden: Tensor) -> Tensor:
    """Hidden states cut to +-1e4, so that no sum of products overflows; sane ones are unchanged."""
    return hidden.clamp(-LARGEST_HIDDEN, LARGEST_HIDDEN)


def check_hidden(hidden: Tensor) -> None:
    """Refuse hidden states that hold NaN or infinity.

    Raises:
        DataError: they do.
    """
    if not bool(torch.isfinite(hidden).all()):
        raise DataError(
            "the head got a hidden state that is NaN or infinite; check the observation and the weights."
        )


def masked(scores: Tensor, valid: Tensor | None) -> Tensor:
    """(B, N) scores, minus infinity where `valid` (B, N) is false.

    Raises:
        DataError: there is nothing to choose from, in all or in one row, or the mask has another shape.
    """
    if not scores.shape[-1]:
        raise DataError("there is no candidate to choose from; give at least one.")
    if valid is None:
        return scores
    if valid.shape != scores.shape or valid.dtype != torch.bool:
        raise DataError(
            f"the mask of valid choices must be {tuple(scores.shape)} of bool, got {tuple(valid.shape)} "
            f"of {valid.dtype}."
        )
    empty = (~valid.any(dim=-1)).nonzero()
    if len(empty):
        raise DataError(
            f"row {int(empty[0])} of the mask leaves no valid choice; mark at least one as valid."
        )
    return scores.masked_fill(~valid, -torch.inf)
