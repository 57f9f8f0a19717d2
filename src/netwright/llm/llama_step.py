"""The next tokens of a small Llama decoder, computed directly from its weights.

At one token a pass, half of the time of a small model goes into modules, small operations, and matrices read row by
row. This is the pass of `LlamaModel` (Touvron et al. 2023) written out, for inference in single precision: matrices
with the same input are one, the weights of a norm are part of the matrix that follows it, and matrices are stored as
the product reads them. Any other model, or one with low-rank matrices in training, is computed by the framework.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.cache_utils import Cache

LARGEST = 50_000_000
"""Most weights of a model whose matrices are copied; a larger one spends its time in the matrices themselves."""


def fits(model: Any) -> bool:
    """Whether `LlamaStep` computes what the model's own forward pass does."""
    from transformers import LlamaModel

    if type(model) is not LlamaModel or model.training or model.config.hidden_act != "silu":
        return False
    matrices = [m for n, m in model.named_modules() if n.endswith("_proj")]
    if not all(type(m) is nn.Linear and m.bias is None and m.weight.dtype == torch.float32 for m in matrices):
        return False
    n_weights: int = sum(m.weight.numel() for m in matrices)
    return n_weights <= LARGEST


class _Layer(NamedTuple):
    """Matrices (inputs, outputs) of one layer."""

    query_key_value: Tensor
    output: Tensor
    gate_up: Tensor
    down: Tensor


class LlamaStep:
    """One pass after another through a model as its weights are now, for which `fits`."""

    def __init__(self, model: Any) -> None:
        self.model = model
        with torch.inference_mode():
            self.layers = [_layer(layer) for layer in model.layers]

    def __call__(self, tokens: Tensor, cache: Cache, mask: Tensor, positions: Tensor) -> Tensor:
        """The final hidden states of tokens that follow those in the cache, which takes up their keys and values.

        Args:
            tokens: (B, T, width).
            mask: (B, 1, T, kept + T) what is added to the attention scores.
            positions: (B, T).

        Returns:
            (B, T, width).
        """
        config = self.model.config
        n_queries, n_keys, eps = config.num_attention_heads, config.num_key_value_heads, config.rms_norm_eps
        split = (*positions.shape, n_queries + 2 * n_keys, config.head_dim)
        cosine, sine = (part[:, None] for part in self.model.rotary_emb(tokens, positions))
        sine = torch.cat((-sine[..., : split[-1] // 2], sine[..., split[-1] // 2 :]), dim=-1)
        hidden = tokens.flatten(0, 1)
        for index, layer in enumerate(self.layers):
            heads = (_normalized(hidden, eps) @ layer.query_key_value).view(split).transpose(1, 2)
            turned = _turned(heads[:, : n_queries + n_keys], cosine, sine)
            query, key = turned[:, :n_queries], turned[:, n_queries:]
            keys, values = cache.update(key, heads[:, n_queries + n_keys :], index)
            seen = F.scaled_dot_product_attention(
                query, keys, values, attn_mask=mask, enable_gqa=n_keys != n_queries
            )
            hidden = torch.addmm(hidden, seen.transpose(1, 2).reshape(len(hidden), -1), layer.output)
            gate, up = (_normalized(hidden, eps) @ layer.gate_up).chunk(2, dim=-1)
            hidden = torch.addmm(hidden, F.silu(gate).mul_(up), layer.down)
        weight: Tensor = self.model.norm.weight
        return (_normalized(hidden, eps) * weight).view(tokens.shape)


def _layer(layer: Any) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        _matrix(attention.q_proj, attention.k_proj, attention.v_proj, norm=layer.input_layernorm),
        _matrix(attention.o_proj),
        _matrix(mlp.gate_proj, mlp.up_proj, norm=layer.post_attention_layernorm),
        _matrix(mlp.down_proj),
    )


def _matrix(*modules: Any, norm: Any = None) -> Tensor:
    """(inputs, outputs) of linear modules side by side, after the weights of a norm."""
    weight = torch.cat([module.weight for module in modules])
    return (weight if norm is None else weight * norm.weight).t().contiguous()


def _normalized(x: Tensor, eps: float) -> Tensor:
    """Root mean square of each row divided out (Zhang & Sennrich 2019)."""
    return x * x.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): halves turned against each other, `sine` negative in the first."""
    return (x * cosine).addcmul_(x.roll(x.shape[-1] // 2, dims=-1), sine)
