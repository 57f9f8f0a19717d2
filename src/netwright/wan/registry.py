"""Finds scenarios by their folders and by the entry points of other packages (`netwright.scenarios`)."""

from __future__ import annotations

from netwright.core.registry import Registry, folders
from netwright.wan.scenario import Scenario

SCENARIOS: Registry[Scenario] = Registry(
    "scenario", Scenario, folders("netwright.wan.scenarios", "SCENARIO"), "netwright.scenarios"
)


def scenario_names() -> tuple[str, ...]:
    """Names of all scenarios, sorted; imports none of them."""
    return SCENARIOS.names()


def scenario(name: str) -> Scenario:
    """The scenario of that name, imported on first use; raises `UnknownNameError` if there is none."""
    return SCENARIOS.get(name)
