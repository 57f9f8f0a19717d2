"""Finds experiments by their files: a module below this package that defines `NAME`, `SUMMARY` and `run`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from inspect import signature
from typing import Any

import netwright.experiments
from netwright.core.errors import ConfigError, UnknownNameError


@dataclass(frozen=True)
class Experiment:
    """A measurement that anyone can repeat.

    Attributes:
        run: called as `run(data_folder, results_folder, progress)`; writes rows (`core.results.write_rows`).
            `data_folder` is None where the user has no real data. One that has parts takes `only` as well, which
            tells by its name whether to measure a part.
    """

    name: str
    summary: str
    run: Callable[..., Any]


@cache
def experiments() -> dict[str, Experiment]:
    """All experiments by name, in alphabetical order."""
    package = netwright.experiments
    modules = (
        importlib.import_module(found.name)
        for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        if not found.ispkg
    )
    found = {m.NAME: Experiment(m.NAME, m.SUMMARY, m.run) for m in modules if hasattr(m, "NAME")}
    return dict(sorted(found.items()))


def experiment(name: str, only: str | None = None) -> Experiment:
    """The experiment of that name, or only those of its parts whose names match a shell-style pattern.

    Raises:
        UnknownNameError: there is none of that name.
        ConfigError: a pattern is given and the experiment has no parts.
    """
    if name not in experiments():
        raise UnknownNameError("experiment", name, experiments())
    found = experiments()[name]
    if only is None:
        return found
    if "only" not in signature(found.run).parameters:
        raise ConfigError(f"experiment {name} has no parts to choose from; leave out --only.")
    return replace(found, run=partial(found.run, only=partial(fnmatchcase, pat=only)))
