"""One suite over every family of models: what `build_backbone` promises holds for each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import nn

from netwright.llm.backbone import Backbone
from netwright.llm.backbones import build_backbone
from netwright.llm.decoder import layer_stack
from netwright.llm.lora import Targets, add_low_rank
from tests.llm.models import DEPTH, FAMILIES, VOCABULARY

TOLERANCE = 1e-5  # of float32 sums in another order

Folder = Callable[[str], Path]


@pytest.fixture(params=[*FAMILIES, "tiny", "random:small"])
def name(request: pytest.FixtureRequest, folder_of: Folder) -> str:
    return str(folder_of(request.param)) if request.param in FAMILIES else request.param


@pytest.fixture
def backbone(name: str) -> Backbone:
    return build_backbone(name)


def tokens_for(backbone: Backbone, n_tokens: int = 7) -> torch.Tensor:
    return torch.randn(2, n_tokens, backbone.width, generator=torch.Generator().manual_seed(0))


def test_maps_embeddings_to_hidden_states_of_the_same_size(backbone: Backbone) -> None:
    hidden = backbone(tokens_for(backbone))
    assert hidden.shape == (2, 7, backbone.width)
    assert torch.isfinite(hidden).all()


def test_later_tokens_do_not_touch_earlier_outputs(backbone: Backbone) -> None:
    tokens = tokens_for(backbone)
    changed = tokens.clone()
    changed[:, 4:] = torch.flip(tokens[:, 4:], dims=[-1])
    before, after = backbone(tokens), backbone(changed)
    assert torch.equal(before[:, :4], after[:, :4])
    assert (before[:, 4:] - after[:, 4:]).abs().amax(dim=-1).min() > 1e-4


def test_earlier_tokens_reach_later_outputs(backbone: Backbone) -> None:
    tokens = tokens_for(backbone)
    changed = tokens.clone()
    changed[:, 0] = torch.flip(tokens[:, 0], dims=[-1])
    assert (backbone(tokens)[:, -1] - backbone(changed)[:, -1]).abs().max() > 1e-4


def test_vocabulary_is_gone_and_counted(backbone: Backbone) -> None:
    assert all(VOCABULARY not in p.shape for p in backbone.parameters())
    kept = sum(p.numel() for p in backbone.parameters()) - backbone.width
    assert kept <= backbone.n_published
    dropped = backbone.n_published - kept
    assert dropped in {n * VOCABULARY * backbone.width for n in (0, 1, 2)} or "bert" in backbone.name


def test_is_frozen_and_in_evaluation_mode(backbone: Backbone) -> None:
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not backbone.model.training


def test_max_layers_removes_the_upper_layers(name: str, backbone: Backbone) -> None:
    cut = build_backbone(name, max_layers=1)
    assert len(layer_stack(cut.model)) == 1
    assert len(layer_stack(backbone.model)) >= DEPTH
    assert sum(p.numel() for p in cut.parameters()) < sum(p.numel() for p in backbone.parameters())
    assert cut.n_published == backbone.n_published
    tokens = tokens_for(cut)
    first, cache = cut.extend(tokens[:, :3])
    second, _ = cut.extend(tokens[:, 3:], cache)
    assert torch.allclose(torch.cat([first, second], dim=1), cut(tokens), atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("pieces", [(1,) * 7, (3, 4), (5, 1, 1)])
def test_extending_piece_by_piece_equals_one_pass(backbone: Backbone, pieces: tuple[int, ...]) -> None:
    tokens = tokens_for(backbone)
    cache, hidden = None, []
    for piece in tokens.split(list(pieces), dim=1):
        states, cache = backbone.extend(piece, cache)
        hidden.append(states)
    assert torch.allclose(torch.cat(hidden, dim=1), backbone(tokens), atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("targets", get_args(Targets))
def test_low_rank_matrices_start_silent_and_all_learn(backbone: Backbone, targets: Targets) -> None:
    tokens = tokens_for(backbone)
    before = backbone(tokens)
    digest = backbone.weights_hash()
    add_low_rank(backbone, rank=4, alpha=4.0, dropout=0.0, targets=targets)
    assert torch.equal(backbone(tokens), before)
    assert backbone.weights_hash() == digest

    matrices = {n: p for n, p in backbone.named_parameters() if p.requires_grad}
    assert matrices
    assert all("lora_" in n for n in matrices)
    layers = {n.split("layers.")[-1].split("layer.")[-1].split("h.")[-1].split(".")[0] for n in matrices}
    assert len(layers) >= DEPTH
    with torch.no_grad():  # B starts at zero, which would leave A without a gradient
        for name, parameter in matrices.items():
            if "lora_B" in name:
                parameter.normal_(std=0.1)
    (backbone(tokens) * torch.randn(backbone.width)).sum().backward()
    assert [n for n, p in matrices.items() if p.grad is None or not p.grad.abs().max() > 0] == []


def test_more_targets_take_more_matrices(name: str) -> None:
    counts = []
    for targets in get_args(Targets):
        backbone = build_backbone(name)
        add_low_rank(backbone, rank=2, alpha=2.0, dropout=0.0, targets=targets)
        counts.append(sum(p.requires_grad for p in backbone.parameters()))
    assert counts == sorted(set(counts))


def test_weights_hash_is_that_of_the_weights(name: str, backbone: Backbone) -> None:
    digest = backbone.weights_hash()
    torch.manual_seed(99)
    again = build_backbone(name)
    assert again.weights_hash() == digest
    parameter = next(p for p in again.parameters() if p.ndim == 2 and p.shape[0] > 1)
    with torch.no_grad():
        parameter[0, 0] += 1e-3
    assert again.weights_hash() != digest
    assert build_backbone(name, max_layers=1).weights_hash() != digest


def test_dtype_and_device_are_those_asked_for(name: str) -> None:
    half = build_backbone(name, dtype=torch.bfloat16)
    assert {p.dtype for p in half.parameters()} == {torch.bfloat16}
    assert half(tokens_for(half).bfloat16()).dtype == torch.bfloat16
    assert {p.device.type for p in build_backbone(name, device="meta").parameters()} == {"meta"}


def test_checkpointed_gradients_are_the_same(backbone: Backbone) -> None:
    add_low_rank(backbone, rank=2, alpha=2.0, dropout=0.0)
    for module in backbone.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    backbone.train()

    def gradients() -> list[torch.Tensor]:
        backbone.zero_grad()
        backbone(tokens_for(backbone)).square().sum().backward()
        return [p.grad.clone() for p in backbone.parameters() if p.grad is not None]

    plain = gradients()
    backbone.checkpoint_gradients()
    assert backbone.model.get_base_model().is_activation_checkpointing
    for a, b in zip(plain, gradients(), strict=True):
        assert torch.allclose(a, b, atol=TOLERANCE, rtol=1e-4)
