"""One registry for everything found by name: tasks, scenarios, policies, learners, executors, experiments, data areas.

Entries of this project are found by their folders, entries of other packages by entry points. There is no list to
maintain, and an entry is imported on first use.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib import metadata
from typing import Any, Generic, TypeVar

from netwright.core.errors import ConfigError, NetwrightError, UnknownNameError
from netwright.core.task import PolicySpec, Task, load_attribute

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Reference:
    """Location of an entry ("module:attribute") and the installed package that provides it; "" for this project."""

    place: str
    package: str = ""

    def load(self, noun: str, name: str) -> Any:
        """Import the entry.

        Raises:
            ConfigError: a package's entry point cannot be imported.
        """
        if not self.package:
            return load_attribute(self.place)
        try:
            return load_attribute(self.place)
        except NetwrightError:
            raise
        except Exception as error:
            raise ConfigError(
                f"{noun} {name!r} of the installed package {self.package!r} cannot be imported from {self.place} "
                f"({type(error).__name__}: {error}); correct that package or uninstall it."
            ) from error


class Registry(Generic[Thing]):
    """Entries of one kind by name.

    Args:
        noun: used in messages.
        kind: class that each entry must be an instance of.
        find: returns this project's entries, name to "module:attribute".
        group: entry-point group of other packages; None if they cannot add entries.
    """

    def __init__(
        self, noun: str, kind: Any, find: Callable[[], Mapping[str, str]], group: str | None = None
    ) -> None:
        self.noun, self.kind, self.find, self.group = noun, kind, find, group
        self._loaded: dict[str, Thing] = {}

    @cached_property
    def references(self) -> Mapping[str, Reference]:
        """Location of each entry, sorted by name.

        Raises:
            ConfigError: two entries have the same name.
        """
        found = {name: Reference(place) for name, place in self.find().items()}
        for name, reference in _entry_points(self.group):
            if name in found:
                other = found[name].package or "netwright"
                raise ConfigError(
                    f"the installed package {reference.package!r} names a {self.noun} {name!r}, as {other!r} does; "
                    "rename one of them or uninstall that package."
                )
            found[name] = reference
        return dict(sorted(found.items()))

    def names(self) -> tuple[str, ...]:
        """All names, sorted; imports no entry."""
        return tuple(self.references)

    def get(self, name: str) -> Thing:
        """The entry of that name, imported on first use.

        Raises:
            UnknownNameError: there is no entry of that name.
            ConfigError: an entry of another package cannot be imported or is of the wrong class.
        """
        if name not in self._loaded:
            if name not in self.references:
                raise UnknownNameError(self.noun, name, self.references)
            reference = self.references[name]
            found = reference.load(self.noun, name)
            if not isinstance(found, self.kind):
                raise ConfigError(
                    f"{self.noun} {name!r}: {reference.place} is a {type(found).__name__}, not a "
                    f"{self.kind.__name__}; correct the entry point."
                )
            own = vars(found).get("name", name) if not callable(found) else name
            if own != name:
                raise ConfigError(
                    f"{self.noun} {name!r}: {reference.place} calls itself {own!r}; give both the same name."
                )
            self._loaded[name] = found
        return self._loaded[name]

    def forget(self) -> None:
        """Search again at the next call, after packages were installed or removed."""
        self.__dict__.pop("references", None)
        self._loaded.clear()


def folders(package: str, attribute: str) -> Callable[[], Mapping[str, str]]:
    """Find the subpackages of a package as `name: "package.name:attribute"`; imports none of them."""
    return lambda: {name: f"{package}.{name}:{attribute}" for name in folder_names(package)}


def folder_names(package: str) -> tuple[str, ...]:
    """Names of the direct subpackages of a package, sorted; imports none of them."""
    path = importlib.import_module(package).__path__
    return tuple(sorted(m.name for m in pkgutil.iter_modules(path) if m.ispkg))


def _entry_points(group: str | None) -> list[tuple[str, Reference]]:
    if group is None:
        return []
    return [
        (entry.name, Reference(entry.value, entry.dist.name if entry.dist else "unknown"))
        for entry in metadata.entry_points(group=group)
    ]


POLICIES_GROUP = "netwright.policies"

TASKS: Registry[Task] = Registry("task", Task, folders("netwright.tasks", "TASK"), "netwright.tasks")


def task_names() -> tuple[str, ...]:
    """Names of all tasks, sorted; imports none of them."""
    return TASKS.names()


@cache
def task(name: str) -> Task:
    """The task of that name with the policies that other packages add to it (entry point `TASK.POLICY`).

    Raises:
        UnknownNameError: there is no such task.
        ConfigError: a task or policy of a package does not match its entry point.
    """
    found = TASKS.get(name)
    added = {spec.name: spec for spec in _added_policies(found)}
    return replace(found, policies={**found.policies, **added}) if added else found


def _added_policies(task: Task) -> list[PolicySpec]:
    specs = []
    for entry, reference in _entry_points(POLICIES_GROUP):
        owner, _, policy = entry.partition(".")
        if owner != task.name:
            continue
        spec = reference.load("policy", entry)
        if not isinstance(spec, PolicySpec) or spec.name != policy or policy in task.policies:
            raise ConfigError(
                f"policy {entry!r} of the installed package {reference.package!r}: {reference.place} must be a "
                f"PolicySpec named {policy!r}, which {task.name} does not already have; correct the entry point."
            )
        specs.append(spec)
    return specs


def forget() -> None:
    """Search for installed packages again at the next call."""
    TASKS.forget()
    task.cache_clear()
