"""Public data: fetch, convert and check it. An area belongs to a task (`Task.area`) or to `wan`."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.core import registry
from netwright.core.registry import Registry
from netwright.datasets.area import Area


def _find() -> Mapping[str, str]:
    tasks = map(registry.task, registry.task_names())
    own = {"wan": "netwright.wan.area:AREA"}
    return own | {task.name: task.area for task in tasks if task.area}


AREAS: Registry[Area] = Registry("data area", Area, _find)


def area_names() -> tuple[str, ...]:
    """Names of all areas, sorted; imports none of them."""
    return AREAS.names()


def area(name: str) -> Area:
    """The area of that name; raises `UnknownNameError` if there is none."""
    return AREAS.get(name)
