"""Low-rank matrices through PEFT; which modules take them is read from the architecture (section 4.3)."""

from __future__ import annotations

import re
import warnings
from typing import Literal

from torch import nn

from netwright.core.errors import ConfigError
from netwright.llm.backbone import Backbone
from netwright.llm.decoder import layer_stack

Targets = Literal["query-value", "attention", "all-linear"]

LEAST_LIMIT = 128  # a rank that every backbone takes, however small it is

# Names that model families give to the projections of query and value; some hold query, key and value in one.
_QUERY_VALUE = frozenset(
    "q_proj v_proj query value q_lin v_lin q v c_attn query_key_value qkv_proj Wqkv".split()  # noqa: SIM905
)
_OF_ENCODER = frozenset(("encoder_attn", "encdecattention", "crossattention"))


def target_modules(decoder: nn.Module, targets: Targets) -> str:
    """A regular expression for the modules of the layers that receive low-rank matrices.

    Raises:
        ConfigError: the architecture has no module that is known as such.
    """
    stack = layer_stack(decoder)
    prefix = next(name for name, module in decoder.named_modules() if module is stack)
    linear = {n for layer in stack for n, m in layer.named_modules() if _is_linear(m)}
    if targets != "all-linear":
        linear = {n for n in linear if _is_attention(n)}
    if targets == "query-value":
        linear = {n for n in linear if n.rsplit(".", 1)[-1] in _QUERY_VALUE}
    if not linear:
        raise ConfigError(
            f"{type(decoder).__name__} has no projection known as {targets}; choose targets='all-linear'."
        )
    names = "|".join(re.escape(n) for n in sorted(linear))
    return rf"{re.escape(prefix)}\.\d+\.({names})"


def _check_rank(decoder: nn.Module, rank: int) -> None:
    """Refuse a rank that no matrix of the layers can have, before memory is taken for it."""
    linear = (m for m in layer_stack(decoder).modules() if _is_linear(m))
    sizes = [size for m in linear for p in m.parameters(recurse=False) for size in p.shape]
    largest = max(LEAST_LIMIT, *sizes)
    if not 1 <= rank <= largest:
        raise ConfigError(
            f"rank must lie between 1 and {largest}, the size of the largest matrix of {type(decoder).__name__}, "
            f"got {rank}; low-rank matrices of 4 to 64 are usual."
        )


def _is_linear(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Linear) or type(module).__name__ == "Conv1D"
    )  # GPT-2's transposed linear layer


def _is_attention(name: str) -> bool:
    """Whether a linear layer belongs to self-attention; attention to an encoder is never computed here."""
    parts = [part.lower() for part in name.split(".")[:-1]]
    return any("attn" in part or "attention" in part for part in parts) and not any(
        part in _OF_ENCODER for part in parts
    )


def add_low_rank(
    backbone: Backbone, *, rank: int, alpha: float, dropout: float, targets: Targets = "query-value"
) -> None:
    """Put trainable low-rank matrices beside the frozen weights: W x + (alpha / rank) B A x.

    Args:
        backbone: changed in place; the control `none` has nothing to adapt and stays as it is.
        rank: inner size of the matrices (32 for viewport prediction in the paper).
        alpha: scale; the update is multiplied by alpha / rank.
        dropout: probability of dropping an input of the low-rank branch in training.
        targets: query and value (the paper's choice), all attention projections, or every linear layer.
    """
    if backbone.model is None:
        return
    _check_rank(backbone.model, rank)
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=target_modules(backbone.model, targets),
        bias="none",
        fan_in_fan_out=any(type(m).__name__ == "Conv1D" for m in backbone.model.modules()),
    )
    with warnings.catch_warnings():  # PEFT asks transformers for a property that was renamed
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        backbone.model = get_peft_model(backbone.model, config)
