"""Adapt of Fig. 9 (Wu et al. 2024), for every task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Adapter, DescribedAdapter, OnlineAdapter, SizedAdapter
from netwright.adaptation.inference import policy_of
from netwright.adaptation.models.decision import DecisionModel
from netwright.adaptation.offline.experience import read_all
from netwright.adaptation.offline.experience import read_description as read_experience
from netwright.adaptation.run import AdaptationRun, llm_device, validation
from netwright.adaptation.saved_model import (
    DESCRIPTION,
    ENCODER_HEAD,
    REMEDY,
    SavedAdapted,
    SavedBaseline,
    assemble,
    check_name,
    read_model,
    read_saved,
    role_of,
    training_of,
    weights_sha256,
)
from netwright.adaptation.trainer import INTERACTING, AdaptationTrainer, machine
from netwright.core import registry
from netwright.core.arguments import check_path, check_text
from netwright.core.documents import JsonObject, checked, options_of
from netwright.core.errors import ConfigError, FormatError
from netwright.core.files import sha256_of_file
from netwright.core.identity import BackboneIdentity, RunIdentity, data_sha256
from netwright.core.policy import AnyPolicy
from netwright.core.reading import decoding
from netwright.core.results import Details, versions
from netwright.core.seeds import check_seed
from netwright.core.task import Recipe, Task, load_attribute
from netwright.core.text import printable
from netwright.core.trained_for import TrainedPolicy, to_json
from netwright.core.types import Json, JsonView, TaskData
from netwright.llm.backbone import Backbone
from netwright.llm.backbones import build_backbone, device_named, dtype_named, lasting_name
from netwright.training.run import Progress

if TYPE_CHECKING:
    from netwright.adaptation.online.ppo import OnlineConfig

KEPT_OPTIONS = ("method", "rank", "alpha", "targets", "max_layers")  # of the offline training


def silent(line: str) -> None:
    """No progress is shown."""


@dataclass(frozen=True)
class Adapted:
    """A saved model of a task: its policy, its name in reports, and `info`, the content of its `netwright.json`."""

    name: str
    policy: AnyPolicy
    info: Details = field(repr=False)
    folder: Path


class AdaptOptions(TypedDict, total=False):
    """Options of `adapt`.

    Attributes:
        backbone: a preset, a hub id or a local folder; "tiny" by default.
        recipe: name of one of the task's recipes; its first by default.
        recipe_options: fields of the recipe's config that are to be replaced.
        experience: folders that `rl_collect` wrote, for a task of decisions.
        seed: of initial weights, batches and dropout; 0 by default.
        options: fields of `TrainingConfig` over the task's defaults.
        resume: continue the unfinished run in `<out>.partial`; a complete one of the same identity (settings, seed,
            data, experience, backbone and its dtype) is just loaded.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ..
        dtype: of the frozen weights, one of `netwright.llm.backbones.DTYPES`; what is trained is in float32.
        label: a name of your own, shown after that of the backbone.
        progress: called with one line from time to time.
    """

    backbone: str
    recipe: str | None
    recipe_options: JsonView | None
    experience: Sequence[Path | str]
    seed: int
    options: JsonView | None
    resume: bool
    device: str
    dtype: str
    label: str | None
    progress: Progress


def adapt(task: Task | str, data: TaskData, *, out: Path | str, **options: Unpack[AdaptOptions]) -> Adapted:
    """Adapt a frozen backbone to a task and save the result (DD-LRNA, section 4.3).

    A task of predictions learns from its data (Eq. 1), a task of decisions from experience (Eq. 2-4).

    Args:
        task: the task or its name.
        data: what the task's `load_data` gave.
        out: folder of the adapted model; appears when the run is complete. An unfinished run is in `<out>.partial`.
        options: see `AdaptOptions`.

    Raises:
        BusyError: another process works on the same run.
        ConfigError: `out` is taken, or it holds an unfinished run and `resume` is not set, or what is there
            is of another run.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    task = registry.task(task) if isinstance(task, str) else task
    check_path("out", out)
    return _Adaptation(task, data, Path(out), **options).result()


@dataclass(frozen=True)
class _Adaptation:
    """One call of `adapt`, with its defaults."""

    task: Task
    data: TaskData
    out: Path
    backbone: str = "tiny"
    recipe: str | None = None
    recipe_options: JsonView | None = None
    experience: Sequence[Path | str] = ()
    seed: int = 0
    options: JsonView | None = None
    resume: bool = False
    device: str = "auto"
    dtype: str = "float32"
    label: str | None = None
    progress: Progress = silent

    def result(self) -> Adapted:
        """The adapted model, trained or already complete."""
        check_seed(self.seed)
        for name in ("backbone", "device", "dtype"):
            check_text(name, getattr(self, name))
        for name in ("recipe", "label"):
            check_text(name, getattr(self, name), optional=True)
        self.task.check_data(self.data)
        recipe = customised(self.task.recipe(self.recipe), self.recipe_options or {})
        config = TrainingConfig.from_options(self.task.training_defaults, self.options or {})
        name = self._name(recipe, config)
        run = AdaptationRun(self.out, self.progress, resume=self.resume)
        with run.locked():
            llm = self._backbone(config)
            about = BackboneIdentity(
                name=lasting_name(self.backbone), sha256=llm.weights_hash(), dtype=self.dtype, seed=self.seed
            )
            identity = self._identity(config, about, machine(config, llm_device(llm)))
            if run.is_complete(identity):
                self._check_label(name)
            else:
                adapter = _adapter(self.task, recipe.config, self.data, self._folders, self.seed)
                if isinstance(adapter, SizedAdapter):
                    config.check_batch(adapter.n_examples)
                model = assemble(llm, adapter, config, self.seed)
                trainer = AdaptationTrainer(
                    model, adapter, config, seed=self.seed, lower_is_better=self.task.lower_is_better
                )
                cost = run.trained(trainer, identity)
                if config.method == "lora":
                    assert llm.weights_hash() == about.sha256, "the frozen backbone changed in training"
                run.write(model, self._description(recipe, trainer, identity, cost))
        return load(self.out, self.task, device=self.device, backbone=self.backbone)

    def _name(self, recipe: Recipe, config: TrainingConfig) -> str:
        return check_name(_adapted_name(self.task, self.backbone, recipe.name, config.method, self.label))

    def _check_label(self, name: str) -> None:
        """Refuse a label for a complete model that has another one."""
        kept = read_saved(self.out).name
        if self.label is not None and kept != name:
            raise ConfigError(
                f"{self.out} is complete, and its model is named {printable(kept)}; drop --name (`netwright compare "
                f"--adapted NAME={self.out}` shows it under another)."
            )

    @property
    def _folders(self) -> list[Path]:
        return [Path(folder) for folder in self.experience]

    def _backbone(self, config: TrainingConfig) -> Backbone:
        return build_backbone(
            self.backbone,
            seed=self.seed,
            max_layers=config.max_layers,
            dtype=dtype_named(self.dtype),
            device=device_named(self.device),
        )

    def _identity(
        self, config: TrainingConfig, backbone: BackboneIdentity, machine: JsonObject
    ) -> RunIdentity:
        return RunIdentity.made(
            kind="adapt",
            task=self.task.name,
            method=self.task.recipe(self.recipe).name,
            options=self.recipe_options,
            config=asdict(config),
            seed=self.seed,
            data=data_sha256(self.data),
            experience=tuple(read_experience(folder).sha256() for folder in self._folders),
            backbone=backbone,
            machine=machine,
        )

    def _description(
        self, recipe: Recipe, trainer: AdaptationTrainer, identity: RunIdentity, cost: JsonView
    ) -> Json:
        adapter, config = trainer.adapter, trainer.config
        assert identity.backbone is not None
        return {
            "kind": "adapted",
            "role": role_of(self.backbone),
            "task": self.task.name,
            "recipe": recipe.name,
            "recipe_options": dict(self.recipe_options or {}),
            "name": self._name(recipe, config),
            "seed": self.seed,
            "backbone": identity.backbone.model_dump(),
            "training": asdict(config),
            "adapter": adapter.state(),
            **_trained_for(adapter),
            "data": adapter.provenance(),
            "validation": validation(self.task, trainer),
            "cost": cost,
            "versions": versions(),
            "identity": identity.model_dump(),
        }


class OnlineOptions(TypedDict, total=False):
    """Options of `finetune_online`.

    Attributes:
        seed: of episodes, choices and the critic; 0 by default.
        options: fields of `netwright.adaptation.online.ppo.OnlineConfig` over the task's defaults.
        resume, device, progress: as for `adapt`.
        backbone: as for `load`.
    """

    seed: int
    options: JsonView | None
    resume: bool
    device: str
    backbone: str | None
    progress: Progress


def finetune_online(
    task: Task | str, data: TaskData, start: Path | str, *, out: Path | str, **options: Unpack[OnlineOptions]
) -> Adapted:
    """Train an adapted model further on fresh episodes of its own (the online phase) and save the result.

    Args:
        task: a task of decisions, or its name.
        data: what the task's `load_data` gave.
        start: folder of the adapted model; it stays as it is.
        out: folder of the resulting model.
        options: see `OnlineOptions`.

    Raises:
        ConfigError, KeyboardInterrupt: as for `adapt`.
    """
    task = registry.task(task) if isinstance(task, str) else task
    return _Finetuning(task, data, Path(start), Path(out), **options).result()


improve = finetune_online  # its earlier name


@dataclass(frozen=True)
class _Finetuning:
    """One call of `finetune_online`, with its defaults."""

    task: Task
    data: TaskData
    start: Path
    out: Path
    seed: int = 0
    options: JsonView | None = None
    resume: bool = False
    device: str = "auto"
    backbone: str | None = None
    progress: Progress = silent

    def result(self) -> Adapted:
        """The resulting model, trained or already complete."""
        self.task.check_online()
        self.task.check_data(self.data)
        before = self._offline()
        config = self._config(before)
        check_name(_online_name(before))
        run = AdaptationRun(self.out, self.progress, resume=self.resume)
        with run.locked():
            identity = self._identity(config, before)
            if not run.is_complete(identity):
                trainer = self._trainer(config, before)
                cost = run.trained(trainer, identity)
                run.write(trainer.model, self._description(before, trainer, identity, cost))
        return load(self.out, self.task, device=self.device, backbone=self.backbone)

    def _offline(self) -> SavedAdapted:
        """The document of the model to start from."""
        found = read_saved(self.start)
        if not isinstance(found, SavedAdapted) or found.task != self.task.name:
            raise ConfigError(
                f"{self.start}: is no adapted model of {self.task.name}; give the --out of `netwright adapt`."
            )
        return found

    def _config(self, before: SavedAdapted) -> OnlineConfig:
        from netwright.adaptation.online.ppo import OnlineConfig

        offline = training_of(before, self.start)
        kept = {name: getattr(offline, name) for name in KEPT_OPTIONS}
        return OnlineConfig.from_options(kept, self.task.online_defaults, self.options or {})

    def _identity(self, config: OnlineConfig, before: SavedAdapted) -> RunIdentity:
        return RunIdentity.made(
            kind="improve",
            task=self.task.name,
            method=before.recipe,
            config=asdict(config),
            seed=self.seed,
            data=data_sha256(self.data),
            models={"start": weights_sha256(self.start)},
            backbone=before.backbone,
            machine=machine(config, torch.device(device_named(self.device))),
        )

    def _trainer(self, config: OnlineConfig, before: SavedAdapted) -> AdaptationTrainer:
        from netwright.adaptation.online.ppo import OnlineTrainer
        from netwright.adaptation.online.vine import VineTrainer

        adapter = _adapter_of(self.task, before, self.start, self.data)
        if not isinstance(adapter, OnlineAdapter):
            raise ConfigError(
                f"models of task {self.task.name!r} cannot be trained online; its adapter has no environment."
            )
        model = read_model(
            self.start, before, adapter, device=self.device, merged=False, backbone=self.backbone
        )
        assert isinstance(model, DecisionModel)
        if config.joins_at and model.gate is not None:
            torch.nn.init.zeros_(model.gate)  # the backbone is bypassed at first, and joins with no effect
        kind: type[AdaptationTrainer] = VineTrainer if config.advantages == "vine" else OnlineTrainer
        return kind(model, adapter, config, seed=self.seed, lower_is_better=self.task.lower_is_better)

    def _description(
        self,
        before: SavedAdapted,
        trainer: AdaptationTrainer,
        identity: RunIdentity,
        cost: JsonView,
    ) -> Json:
        interacting = trainer.state.totals.get(INTERACTING, 0.0)
        online = asdict(trainer.config) | {
            "seed": self.seed,
            "start": sha256_of_file(self.start / ENCODER_HEAD),
        }
        return {
            **before.to_json(),
            "name": _online_name(before),
            "online": online,
            "validation": validation(self.task, trainer) | {"offline": before.validation},
            "cost": {
                **cost,
                "seconds_interacting": round(interacting, 3),
                "seconds_learning": round(trainer.state.seconds - interacting, 3),
                "offline": before.cost,
            },
            "versions": versions(),
            "identity": identity.model_dump(),
        }


def _online_name(before: SavedAdapted) -> str:
    return f"{before.name}:online"


def customised(recipe: Recipe, options: JsonView) -> Recipe:
    """The recipe with fields of its config replaced; its name then lists them, as in `returns[window=5]`."""
    if not options:
        return recipe
    shown = ",".join(f"{name}={value}" for name, value in options.items())
    before = {f.name: getattr(recipe.config, f.name) for f in fields(recipe.config)}
    config = options_of(type(recipe.config), before | dict(options), "recipe_options")
    return Recipe(f"{recipe.name}[{shown}]", recipe.summary, config)


def load(
    folder: Path | str,
    task: Task | str | None = None,
    *,
    device: str = "auto",
    backbone: str | None = None,
) -> Adapted:
    """A saved model, adapted or baseline; its answers are the same bits as before it was saved (on the same device).

    Args:
        folder: that `adapt`, `improve` or a baseline's training wrote.
        task: that it must be of, or its name.
        device: "auto" (a GPU if there is one), "cpu", "cuda", ..
        backbone: folder or hub id of the backbone that it was adapted on, where that is not one of netwright's own: a
            saved model cannot name it by itself. Only the hub's cache is read.

    Raises:
        ConfigError: the backbone must be named.
        DataError: not a saved model, or a damaged one.
        FormatError: of another format, task, backbone or shape.
    """
    check_path("folder", folder)
    folder = Path(folder)
    saved = read_saved(folder)
    found = task if isinstance(task, Task) else registry.task(task or saved.task)
    if saved.task != found.name:
        raise FormatError(
            f"{folder}: a model for task {saved.task!r}, not {found.name!r}; give another folder."
        )
    policy: AnyPolicy
    if isinstance(saved, SavedBaseline):
        policy = load_attribute(found.policy(saved.policy).factory)(folder)
    else:
        adapter = _adapter_of(found, saved, folder)
        policy = policy_of(adapter, read_model(folder, saved, adapter, device=device, backbone=backbone))
    if isinstance(policy, TrainedPolicy) and saved.trained_for is not None:
        policy.trained_for = saved.trained_for
    return Adapted(saved.name, policy, saved.to_json(), folder)


def _adapter(task: Task, config: object, data: TaskData, experience: Sequence[Path], seed: int) -> Adapter:
    made: Adapter
    if task.kind == "prediction":
        if experience:
            raise ConfigError(f"task {task.name!r} learns from its data set; drop --experience.")
        made = load_attribute(task.adapter)(config, data, seed=seed)
        return made
    if not experience:
        raise ConfigError(
            f"task {task.name!r} learns from experience; collect some with `netwright collect {task.name}` and give "
            "its folder as --experience."
        )
    made = load_attribute(task.adapter)(config, data, seed=seed, experience=read_all(experience))
    return made


def _trained_for(adapter: object) -> Json:
    return {"trained_for": to_json(adapter.trained_for())} if isinstance(adapter, DescribedAdapter) else {}


def _adapter_of(task: Task, saved: SavedAdapted, folder: Path, data: TaskData = None) -> Adapter:
    """The adapter of a saved model."""
    options, place = saved.recipe_options, folder / DESCRIPTION
    plain = task.recipe(saved.recipe.partition("[")[0])
    if options and is_dataclass(plain.config) and not isinstance(plain.config, type):
        kind, values = type(plain.config), asdict(plain.config) | options
        recipe = replace(plain, config=checked(kind, values, f"{place}: recipe_options", remedy=REMEDY))
    else:
        recipe = customised(plain, options)
    with decoding(f"{place}: adapter", "does not fit the task", REMEDY):
        made: Adapter = load_attribute(task.adapter)(recipe.config, data, state=saved.adapter)
    return made


def _adapted_name(task: Task, backbone: str, recipe: str, method: str, label: str | None) -> str:
    """`adapted:<backbone>`, the base name of a folder; then the recipe unless it is the first, ":full", the label."""
    shown = "" if recipe == next(iter(task.recipes)) else f":{recipe}"
    name = Path(backbone).name if Path(backbone).exists() else backbone
    full = ":full" if method == "full" else ""
    return f"adapted:{name}{shown}{full}" + (f"[{label}]" if label else "")
