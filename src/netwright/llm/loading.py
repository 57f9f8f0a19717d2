"""Hugging Face models from a folder or the hub: quietly and completely, or with one clear sentence."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from netwright.core.errors import ConfigError, FormatError


def load_pretrained(auto: Any, name: str, *, kind: str = "backbone", **options: Any) -> nn.Module:
    """A model with all its weights (a pooler apart).

    Args:
        auto: the class whose `from_pretrained` is called.
        name: hub id or local folder.
        kind: what the model is called in errors.
        options: handed on.

    Raises:
        ConfigError: no such folder, nothing of that name in reach, or what is there is not such a model.
        FormatError: some of its weights are absent.
    """
    with readable_errors(name, kind), _quiet_transformers():
        model, loading = auto.from_pretrained(name, output_loading_info=True, **options)
    absent = sorted(key for key in loading["missing_keys"] if "pooler" not in key)
    if absent:
        raise FormatError(
            f"{kind} {name!r} lacks {len(absent)} of its weights, {absent[0]} among them; "
            "fetch or save it again."
        )
    loaded: nn.Module = model
    return loaded


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes, types and bytes of tensors, ordered by name, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name, value in sorted(weights.items()):
        digest.update(f"{name}:{tuple(value.shape)}:{value.dtype}".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


@contextlib.contextmanager
def readable_errors(name: str, kind: str) -> Iterator[None]:
    """What transformers raises inside, as one `ConfigError` sentence."""
    if name.startswith((".", "/", "~")) and not Path(name).is_dir():
        raise ConfigError(f"{name}: no such folder of a {kind}; check the path.")
    try:
        yield
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        clause = " ".join(str(error).split()).split(". ")[0].rstrip(".:")[:200] or type(error).__name__
        raise ConfigError(
            f"{kind} {name!r} cannot be loaded ({clause}); give a folder with config.json and weights, "
            "or a hub id that this machine can reach."
        ) from None


@contextlib.contextmanager
def _quiet_transformers() -> Iterator[None]:
    """No progress bar, and no report on unused matrices, while a model loads."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()
