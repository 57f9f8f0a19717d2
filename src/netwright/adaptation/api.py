"""Adapt and Test of Fig. 9 (Wu et al. 2024), for every task alike."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.saving import DESCRIPTION, assemble, read_description, read_model, write_model
from netwright.adaptation.training import CHECKPOINT, Trainer, answerer, peak_rss_mib
from netwright.core import registry
from netwright.core.errors import ConfigError, FormatError
from netwright.core.files import replacing
from netwright.core.policy import Policy
from netwright.core.results import Evaluation, versions
from netwright.core.task import Setting, Task, load_attribute
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
    seed: int = 0,
    options: Mapping[str, Any] | None = None,
    resume: bool = False,
    device: str = "auto",
    dtype: str = "float32",
    progress: Callable[[str], None] = lambda line: None,
) -> Adapted:
    """Adapt a frozen backbone to a task and save the result (DD-LRNA, section 4.3; supervised half: Eq. 1).

    Args:
        task: the task or its name.
        data: what the task's `load_data` gave.
        out: folder of the adapted model; appears when the run is complete. An unfinished run lives in `<out>.partial`.
        backbone: a preset, a hub id or a local folder.
        recipe: name of one of the task's recipes; its first by default.
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
    chosen = task.recipe(recipe)
    config = TrainingConfig.from_options(task.training_defaults, options or {})
    partial = out.with_name(out.name + ".partial")
    if (out / DESCRIPTION).is_file() and resume:
        made = {"task": task.name, "recipe": chosen.name, "seed": seed, "training": asdict(config)}
        _check_made_so(out, made, lasting_name(backbone))
        progress(f"{out} is complete; nothing to resume")
        return load(out, task, device=device)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} exists already; choose another --out, or delete it first.")
    if not resume:
        if (partial / CHECKPOINT).exists():
            raise ConfigError(
                f"{partial} holds an unfinished run; add --resume to go on with it, or delete it."
            )
        shutil.rmtree(partial, ignore_errors=True)

    adapter = load_attribute(task.adapter)(chosen.config, data, seed=seed)
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
    trainer = Trainer(model, adapter, config, seed=seed, folder=partial, progress=progress, origin=origin)
    if resume:
        trainer.resume()
    started = time.perf_counter()
    state = trainer.run()
    if config.method == "lora":
        assert llm.weights_hash() == frozen, "the frozen backbone changed in training"
    n_trainable = sum(p.numel() for p in trainer.parameters.values())
    n_total = sum(p.numel() for p in model.parameters())
    description = {
        "kind": "adapted",
        "task": task.name,
        "recipe": chosen.name,
        "name": _adapted_name(task, backbone, chosen.name, config.method),
        "seed": seed,
        "backbone": {"name": lasting_name(backbone), "seed": seed, "dtype": dtype, "sha256": frozen},
        "training": asdict(config),
        "adapter": adapter.state(),
        "data": adapter.provenance(),
        "validation": {
            "metric": task.metric,
            "kept": state.kept_score,
            "step": state.kept_step,
            "best": state.best_score,
        },
        "cost": {
            "trainable_parameters": n_trainable,
            "parameters": n_total,
            "trainable_fraction": n_trainable / n_total,
            "seconds": round(state.seconds, 3),
            "seconds_here": round(time.perf_counter() - started, 3),
            "steps": state.step,
            "seconds_per_step": state.seconds / max(1, state.step),
            "peak_rss_mib": round(peak_rss_mib(), 1),
            "precision": str(trainer.dtype or "float32").removeprefix("torch."),
        },
        "versions": versions(),
    }
    with replacing(out) as temporary:
        temporary.mkdir()
        write_model(temporary, model, description)
        shutil.copy(partial / "training.jsonl", temporary / "training.jsonl")
        if (partial / "tensorboard").is_dir():
            shutil.copytree(partial / "tensorboard", temporary / "tensorboard")
    shutil.rmtree(partial)
    return load(out, task, device=device)


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
        adapter = load_attribute(found.adapter)(
            found.recipe(description["recipe"]).config, None, state=description["adapter"]
        )
        policy = adapter.policy(answerer(read_model(folder, description, adapter, device=device)))
        name = description["name"]
    return Adapted(name, policy, description, folder)


def test(
    task: Task | str, policy: Policy[Any, Any] | Adapted, setting: Setting | str, data: Any
) -> Evaluation:
    """Test a policy in one setting of a task (`Test` of Fig. 9)."""
    task = registry.task(task) if isinstance(task, str) else task
    setting = task.setting(setting) if isinstance(setting, str) else setting
    decider, name = (
        (policy.policy, policy.name) if isinstance(policy, Adapted) else (policy, _name_of(policy))
    )
    evaluation: Evaluation = load_attribute(task.evaluate)(decider, setting, data, name=name)
    return evaluation


def _check_made_so(folder: Path, wanted: Mapping[str, Any], backbone: str) -> None:
    """Refuse a complete model that is not the one asked for: it would pass for that one."""
    found = read_description(folder)
    other = [key for key, value in wanted.items() if key != "training" and found.get(key) != value]
    if lasting_name(found.get("backbone", {}).get("name", "")) != backbone:
        other.append("backbone")
    trained: Mapping[str, Any] = found.get("training", {})
    other += [key for key, value in wanted["training"].items() if trained.get(key, value) != value]
    if other:
        raise ConfigError(
            f"{folder} is complete, but made with another {', '.join(other)}; choose another --out, or delete it first."
        )


def _adapted_name(task: Task, backbone: str, recipe: str, method: str) -> str:
    """`adapted:<backbone>`; behind it the recipe unless it is the task's first, and ":full" for full fine-tuning."""
    shown = "" if recipe == next(iter(task.recipes)) else f":{recipe}"
    return f"adapted:{backbone}{shown}" + (":full" if method == "full" else "")


def _name_of(policy: Policy[Any, Any]) -> str:
    return str(getattr(policy, "name", type(policy).__name__))
