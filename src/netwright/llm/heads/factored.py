"""An action of several parts, such as a stage and then its number of executors, in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.encoders import Inputs, tensor_of
from netwright.llm.heads.candidates import Candidates, CandidatesHead
from netwright.llm.heads.choice import CategoricalChoice, Pointer, PointerHead
from netwright.llm.heads.common import check_hidden

Choice = Candidates | CategoricalChoice | Pointer
Choose = Callable[[Tensor], Tensor]


def best(scores: Tensor) -> Tensor:
    """(..) the choice with the highest score (.., N)."""
    return scores.argmax(dim=-1)


@dataclass(frozen=True)
class Factored:
    """Several choices, made one after the other from the same hidden state.

    The probability of an action is the product over its parts, each given the parts before it: a part listed in `given`
    also sees the embedding of what the named earlier part chose. All parts read the hidden state of one pass. The
    candidates of a `Candidates` part in `given` may differ with that choice: its inputs then have an axis for it, as in
    (.., N, K, n_features) candidates for N choices of the earlier part, or are those of the choice that was made.

    Attributes:
        parts: head of each part by its name, in order.
        given: for a part, the earlier `Candidates` or `Pointer` part that it depends on.
    """

    parts: Mapping[str, Choice]
    given: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = list(self.parts)
        if not names:
            raise ConfigError("Factored needs at least one part.")
        for part, other in self.given.items():
            if part not in names or other not in names or names.index(other) >= names.index(part):
                raise ConfigError(
                    f"part {part!r} cannot depend on {other!r}; name an earlier part of {names}."
                )
            if isinstance(self.parts[other], CategoricalChoice):
                raise ConfigError(
                    f"part {part!r} cannot depend on {other!r}, whose choices have no features."
                )

    def network(self, width: int) -> FactoredHead:
        """(.., width) hidden states to the scores of every part."""
        return FactoredHead(width, self)


class FactoredHead(nn.Module):
    """The network of a `Factored`."""

    def __init__(self, width: int, spec: Factored) -> None:
        super().__init__()
        self.spec = spec
        self.parts = nn.ModuleDict({name: head.network(width) for name, head in spec.parts.items()})
        self.chosen = nn.ModuleDict(
            {part: nn.Linear(_n_features(spec.parts[other]), width) for part, other in spec.given.items()}
        )
        for layer in self.chosen.values():
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(
        self,
        hidden: Tensor,
        inputs: Inputs,
        actions: Mapping[str, Tensor] | None = None,
        choose: Choose = best,
    ) -> dict[str, Tensor]:
        """Scores (.., N) of every part by its name; N differs from part to part.

        Args:
            hidden: (.., width).
            inputs: what the parts read, by name.
            actions: (..) what was chosen for each part, in training; otherwise `choose` picks from the scores.
            choose: scores (.., N) to choices (..).

        Raises:
            DataError: a mask does not fit, or leaves a decision without a choice.
        """
        return self.decide(hidden, inputs, choose, actions)[0]

    def decide(
        self,
        hidden: Tensor,
        inputs: Inputs,
        choose: Choose = best,
        actions: Mapping[str, Tensor] | None = None,
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Scores of every part, and what was chosen (..); arguments as for `forward`."""
        scores: dict[str, Tensor] = {}
        chosen: dict[str, Tensor] = dict(actions or {})
        for name, head in self.parts.items():
            seen, other = hidden, self.spec.given.get(name)
            read = inputs
            if other is not None:
                seen = hidden + self.chosen[name](self._described(other, inputs, chosen[other]))
                read = _given_choice(head, inputs, chosen[other], hidden.ndim)
            scores[name] = head(seen, read)
            if name not in chosen:
                chosen[name] = choose(scores[name])
        return scores, chosen

    def _described(self, part: str, inputs: Inputs, chosen: Tensor) -> Tensor:
        """(.., n_features) of what was chosen for a part."""
        head = self.parts[part]
        assert isinstance(head, CandidatesHead | PointerHead)
        described = head.described(inputs)
        index = chosen.long()[..., None, None].expand(*chosen.shape, 1, described.shape[-1])
        return described.gather(-2, index)[..., 0, :]

    def answer(self, hidden: Tensor, inputs: Inputs) -> dict[str, Tensor]:
        """(..) int64 best valid choice of every part; a NaN or infinite hidden state raises `DataError`."""
        check_hidden(hidden)
        return self.decide(hidden, inputs)[1]


def _given_choice(head: nn.Module, inputs: Inputs, chosen: Tensor, n_dimensions: int) -> Inputs:
    """The inputs with the candidates of a part that belong to what was chosen (..) for the part before it."""
    if not isinstance(head, CandidatesHead):
        return inputs
    if tensor_of(inputs, head.spec.candidates).ndim != n_dimensions + 2:
        return inputs
    names = [name for name in (head.spec.candidates, head.spec.valid) if name in inputs]
    return {**inputs, **{name: _at(tensor_of(inputs, name), chosen) for name in names}}


def _at(values: Tensor, chosen: Tensor) -> Tensor:
    """(.., R) of values (.., N, R), R any shape, at one of N each (..)."""
    index = chosen.long().reshape(*chosen.shape, *(1,) * (values.ndim - chosen.ndim))
    index = index.expand(*chosen.shape, 1, *values.shape[chosen.ndim + 1 :])
    return values.gather(chosen.ndim, index).squeeze(chosen.ndim)


def _n_features(head: Choice) -> int:
    assert not isinstance(head, CategoricalChoice)
    return head.n_features


def sampled(generator: torch.Generator | None = None) -> Choose:
    """Choices drawn from the softmax of the scores."""

    def choose(scores: Tensor) -> Tensor:
        probabilities = torch.softmax(scores.float(), dim=-1).flatten(0, -2)
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0].reshape(scores.shape[:-1])

    return choose
