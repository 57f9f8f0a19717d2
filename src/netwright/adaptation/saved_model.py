"""Adapted models on disk: PEFT's adapter files, `encoder_head.safetensors` and `netwright.json`; never a pickle."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Adapter, DecisionAdapter
from netwright.adaptation.models.adapted import AdaptedModel, AutoregressiveModel
from netwright.adaptation.models.decision import DecisionModel, FactoredDecisionModel
from netwright.core.errors import DataError, FormatError
from netwright.core.files import check_format_version, read_json, write_json
from netwright.core.reading import MissingFileError
from netwright.llm.backbones import Backbone, build_backbone, device_named, dtype_named
from netwright.llm.heads import Factored
from netwright.llm.lora import add_low_rank
from netwright.llm.tensors import read_tensors

FORMAT_VERSION = 1
DESCRIPTION = "netwright.json"
ENCODER_HEAD = "encoder_head.safetensors"
ADAPTER = "adapter_model.safetensors"
FULL_BACKBONE = "backbone.safetensors"
NEEDED = {
    "adapted": {"task", "name", "recipe", "backbone", "training", "adapter"},
    "baseline": {"task", "policy"},
}


def assemble(backbone: Backbone, adapter: Adapter, config: TrainingConfig, seed: int) -> AdaptedModel:
    """A fresh model around a backbone: low-rank matrices (or all weights set free), encoder and head from the seed."""
    torch.manual_seed(seed)
    if config.method == "lora":
        alpha = config.alpha if config.alpha is not None else float(config.rank)
        add_low_rank(
            backbone, rank=config.rank, alpha=alpha, dropout=config.lora_dropout, targets=config.targets
        )
    else:
        backbone.requires_grad_(True)
    device = next((p.device for p in backbone.parameters()), torch.device("cpu"))
    if isinstance(adapter, DecisionAdapter):
        kind = FactoredDecisionModel if isinstance(adapter.head, Factored) else DecisionModel
        model: AdaptedModel = kind(
            backbone,
            adapter.modalities,
            adapter.head,
            window=adapter.window,
            encoder_dropout=config.encoder_dropout,
        )
    elif adapter.n_steps:
        n_values = adapter.head.network(1)(torch.zeros(1, 1)).shape[-1]
        model = AutoregressiveModel(
            backbone,
            adapter.modalities,
            adapter.head,
            n_steps=adapter.n_steps,
            n_values=n_values,
            encoder_dropout=config.encoder_dropout,
        )
    else:
        model = AdaptedModel(
            backbone, adapter.modalities, adapter.head, encoder_dropout=config.encoder_dropout
        )
    if config.gradient_checkpointing:
        backbone.checkpoint_gradients()
    return model.to(device)


def write_model(folder: Path, model: AdaptedModel, description: Mapping[str, Any]) -> None:
    """Write the trained parts of a model into an existing folder."""
    save_file({k: v.contiguous() for k, v in _encoder_head(model).items()}, folder / ENCODER_HEAD)
    tower: Any = model.backbone.model
    if tower is not None and hasattr(tower, "peft_config"):
        tower.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
    elif tower is not None:
        save_file({k: v.contiguous() for k, v in tower.state_dict().items()}, folder / FULL_BACKBONE)
    write_json(folder / DESCRIPTION, {"format_version": FORMAT_VERSION, **description})


def read_description(folder: Path) -> dict[str, Any]:
    """`netwright.json` of a saved model or baseline.

    Raises:
        DataError: there is none, it is not JSON, or it lacks an entry.
        FormatError: it is of a format that this release does not know.
    """
    if not (folder / DESCRIPTION).is_file():
        raise DataError(
            f"{folder}: no saved model there ({DESCRIPTION} is missing); give the --out of an adaptation."
        )
    document: dict[str, Any] = read_json(folder / DESCRIPTION)
    check_format_version(document, FORMAT_VERSION, folder / DESCRIPTION)
    lacking = NEEDED.get(document.get("kind", ""), {"task", "kind"}) - set(document)
    if document.get("kind") not in NEEDED or lacking:
        raise DataError(
            f"{folder / DESCRIPTION}: lacks {', '.join(sorted(lacking)) or 'a known kind'}; "
            "restore the file, or make the model again."
        )
    return document


def read_model(
    folder: Path,
    description: Mapping[str, Any],
    adapter: Adapter,
    *,
    device: str = "auto",
    merged: bool = True,
) -> AdaptedModel:
    """The saved model, ready to answer: its low-rank matrices are merged into the weights and nothing trains.

    With `merged` False the matrices stay apart, and what trained before can train on.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: the backbone is not the one it was adapted on, or shapes do not fit.
    """
    config = TrainingConfig.from_options(description["training"])
    about = description["backbone"]
    backbone = build_backbone(
        about["name"],
        seed=about["seed"],
        max_layers=config.max_layers,
        dtype=dtype_named(about.get("dtype", "float32")),
        device=device_named(device),
    )
    if config.method == "lora" and backbone.weights_hash() != about["sha256"]:
        raise FormatError(
            f"{folder}: was adapted on a backbone {about['name']!r} with other weights "
            f"({about['sha256'][:12]}.. expected); use the same netwright release, model folder or hub revision."
        )
    model = assemble(backbone, adapter, config, seed=0)
    fill_model(folder, model, config)
    if not merged:
        return model
    tower: Any = backbone.model
    if tower is not None and config.method == "lora":
        backbone.model = tower.merge_and_unload()
    return model.requires_grad_(False).eval()


def fill_model(folder: Path, model: AdaptedModel, config: TrainingConfig) -> None:
    """Put the trained weights in a folder into an assembled model of the same settings.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: names or shapes do not fit.
    """
    _fill(model, _encoder_head(model), _tensors(folder / ENCODER_HEAD), folder / ENCODER_HEAD)
    tower: Any = model.backbone.model
    if tower is not None and config.method == "lora":
        from peft import get_peft_model_state_dict, set_peft_model_state_dict

        saved = _tensors(folder / ADAPTER)
        _compare(get_peft_model_state_dict(tower, save_embedding_layers=False), saved, folder / ADAPTER)
        set_peft_model_state_dict(tower, saved)
    elif tower is not None:
        _fill(tower, tower.state_dict(), _tensors(folder / FULL_BACKBONE), folder / FULL_BACKBONE)


def _encoder_head(model: AdaptedModel) -> dict[str, Tensor]:
    return {k: v for k, v in model.state_dict().items() if not k.startswith("backbone.")}


def _tensors(path: Path) -> dict[str, Tensor]:
    try:
        return read_tensors(path, remedy="adapt again")
    except MissingFileError:
        raise DataError(f"{path}: missing; the saved model is not whole, adapt again.") from None


def _compare(expected: Mapping[str, Tensor], found: Mapping[str, Tensor], where: Path) -> None:
    for name in sorted(set(expected) ^ set(found)):
        kind = "lacks" if name in expected else "has an unknown"
        raise FormatError(f"{where}: {kind} tensor {name!r}; it was saved by another model, adapt again.")
    for name, value in expected.items():
        if value.shape != found[name].shape:
            raise FormatError(
                f"{where}: {name!r} has shape {tuple(found[name].shape)}, this model needs {tuple(value.shape)}; "
                "it was saved with other settings, adapt again."
            )


def _fill(
    module: torch.nn.Module, expected: Mapping[str, Tensor], found: Mapping[str, Tensor], where: Path
) -> None:
    _compare(expected, found, where)
    module.load_state_dict(dict(found), strict=False)
