"""A vector of bounded numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError


@dataclass(frozen=True)
class BoundedRegression:
    """An answer of `shape` whose every number lies strictly within +-`limit`.

    The output is limit * tanh(z / limit): almost z itself well inside the bounds, never outside them. The last
    layer starts at zero, so that an untrained head answers zero (for viewports: no motion).
    """

    shape: tuple[int, ...]
    limit: float = 1.0
    n_hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not self.limit > 0 or not all(n > 0 for n in self.shape):
            raise ConfigError(
                f"BoundedRegression needs a positive limit and shape, got {self.limit}, {self.shape}."
            )

    def network(self, width: int) -> nn.Module:
        """(B, width) hidden state to (B, *shape)."""
        return _BoundedRegressionHead(width, self)


class _BoundedRegressionHead(nn.Module):
    def __init__(self, width: int, spec: BoundedRegression) -> None:
        super().__init__()
        self.spec = spec
        size = math.prod(spec.shape)
        layers: list[nn.Module] = [nn.Dropout(spec.dropout)]
        if spec.n_hidden:
            layers += [nn.Linear(width, spec.n_hidden), nn.GELU(), nn.Dropout(spec.dropout)]
        self.inner = nn.Sequential(*layers)
        self.last = nn.Linear(spec.n_hidden or width, size)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        z = self.last(self.inner(hidden)).float()
        bounded: Tensor = self.spec.limit * torch.tanh(z / self.spec.limit)
        return bounded.unflatten(-1, self.spec.shape)
