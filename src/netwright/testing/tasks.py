"""The contract of a task and its policies, checked by using them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from netwright.core import registry
from netwright.core.policy import AnyPolicy, Policy
from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Setting, Task, load_attribute
from netwright.core.types import JsonView, TaskData
from netwright.evaluation.comparison import compare

ITERATIONS = 2


def require(condition: object, sentence: str) -> None:
    """Raise an `AssertionError` with that message unless the condition holds."""
    if not condition:
        raise AssertionError(sentence)


def check_task(task: Task | str, data: TaskData = None, *, adapt: bool = True) -> None:
    """Check a task's names, data, policies, evaluation, comparison and adaptation by using them.

    Args:
        task: the task, or the name of an installed one.
        data: data to test its policies on; generated from seed 0 by default.
        adapt: whether to adapt a model without a backbone for two updates, save and load it (needs the extra `llm`).

    Raises:
        AssertionError: the contract is violated; the message says where.
    """
    task = registry.task(task) if isinstance(task, str) else task
    _check_names(task)
    made = load_attribute(task.load_data)(None, seed=0) if data is None else data
    _check_data(task, made)
    setting = next(iter(task.settings.values()))
    evaluations = [
        check_policy(load_attribute(spec.factory)(), task, setting=setting, data=made, name=spec.name)
        for spec in task.policies.values()
        if spec.quick
    ]
    require(evaluations, f"task {task.name}: no policy works without training; add a simple baseline.")
    _check_comparison(task, evaluations)
    if adapt and task.adapter:
        _check_adaptation(task, made, setting)


def check_policy(
    policy: AnyPolicy,
    task: Task | str,
    *,
    setting: Setting | str | None = None,
    data: TaskData = None,
    name: str = "policy",
) -> Evaluation:
    """Check that a policy can be tested in a task, twice with the same result.

    Args:
        policy: `reset(rng)` and `act(obs)` are enough.
        task: the task, or the name of an installed one.
        setting: one of its settings; the first by default.
        data: data of the task; generated from seed 0 by default.
        name: used in messages and in the result.

    Returns:
        The policy's evaluation.

    Raises:
        AssertionError: the contract is violated; the message says where.
    """
    task = registry.task(task) if isinstance(task, str) else task
    if setting is None:
        setting = next(iter(task.settings))
    chosen = task.setting(setting) if isinstance(setting, str) else setting
    made = load_attribute(task.load_data)(None, seed=0) if data is None else data
    who = f"task {task.name}, {name}"
    require(isinstance(policy, Policy), f"{who}: a policy needs the methods reset(rng) and act(obs).")
    evaluate = load_attribute(task.evaluate)
    first: Evaluation
    first, second = (evaluate(policy, chosen, made, name=name) for _ in range(2))
    require(isinstance(first, Evaluation), f"{who}: `evaluate` must return an Evaluation, not {type(first)}.")
    require(
        (first.task, first.setting, first.policy, first.metric, first.unit)
        == (task.name, chosen.name, name, task.metric, task.unit),
        f"{who}: the evaluation must have the task's name, metric and unit, and the names of setting and policy.",
    )
    require(
        first.per_episode == second.per_episode and first.episodes == second.episodes,
        f"{who}: two tests gave different results; reset(rng) must restore the initial state, and all randomness "
        "must be drawn from its generator.",
    )
    _plain(first.to_json(), f"{who}: the evaluation")
    return first


def _check_names(task: Task) -> None:
    for kind in ("settings", "policies", "recipes"):
        for key, thing in getattr(task, kind).items():
            require(
                key == thing.name, f"task {task.name}: {kind} hold {thing.name!r} under the name {key!r}."
            )
    require(task.settings, f"task {task.name}: it needs at least one setting.")
    require(
        bool(task.recipes) == bool(task.adapter),
        f"task {task.name}: an adapter needs a recipe, a recipe an adapter.",
    )
    for name in ("load_data", "evaluate", "adapter", "collector", "report", "verify", "area"):
        reference = getattr(task, name)
        if reference:
            _loadable(reference, f"task {task.name}: {name}")
    for spec in task.policies.values():
        for reference in filter(None, (spec.factory, spec.train)):
            _loadable(reference, f"task {task.name}, policy {spec.name}")
    if task.reference_policy:
        known = task.reference_policy in task.policies
        require(known, f"task {task.name}: there is no reference policy {task.reference_policy!r}.")


def _loadable(reference: str, where: str) -> None:
    try:
        load_attribute(reference)
    except (ImportError, AttributeError, ValueError) as error:
        raise AssertionError(f'{where}: {reference!r} is not a "module:attribute" ({error}).') from error


def _check_data(task: Task, data: TaskData) -> None:
    who = f"task {task.name}: load_data"
    for name, kind in (("source", str), ("synthetic", bool)):
        require(
            isinstance(getattr(data, name, None), kind),
            f"{who}: the data need an attribute `{name}` ({kind.__name__}) for reports.",
        )


def _check_comparison(task: Task, evaluations: list[Evaluation]) -> None:
    first = evaluations[0]
    require(
        len(first.episodes) > 1,
        f"task {task.name}: an evaluation needs at least two episodes to give confidence intervals.",
    )
    twin = replace(first, policy=f"{first.policy}-again")
    for setting in compare(task, [*evaluations, twin]):
        _plain(setting.to_json(), f"task {task.name}: the comparison")
    if task.report:
        load_attribute(task.report)(evaluations)


def _check_adaptation(task: Task, data: TaskData, setting: Setting) -> None:
    from netwright.adaptation.api import adapt, load

    options = {"iterations": ITERATIONS, "batch_size": 4, "evaluate_every": 1, "warm_start": 0.0}
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        experience = [_experience(task, data, folder / "experience")] if task.kind == "decision" else []
        model = adapt(
            task, data, out=folder / "model", backbone="none", experience=experience, options=options
        )
        adapted = check_policy(model.policy, task, setting=setting, data=data, name="adapted:none")
        again = load(folder / "model", task)
        loaded = check_policy(again.policy, task, setting=setting, data=data, name="adapted:none")
    require(
        adapted.per_episode == loaded.per_episode,
        f"task {task.name}: an adapted model answers differently after it was saved and loaded; `adapter.state()` "
        "must hold everything that its answers depend on.",
    )
    _plain(model.info, f"task {task.name}: the adapted model's description")


def _experience(task: Task, data: TaskData, out: Path) -> Path:
    from netwright.adaptation.offline.collect import Plan, rl_collect

    require(task.collector, f"task {task.name}: a decision task needs a collector.")
    collector = load_attribute(str(task.collector))(data)
    require(
        collector.training_environments, f"task {task.name}: the collector names no training environment."
    )
    policies = tuple(p.name for p in task.policies.values() if _can_collect(p))
    rl_collect(task, None, Plan(policies[:2], next(iter(collector.training_environments)), 4), out=out)
    return out


def _can_collect(spec: PolicySpec) -> bool:
    return spec.quick and not spec.clairvoyant


def _plain(document: JsonView, where: str) -> None:
    """Require a document of plain JSON types with finite numbers."""
    try:
        json.dumps(document, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise AssertionError(f"{where} is not plain JSON with finite numbers ({error}).") from error
    require(all(math.isfinite(v) for v in _numbers(document)), f"{where} holds a number that is not finite.")


def _numbers(value: object) -> list[float]:
    if isinstance(value, Mapping):
        return [n for item in value.values() for n in _numbers(item)]
    if isinstance(value, list | tuple):
        return [n for item in value for n in _numbers(item)]
    return [float(value)] if isinstance(value, float | np.floating) else []
