"""Pool evaluations into one row of numbers per method and setting; refuse evaluations that cannot be compared."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import ConfigError
from netwright.core.palette import KINDS, Kind, kind_of, lack_of
from netwright.core.results import Evaluation
from netwright.core.task import Task
from netwright.core.trained_for import OUTSIDE


@dataclass(frozen=True)
class Pooled:
    """One method in one setting, its seeds averaged episode by episode; episodes in alphabetical order.

    Attributes:
        values: (E,) each episode's metric, the mean over the seeds, in the task's unit.
        weights: (E,) each episode's share in the mean.
        groups: (E,) resampling unit of each episode, such as its viewer; None if unknown.
        seeds: seeds of the pooled evaluations; None for one without a seed.
        seed_means: (S,) weighted mean of each seed.
        clairvoyant: whether it knows the future.
        outside: how the setting differs from the training conditions, see `core.trained_for.remark`.
        lacks: what a control lacks that the adapted model has; None for other kinds.
    """

    setting: str
    policy: str
    kind: Kind
    episodes: tuple[str, ...]
    values: NDArray[np.float64]
    weights: NDArray[np.float64]
    groups: tuple[str, ...] | None
    seeds: tuple[int | None, ...]
    seed_means: tuple[float, ...]
    outside: str | None = None
    clairvoyant: bool = False
    lacks: str | None = None


def pool(task: Task, evaluations: Sequence[Evaluation]) -> dict[str, dict[str, Pooled]]:
    """Every method of every setting, pooled over its seeds: `pool(..)[setting][policy]`.

    Settings are in the task's order; methods are sorted by kind (adapted, control, baseline), then in the task's
    order, then by name.

    Raises:
        ConfigError: there is nothing to compare, an evaluation is of another task or metric or occurs twice,
            or the evaluations of one setting cover different episodes.
    """
    if not evaluations:
        raise ConfigError(
            f"there is no evaluation of {task.name!r} to report; test at least one policy first."
        )
    by_setting: dict[str, dict[str, list[Evaluation]]] = defaultdict(lambda: defaultdict(list))
    for evaluation in evaluations:
        _check(task, evaluation)
        by_setting[evaluation.setting][evaluation.policy].append(evaluation)
    pooled = {}
    for setting in _in_order(by_setting, task.settings):
        methods = {policy: _pool_seeds(runs) for policy, runs in by_setting[setting].items()}
        _check_same_episodes(setting, methods)
        listed = _in_order(methods, task.policies)
        pooled[setting] = {p: methods[p] for k in KINDS for p in listed if methods[p].kind == k}
    return pooled


def seed_of(evaluation: Evaluation) -> int | None:
    """The seed that an evaluation's config names, or None."""
    seed = evaluation.config.get("seed")
    return None if seed is None else int(seed)


def _in_order(names: Mapping[str, object], known: Mapping[str, object]) -> list[str]:
    return [n for n in known if n in names] + sorted(n for n in names if n not in known)


def _check(task: Task, evaluation: Evaluation) -> None:
    where = f"the evaluation of {evaluation.policy!r} in {evaluation.setting!r}"
    if evaluation.task != task.name:
        raise ConfigError(
            f"{where} is of task {evaluation.task!r}, but this report is of {task.name!r}; leave it out."
        )
    if (evaluation.metric, evaluation.unit) != (task.metric, task.unit):
        raise ConfigError(
            f"{where} measures {evaluation.metric} in {evaluation.unit}, but this report {task.metric} in "
            f"{task.unit}; test that policy again."
        )
    if len(set(evaluation.episodes)) < len(evaluation.episodes):
        raise ConfigError(f"{where} names an episode twice; every episode needs its own label.")
    if len(evaluation.detail.get("groups", evaluation.episodes)) != len(evaluation.episodes):
        raise ConfigError(f"{where} needs one entry of detail.groups per episode; test that policy again.")
    try:
        json.dumps([dict(evaluation.config), dict(evaluation.detail)], allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{where} contains values that JSON cannot represent ({error}); test that policy again."
        ) from None


def _pool_seeds(runs: Sequence[Evaluation]) -> Pooled:
    runs = sorted(runs, key=lambda r: (seed_of(r) is not None, seed_of(r) or 0))
    first, seeds = runs[0], tuple(seed_of(r) for r in runs)
    if len(set(seeds)) < len(seeds):
        raise ConfigError(
            f"{first.policy!r} in {first.setting!r} was given twice with the same seed; pass each run once, "
            "and give models that differ in more than their seed different names."
        )
    methods = [_one(run) for run in runs]
    named = {f"{first.policy} (seed {seed})": method for seed, method in zip(seeds, methods, strict=True)}
    _check_same_episodes(first.setting, named)
    return replace(
        methods[0],
        values=np.mean([method.values for method in methods], axis=0),
        seeds=seeds,
        seed_means=tuple(run.mean for run in runs),
    )


def _one(run: Evaluation) -> Pooled:
    order = sorted(range(len(run.episodes)), key=run.episodes.__getitem__)
    groups = run.detail.get("groups")
    return Pooled(
        setting=run.setting,
        policy=run.policy,
        kind=kind_of(run.policy, run.role),
        clairvoyant=run.role == "clairvoyant",
        episodes=tuple(run.episodes[i] for i in order),
        values=np.array([run.per_episode[i] for i in order], dtype=np.float64),
        weights=np.array([run.weights[i] for i in order], dtype=np.float64),
        groups=None if groups is None else tuple(str(groups[i]) for i in order),
        seeds=(seed_of(run),),
        seed_means=(run.mean,),
        outside=run.detail.get(OUTSIDE),
        lacks=_lacks(run) if kind_of(run.policy, run.role) == "control" else None,
    )


def _lacks(run: Evaluation) -> str:
    """What a control lacks, or what its name says if that is not stored (results of earlier releases)."""
    return str(run.config.get("lacks") or lack_of(run.policy.removeprefix("adapted:")))


def _check_same_episodes(setting: str, methods: Mapping[str, Pooled]) -> None:
    (name, first), *others = sorted(methods.items())
    for other_name, other in others:
        both = f"{name!r} and {other_name!r}"
        lone = sorted(set(first.episodes) ^ set(other.episodes))
        if lone:
            raise ConfigError(
                f"{both} were tested on different episodes of {setting!r}: only one has {_some(lone)}; "
                "test both on the same data."
            )
        if not np.allclose(first.weights, other.weights):
            at = first.episodes[int(np.argmax(np.abs(first.weights - other.weights)))]
            raise ConfigError(
                f"{both} weigh episode {at!r} of {setting!r} differently; test both on the same windows."
            )
        if first.groups != other.groups and None not in (first.groups, other.groups):
            raise ConfigError(
                f"{both} group the episodes of {setting!r} differently; test both on the same data."
            )


def _some(labels: Sequence[str]) -> str:
    shown = ", ".join(repr(label) for label in labels[:3])
    return shown + (f" and {len(labels) - 3} more" if len(labels) > 3 else "")
