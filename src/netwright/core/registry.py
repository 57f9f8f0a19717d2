"""Finds tasks by their folders: a new one appears in the CLI, the tests and the reports unlisted."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from netwright.core.errors import UnknownNameError
from netwright.core.task import Task

_TASKS_PACKAGE = "netwright.tasks"


def folder_names(package: str) -> tuple[str, ...]:
    """Names of the packages directly inside a package, in alphabetical order; imports none of them."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(m.name for m in pkgutil.iter_modules(path) if m.ispkg))


@cache
def task_names() -> tuple[str, ...]:
    """Names of all tasks, in alphabetical order; imports none of them."""
    return folder_names(_TASKS_PACKAGE)


@cache
def task(name: str) -> Task:
    """The task of that name, imported on first use; an unknown one raises `UnknownNameError`."""
    if name not in task_names():
        raise UnknownNameError("task", name, task_names())
    found = importlib.import_module(f"{_TASKS_PACKAGE}.{name}").TASK
    assert isinstance(found, Task)
    assert found.name == name
    return found
