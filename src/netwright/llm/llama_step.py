"""The next tokens of a Llama decoder, computed directly from its weights: the same numbers without the framework.

At one token a pass, a fifth of the time of a small model goes into modules, hooks and keyword arguments. This is the
pass of `LlamaModel` (Touvron et al. 2023) written out, for inference in single precision; any other model, or one
whose matrices something else stands in for (low-rank ones in training), goes the framework's way.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers.cache_utils import Cache


def fits(model: Any) -> bool:
    """Whether `llama_step` computes what the model's own forward pass does."""
    from transformers import LlamaModel

    if type(model) is not LlamaModel or model.training or model.config.hidden_act != "silu":
        return False
    matrices = [m for n, m in model.named_modules() if n.endswith("_proj")]
    return all(type(m) is nn.Linear and m.weight.dtype == torch.float32 for m in matrices)


def llama_step(model: Any, tokens: Tensor, cache: Cache, mask: Tensor, positions: Tensor) -> Tensor:
    """The final hidden states of tokens that follow those in the cache, which takes up their keys and values.

    Args:
        model: for which `fits`.
        tokens: (B, T, width).
        mask: (B, 1, T, kept + T) what is added to the attention scores.
        positions: (B, T).

    Returns:
        (B, T, width).
    """
    config = model.config
    size, width, eps = config.head_dim, (config.hidden_size,), config.rms_norm_eps
    shared_keys = config.num_key_value_heads != config.num_attention_heads
    cosine, sine = (part[:, None] for part in model.rotary_emb(tokens, positions))
    hidden = tokens
    for index, layer in enumerate(model.layers):
        attention, mlp = layer.self_attn, layer.mlp
        read = F.rms_norm(hidden, width, layer.input_layernorm.weight, eps)
        query = _turned(_heads(_linear(read, attention.q_proj), size), cosine, sine)
        key = _turned(_heads(_linear(read, attention.k_proj), size), cosine, sine)
        keys, values = cache.update(key, _heads(_linear(read, attention.v_proj), size), index)
        seen = F.scaled_dot_product_attention(query, keys, values, attn_mask=mask, enable_gqa=shared_keys)
        hidden = hidden + _linear(seen.transpose(1, 2).flatten(2), attention.o_proj)
        read = F.rms_norm(hidden, width, layer.post_attention_layernorm.weight, eps)
        gated = F.silu(_linear(read, mlp.gate_proj)) * _linear(read, mlp.up_proj)
        hidden = hidden + _linear(gated, mlp.down_proj)
    return F.rms_norm(hidden, width, model.norm.weight, eps)


def _linear(x: Tensor, module: Any) -> Tensor:
    found: Tensor = F.linear(x, module.weight, module.bias)
    return found


def _heads(x: Tensor, size: int) -> Tensor:
    """(B, T, heads * size) to (B, heads, T, size)."""
    return x.view(*x.shape[:2], -1, size).transpose(1, 2)


def _turned(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    """Rotary positions (Su et al. 2021): halves of a head turned against each other."""
    half = x.shape[-1] // 2
    return x * cosine + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sine
