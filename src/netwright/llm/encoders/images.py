"""Images: features of a frozen vision transformer, computed once, kept on disk; their projection trains."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from netwright.core.array_files import read_npy
from netwright.core.errors import ConfigError, DataError
from netwright.core.files import replacing
from netwright.llm.loading import hash_weights, load_pretrained, locate


@dataclass(frozen=True)
class Image:
    """One token for an image, whose raw input is the feature vector that `ImageFeatures` made of it."""

    name: str
    n_features: int = 768

    def __post_init__(self) -> None:
        if self.n_features < 1:
            raise ConfigError(f"Image.n_features must be at least 1, got {self.n_features}.")

    @property
    def n_tokens(self) -> int:
        """One."""
        return 1

    def network(self) -> nn.Module:
        """(B, n_features) to (B, 1, n_features): only the projection that follows is trained."""
        return nn.Unflatten(1, (1, self.n_features))


class ImageFeatures:
    """The class token of a frozen vision transformer, for images seen before read from a folder.

    A feature is kept under the hash of the image and of the transformer, each in a file of its own written in
    one step: several processes may share the folder, and other weights never answer for these.

    Args:
        vision: hub id or local folder of a ViT (`google/vit-base-patch16-224-in21k`: 768 features).
        cache: folder of the features; made when the first is written.
        device: where the transformer computes.
        batch_size: images in one pass.
    """

    def __init__(
        self, vision: str, cache: Path, *, device: str | torch.device = "cpu", batch_size: int = 32
    ) -> None:
        from transformers import ViTModel

        self.vision = vision
        self.cache = cache
        self.batch_size = batch_size
        self.device = torch.device(device)
        model = load_pretrained(
            ViTModel, vision, kind="vision transformer", dtype=torch.float32, add_pooling_layer=False
        )
        self.model = model.to(self.device).requires_grad_(False).eval()
        mean, std = _normalisation(vision)
        self.mean = torch.tensor(mean, device=self.device).reshape(1, -1, 1, 1)
        self.std = torch.tensor(std, device=self.device).reshape(1, -1, 1, 1)
        weights = hash_weights(self.model.state_dict())
        self._key = hashlib.sha256(f"{weights} {list(mean)} {list(std)}".encode()).hexdigest()[:16]

    @property
    def n_features(self) -> int:
        """Size of a feature vector."""
        config: Any = self.model.config
        return int(config.hidden_size)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) RGB images in 0..255 to (N, n_features).

        Raises:
            DataError: the array is not of that shape and type, or a file of the cache is damaged.
        """
        if images.ndim != 4 or images.shape[-1] != 3 or images.dtype != np.uint8:
            raise DataError(
                f"images must be (N, H, W, 3) of uint8, got {images.shape} of {images.dtype}; "
                "convert them to RGB."
            )
        paths = [self._path(image) for image in images]
        absent = {path: i for i, path in enumerate(paths) if not path.exists()}
        todo = list(absent.items())
        for start in range(0, len(todo), self.batch_size):
            part = todo[start : start + self.batch_size]
            for (path, _), feature in zip(part, self._compute(images[[i for _, i in part]]), strict=True):
                with replacing(path) as temporary, temporary.open("wb") as stream:
                    np.save(stream, feature, allow_pickle=False)
        if not paths:
            return np.empty((0, self.n_features), dtype=np.float32)
        return np.stack([self._read(path) for path in paths])

    def _path(self, image: NDArray[np.uint8]) -> Path:
        digest = hashlib.sha256(f"{image.shape}".encode() + np.ascontiguousarray(image).tobytes()).hexdigest()
        return self.cache / self._key / digest[:2] / f"{digest[2:]}.npy"

    def _read(self, path: Path) -> NDArray[np.float32]:
        feature: NDArray[np.float32] = read_npy(path, remedy="delete the file")
        if feature.shape != (self.n_features,):
            raise DataError(f"{path}: an image feature of shape {feature.shape}; delete the file.")
        return feature

    @torch.inference_mode()
    def _compute(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        config: Any = self.model.config
        pixels: Tensor = torch.from_numpy(images).to(self.device).permute(0, 3, 1, 2).float() / 255.0
        size = (config.image_size, config.image_size)
        pixels = functional.interpolate(pixels, size, mode="bilinear", antialias=True, align_corners=False)
        hidden: Tensor = self.model(pixel_values=(pixels - self.mean) / self.std).last_hidden_state
        features: NDArray[np.float32] = hidden[:, 0].float().cpu().numpy()
        return features


def _normalisation(vision: str) -> tuple[Sequence[float], Sequence[float]]:
    """Mean and deviation of each color that the transformer was trained with; 0.5 if it does not say."""
    from transformers.image_processing_utils import BaseImageProcessor

    place = locate(vision, "vision transformer")
    try:
        found, _ = BaseImageProcessor.get_image_processor_dict(
            place.name, local_files_only=place.options["local_files_only"]
        )
    except OSError:
        found = {}
    half = [0.5, 0.5, 0.5]
    return found.get("image_mean", half), found.get("image_std", half)
