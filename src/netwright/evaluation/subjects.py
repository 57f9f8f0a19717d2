"""Test subjects: policies, adapted models and settings, by name or as objects, and the test of one subject."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netwright.core.errors import ConfigError
from netwright.core.files import sha256_of_file
from netwright.core.identity import sha256_of
from netwright.core.notes import note
from netwright.core.palette import Role, lack_of
from netwright.core.policy import AnyPolicy, name_of
from netwright.core.results import Details, Evaluation, counts_of, versions, with_counts
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.trained_for import conditions_of, with_remark
from netwright.core.types import Json, TaskData
from netwright.evaluation.baselines import fingerprint, named, ready_policy
from netwright.evaluation.labels import labeled, labels

if TYPE_CHECKING:
    from netwright.adaptation.api import Adapted

Progress = Callable[[str], None]
DESCRIPTION = "netwright.json"


@dataclass(frozen=True)
class Subject:
    """A policy or model to test.

    Attributes:
        name: shown in reports.
        policy: decides or predicts.
        seed: used to make it.
        role: its role in a comparison.
        info: its saved document, if any.
        identity: equal only for subjects that give the same results on the same data; "" if unknown.
    """

    name: str
    policy: AnyPolicy
    seed: int
    role: Role = "baseline"
    info: Details = field(default_factory=dict)
    identity: str = ""

    @property
    def lacks(self) -> str | None:
        """What a control lacks that the adapted model has; None for other roles."""
        return lack_of(str(self.info.get("backbone", {}).get("name"))) if self.role == "control" else None


def loaded_data(task: Task, data: TaskData, seed: int, progress: Progress) -> Any:
    """The task's data from a folder, or generated from the seed for None (with a message); other objects are data.

    Raises:
        ConfigError: the folder does not exist.
    """
    if data is not None and not isinstance(data, Path | str):
        task.check_data(data)
        return data
    folder = None if data is None else Path(data)
    if folder is not None and not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; check --data or the variable NETWRIGHT_DATA.")
    if folder is None:
        progress(f"no --data and no NETWRIGHT_DATA: synthetic data, generated from seed {seed}")
    return load_attribute(task.load_data)(folder, seed=seed)


def provenance(data: TaskData) -> Json:
    """Source of the data, as stated in every result."""
    source, synthetic = getattr(data, "source", "unknown"), getattr(data, "synthetic", False)
    return {"data": str(source), "synthetic": bool(synthetic)}


def settings_of(task: Task, settings: Sequence[Setting | str] | None) -> list[Setting]:
    """Settings given by name or as objects, without duplicates; all settings of the task for None.

    Raises:
        UnknownNameError: there is no such setting.
    """
    chosen = [task.setting(s) if isinstance(s, str) else s for s in settings or task.settings.values()]
    for setting in chosen:
        if not isinstance(setting, Setting):
            raise ConfigError(f"a setting must be one of the task's or its name, got {setting!r:.60}.")
    return list({setting.name: setting for setting in chosen}.values())


def check_names(task: Task, names: Sequence[str]) -> None:
    """Refuse an unknown baseline or recipe before any work is done."""
    for name in names:
        named(task, name)


def check_guard(task: Task, name: str, deadline_ms: float | None) -> None:
    """Refuse a baseline that cannot take over from a model, and an impossible deadline, before any work is done."""
    spec, _ = named(task, name)
    if spec.clairvoyant:
        raise ConfigError(
            f"policy {spec.name!r} knows the future and cannot take over from a model; give --guard another baseline."
        )
    if deadline_ms is not None:
        load_attribute("netwright.adaptation.guard:check_deadline")(deadline_ms / 1000.0)


def baseline(task: Task, name: str, data: TaskData, seed: int, progress: Progress) -> Subject:
    """A baseline by `NAME` or `NAME:RECIPE`, ready to act; a trainable one is trained once and cached."""
    spec, recipe = named(task, name)
    policy = ready_policy(task, name, data, seed=seed, progress=progress)
    identity = sha256_of([spec.name, recipe, seed])  # release and data are added by `key`
    return Subject(name, policy, seed, "clairvoyant" if spec.clairvoyant else "baseline", identity=identity)


def of_policy(policy: AnyPolicy, seed: int) -> Subject:
    """A subject from a policy object, whose origin is unknown."""
    return Subject(name_of(policy), policy, seed)


def saved(task: Task, argument: Path | str, backbone: str | None = None) -> Subject:
    """An adapted model or a trained baseline from `DIR` or `NAME=DIR`; `backbone` as for `netwright.load`."""
    label, place = labeled(str(argument))
    folder = Path(place)
    if not folder.is_dir():
        raise ConfigError(f"{folder}: no such folder; give one that `netwright adapt` or `train` wrote.")
    found = load_attribute("netwright.adaptation.api:load")(folder, task.name, backbone=backbone)
    subject = of_adapted(found)
    document = folder / DESCRIPTION
    identity = (
        sha256_of_file(document) if document.is_file() else ""
    )  # contains the hashes of all other files
    name = subject.name if label is None else f"{subject.name}[{label}]"
    return dataclasses.replace(subject, name=name, identity=identity)


def of_adapted(adapted: Adapted) -> Subject:
    """A subject from a loaded model."""
    role = adapted.info.get("role", "adapted")
    return Subject(adapted.name, adapted.policy, int(adapted.info.get("seed", 0)), role, adapted.info)


def guarded(subject: Subject, rule: Subject, deadline_ms: float | None) -> Subject:
    """The subject with a rule as its guard."""
    policy = load_attribute("netwright.adaptation.guard:Guarded")(
        subject.policy, rule.policy, deadline_s=None if deadline_ms is None else deadline_ms / 1000.0
    )
    return dataclasses.replace(subject, name=f"{subject.name}+{rule.name}", policy=policy, identity="")


def told_apart(subjects: Sequence[Subject]) -> list[Subject]:
    """The subjects, renamed so that only seeds of one method share a name; see `evaluation.labels`."""
    names = labels([subject.name for subject in subjects], [subject.info for subject in subjects])
    return [dataclasses.replace(s, name=name) for s, name in zip(subjects, names, strict=True)]


def evaluate(task: Task, subject: Subject, setting: Setting, data: TaskData) -> Evaluation:
    """Test one subject in one setting; the result's config names the subject's seed and the data's origin."""
    learned_from = subject.info.get("data", {}).get("synthetic")
    if learned_from is not None and learned_from != provenance(data)["synthetic"]:
        kinds = ("synthetic", "real") if learned_from else ("real", "synthetic")
        note(f"{subject.name} learned from {kinds[0]} data and is tested on {kinds[1]} data")
    found = tested(task, subject.policy, subject.name, setting, data)
    config = {**found.config, "seed": subject.seed, **provenance(data)}
    if subject.lacks is not None:
        config["lacks"] = subject.lacks
    return dataclasses.replace(found, config=config, role=subject.role)


def tested(task: Task, policy: AnyPolicy, name: str, setting: Setting, data: TaskData) -> Evaluation:
    """Test a policy in one setting; adds its counts and whether it was trained for other conditions."""
    before = counts_of(policy)
    found: Evaluation = load_attribute(task.evaluate)(policy, setting, data, name=name)
    found = with_counts(found, policy, before)
    return with_remark(found, policy, conditions_of(task, setting, data))


def key(task: Task, subject: Subject, setting: Setting, data_hash: str) -> str:
    """Hash of everything an evaluation's numbers depend on; "" if unknown."""
    if not subject.identity:
        return ""
    facts = [task.name, subject.name, subject.identity, subject.seed, fingerprint(setting.config), data_hash]
    return sha256_of([*facts, versions()])


def summary(evaluations: Sequence[Evaluation]) -> str:
    """Title of a table: task, metric and the origin of the data."""
    first = evaluations[0]
    origin = "synthetic data" if first.config["synthetic"] else first.config["data"]
    return f"{first.task}: {first.metric} in {first.unit}, {origin}"
