"""A vector of bounded numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.heads.common import check_hidden, perceptron, tamed


@dataclass(frozen=True)
class BoundedRegression:
    """An answer of `shape` whose every number lies within +-`limit`.

    The output is limit * tanh(z / limit): almost z itself well inside the bounds, never outside them. The
    last layer starts at zero, so that an untrained head answers zero (for viewports: no motion).
    """

    shape: tuple[int, ...]
    limit: float = 1.0
    n_hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.limit < math.inf or not self.shape or not all(n > 0 for n in self.shape):
            raise ConfigError(
                f"BoundedRegression needs a positive limit and shape, got {self.limit} and {self.shape}."
            )

    def network(self, width: int) -> BoundedRegressionHead:
        """(..., width) hidden states to (..., *shape)."""
        return BoundedRegressionHead(width, self)


class BoundedRegressionHead(nn.Module):
    """The network of a `BoundedRegression`."""

    def __init__(self, width: int, spec: BoundedRegression) -> None:
        super().__init__()
        self.spec = spec
        self.layers = perceptron(width, math.prod(spec.shape), spec.n_hidden, spec.dropout)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)

    @property
    def last(self) -> nn.Module:
        """The linear layer that starts at zero."""
        return self.layers[-1]

    def forward(self, hidden: Tensor) -> Tensor:
        """(..., width) to (..., *shape), within the limit whatever the hidden state (NaN stays NaN)."""
        z = self.layers(tamed(hidden)).float()
        bounded = self.spec.limit * torch.tanh(z / self.spec.limit)
        return bounded.reshape(*hidden.shape[:-1], *self.spec.shape)

    def answer(self, hidden: Tensor) -> Tensor:
        """As `forward`; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.forward(hidden)
