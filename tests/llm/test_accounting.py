from __future__ import annotations

import pytest
from torch import nn

from netwright.llm.accounting import parameter_counts, published_viewport_share
from netwright.llm.backbones import build_backbone
from netwright.llm.lora import add_low_rank


def test_the_paper_share_to_four_digits() -> None:
    counts = published_viewport_share()
    assert counts.published == 6_738_415_616
    assert counts.trainable == 16_777_216 + 4_224_003
    assert f"{100 * counts.fraction:.4f}" == "0.3117"
    assert counts.held == counts.published - 2 * 32_000 * 4096 + 4096 + counts.trainable


def test_counts_of_a_small_model() -> None:
    backbone = build_backbone("random:tiny", max_layers=2)
    add_low_rank(backbone, rank=8, alpha=8.0, dropout=0.0)
    counts = parameter_counts(nn.ModuleDict({"backbone": backbone, "head": nn.Linear(256, 10)}))
    layer = 4 * 256 * 256 + 3 * 256 * 688 + 2 * 256
    assert counts.published == 6 * layer + 256
    assert counts.trainable == 2 * 2 * 2 * 8 * 256 + 2570
    assert counts.held == 2 * layer + 256 + 256 + counts.trainable
    assert counts.to_json()["fraction"] == counts.trainable / counts.published


def test_without_a_backbone_everything_counts() -> None:
    counts = parameter_counts(nn.ModuleList([build_backbone("none"), nn.Linear(3, 1)]))
    assert (counts.published, counts.held, counts.trainable) == (0, 4, 4)
    assert counts.fraction == pytest.approx(1.0)
