"""Context windows: a causal band over the steps of an episode, and the cache under which one step costs one step.

In every layer a token sees the tokens of its own step before it and those of the `window - 1` steps before. What a
layer computed for a step is never computed again, so information reaches back further than the window, by
`window - 1` steps a layer; the published code cuts the input instead. This definition is what lets training
on whole episodes and decisions from a cache that forgets after `window` steps give the same answers: both apply the
very same band. Positions count from the start of the episode.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, DynamicLayer

from netwright.core.errors import ConfigError
from netwright.llm.backbone import Backbone
from netwright.llm.llama_step import LlamaStep, fits

_HIDDEN = -1e9  # added to the attention score of what a token may not see


def band_mask(n_steps: int, n_tokens: int, window: int, device: torch.device | None = None) -> Tensor:
    """(1, 1, T, T) what is added to attention scores, T = n_steps * n_tokens: 0 inside the causal band."""
    index = torch.arange(n_steps * n_tokens, device=device)
    step = index // n_tokens
    seen = (index[:, None] >= index) & (step[:, None] - step < window)
    return torch.where(seen, 0.0, _HIDDEN)[None, None]


def windowed(backbone: Backbone, tokens: Tensor, n_tokens: int, window: int) -> Tensor:
    """Hidden states of whole episodes at once.

    Args:
        backbone: with a language model.
        tokens: (B, T, width), `n_tokens` for each step of the episode.
        n_tokens: of one step.
        window: context window in steps, the current one included.

    Returns:
        (B, T, width).
    """
    assert backbone.model is not None
    length = tokens.shape[1]
    _check_positions(backbone, length)
    hidden: Tensor = backbone.model(
        inputs_embeds=tokens.to(backbone.dtype),
        attention_mask=band_mask(length // n_tokens, n_tokens, window, tokens.device).to(backbone.dtype),
        position_ids=torch.arange(length, device=tokens.device)[None],
        use_cache=False,
    ).last_hidden_state
    return hidden


class WindowMemory:
    """Keys and values of the last `window - 1` steps of B episodes, which may be at different ages.

    Attributes:
        ages: (B,) steps that each episode has had since it began.
    """

    def __init__(self, n_episodes: int, n_tokens: int, window: int, device: torch.device) -> None:
        self.n_tokens, self.window = n_tokens, window
        self.ages = torch.zeros(n_episodes, dtype=torch.long, device=device)
        self._step: LlamaStep | None = None
        self._checked = False  # whether the backbone can be read without its framework
        self.cache = Cache(layer_class_to_replicate=partial(_WindowLayer, (window - 1) * n_tokens))

    def restart(self, rows: Tensor) -> None:
        """Forget the episodes of these rows (B,) of bool: others begin in their place."""
        self.ages[rows] = 0

    def select(self, rows: Tensor) -> None:
        """Continue with the episodes of these rows (R,) only: the others have ended."""
        self.ages = self.ages[rows]
        for layer in self.cache.layers:
            layer.keys, layer.values = layer.keys[rows], layer.values[rows]

    def extend(self, backbone: Backbone, tokens: Tensor) -> Tensor:
        """(B, n_tokens, width) the next step of each episode to its hidden states, as `windowed` gives them."""
        assert backbone.model is not None
        within = torch.arange(self.n_tokens, device=tokens.device)
        positions = self.ages[:, None] * self.n_tokens + within
        _check_positions(backbone, int(self.ages.max()) * self.n_tokens + self.n_tokens)
        tokens, mask = tokens.to(backbone.dtype), self._mask(within).to(backbone.dtype)
        hidden: Tensor
        if (step := self._plain(backbone)) is not None:
            hidden = step(tokens, self.cache, mask, positions)
        else:
            hidden = backbone.model(
                inputs_embeds=tokens,
                attention_mask=mask,
                position_ids=positions,
                cache=self.cache,
                use_cache=True,
            ).last_hidden_state
        self.ages += 1
        return hidden

    def _plain(self, backbone: Backbone) -> LlamaStep | None:
        """The backbone without its framework, where that is possible and no gradients are needed."""
        if torch.is_grad_enabled():
            return None
        if not self._checked:
            self._checked = True
            self._step = LlamaStep(backbone.model) if fits(backbone.model) else None
        return self._step

    def _mask(self, within: Tensor) -> Tensor:
        """(B, 1, n_tokens, kept + n_tokens) what is added to the attention scores of the next step."""
        layers = self.cache.layers
        kept = layers[0].get_seq_length() if layers else 0
        back = kept - torch.arange(
            kept + self.n_tokens, device=within.device
        )  # tokens before the step's first
        young = torch.clamp(self.ages, max=self.window - 1) * self.n_tokens
        seen = (-back <= within[:, None])[None] & (back <= young[:, None])[:, None]
        return torch.where(seen, 0.0, _HIDDEN)[:, None]


class _WindowLayer(DynamicLayer):  # type: ignore[misc]
    """Keys and values of one layer; those of the oldest tokens are dropped once they have been seen."""

    def __init__(self, n_kept: int) -> None:
        super().__init__()
        self.n_kept = n_kept

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        keys, values = super().update(key_states, value_states)
        first = max(0, keys.shape[-2] - self.n_kept)
        self.keys, self.values = keys[..., first:, :], values[..., first:, :]
        return keys, values


def _check_positions(backbone: Backbone, n_tokens: int) -> None:
    """Refuse positions that the model has not; rotary ones have no end."""
    if backbone.max_tokens is None or n_tokens <= backbone.max_tokens:
        return
    if not any("Rotary" in type(m).__name__ for m in backbone.modules()):
        raise ConfigError(
            f"backbone {backbone.name!r} has {backbone.max_tokens} positions, the episode needs {n_tokens}; "
            "take a backbone with rotary positions, or a layout with fewer tokens."
        )
