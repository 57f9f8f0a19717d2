"""A frozen language model as a map from token-like embeddings to hidden states."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.llm.loading import hash_weights


class Backbone(nn.Module):
    """A causal transformer over embeddings, or none at all.

    Attributes:
        name: as requested.
        model: the Hugging Face decoder without vocabulary; None for the control `none`.
        width: size of a token-like embedding.
        max_tokens: the longest sequence that the model has positions for; None without such a limit.
        n_published: number of weights as published, vocabulary and all layers included.
        dtype: of the weights; tokens are brought into it.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module | None,
        width: int,
        *,
        max_tokens: int | None = None,
        n_published: int = 0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.name = name
        self.model = model
        self.width = width
        self.max_tokens = max_tokens
        self.n_published = n_published
        self.dtype = dtype

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) embeddings to (B, T, width) hidden states; each depends only on itself and those before it.

        Raises:
            ConfigError: more tokens than the model has positions for.
        """
        if self.model is None:
            return tokens
        self._check_length(tokens.shape[1])
        hidden: Tensor = self.model(inputs_embeds=tokens.to(self.dtype), use_cache=False).last_hidden_state
        return hidden

    def extend(self, tokens: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
        """As `forward`, for tokens that follow those in the key-value `cache`.

        Args:
            tokens: (B, T, width).
            cache: what the call before gave; it grows in place. None begins a sequence.

        Returns:
            (B, T, width) hidden states, and the cache for the next call.
        """
        if self.model is None:
            return tokens, None
        self._check_length(tokens.shape[1] + (cache.get_seq_length() if cache is not None else 0))
        output = self.model(inputs_embeds=tokens.to(self.dtype), cache=cache, use_cache=True)
        return output.last_hidden_state, output.cache

    def checkpoint_gradients(self) -> None:
        """Recompute activations in the backward pass instead of keeping them: less memory, more time.

        Takes effect in training mode only.
        """
        if self.model is not None:
            self.model.activation_checkpointing_enable({"use_reentrant": False})  # type: ignore[operator]

    def weights_hash(self) -> str:
        """SHA-256 over names, shapes and bytes of all weights but the low-rank ones, ordered by name."""
        weights = {
            name.replace("base_model.model.", "").replace("base_layer.", ""): value
            for name, value in self.state_dict().items()
            if "lora_" not in name
        }
        return hash_weights(weights)

    def _check_length(self, n_tokens: int) -> None:
        if self.max_tokens is not None and n_tokens > self.max_tokens:
            raise ConfigError(
                f"backbone {self.name!r} has {self.max_tokens} positions, got {n_tokens} tokens; "
                "shorten the context or take another backbone."
            )
