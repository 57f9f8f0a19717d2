from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from netwright.core.errors import ConfigError, DataError
from netwright.core.seeding import generator
from netwright.llm.encoders import Image, ImageFeatures, MultimodalEncoder


@pytest.fixture(scope="module")
def vision(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_vision(tmp_path_factory.mktemp("vit"), seed=0)


def save_vision(folder: Path, *, seed: int) -> Path:
    torch.manual_seed(seed)
    config = hf.ViTConfig(
        hidden_size=24,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        image_size=16,
        patch_size=8,
    )
    hf.ViTModel(config).save_pretrained(folder)
    return folder


def images(n: int = 3, side: int = 20) -> np.ndarray:
    return generator(0).integers(0, 256, size=(n, side, side + 4, 3), dtype=np.uint8)


def test_features_are_the_class_token(vision: Path, tmp_path: Path) -> None:
    pictures = images(side=16)[:, :, :16]
    model = hf.ViTModel.from_pretrained(vision).eval()
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 127.5 - 1.0
    with torch.inference_mode():
        expected = model(pixel_values=pixels).last_hidden_state[:, 0].numpy()
    extract = ImageFeatures(str(vision), tmp_path)
    assert extract.n_features == 24
    assert np.allclose(extract(pictures), expected, atol=1e-5)


def test_features_are_computed_once(vision: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = images()
    first = ImageFeatures(str(vision), tmp_path, batch_size=2)(np.concatenate([pictures, pictures]))
    assert np.array_equal(first[:3], first[3:])
    assert len(list(tmp_path.rglob("*.npy"))) == 3

    again = ImageFeatures(str(vision), tmp_path)
    monkeypatch.setattr(again.model, "forward", lambda **_: pytest.fail("computed again"))
    assert np.array_equal(again(pictures[::-1]), first[:3][::-1])
    assert again(pictures[:0]).shape == (0, 24)


def test_other_weights_and_other_normalization_have_their_own_features(vision: Path, tmp_path: Path) -> None:
    pictures = images(1)
    cache = tmp_path / "cache"
    first = ImageFeatures(str(vision), cache)(pictures)
    other = save_vision(tmp_path / "other", seed=1)
    second = ImageFeatures(str(other), cache)(pictures)
    (other / "preprocessor_config.json").write_text(
        json.dumps({"image_mean": [0.1, 0.2, 0.3], "image_std": [0.2, 0.2, 0.2]})
    )
    third = ImageFeatures(str(other), cache)(pictures)
    assert len(list(cache.rglob("*.npy"))) == 3
    assert not np.allclose(first, second, atol=1e-3)
    assert not np.allclose(second, third, atol=1e-3)


def test_a_damaged_feature_is_named(vision: Path, tmp_path: Path) -> None:
    extract = ImageFeatures(str(vision), tmp_path)
    extract(images(1))
    file = next(tmp_path.rglob("*.npy"))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(DataError, match="damaged") as error:
        extract(images(1))
    assert str(file) in str(error.value)
    np.save(file, np.zeros(3, dtype=np.float32))
    with pytest.raises(DataError, match=r"shape \(3,\)"):
        extract(images(1))


@pytest.mark.parametrize("bad", [images().astype(np.float32), images()[0], images()[..., :2]])
def test_arrays_that_are_no_images(vision: Path, tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"\(N, H, W, 3\) of uint8"):
        ImageFeatures(str(vision), tmp_path)(bad)


def test_a_folder_that_is_no_vision_transformer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="vision transformer"):
        ImageFeatures(str(tmp_path), tmp_path)
    with pytest.raises(ConfigError, match="no such folder of a vision transformer"):
        ImageFeatures(str(tmp_path / "absent"), tmp_path)


def test_features_become_one_token(vision: Path, tmp_path: Path) -> None:
    features = ImageFeatures(str(vision), tmp_path)(images())
    encoder = MultimodalEncoder([Image("frame", n_features=24)], width=16)
    assert encoder({"frame": torch.from_numpy(features)}).shape == (3, 1, 16)
