"""From the words of a command to what the library works on: data, settings, policies, folders."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from netwright.cli.output import progress
from netwright.core.errors import ConfigError
from netwright.core.files import is_temporary
from netwright.core.locks import is_lock
from netwright.core.policy import Policy
from netwright.core.results import Evaluation, counts_of, with_counts
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.trained_for import conditions_of, with_remark


@dataclass(frozen=True)
class Subject:
    """What is tested: a policy, its name in reports, and the seed that it was made from."""

    name: str
    policy: Policy[Any, Any]
    seed: int
    info: Mapping[str, Any] = field(default_factory=dict)


def load_data(task: Task, folder: Path | None, seed: int) -> Any:
    """The task's data from a folder, or generated from the seed (and said so on stderr)."""
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; check --data or the variable NETWRIGHT_DATA.")
    if folder is None:
        progress(f"no --data and no NETWRIGHT_DATA: synthetic data, generated from seed {seed}")
    return load_attribute(task.load_data)(folder, seed=seed)


def provenance(data: Any) -> dict[str, Any]:
    """Where data come from, as every result says it."""
    source, synthetic = getattr(data, "source", "unknown"), getattr(data, "synthetic", False)
    return {"data": str(source), "synthetic": bool(synthetic)}


def check_names(task: Task, names: Sequence[str]) -> None:
    """Refuse an unknown baseline or recipe before any work is done."""
    named = load_attribute("netwright.evaluation.baselines:named")
    for name in names:
        named(task, name)


def baseline(task: Task, name: str, data: Any, seed: int) -> Subject:
    """A baseline by `NAME` or `NAME:RECIPE`, ready to act; a learned one is trained once and kept."""
    ready_policy = load_attribute("netwright.evaluation.baselines:ready_policy")
    return Subject(name, ready_policy(task, name, data, seed=seed, progress=progress), seed)


def saved(task: Task, argument: Path | str, backbone: str | None = None) -> Subject:
    """An adapted model or a trained baseline from `DIR` or `NAME=DIR`; `backbone` as for `netwright.load`."""
    label, place = load_attribute("netwright.evaluation.labels:labeled")(str(argument))
    folder = Path(place)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give one that `netwright adapt` or `train` wrote.")
    loaded = load_attribute("netwright.adaptation.api:load")(folder, task.name, backbone=backbone)
    name = loaded.name if label is None else f"{loaded.name}[{label}]"
    return Subject(name, loaded.policy, int(loaded.info.get("seed", 0)), loaded.info)


def guarded(subject: Subject, rule: Subject, deadline_ms: float | None) -> Subject:
    """The subject under guard of a rule."""
    policy = load_attribute("netwright.adaptation.guard:Guarded")(
        subject.policy, rule.policy, deadline_s=None if deadline_ms is None else deadline_ms / 1000.0
    )
    return dataclasses.replace(subject, name=f"{subject.name}+{rule.name}", policy=policy)


def told_apart(subjects: Sequence[Subject]) -> list[Subject]:
    """The subjects under names that are equal for the seeds of one method only, see `evaluation.labels`."""
    labels = load_attribute("netwright.evaluation.labels:labels")
    names = labels([subject.name for subject in subjects], [subject.info for subject in subjects])
    return [dataclasses.replace(s, name=name) for s, name in zip(subjects, names, strict=True)]


def evaluate(task: Task, subject: Subject, setting: Setting, data: Any) -> Evaluation:
    """Test one subject in one setting; the result's config names the subject's seed and the data's origin."""
    learned_from = subject.info.get("data", {}).get("synthetic")
    if learned_from is not None and learned_from != provenance(data)["synthetic"]:
        kinds = ("synthetic", "real") if learned_from else ("real", "synthetic")
        progress(f"note: {subject.name} learned from {kinds[0]} data and is tested on {kinds[1]} data")
    before = counts_of(subject.policy)
    found: Evaluation = load_attribute(task.evaluate)(subject.policy, setting, data, name=subject.name)
    found = with_counts(found, subject.policy, before)
    found = with_remark(found, subject.policy, conditions_of(task, setting, data))
    return dataclasses.replace(found, config={**found.config, "seed": subject.seed, **provenance(data)})


def output_folder(folder: Path, marker: str) -> Path:
    """The folder, if it may be written: absent, empty, or written by such a command before.

    Args:
        folder: that the user gave.
        marker: a file that every such folder holds.

    Raises:
        ConfigError: it is a file, or holds other things, which would be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give --out a folder.")
    held = (
        [path for path in folder.iterdir() if not (is_lock(path) or is_temporary(path))]
        if folder.is_dir()
        else []
    )
    if held and not (folder / marker).exists():
        raise ConfigError(f"{folder}: holds files of another kind, which would be lost; give another --out.")
    return folder


def given(**options: Any) -> dict[str, Any]:
    """The options that the user gave: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}


def summary(evaluations: Sequence[Evaluation]) -> str:
    """A table's title: task, metric and, where it is so, that the data are synthetic."""
    first = evaluations[0]
    origin = "synthetic data" if first.config["synthetic"] else first.config["data"]
    return f"{first.task}: {first.metric} in {first.unit}, {origin}"
