"""Adapt of Fig. 9 (Wu et al. 2024), for every task alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass, replace
from pathlib import Path
from typing import Any

import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import DescribedAdapter, OnlineAdapter
from netwright.adaptation.inference import inference
from netwright.adaptation.models.decision import DecisionModel
from netwright.adaptation.offline.experience import read_all
from netwright.adaptation.offline.experience import read_description as read_experience
from netwright.adaptation.run import AdaptationRun, llm_device, validation
from netwright.adaptation.saved_model import (
    DESCRIPTION,
    ENCODER_HEAD,
    REMEDY,
    assemble,
    read_description,
    read_model,
    role_of,
    training_of,
    weights_sha256,
)
from netwright.adaptation.trainer import AdaptationTrainer, machine
from netwright.core import registry
from netwright.core.documents import checked
from netwright.core.errors import ConfigError, FormatError
from netwright.core.files import sha256_of_file
from netwright.core.identity import BackboneIdentity, RunIdentity, data_sha256
from netwright.core.policy import Policy
from netwright.core.reading import decoding
from netwright.core.results import versions
from netwright.core.task import Recipe, Task, load_attribute
from netwright.core.trained_for import TrainedPolicy, from_json, to_json
from netwright.llm.backbones import build_backbone, device_named, dtype_named, lasting_name


@dataclass(frozen=True)
class Adapted:
    """A model that answers for a task: `policy` decides, `name` stands in reports, `info` is its `netwright.json`."""

    name: str
    policy: Policy[Any, Any]
    info: Mapping[str, Any] = field(repr=False)
    folder: Path


def adapt(
    task: Task | str,
    data: Any,
    *,
    out: Path | str,
    backbone: str = "tiny",
    recipe: str | None = None,
    recipe_options: Mapping[str, Any] | None = None,
    experience: Sequence[Path | str] = (),
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "float32",
    label: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Adapted:
    """Adapt a frozen backbone to a task and save the result (DD-LRNA, section 4.3).

    A task of predictions learns from its data (Eq. 1), a task of decisions from experience (Eq. 2-4).

    Args:
        task: the task or its name.
        data: what the task's `load_data` gave.
        out: folder of the adapted model; appears when the run is complete. An unfinished run lives in `<out>.partial`.
        backbone: a preset, a hub id or a local folder.
        recipe: name of one of the task's recipes; its first by default.
        recipe_options: fields of the recipe's config that are to be replaced.
        experience: folders that `rl_collect` wrote, for a task of decisions.
        seed: of initial weights, batches and dropout.
        options: fields of `TrainingConfig` over the task's defaults.
        resume: go on with the unfinished run in `<out>.partial`; a complete one of the same identity (settings, seed,
            data, experience, backbone and its dtype) is just loaded.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ..
        dtype: of the frozen weights, one of `netwright.llm.backbones.DTYPES`; what is trained is in float32.
        label: a name of your own, shown behind that of the backbone.
        progress: called with one line from time to time.

    Raises:
        BusyError: another process is at work on the same run.
        ConfigError: `out` is taken, or an unfinished run stands there and `resume` is not set, or what is there
            is of another run.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    out, folders = Path(out), [Path(folder) for folder in experience]
    task = registry.task(task) if isinstance(task, str) else task
    chosen = customised(task.recipe(recipe), recipe_options or {})
    config = TrainingConfig.from_options(task.training_defaults, options or {})
    run = AdaptationRun(out, progress, resume=resume)
    with run.locked():
        llm = build_backbone(
            backbone,
            seed=seed,
            max_layers=config.max_layers,
            dtype=dtype_named(dtype),
            device=device_named(device),
        )
        about = BackboneIdentity(
            name=lasting_name(backbone), sha256=llm.weights_hash(), dtype=dtype, seed=seed
        )
        identity = RunIdentity.made(
            kind="adapt",
            task=task.name,
            method=task.recipe(recipe).name,
            options=recipe_options,
            config=asdict(config),
            seed=seed,
            data=data_sha256(data),
            experience=tuple(read_experience(folder).sha256() for folder in folders),
            backbone=about,
            machine=machine(config, llm_device(llm)),
        )
        if run.is_complete(identity):
            return load(out, task, device=device, backbone=backbone)
        adapter = _adapter(task, chosen.config, data, folders, seed)
        model = assemble(llm, adapter, config, seed)
        trainer = AdaptationTrainer(
            model,
            adapter,
            config,
            seed=seed,
            lower_is_better=task.lower_is_better,
        )
        cost = run.trained(trainer, identity)
        if config.method == "lora":
            assert llm.weights_hash() == about.sha256, "the frozen backbone changed in training"
        description = {
            "kind": "adapted",
            "role": role_of(backbone),
            "task": task.name,
            "recipe": chosen.name,
            "recipe_options": dict(recipe_options or {}),
            "name": _adapted_name(task, backbone, chosen.name, config.method, label),
            "seed": seed,
            "backbone": about.model_dump(),
            "training": asdict(config),
            "adapter": adapter.state(),
            **_trained_for(adapter),
            "data": adapter.provenance(),
            "validation": validation(task, trainer),
            "cost": cost,
            "versions": versions(),
            "identity": identity.model_dump(),
        }
        run.write(model, description)
    return load(out, task, device=device, backbone=backbone)


def improve(
    task: Task | str,
    data: Any,
    start: Path | str,
    *,
    out: Path | str,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    backbone: str | None = None,
    progress: Callable[[str], None] = lambda line: None,
) -> Adapted:
    """Let an adapted model learn on from fresh episodes of its own (the online phase) and save the result.

    Args:
        task: a task of decisions, or its name.
        data: what the task's `load_data` gave.
        start: folder of the adapted model; it stays as it is.
        out: folder of the improved model.
        seed: of episodes, choices and the critic.
        options: fields of `netwright.adaptation.online.ppo.OnlineConfig` over the task's defaults.
        resume, device, progress: as for `adapt`.
        backbone: as for `load`.

    Raises:
        ConfigError, KeyboardInterrupt: as for `adapt`.
    """
    from netwright.adaptation.online.ppo import INTERACTING, OnlineConfig, OnlineTrainer
    from netwright.adaptation.online.vine import VineTrainer

    out, origin = Path(out), Path(start)
    task = registry.task(task) if isinstance(task, str) else task
    before = read_description(origin)
    if before["kind"] != "adapted" or before["task"] != task.name or task.kind != "decision":
        raise ConfigError(
            f"{origin}: is no adapted model of a task of decisions; give the --out of `netwright adapt`."
        )
    offline = training_of(before, origin)
    kept = {name: getattr(offline, name) for name in ("method", "rank", "alpha", "targets", "max_layers")}
    config = OnlineConfig.from_options(kept, task.online_defaults, options or {})
    online = asdict(config) | {"seed": seed, "start": sha256_of_file(origin / ENCODER_HEAD)}
    run = AdaptationRun(out, progress, resume=resume)
    with run.locked():
        identity = RunIdentity.made(
            kind="improve",
            task=task.name,
            method=before["recipe"],
            config=asdict(config),
            seed=seed,
            data=data_sha256(data),
            models={"start": weights_sha256(origin)},
            backbone=BackboneIdentity.of(before["backbone"], origin / DESCRIPTION, remedy=REMEDY),
            machine=machine(config, torch.device(device_named(device))),
        )
        if run.is_complete(identity):
            return load(out, task, device=device, backbone=backbone)
        adapter = _adapter_of(task, before, origin, data)
        if not isinstance(adapter, OnlineAdapter):
            raise ConfigError(
                f"models of task {task.name!r} cannot be trained online; its adapter has no environment."
            )
        model = read_model(origin, before, adapter, device=device, merged=False, backbone=backbone)
        assert isinstance(model, DecisionModel)
        if config.joins_at and model.gate is not None:
            torch.nn.init.zeros_(model.gate)  # left out at first, the backbone joins anew
        kind: type[AdaptationTrainer] = VineTrainer if config.advantages == "vine" else OnlineTrainer
        trainer = kind(
            model,
            adapter,
            config,
            seed=seed,
            lower_is_better=task.lower_is_better,
        )
        cost, state = run.trained(trainer, identity), trainer.state
        cost |= {
            "seconds_interacting": round(state.totals.get(INTERACTING, 0.0), 3),
            "seconds_learning": round(state.seconds - state.totals.get(INTERACTING, 0.0), 3),
            "offline": before["cost"],
        }
        description = {
            **before,
            "name": before["name"] + ":online",
            "online": online,
            "validation": validation(task, trainer) | {"offline": before["validation"]},
            "cost": cost,
            "versions": versions(),
            "identity": identity.model_dump(),
        }
        run.write(model, description)
    return load(out, task, device=device, backbone=backbone)


def customised(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with fields of its config replaced; its name then lists them, as in `returns[window=5]`."""
    if not options:
        return recipe
    shown = ",".join(f"{name}={value}" for name, value in options.items())
    return Recipe(f"{recipe.name}[{shown}]", recipe.summary, replace(recipe.config, **options))


def load(
    folder: Path | str,
    task: Task | str | None = None,
    *,
    device: str = "auto",
    backbone: str | None = None,
) -> Adapted:
    """A saved model, adapted or baseline alike; it answers bit for bit as before it was saved (on the same device).

    Args:
        folder: that `adapt`, `improve` or a baseline's training wrote.
        task: that it must be of, or its name.
        device: "auto" (a GPU if there is one), "cpu", "cuda", ..
        backbone: folder or hub id of the backbone that it was adapted on, where that is not one of netwright's own: a
            saved model cannot name it by itself. The hub is not asked, its cache is.

    Raises:
        ConfigError: the backbone must be named.
        DataError: not a saved model, or a damaged one.
        FormatError: of another format, task, backbone or shape.
    """
    if not isinstance(folder, Path | str):
        raise ConfigError(f"folder must be that of a saved model, got {folder!r:.60}.")
    folder = Path(folder)
    description = read_description(folder)
    found = task if isinstance(task, Task) else registry.task(task or description["task"])
    if description["task"] != found.name:
        raise FormatError(
            f"{folder}: a model for task {description['task']!r}, not {found.name!r}; give another folder."
        )
    if description["kind"] == "baseline":
        policy = load_attribute(found.policy(description["policy"]).factory)(folder)
        name = description.get("name", description["policy"])
    else:
        adapter = _adapter_of(found, description, folder)
        policy = adapter.policy(
            inference(read_model(folder, description, adapter, device=device, backbone=backbone))
        )
        name = description["name"]
    if isinstance(policy, TrainedPolicy) and "trained_for" in description:
        policy.trained_for = from_json(description["trained_for"], folder / DESCRIPTION, remedy=REMEDY)
    return Adapted(name, policy, description, folder)


def _adapter(task: Task, config: Any, data: Any, experience: Sequence[Path], seed: int) -> Any:
    if task.kind == "prediction":
        if experience:
            raise ConfigError(f"task {task.name!r} learns from its data set; drop --experience.")
        return load_attribute(task.adapter)(config, data, seed=seed)
    if not experience:
        raise ConfigError(
            f"task {task.name!r} learns from experience; collect some with `netwright collect {task.name}` and give "
            "its folder as --experience."
        )
    return load_attribute(task.adapter)(config, data, seed=seed, experience=read_all(experience))


def _trained_for(adapter: object) -> dict[str, Any]:
    return {"trained_for": to_json(adapter.trained_for())} if isinstance(adapter, DescribedAdapter) else {}


def _adapter_of(task: Task, description: Mapping[str, Any], folder: Path, data: Any = None) -> Any:
    """The adapter of a saved model."""
    options, place = description.get("recipe_options", {}), folder / DESCRIPTION
    plain = task.recipe(description["recipe"].partition("[")[0])
    if options and is_dataclass(plain.config) and not isinstance(plain.config, type):
        kind, values = type(plain.config), asdict(plain.config) | options
        recipe = replace(plain, config=checked(kind, values, f"{place}: recipe_options", remedy=REMEDY))
    else:
        recipe = customised(plain, options)
    with decoding(f"{place}: adapter", "does not fit the task", REMEDY):
        return load_attribute(task.adapter)(recipe.config, data, state=description["adapter"])


def _adapted_name(task: Task, backbone: str, recipe: str, method: str, label: str | None) -> str:
    """`adapted:<backbone>`, the base name of a folder; then the recipe unless it is the first, ":full", the label."""
    shown = "" if recipe == next(iter(task.recipes)) else f":{recipe}"
    name = Path(backbone).name if Path(backbone).exists() else backbone
    full = ":full" if method == "full" else ""
    return f"adapted:{name}{shown}{full}" + (f"[{label}]" if label else "")
