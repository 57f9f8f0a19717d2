"""Finds scenarios by their folders: a new one appears in the CLI and the tests unlisted."""

from __future__ import annotations

import importlib
from functools import cache

from netwright.core.errors import UnknownNameError
from netwright.core.registry import folder_names
from netwright.wan.scenario import Scenario

_PACKAGE = "netwright.wan.scenarios"


@cache
def scenario_names() -> tuple[str, ...]:
    """Names of all scenarios, in alphabetical order; imports none of them."""
    return folder_names(_PACKAGE)


@cache
def scenario(name: str) -> Scenario:
    """The scenario of that name, imported on first use; an unknown one raises `UnknownNameError`."""
    if name not in scenario_names():
        raise UnknownNameError("scenario", name, scenario_names())
    found = importlib.import_module(f"{_PACKAGE}.{name}").SCENARIO
    assert isinstance(found, Scenario)
    assert found.name == name
    return found
