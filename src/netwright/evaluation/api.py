"""Test and compare from Python: names are accepted wherever objects are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.policy import AnyPolicy, Policy, name_of
from netwright.core.results import Evaluation
from netwright.core.seeds import check_seed
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.types import Json, TaskData
from netwright.evaluation import comparison, subjects
from netwright.evaluation.comparison import SettingComparison
from netwright.evaluation.playing import NotApplicable, play, tries_of
from netwright.evaluation.subjects import Progress, Subject

if TYPE_CHECKING:
    from netwright.adaptation.api import Adapted


@dataclass(frozen=True)
class Comparison:
    """Methods over the same episodes, in every setting; `netwright.write_report` turns it into a page.

    Attributes:
        task: the task.
        data: source of the data, and whether they are synthetic.
        evaluations: one for each method, seed and setting.
        not_applicable: policies that cannot play a setting, with the reason.
        settings: means, intervals and paired differences.
    """

    task: Task
    data: Json
    evaluations: tuple[Evaluation, ...]
    not_applicable: tuple[NotApplicable, ...]
    settings: tuple[SettingComparison, ...]

    def to_json(self) -> Json:
        """A document of plain types."""
        return {
            "task": self.task.name,
            **self.data,
            "evaluations": [evaluation.to_json() for evaluation in self.evaluations],
            "not_applicable": [asdict(one) for one in self.not_applicable],
            "comparison": [setting.to_json() for setting in self.settings],
        }


def test(
    task: Task | str, policy: AnyPolicy | Adapted | str, setting: Setting | str, data: TaskData
) -> Evaluation:
    """Test a policy in one setting of a task (`Test` of Fig. 9, Wu et al. 2024).

    Args:
        task: the task or its name.
        policy: a policy, an adapted model, or the name of a baseline.
        setting: the setting or its name.
        data: what the task's `load_data` returned, or a folder.

    Raises:
        ConfigError: an argument is of another kind.
        UnknownNameError: a task, policy or setting does not exist.
    """
    task = _task(task)
    [setting] = subjects.settings_of(task, [setting])
    data = subjects.loaded_data(task, data, 0, _silent)
    if isinstance(policy, str):
        return subjects.evaluate(task, subjects.baseline(task, policy, data, 0, _silent), setting, data)
    if isinstance(policy, Policy):
        decider, name = policy, name_of(policy)
    elif isinstance(policy, load_attribute("netwright.adaptation.api:Adapted")):
        decider, name = policy.policy, policy.name
    else:
        raise ConfigError(
            "policy must be the name of a baseline, an object with reset and act, or an adapted model, got "
            f"{policy!r:.60}."
        )
    return subjects.tested(task, decider, name, setting, data)


class CompareOptions(TypedDict, total=False):
    """Further options of `compare`.

    Attributes:
        backbone: as for `netwright.load`.
        partial: a folder that caches finished evaluations.
        progress: called with lines about the progress.
    """

    backbone: str | None
    partial: Path | str | None
    progress: Progress


def compare(
    task: Task | str,
    *,
    settings: Sequence[Setting | str] | None = None,
    policies: Sequence[AnyPolicy | str] = (),
    adapted: Sequence[Adapted | Path | str] = (),
    data: TaskData = None,
    seed: int = 0,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Test several policies and models over the same episodes, and compare them pair by pair.

    The task's reference policy is always included. Models that differ only in their seed are pooled; other models of
    equal names are shown with their differences.

    Args:
        task: the task or its name.
        settings: settings or their names; all by default.
        policies: baselines by `NAME` or `NAME:RECIPE`, or any policies.
        adapted: adapted models, or their folders as `DIR` or `NAME=DIR`.
        data: what the task's `load_data` returned, or a folder; generated from the seed by default.
        seed: seed of generated data and of training.
        options: `backbone`, `partial` and `progress` of `CompareOptions`.

    Raises:
        ConfigError: nothing can be compared, or two models have the same name and seed.
        UnknownNameError: a task, policy or setting does not exist.
    """
    task = _task(task)
    _check_lists(settings=settings, policies=policies, adapted=adapted)
    check_seed(seed)
    if unknown := options.keys() - CompareOptions.__annotations__.keys():
        raise TypeError(f"compare() got unknown options: {', '.join(sorted(unknown))}")
    backbone, progress = options.get("backbone"), options.get("progress", _silent)
    partial = options.get("partial")
    chosen = subjects.settings_of(task, settings)
    wanted = [task.reference_policy] if task.reference_policy else []
    named = dict.fromkeys([*wanted, *(p for p in policies if isinstance(p, str))])
    subjects.check_names(task, list(named))
    loaded = subjects.loaded_data(task, data, seed, progress)
    tries = tries_of(task, chosen, loaded)
    tested = subjects.told_apart([_model(task, one, backbone) for one in adapted])
    tested += [subjects.baseline(task, name, loaded, seed, progress) for name in named]
    tested += [subjects.of_policy(p, seed) for p in policies if not isinstance(p, str)]
    played = play(
        task,
        tested,
        chosen,
        loaded,
        tries=tries,
        folder=None if partial is None else Path(partial),
        progress=progress,
    )
    return Comparison(
        task,
        subjects.provenance(loaded),
        played.evaluations,
        played.not_applicable,
        comparison.compare(task, played.evaluations),
    )


def _task(task: Task | str) -> Task:
    if not isinstance(task, Task | str):
        raise ConfigError(f"task must be a task or its name, got {task!r:.60}.")
    return registry.task(task) if isinstance(task, str) else task


def _check_lists(**lists: Sequence[object] | None) -> None:
    for name, given in lists.items():
        if isinstance(given, str | bytes) or not isinstance(given, Sequence | None):
            raise ConfigError(f"{name} must be a list, got {given!r:.60}; put it in brackets.")


def _model(task: Task, one: Adapted | Path | str, backbone: str | None) -> Subject:
    return subjects.saved(task, one, backbone) if isinstance(one, Path | str) else subjects.of_adapted(one)


def _silent(line: str) -> None:
    """Discard the line."""
