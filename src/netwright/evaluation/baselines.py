"""Baselines ready to act: rules are constructed; trainable policies are loaded, or trained if no copy exists."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from netwright import __version__
from netwright.core.errors import ConfigError
from netwright.core.files import cache_folder, check_cache
from netwright.core.policy import AnyPolicy, Policy
from netwright.core.task import PolicySpec, Task, load_attribute
from netwright.core.types import TaskData

Progress = Callable[[str], None]


def ready_policy(task: Task, name: str, data: TaskData, *, seed: int, progress: Progress) -> AnyPolicy:
    """A baseline ready to act: a rule, a policy with shipped weights, or one that is trained now.

    Args:
        task: the task of the baseline.
        name: `NAME`, or `NAME:RECIPE` for a trainable policy (the task's first recipe by default).
        data: training data if no trained copy is shipped or cached.
        seed: seed of the training.
        progress: called with lines about the training.

    Raises:
        UnknownNameError: there is no such policy or recipe.
        ConfigError: a recipe is given for a policy that is not trainable, or the cache cannot be written.
    """
    spec, recipe = named(task, name)
    if spec.train is None or (spec.shipped and recipe == next(iter(task.recipes), "")):
        return _policy(load_attribute(spec.factory)())
    folder = cached_folder(task, spec, recipe, data, seed)
    if not (folder / "netwright.json").exists():
        check_cache(folder)
        progress(f"{name}: not yet trained on these data with seed {seed}; training it once into {folder}")
        load_attribute(spec.train)(data, recipe=recipe, out=folder, seed=seed, progress=progress)
    return _policy(load_attribute(spec.factory)(folder))


def train_policy(task: Task, name: str, data: TaskData, *, out: Path, seed: int, progress: Progress) -> None:
    """Train the baseline `NAME` or `NAME:RECIPE` and write it to the folder `out`.

    Raises:
        UnknownNameError: there is no such policy or recipe.
        ConfigError: the policy is not trainable.
    """
    spec, recipe = named(task, name)
    if spec.train is None:
        learned = ", ".join(p.name for p in task.policies.values() if p.train) or "none"
        raise ConfigError(
            f"policy {spec.name!r} of {task.name} is not trainable; trainable policies: {learned}."
        )
    load_attribute(spec.train)(data, recipe=recipe, out=out, seed=seed, progress=progress)


def named(task: Task, name: str) -> tuple[PolicySpec, str]:
    """The baseline that `NAME` or `NAME:RECIPE` means, and its recipe; "" for one that learns nothing or takes none.

    Raises:
        UnknownNameError: there is no such policy or recipe.
        ConfigError: a recipe is given for a policy that is not trainable.
    """
    policy, colon, recipe = name.partition(":")
    spec = task.policy(policy)
    if colon and spec.train is None:
        raise ConfigError(
            f"policy {policy!r} of {task.name} is not trainable and takes no recipe; drop :{recipe}."
        )
    if spec.train is None or not (recipe or task.recipes):
        return spec, ""
    return spec, task.recipe(recipe or None).name


def cached_folder(task: Task, spec: PolicySpec, recipe: str, data: TaskData, seed: int) -> Path:
    """Cache folder of the trained copy, by task, policy, recipe, seed, version and content of the data.

    Below `core.files.cache_folder`.
    """
    known = f"{task.name}-{spec.name}-{recipe}-seed{seed}-{__version__}-{fingerprint(data)[:16]}"
    return cache_folder() / "policies" / known


def fingerprint(value: object) -> str:
    """SHA-256 of a value (dataclass, mapping, sequence, array or plain value) in hexadecimal digits."""
    digest = hashlib.sha256()
    _feed(digest.update, value)
    return digest.hexdigest()


def _feed(update: Callable[[bytes], None], value: object) -> None:
    if isinstance(value, np.ndarray):
        update(f"array {value.dtype} {value.shape};".encode())
        update(np.ascontiguousarray(value).tobytes())
    elif dataclasses.is_dataclass(value):
        update(f"{type(value).__name__} {{".encode())
        for item in dataclasses.fields(value):
            update(f"{item.name}:".encode())
            _feed(update, getattr(value, item.name))
        update(b"}")
    elif isinstance(value, Mapping):
        update(f"mapping {len(value)};".encode())
        for key in sorted(value, key=repr):
            update(f"{key!r}:".encode())
            _feed(update, value[key])
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        update(f"sequence {len(value)};".encode())
        for item in value:
            _feed(update, item)
    else:
        update(f"{value!r};".encode())


def _policy(made: object) -> AnyPolicy:
    assert isinstance(made, Policy), f"{made!r} is not a Policy"
    return made
