"""One of as many candidates as there are, each described by features of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.encoders import Inputs, tensor_of
from netwright.llm.heads.common import CANDIDATES, VALID, check_hidden, mask_of, masked, tamed


@dataclass(frozen=True)
class Candidates:
    """An answer that is one of N candidates with `n_features` numbers each, such as the rungs of a bitrate ladder.

    Every candidate is scored by the same weights from the decision's hidden state and its own features: their
    number and order change no score, so that a model answers for another ladder without retraining.

    `candidates` and `valid` are the names of the inputs that hold them (.., N, n_features) and, if some cannot be
    taken, their mask (.., N).
    """

    n_features: int
    n_hidden: int = 128
    candidates: str = CANDIDATES
    valid: str = VALID

    def __post_init__(self) -> None:
        if min(self.n_features, self.n_hidden) < 1:
            raise ConfigError(
                "Candidates needs features and a hidden layer of at least 1, got "
                f"{self.n_features} and {self.n_hidden}."
            )

    def network(self, width: int) -> CandidatesHead:
        """(.., width) hidden states and (.., N, n_features) candidates to (.., N) scores."""
        return CandidatesHead(width, self)


class CandidatesHead(nn.Module):
    """The network of `Candidates`: one hidden layer over hidden state and features, then a score."""

    def __init__(self, width: int, spec: Candidates) -> None:
        super().__init__()
        self.spec = spec
        self.of_state = nn.Linear(width, spec.n_hidden)
        self.of_candidate = nn.Linear(spec.n_features, spec.n_hidden, bias=False)
        self.score = nn.Linear(spec.n_hidden, 1)
        # Nearly equal scores at first, so that training starts near equal probabilities.
        nn.init.normal_(self.score.weight, std=0.01)
        nn.init.zeros_(self.score.bias)

    def forward(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """Scores (logits) in float32.

        Args:
            hidden: (.., width) one state for each decision.
            inputs: by name, among them the candidates and their mask.

        Returns:
            (.., N), finite where valid (unless a hidden state is NaN), minus infinity elsewhere.

        Raises:
            DataError: the mask does not fit, or leaves a decision without a choice.
        """
        inner = self.of_state(tamed(hidden))[..., None, :] + self.of_candidate(self.described(inputs))
        return masked(self.score(torch.relu(inner)).squeeze(-1).float(), mask_of(inputs, self.spec.valid))

    def described(self, inputs: Inputs) -> Tensor:
        """(.., N, n_features) the candidates, for a factor that depends on the choice among them."""
        return tensor_of(inputs, self.spec.candidates)

    def answer(self, hidden: Tensor, inputs: Inputs) -> Tensor:
        """(..) int64 index of the best valid candidate; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.forward(hidden, inputs).argmax(dim=-1)
