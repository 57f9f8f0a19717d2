"""Finds tasks by their folders: a new one appears in the CLI, the tests and the reports unlisted."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from netwright.core.errors import UnknownNameError
from netwright.core.task import Task

_TASKS_PACKAGE = "netwright.tasks"


@cache
def task_names() -> tuple[str, ...]:
    """Names of all tasks, in alphabetical order; imports none of them."""
    package = importlib.import_module(_TASKS_PACKAGE)
    return tuple(sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.ispkg))


@cache
def task(name: str) -> Task:
    """The task of that name, imported on first use; an unknown one raises `UnknownNameError`."""
    if name not in task_names():
        raise UnknownNameError("task", name, task_names())
    found = importlib.import_module(f"{_TASKS_PACKAGE}.{name}").TASK
    assert isinstance(found, Task)
    assert found.name == name
    return found
