"""Time series and sequences: a 1D-CNN over time."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from netwright.core.errors import ConfigError


@dataclass(frozen=True)
class TimeSeries:
    """A series of `length` samples of `n_channels` numbers, one token for every `patch` samples.

    Departure from the published code, which convolves over the coordinates of a single sample and never
    trains that layer: here the convolutions run over time and train.
    """

    name: str
    n_channels: int
    length: int
    patch: int = 5
    n_features: int = 256

    def __post_init__(self) -> None:
        if min(self.n_channels, self.length, self.n_features) < 1:
            raise ConfigError(
                "TimeSeries needs channels, a length and features of at least 1, got "
                f"{self.n_channels}, {self.length}, {self.n_features}."
            )
        if self.patch < 1 or self.length % self.patch:
            raise ConfigError(f"TimeSeries.patch must divide the length {self.length}, got {self.patch}.")

    @property
    def n_tokens(self) -> int:
        """One token for every patch."""
        return self.length // self.patch

    def network(self) -> nn.Module:
        """(B, length, n_channels) to (B, n_tokens, n_features)."""
        return _TemporalConvolution(self.n_channels, self.n_features, self.patch)


class _TemporalConvolution(nn.Module):
    def __init__(self, n_channels: int, n_features: int, patch: int) -> None:
        super().__init__()
        n_inner = max(32, n_features // 4)
        self.layers = nn.Sequential(
            nn.Conv1d(n_channels, n_inner, 3, padding=1),
            nn.GELU(),
            nn.Conv1d(n_inner, n_features, patch, stride=patch),
            nn.GELU(),
        )

    def forward(self, series: Tensor) -> Tensor:
        features: Tensor = self.layers(series.transpose(1, 2)).transpose(1, 2)
        return features
