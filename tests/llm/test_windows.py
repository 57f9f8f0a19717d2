"""A cache that forgets after `window` steps gives the states of whole episodes under the band, in every family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.llm import llama_step
from netwright.llm.backbones import build_backbone
from netwright.llm.llama_step import fits
from netwright.llm.lora import add_low_rank
from netwright.llm.windows import WindowMemory, band_mask, windowed
from tests.llm.models import FAMILIES

TOLERANCE = 1e-5  # of float32 sums in another order

CPU = torch.device("cpu")


def tokens_of(width: int, n_steps: int, n_tokens: int, rows: int = 3) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n_steps * n_tokens)
    return torch.randn(rows, n_steps * n_tokens, width, generator=generator)


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("n_tokens", [1, 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_step_by_step_equals_the_whole_episode(
    family: str, n_tokens: int, window: int, folder_of: Callable[[str], Path]
) -> None:
    backbone = build_backbone(str(folder_of(family)))
    tokens = tokens_of(backbone.width, 8, n_tokens)
    whole = windowed(backbone, tokens, n_tokens, window)
    memory = WindowMemory(3, n_tokens, window, CPU)
    with torch.inference_mode():
        steps = [memory.extend(backbone, step) for step in tokens.split(n_tokens, dim=1)]
    assert torch.allclose(torch.cat(steps, dim=1), whole, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("name", ["tiny", "random:small"])
def test_the_pass_written_out_is_that_of_the_framework(name: str) -> None:
    """With gradients on, the framework computes; without, `LlamaStep`."""
    backbone = build_backbone(name)
    assert fits(backbone.model)
    tokens = tokens_of(backbone.width, 12, 2)
    ways: list[list[torch.Tensor]] = []
    for enabled in (True, False):
        memory = WindowMemory(3, 2, 4, CPU)
        with torch.set_grad_enabled(enabled):
            ways.append([memory.extend(backbone, step) for step in tokens.split(2, dim=1)])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(*ways, strict=True))


def test_changed_weights_count_from_the_next_memory_on() -> None:
    """Also those of the norms, which `LlamaStep` keeps as part of its matrices."""
    backbone = build_backbone("random:tiny", max_layers=1).requires_grad_(False)
    tokens = tokens_of(backbone.width, 3, 1)
    first = WindowMemory(3, 1, 4, CPU)
    with torch.inference_mode():
        before = first.extend(backbone, tokens[:, :1])
    generator = torch.Generator().manual_seed(5)
    for weight in backbone.parameters():
        weight += 0.1 * torch.randn(weight.shape, generator=generator)
    memory = WindowMemory(3, 1, 4, CPU)
    with torch.inference_mode():
        after = torch.cat([memory.extend(backbone, step) for step in tokens.split(1, dim=1)], dim=1)
    assert torch.allclose(after, windowed(backbone, tokens, 1, 4), atol=TOLERANCE, rtol=TOLERANCE)
    assert (after[:, :1] - before).abs().max() > 1e-3


def test_biased_and_large_models_go_the_frameworks_way(monkeypatch: pytest.MonkeyPatch) -> None:
    backbone = build_backbone("random:tiny", max_layers=1)
    monkeypatch.setattr(llama_step, "LARGEST", 1)
    assert not fits(backbone.model)
    monkeypatch.undo()
    assert fits(backbone.model)
    backbone.model.layers[0].mlp.up_proj.bias = torch.nn.Parameter(torch.ones(1))  # type: ignore[union-attr, index]
    assert not fits(backbone.model)


def test_what_is_not_a_plain_llama_goes_the_frameworks_way(folder_of: Callable[[str], Path]) -> None:
    backbone = build_backbone("random:tiny", max_layers=1)
    assert fits(backbone.model)
    assert not fits(build_backbone("random:tiny", max_layers=1, dtype=torch.bfloat16).model)
    add_low_rank(backbone, rank=2, alpha=2.0, dropout=0.0)
    assert not fits(backbone.model)
    assert not fits(None)
    others = [f for f in FAMILIES if not fits(build_backbone(str(folder_of(f))).model)]
    assert 0 < len(others) < len(FAMILIES)


def test_an_episode_that_begins_later_knows_nothing_of_the_one_before_it() -> None:
    backbone = build_backbone("random:small", max_layers=2)
    tokens = tokens_of(backbone.width, 9, 1)
    memory = WindowMemory(3, 1, 4, CPU)
    states = []
    with torch.inference_mode():
        for step in range(9):
            if step == 5:
                memory.restart(torch.tensor([False, True, False]))
            states.append(memory.extend(backbone, tokens[:, step : step + 1]))
        got = torch.cat(states, dim=1)
        whole, late = windowed(backbone, tokens, 1, 4), windowed(backbone, tokens[1:2, 5:], 1, 4)
    assert torch.allclose(got[0], whole[0], atol=TOLERANCE, rtol=TOLERANCE)
    assert torch.allclose(got[1, 5:], late[0], atol=TOLERANCE, rtol=TOLERANCE)
    assert (got[1, 5:] - whole[1, 5:]).abs().max() > 1e-3


@given(n_steps=st.integers(1, 7), n_tokens=st.integers(1, 3), window=st.integers(1, 8))
def test_the_band_is_causal_and_as_wide_as_the_window(n_steps: int, n_tokens: int, window: int) -> None:
    seen = band_mask(n_steps, n_tokens, window)[0, 0] == 0
    for row in range(n_steps * n_tokens):
        first = max(0, row // n_tokens - window + 1) * n_tokens
        assert seen[row].nonzero().flatten().tolist() == list(range(first, row + 1))


def test_positions_that_the_model_has_not_are_refused(folder_of: Callable[[str], Path]) -> None:
    backbone = build_backbone(str(folder_of("gpt2")))
    with pytest.raises(ConfigError, match="64 positions, the episode needs 65"):
        windowed(backbone, tokens_of(backbone.width, 65, 1), 1, 3)
    memory = WindowMemory(1, 1, 3, CPU)
    memory.ages[:] = 64
    with pytest.raises(ConfigError, match="the episode needs 65"):
        memory.extend(backbone, tokens_of(backbone.width, 1, 1, rows=1))


def test_rotary_positions_have_no_end(folder_of: Callable[[str], Path]) -> None:
    backbone = build_backbone(str(folder_of("llama")))
    tokens = tokens_of(backbone.width, 80, 1, rows=1)
    memory = WindowMemory(1, 1, 5, CPU)
    with torch.inference_mode():
        steps = [memory.extend(backbone, step) for step in tokens.split(1, dim=1)]
    assert torch.allclose(
        torch.cat(steps, dim=1), windowed(backbone, tokens, 1, 5), atol=TOLERANCE, rtol=TOLERANCE
    )
