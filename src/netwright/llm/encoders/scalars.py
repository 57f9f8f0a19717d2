"""Scalars: a fully connected network."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from netwright.core.errors import ConfigError


@dataclass(frozen=True)
class Scalars:
    """`size` numbers that make `n_tokens` tokens together."""

    name: str
    size: int
    n_tokens: int = 1
    n_features: int = 256

    def __post_init__(self) -> None:
        if min(self.size, self.n_tokens, self.n_features) < 1:
            raise ConfigError(
                "Scalars needs a size, tokens and features of at least 1, got "
                f"{self.size}, {self.n_tokens}, {self.n_features}."
            )

    def network(self) -> nn.Module:
        """(B, size) to (B, n_tokens, n_features)."""
        return nn.Sequential(
            nn.Linear(self.size, self.n_tokens * self.n_features),
            nn.GELU(),
            nn.Unflatten(1, (self.n_tokens, self.n_features)),
        )
