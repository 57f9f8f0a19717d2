"""What every head does so that its answer is valid whatever hidden state it is handed (section 4.2)."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.errors import DataError

LARGEST_HIDDEN = 1e4


def tamed(hidden: Tensor) -> Tensor:
    """Hidden states within +-1e4, so that no sum of products overflows; those of a sane model are unchanged."""
    return hidden.clamp(-LARGEST_HIDDEN, LARGEST_HIDDEN)


def check_hidden(hidden: Tensor) -> None:
    """Refuse hidden states that hold NaN or infinity.

    Raises:
        DataError: they do.
    """
    if not bool(torch.isfinite(hidden).all()):
        raise DataError(
            "the head got a hidden state that is NaN or infinite; check the observation and the model's weights."
        )


def masked(scores: Tensor, valid: Tensor | None) -> Tensor:
    """(B, N) scores, minus infinity where `valid` (B, N) is false.

    Raises:
        DataError: the mask has another shape, or a row of it leaves no choice.
    """
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
