"""Whether a language model computes what adaptation relies on."""

from __future__ import annotations

import torch
from torch import Tensor

from netwright.core.errors import ConfigError, NetwrightError
from netwright.llm.backbone import Backbone
from netwright.llm.windows import WindowMemory, windowed

CHECKED_TOKENS, WINDOW = 6, 3
CHECKED_ERROR, CHECKED_ERROR_LOW = 1e-5, 0.05  # relative; the latter in half precision


def check_backbone(backbone: Backbone) -> None:
    """Refuse a model that does not compute what adaptation relies on; a few forward passes of six tokens.

    No output depends on a later token, tokens read one by one with the cache give the states of the whole pass, also
    in a window of three, and a gradient reaches the tokens.

    Raises:
        ConfigError: it does not; the sentence says in what.
    """
    who = f"backbone {backbone.name!r} ({type(backbone.model).__name__})"
    weight = next(backbone.parameters())
    if weight.is_meta:  # a shape without values
        return
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randn(1, CHECKED_TOKENS, backbone.width, generator=generator).to(weight.device)
    other = tokens.clone()
    other[:, -1] = -other[:, -1]
    try:
        with torch.no_grad():
            whole, changed = backbone(tokens), backbone(other)
            first, cache = backbone.extend(tokens[:, :3])
            steps = [first]
            for i in range(3, CHECKED_TOKENS):
                state, cache = backbone.extend(tokens[:, i : i + 1], cache)
                steps.append(state)
            banded = windowed(backbone, tokens, 1, WINDOW)
            memory = WindowMemory(1, 1, WINDOW, weight.device)
            remembered = [memory.extend(backbone, tokens[:, i : i + 1]) for i in range(CHECKED_TOKENS)]
        with torch.enable_grad():  # also where the caller tests without gradients
            leaf = tokens.clone().requires_grad_(True)
            backbone(leaf).float().square().sum().backward()
    except NetwrightError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:150]
        raise ConfigError(
            f"{who} cannot be read token by token ({type(error).__name__}: {reason}); give a causal decoder such as "
            "Llama, Qwen, Mistral or GPT-2."
        ) from None
    if whole.shape != tokens.shape or not bool(torch.isfinite(whole).all()):
        raise ConfigError(f"{who} does not answer a finite state for every token; give a causal decoder.")
    tolerance = CHECKED_ERROR if weight.dtype == torch.float32 else CHECKED_ERROR_LOW
    if _distance(whole[:, :-1], changed[:, :-1]) > tolerance:
        raise ConfigError(
            f"{who} lets a token see those after it, so that answers would change with what comes later; give a causal "
            "decoder, not an encoder."
        )
    apart = max(
        _distance(whole, torch.cat(steps, dim=1)),
        _distance(banded, torch.cat(remembered, dim=1)),
        _distance(whole[:, :WINDOW], banded[:, :WINDOW]),
    )
    if apart > tolerance:
        raise ConfigError(
            f"{who} gives other states step by step than at once, so that decisions would differ from training; give a "
            "decoder whose cache is exact."
        )
    gradient = leaf.grad
    if gradient is None or not bool(torch.isfinite(gradient).all()) or not bool(gradient.any()):
        raise ConfigError(
            f"{who} passes no finite gradient to its tokens, so that nothing could be trained; its weights may be "
            "damaged, or it holds its own gradients back: give another."
        )


def _distance(one: Tensor, other: Tensor) -> float:
    """Largest difference of two tensors, relative to the largest value."""
    scale = float(one.float().abs().max().clamp(min=1e-12))
    return float((one.float() - other.float()).abs().max()) / scale
