"""Adapt and Test of Fig. 9 (Wu et al. 2024), for every task alike."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import OnlineAdapter
from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.models.decision import DecisionModel
from netwright.adaptation.offline.experience import read_all
from netwright.adaptation.saved_model import (
    DESCRIPTION,
    ENCODER_HEAD,
    assemble,
    read_description,
    read_model,
    write_model,
)
from netwright.adaptation.trainer import CHECKPOINT, RunState, Trainer, deployed, peak_rss_mib
from netwright.core import registry
from netwright.core.errors import ConfigError, FormatError
from netwright.core.files import replacing, sha256_of_file
from netwright.core.policy import Policy, name_of
from netwright.core.results import Evaluation, counts_of, versions, with_counts
from netwright.core.task import Recipe, Setting, Task, load_attribute
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
    out: Path,
    backbone: str = "tiny",
    recipe: str | None = None,
    recipe_options: Mapping[str, Any] | None = None,
    experience: Sequence[Path] = (),
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "float32",
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
        resume: go on with the unfinished run in `<out>.partial`; a complete one of the same settings is just loaded.
        device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", ..
        dtype: of the frozen weights, one of `netwright.llm.backbones.DTYPES`; what is trained is in float32.
        progress: called with one line now and then.

    Raises:
        ConfigError: `out` is taken, or an unfinished run stands there and `resume` is not set, or what is there
            was made with other settings.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    task = registry.task(task) if isinstance(task, str) else task
    chosen = customised(task.recipe(recipe), recipe_options or {})
    config = TrainingConfig.from_options(task.training_defaults, options or {})
    partial = out.with_name(out.name + ".partial")
    if (out / DESCRIPTION).is_file() and resume:
        made = {"task": task.name, "recipe": chosen.name, "seed": seed, "training": asdict(config)}
        _check_made_so(out, made, lasting_name(backbone))
        progress(f"{out} is complete; nothing to resume")
        return load(out, task, device=device)
    _check_free(out, partial, resume)
    adapter = _adapter(task, chosen.config, data, experience, seed)
    llm = build_backbone(
        backbone,
        seed=seed,
        max_layers=config.max_layers,
        dtype=dtype_named(dtype),
        device=device_named(device),
    )
    frozen = llm.weights_hash()
    model = assemble(llm, adapter, config, seed)
    learned_from = {k: v for k, v in adapter.provenance().items() if k != "source"}  # a folder may be moved
    origin = {"task": task.name, "recipe": chosen.name, "backbone": frozen, "data": learned_from}
    trainer = Trainer(
        model,
        adapter,
        config,
        seed=seed,
        folder=partial,
        progress=progress,
        origin=origin,
        lower_is_better=task.lower_is_better,
    )
    if resume:
        trainer.resume()
    started = time.perf_counter()
    state = trainer.run()
    if config.method == "lora":
        assert llm.weights_hash() == frozen, "the frozen backbone changed in training"
    description = {
        "kind": "adapted",
        "task": task.name,
        "recipe": chosen.name,
        "recipe_options": dict(recipe_options or {}),
        "name": _adapted_name(task, backbone, chosen.name, config.method),
        "seed": seed,
        "backbone": {"name": lasting_name(backbone), "seed": seed, "dtype": dtype, "sha256": frozen},
        "training": asdict(config),
        "adapter": adapter.state(),
        "data": adapter.provenance(),
        "validation": _validation(task, trainer),
        "cost": _cost(trainer, state, time.perf_counter() - started),
        "versions": versions(),
    }
    _write(out, partial, model, description)
    return load(out, task, device=device)


def improve(
    task: Task | str,
    data: Any,
    start: Path,
    *,
    out: Path,
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
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

    Raises:
        ConfigError, KeyboardInterrupt: as for `adapt`.
    """
    from netwright.adaptation.online.ppo import OnlineConfig, OnlineTrainer
    from netwright.adaptation.online.vine import VineTrainer

    task = registry.task(task) if isinstance(task, str) else task
    before = read_description(start)
    if before["kind"] != "adapted" or before["task"] != task.name or task.kind != "decision":
        raise ConfigError(
            f"{start}: is no adapted model of a task of decisions; give the --out of `netwright adapt`."
        )
    offline = TrainingConfig.from_options(before["training"])
    kept = {name: getattr(offline, name) for name in ("method", "rank", "alpha", "targets", "max_layers")}
    config = OnlineConfig.from_options(kept, task.online_defaults, options or {})
    partial = out.with_name(out.name + ".partial")
    online = asdict(config) | {"seed": seed, "start": sha256_of_file(start / ENCODER_HEAD)}
    if (out / DESCRIPTION).is_file() and resume:
        _check_improved_so(out, online)
        progress(f"{out} is complete; nothing to resume")
        return load(out, task, device=device)
    _check_free(out, partial, resume)
    adapter = _adapter_of(task, before, data)
    if not isinstance(adapter, OnlineAdapter):
        raise ConfigError(
            f"models of task {task.name!r} cannot be trained online; its adapter has no environment."
        )
    model = read_model(start, before, adapter, device=device, merged=False)
    assert isinstance(model, DecisionModel)
    if config.joins_at and model.gate is not None:
        torch.nn.init.zeros_(model.gate)  # left out at first, the backbone joins anew
    kind: type[Trainer] = VineTrainer if config.advantages == "vine" else OnlineTrainer
    trainer = kind(
        model,
        adapter,
        config,
        seed=seed,
        folder=partial,
        progress=progress,
        origin={"task": task.name, "start": online["start"]},
        lower_is_better=task.lower_is_better,
    )
    if resume:
        trainer.resume()
    started = time.perf_counter()
    state = trainer.run()
    cost = _cost(trainer, state, time.perf_counter() - started)
    cost |= {
        "seconds_interacting": round(state.seconds_interacting, 3),
        "seconds_learning": round(state.seconds - state.seconds_interacting, 3),
        "offline": before["cost"],
    }
    description = {
        **before,
        "name": before["name"] + ":online",
        "online": online,
        "validation": _validation(task, trainer) | {"offline": before["validation"]},
        "cost": cost,
        "versions": versions(),
    }
    del description["format_version"]
    _write(out, partial, model, description)
    return load(out, task, device=device)


def customised(recipe: Recipe, options: Mapping[str, Any]) -> Recipe:
    """The recipe with fields of its config replaced; its name then lists them, as in `returns[window=5]`."""
    if not options:
        return recipe
    shown = ",".join(f"{name}={value}" for name, value in options.items())
    return Recipe(f"{recipe.name}[{shown}]", recipe.summary, replace(recipe.config, **options))


def load(folder: Path, task: Task | str | None = None, *, device: str = "auto") -> Adapted:
    """A saved model, adapted or baseline alike; it answers bit for bit as before it was saved (on the same device).

    Raises:
        DataError: not a saved model, or a damaged one.
        FormatError: of another format, task, backbone or shape.
    """
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
        adapter = _adapter_of(found, description)
        policy = adapter.policy(deployed(read_model(folder, description, adapter, device=device)))
        name = description["name"]
    return Adapted(name, policy, description, folder)


def test(
    task: Task | str, policy: Policy[Any, Any] | Adapted, setting: Setting | str, data: Any
) -> Evaluation:
    """Test a policy in one setting of a task (`Test` of Fig. 9)."""
    task = registry.task(task) if isinstance(task, str) else task
    setting = task.setting(setting) if isinstance(setting, str) else setting
    decider, name = (policy.policy, policy.name) if isinstance(policy, Adapted) else (policy, name_of(policy))
    before = counts_of(decider)
    evaluation: Evaluation = load_attribute(task.evaluate)(decider, setting, data, name=name)
    return with_counts(evaluation, decider, before)


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


def _adapter_of(task: Task, description: Mapping[str, Any], data: Any = None) -> Any:
    """The adapter of a saved model."""
    options = description.get("recipe_options", {})
    recipe = customised(task.recipe(description["recipe"].partition("[")[0]), options)
    return load_attribute(task.adapter)(recipe.config, data, state=description["adapter"])


def _check_free(out: Path, partial: Path, resume: bool) -> None:
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already; choose another --out, or delete it first.")
    if not resume:
        if (partial / CHECKPOINT).exists():
            raise ConfigError(
                f"{partial} holds an unfinished run; add --resume to go on with it, or delete it."
            )
        shutil.rmtree(partial, ignore_errors=True)


def _validation(task: Task, trainer: Trainer) -> dict[str, Any]:
    state, sign = trainer.state, trainer.sign
    return {
        "metric": task.metric,
        "kept": sign * state.kept_score,
        "step": state.kept_step,
        "best": sign * state.best_score,
    }


def _cost(trainer: Trainer, state: RunState, seconds_here: float) -> dict[str, Any]:
    n_trainable = sum(p.numel() for p in trainer.model.trainable().values())
    n_total = sum(p.numel() for p in trainer.model.parameters())
    return {
        "trainable_parameters": n_trainable,
        "parameters": n_total,
        "trainable_fraction": n_trainable / n_total,
        "seconds": round(state.seconds, 3),
        "seconds_here": round(seconds_here, 3),
        "steps": state.step,
        "seconds_per_step": state.seconds / max(1, state.step),
        "peak_rss_mib": round(peak_rss_mib(), 1),
        "precision": str(trainer.dtype or "float32").removeprefix("torch."),
    }


def _write(out: Path, partial: Path, model: AdaptedModel, description: Mapping[str, Any]) -> None:
    """Put the complete model in place, with its log, and remove the unfinished run."""
    with replacing(out) as temporary:
        temporary.mkdir()
        write_model(temporary, model, description)
        shutil.copy(partial / "training.jsonl", temporary / "training.jsonl")
        if (partial / "tensorboard").is_dir():
            shutil.copytree(partial / "tensorboard", temporary / "tensorboard")
    shutil.rmtree(partial)


def _check_made_so(folder: Path, wanted: Mapping[str, Any], backbone: str) -> None:
    """Refuse a complete model that is not the one asked for: it would pass for that one."""
    found = read_description(folder)
    other = [key for key, value in wanted.items() if key != "training" and found.get(key) != value]
    if lasting_name(found.get("backbone", {}).get("name", "")) != backbone:
        other.append("backbone")
    trained: Mapping[str, Any] = found.get("training", {})
    other += [key for key, value in wanted["training"].items() if trained.get(key, value) != value]
    _refuse(folder, other)


def _check_improved_so(folder: Path, wanted: Mapping[str, Any]) -> None:
    """The same for a model that has learned online."""
    found: Mapping[str, Any] = read_description(folder).get("online", {})
    _refuse(folder, [key for key, value in wanted.items() if found.get(key, value) != value])


def _refuse(folder: Path, other: Sequence[str]) -> None:
    if other:
        raise ConfigError(
            f"{folder} is complete, but made with another {', '.join(other)}; choose another --out, or delete it first."
        )


def _adapted_name(task: Task, backbone: str, recipe: str, method: str) -> str:
    """`adapted:<backbone>`; behind it the recipe unless it is the task's first, and ":full" for full fine-tuning."""
    shown = "" if recipe == next(iter(task.recipes)) else f":{recipe}"
    return f"adapted:{backbone}{shown}" + (":full" if method == "full" else "")
