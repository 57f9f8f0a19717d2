"""Running averages of weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn


@torch.no_grad()
def update_average(average: Mapping[str, Tensor], now: Mapping[str, nn.Parameter], decay: float) -> None:
    """Move each averaged tensor towards its parameter: average = decay * average + (1 - decay) * now."""
    for name, value in average.items():
        value.lerp_(now[name].detach(), 1.0 - decay)
