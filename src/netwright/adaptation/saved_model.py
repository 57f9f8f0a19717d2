"""Adapted models on disk: PEFT's adapter files, `encoder_head.safetensors` and `netwright.json`; never a pickle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, TypeAlias

import torch
from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints
from safetensors.torch import save_file
from torch import Tensor

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Adapter, DecisionAdapter
from netwright.adaptation.models.adapted import AdaptedModel, AutoregressiveModel
from netwright.adaptation.models.decision import DecisionModel, FactoredDecisionModel
from netwright.core.array_files import safetensors_header
from netwright.core.documents import (
    SEAL,
    Count,
    JsonObject,
    SavedFolder,
    check_files,
    checked,
    unsealed,
    write_folder,
)
from netwright.core.errors import ConfigError, DataError, FormatError
from netwright.core.files import check_format_version, read_json, sha256_of_file
from netwright.core.identity import BackboneIdentity, RunIdentity, sha256_of
from netwright.core.notes import note
from netwright.core.reading import MissingFileError
from netwright.core.text import printable
from netwright.core.trained_for import Condition
from netwright.core.types import Json, JsonView
from netwright.llm.backbone import Backbone
from netwright.llm.backbones import BACKBONES, build_backbone, device_named, dtype_named
from netwright.llm.heads import Factored
from netwright.llm.lora import add_low_rank
from netwright.llm.tensors import read_tensors

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

    Decoder: TypeAlias = PeftModel | PreTrainedModel

DESCRIPTION = "netwright.json"
ENCODER_HEAD = "encoder_head.safetensors"
ADAPTER = "adapter_model.safetensors"
FULL_BACKBONE = "backbone.safetensors"
BASELINE = "model.safetensors"
EARLIER_FORMAT = 1
REMEDY = "restore the file, or make the model again"

Role = Literal["adapted", "control", "baseline"]
CONTROLS = re.compile(r"none|random:.*|shuffled:.*")  # backbones without pre-training


LONGEST_NAME = 200  # characters; a name may list options of its recipe


def check_name(name: str) -> str:
    """The name of a model, if reports and terminals can show it.

    Raises:
        ConfigError: it is empty, too long, or has characters that control a terminal or are invisible.
    """
    if not 1 <= len(name) <= LONGEST_NAME or printable(name) != name:
        raise ConfigError(
            f"the name of a model must have 1 to {LONGEST_NAME} printable characters, got {printable(name)[:60]!r}; "
            "choose another --name, or rename the folder of the backbone."
        )
    return name


def _shown(name: str) -> str:
    if printable(name) != name:
        raise ValueError("must be printable")
    return name


ModelName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(_shown)]


class SavedModel(SavedFolder):
    """`netwright.json`: what a saved model is, what it learned from, and the hashes of its files.

    Attributes:
        role: in reports: an adapted model, its control (without pre-training or without a backbone), or a baseline.
        name: in reports.
        trained_for: the conditions of its training by name, see `netwright.core.trained_for`.
        identity: of the run that made it; None for a model of an earlier release.
    """

    FORMAT_VERSION: ClassVar[int] = 2

    role: Role
    task: str
    name: ModelName
    seed: Count
    trained_for: dict[str, Condition] | None = None
    data: JsonObject = Field(default_factory=dict)
    validation: JsonObject = Field(default_factory=dict)
    cost: JsonObject = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    identity: RunIdentity | None = None

    def to_json(self) -> Json:
        """As plain JSON types; entries that are None are left out."""
        return {name: value for name, value in super().to_json().items() if value is not None}


class SavedAdapted(SavedModel):
    """An adapted model: a backbone by its name and hash, and how encoder, head and low-rank matrices were trained."""

    kind: Literal["adapted"]
    recipe: str
    recipe_options: JsonObject = Field(default_factory=dict)
    backbone: BackboneIdentity
    training: JsonObject
    adapter: JsonObject
    online: JsonObject | None = None

    def needed(self) -> tuple[str, ...]:
        """Files that such a model has."""
        decoder = () if self.backbone.name == "none" else (ADAPTER,)
        return (ENCODER_HEAD, *(decoder if self.training.get("method") == "lora" else (FULL_BACKBONE,)))


class SavedBaseline(SavedModel):
    """A trained baseline; a task adds entries of its own."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, JsonValue]

    kind: Literal["baseline"]
    policy: str


def role_of(backbone: str) -> Role:
    """The role of a model on that backbone: a control where there is no pre-training."""
    return "control" if CONTROLS.fullmatch(backbone) else "adapted"


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
    model = around(backbone, adapter, config)
    if config.gradient_checkpointing:
        backbone.checkpoint_gradients()
    return model.to(device)


def around(backbone: Backbone, adapter: Adapter, config: TrainingConfig) -> AdaptedModel:
    """Encoder and head of an adapter around a backbone."""
    if isinstance(adapter, DecisionAdapter):
        kind = FactoredDecisionModel if isinstance(adapter.head, Factored) else DecisionModel
        return kind(
            backbone,
            adapter.modalities,
            adapter.head,
            window=adapter.window,
            encoder_dropout=config.encoder_dropout,
        )
    if adapter.n_steps:
        n_values = adapter.head.network(1)(torch.zeros(1, 1)).shape[-1]
        return AutoregressiveModel(
            backbone,
            adapter.modalities,
            adapter.head,
            n_steps=adapter.n_steps,
            n_values=n_values,
            encoder_dropout=config.encoder_dropout,
        )
    return AdaptedModel(backbone, adapter.modalities, adapter.head, encoder_dropout=config.encoder_dropout)


def write_model(folder: Path, model: AdaptedModel, description: SavedAdapted) -> None:
    """Write the trained parts of a model into an existing folder, and its document with the hashes of all files."""
    save_file({k: v.contiguous() for k, v in _encoder_head(model).items()}, folder / ENCODER_HEAD)
    decoder: Decoder | None = model.backbone.model
    if decoder is not None and hasattr(decoder, "peft_config"):
        decoder.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)
    elif decoder is not None:
        save_file({k: v.contiguous() for k, v in decoder.state_dict().items()}, folder / FULL_BACKBONE)
    write_folder(folder, DESCRIPTION, description)


def read_saved(folder: Path, *, needed: tuple[str, ...] = ()) -> SavedAdapted | SavedBaseline:
    """The document of a saved model or baseline, after each of its files was compared with its SHA-256.

    A model of an earlier release has no hashes: that its files are unchecked is noted.

    Args:
        folder: of the model.
        needed: files that a baseline must have.

    Raises:
        DataError: there is none, it is not such a document, or a file is missing or has other bytes.
        FormatError: unknown format.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DataError(
            f"{folder}: no saved model there ({DESCRIPTION} is missing); give the --out of an adaptation."
        )
    document = read_json(path)
    earlier = isinstance(document, dict) and document.get("format_version") == EARLIER_FORMAT
    if earlier:
        note(f"{folder}: saved by an earlier release without hashes of its files, which are read unchecked")
        document = _upgraded(document)
    check_format_version(document, SavedModel.FORMAT_VERSION, path)
    kinds: dict[str, type[SavedAdapted | SavedBaseline]] = {
        "adapted": SavedAdapted,
        "baseline": SavedBaseline,
    }
    kind = document.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise DataError(f"{path}: lacks a known kind; {REMEDY}.")
    required = kind == "adapted" and not earlier  # a baseline of a user's own task may write its own document
    saved = unsealed(document, kinds[kind], path, remedy=REMEDY, required=required)
    if isinstance(saved, SavedAdapted):
        needed = saved.needed()
    check_files(folder, saved.files, path, remedy=REMEDY, needed=() if earlier else needed)
    return saved


def weights_sha256(folder: Path) -> str:
    """SHA-256 over the trained weights of a saved model."""
    names = [name for name in (ENCODER_HEAD, ADAPTER, FULL_BACKBONE) if (folder / name).is_file()]
    return sha256_of({name: sha256_of_file(folder / name) for name in names})


def training_of(saved: SavedAdapted, where: Path) -> TrainingConfig:
    """The settings that a saved model was trained with; a damaged one raises `DataError`."""
    values = TrainingConfig.renamed(saved.training)
    return checked(TrainingConfig, values, f"{where / DESCRIPTION}: training", remedy=REMEDY)


def _upgraded(document: JsonView) -> Json:
    """A document of the earlier format in the present one."""
    found: Json = {k: v for k, v in document.items() if k != SEAL} | {
        "format_version": SavedModel.FORMAT_VERSION
    }
    found.setdefault("seed", 0)
    about = found.get("backbone")
    if isinstance(about, dict):
        found["backbone"] = {"dtype": "float32", **about}
        found["role"] = role_of(str(about.get("name")))
    else:
        found["role"] = "baseline"
        found.setdefault("name", found.get("policy"))
    return found


def read_model(
    folder: Path,
    saved: SavedAdapted,
    adapter: Adapter,
    *,
    device: str = "auto",
    merged: bool = True,
    backbone: str | None = None,
) -> AdaptedModel:
    """The saved model, ready to answer: its low-rank matrices are merged into the weights and no weight is trainable.

    With `merged` False the matrices stay apart, and what trained before can train on. A backbone that is not one of
    ours is loaded only if the user names it in `backbone`: a saved model may come from a stranger. The hub is not
    asked.

    Raises:
        ConfigError: the backbone must be named.
        DataError: a file is missing or damaged.
        FormatError: the backbone is not the one it was adapted on, or shapes do not fit.
    """
    config, about = training_of(saved, folder), saved.backbone
    _check_shapes(folder, config)
    llm = build_backbone(
        named_backbone(folder, about.name, backbone),
        seed=about.seed,
        max_layers=config.max_layers,
        dtype=dtype_named(about.dtype),
        device=device_named(device),
        offline=True,
    )
    if config.method == "lora" and llm.weights_hash() != about.sha256:
        raise FormatError(
            f"{folder}: was adapted on a backbone {about.name!r} with other weights "
            f"({about.sha256[:12]}.. expected); use the same netwright release, model folder or hub revision."
        )
    with torch.device("meta"):
        shell = Backbone(llm.name, None if llm.model is None else torch.nn.Identity(), llm.width)
        expected = _encoder_head(around(shell, adapter, config))
    _compare(expected, _shapes(folder / ENCODER_HEAD), folder / ENCODER_HEAD)
    model = assemble(llm, adapter, config, seed=0)
    fill_model(folder, model, config)
    if not merged:
        return model
    decoder: Decoder | None = llm.model
    if decoder is not None and config.method == "lora":
        llm.model = decoder.merge_and_unload()
    return model.requires_grad_(False).eval()


def named_backbone(folder: Path, saved: str, named: str | None) -> str:
    """The backbone to load for a saved model: one of ours, or what the user named.

    Raises:
        ConfigError: it is not one of ours and the user named none.
    """
    if saved in BACKBONES:
        return saved
    if named is None:
        raise ConfigError(
            f"{folder}: was adapted on the backbone {saved!r}, which is not one of netwright's own; name the one to "
            f"use with --backbone (in Python backbone=..), for example --backbone {saved}."
        )
    return named


def _shapes(path: Path) -> dict[str, Tensor]:
    """Tensors of the shapes that a file declares, without memory."""
    header, _ = safetensors_header(path, remedy="adapt again")
    return {name: torch.empty(tuple(entry.shape), device="meta") for name, entry in header.items()}


def _check_shapes(folder: Path, config: TrainingConfig) -> None:
    """Refuse a rank that the file of low-rank matrices does not have, before matrices of it are made."""
    path = folder / ADAPTER
    if config.method != "lora" or not path.is_file():
        return
    for name, value in _shapes(path).items():
        if ".lora_A." in name and value.shape[0] != config.rank:
            raise FormatError(
                f"{path}: {name!r} has rank {value.shape[0]}, the description says {config.rank}; it was saved with "
                "other settings, adapt again."
            )


def fill_model(folder: Path, model: AdaptedModel, config: TrainingConfig) -> None:
    """Put the trained weights in a folder into an assembled model of the same settings.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: names or shapes do not fit.
    """
    _fill(model, _encoder_head(model), _tensors(folder / ENCODER_HEAD), folder / ENCODER_HEAD)
    decoder: Decoder | None = model.backbone.model
    if decoder is not None and config.method == "lora":
        from peft import get_peft_model_state_dict, set_peft_model_state_dict

        saved = _tensors(folder / ADAPTER)
        _compare(get_peft_model_state_dict(decoder, save_embedding_layers=False), saved, folder / ADAPTER)
        set_peft_model_state_dict(decoder, saved)
    elif decoder is not None:
        _fill(decoder, decoder.state_dict(), _tensors(folder / FULL_BACKBONE), folder / FULL_BACKBONE)


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
