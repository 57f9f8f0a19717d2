"""Finds experiments: modules of this package that define `NAME`, `SUMMARY` and `run`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cache, partial
from inspect import signature

import netwright.experiments
from netwright.core.errors import ConfigError
from netwright.core.registry import Registry


@dataclass(frozen=True)
class Experiment:
    """A reproducible measurement.

    Attributes:
        run: called as `run(data_folder, results_folder, progress)`; writes rows (`core.results.write_rows`).
            `data_folder` is None without real data. An experiment with parts also takes `only`, a predicate on their
            names.
    """

    name: str
    summary: str
    run: Callable[..., object]


def _find() -> Mapping[str, str]:
    package = netwright.experiments
    names = (m.name for m in pkgutil.walk_packages(package.__path__, f"{package.__name__}.") if not m.ispkg)
    modules = {name: vars(importlib.import_module(name)) for name in names}
    return {found["NAME"]: f"{name}:run" for name, found in modules.items() if "NAME" in found}


EXPERIMENTS: Registry[Callable[..., object]] = Registry("experiment", Callable, _find)

RENAMED = {"abr-dials": "abr-conditioning"}
"""Names of earlier releases that still work."""


@cache
def experiments() -> dict[str, Experiment]:
    """All experiments by name, sorted."""
    runs = {name: EXPERIMENTS.get(name) for name in EXPERIMENTS.names()}
    return {name: Experiment(name, sys.modules[run.__module__].SUMMARY, run) for name, run in runs.items()}


def experiment(name: str, only: str | None = None) -> Experiment:
    """The experiment of that name, or only those of its parts whose names match a shell-style pattern.

    Raises:
        UnknownNameError: there is no such experiment.
        ConfigError: a pattern is given and the experiment has no parts.
    """
    name = RENAMED.get(name, name)
    EXPERIMENTS.get(name)
    found = experiments()[name]
    if only is None:
        return found
    if "only" not in signature(found.run).parameters:
        raise ConfigError(f"experiment {name} has no parts; omit --only.")
    return replace(found, run=partial(found.run, only=partial(fnmatchcase, pat=only)))
