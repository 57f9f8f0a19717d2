"""Hugging Face models from a folder or the hub: quietly and completely, or with one clear sentence."""

from __future__ import annotations

import contextlib
import hashlib
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError, FormatError, MissingExtraError, NetwrightError

BIN = "bin:"
"""Beginning of a name that allows weights in pickled `.bin` files, which can run code when they are read."""

PROBE_S = 2.0  # for a connection to the hub, before its client begins to retry


@dataclass(frozen=True)
class Place:
    """Where a model is read from, and what may be read there.

    Attributes:
        name: local folder or hub id.
        options: of every `from_pretrained`: no code of the folder runs, no prompt on stdin, weights are
            safetensors unless the user allows `.bin`, and the hub is not contacted where the model is local.
    """

    name: str
    options: Mapping[str, Any]


def locate(name: str, kind: str = "backbone", *, offline: bool = False) -> Place:
    """Find a model: first on the file system, then in the hub's cache, then on the hub.

    Args:
        name: folder, `.gguf` file or hub id; with `bin:` before it, its weights may be pickled.
        kind: what the model is called in errors.
        offline: do not ask the hub.

    Raises:
        ConfigError: no model of that name, or the folder lacks a file.
        MissingExtraError: a `.gguf` file without the package that reads it.
    """
    pickled, plain = name.startswith(BIN), name.removeprefix(BIN)
    is_path = plain.startswith((".", "/", "~")) or plain.count("/") > 1 or plain.endswith("/")
    plain = str(Path(plain).expanduser()) if is_path else plain
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    path = Path(plain)
    if path.suffix == ".gguf" and path.is_file():
        if find_spec("gguf") is None:
            raise MissingExtraError(f"{name}: reading .gguf files (package gguf)", "gguf")
        return Place(str(path.parent), options | {"gguf_file": path.name})
    options["use_safetensors"] = not pickled
    if path.is_dir():
        _check_folder(path, kind, pickled)
        return Place(plain, options)
    if path.is_file():
        raise ConfigError(
            f"{plain}: is a file, not a folder of a {kind}; give the folder with config.json in it."
        )
    if is_path:
        raise ConfigError(f"{name}: no such folder of a {kind}; check the path.")
    if _cached(plain):
        return Place(plain, options)
    if offline or not _hub_reached():
        why = "the hub is not contacted here" if offline else "the hub cannot be reached"
        raise ConfigError(
            f"{kind} {plain!r}: no such folder here, nothing of that name in the hub's cache, and {why}; give a folder "
            "with config.json and model.safetensors, or fetch the model first."
        )
    return Place(plain, options | {"local_files_only": False})


def _check_folder(folder: Path, kind: str, pickled: bool) -> None:
    """Refuse a folder that lacks what is read, by the name of the missing file."""
    if not (folder / "config.json").is_file():
        raise ConfigError(f"{folder}: has no config.json; give the folder that a {kind} was saved in.")
    if any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("*.bin")):
        if pickled:
            return
        raise ConfigError(
            f"{folder}: has its weights in pickled .bin files only, which can run code; save them as safetensors, or "
            f"give {BIN}{folder} if you trust them."
        )
    raise ConfigError(
        f"{folder}: has no weights (*.safetensors); give the folder that a {kind} was saved in."
    )


def _cached(name: str) -> bool:
    """Whether the hub's cache holds the model's configuration."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        return isinstance(try_to_load_from_cache(name, "config.json"), str)
    except HFValidationError:
        return False


def _hub_reached() -> bool:
    """Whether the hub can be connected to at once; its client would retry for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if getproxies():
        return True
    address = urlsplit(constants.ENDPOINT)
    try:
        with socket.create_connection((str(address.hostname), address.port or 443), timeout=PROBE_S):
            return True
    except OSError:
        return False


def load_config(name: str, kind: str = "backbone", *, offline: bool = False) -> Any:
    """The configuration of a model, see `locate`.

    Raises:
        ConfigError: there is none, or it asks for code of its own.
    """
    from transformers import AutoConfig

    place = locate(name, kind, offline=offline)
    options = {key: value for key, value in place.options.items() if key != "use_safetensors"}
    with readable_errors(name, kind):
        return AutoConfig.from_pretrained(place.name, **options)


def load_pretrained(
    auto: Any, name: str, *, kind: str = "backbone", offline: bool = False, **options: Any
) -> nn.Module:
    """A model with all its weights (a pooler apart).

    Args:
        auto: the class whose `from_pretrained` is called.
        name: see `locate`.
        kind: what the model is called in errors.
        offline: do not ask the hub.
        options: passed on.

    Raises:
        ConfigError: no such folder, no model of that name in reach, or what is there is not such a model.
        FormatError: some of its weights are absent.
    """
    place = locate(name, kind, offline=offline)
    with readable_errors(name, kind), _quiet_transformers():
        model, loading = auto.from_pretrained(
            place.name, output_loading_info=True, **options, **place.options
        )
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
    try:
        yield
    except (NetwrightError, MemoryError):
        raise
    except Exception as error:  # transformers, its readers and validators raise many kinds
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
