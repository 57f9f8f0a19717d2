"""One of a fixed number of choices, or one of a variable set of candidates."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.heads.common import check_hidden, masked, perceptron, tamed


@dataclass(frozen=True)
class CategoricalChoice:
    """An answer that is one of `n_choices`, such as the rungs of a bitrate ladder."""

    n_choices: int
    n_hidden: int = 0
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.n_choices < 1:
            raise ConfigError(f"CategoricalChoice.n_choices must be at least 1, got {self.n_choices}.")

    def network(self, width: int) -> ChoiceHead:
        """(B, width) hidden states to (B, n_choices) scores."""
        return ChoiceHead(perceptron(width, self.n_choices, self.n_hidden, self.dropout), candidates=False)


@dataclass(frozen=True)
class Pointer:
    """An answer that is one of as many candidates as there are, such as the stages that could be scheduled.

    Every candidate's own hidden state is scored by the same weights: how many there are and in which order
    they stand changes no score. (The published head has one output for each of 100 positions.)
    """

    n_hidden: int = 0
    dropout: float = 0.0

    def network(self, width: int) -> ChoiceHead:
        """(B, N, width) hidden states of the candidates to (B, N) scores."""
        return ChoiceHead(perceptron(width, 1, self.n_hidden, self.dropout), candidates=True)


class ChoiceHead(nn.Module):
    """Scores choices, never a masked one: its score is minus infinity, its probability zero."""

    def __init__(self, scorer: nn.Module, *, candidates: bool) -> None:
        super().__init__()
        self.scorer = scorer
        self.candidates = candidates

    def forward(self, hidden: Tensor, valid: Tensor | None = None) -> Tensor:
        """Scores (logits) in float32.

        Args:
            hidden: (B, width) for a fixed number of choices, (B, N, width) for candidates.
            valid: (B, N) which of the choices may be taken; all if None.

        Returns:
            (B, N), finite where valid (unless a hidden state is NaN), minus infinity elsewhere.

        Raises:
            DataError: the mask does not fit, or leaves a row without a choice.
        """
        scores = self.scorer(tamed(hidden)).float()
        return masked(scores.squeeze(-1) if self.candidates else scores, valid)

    def answer(self, hidden: Tensor, valid: Tensor | None = None) -> Tensor:
        """(B,) int64 index of the best valid choice; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.forward(hidden, valid).argmax(dim=-1)
