"""`netwright list`: everything in the registries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import print_json, print_line, print_table

Rows = list[dict[str, str]]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("list")(list_)


def list_(
    kind: Annotated[
        str | None,
        typer.Argument(
            metavar="[KIND]",
            help="tasks, policies, settings, recipes, backbones, scenarios, topologies or learners; all by default.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """List tasks, policies, settings, recipes, backbones, scenarios, topologies and learners, or one of these."""
    from netwright.core.errors import UnknownNameError

    if kind is not None and kind not in KINDS:
        raise UnknownNameError("kind of entry", kind, KINDS)
    found = {name: rows() for name, rows in KINDS.items() if kind in (None, name)}
    if as_json:
        print_json(found)
        return
    for name, rows in found.items():
        if rows:
            print_table(name, list(rows[0]), [list(row.values()) for row in rows])
        else:
            print_line(f"{name}: none")


def _tasks() -> Rows:
    from netwright.core import registry

    return [
        {"name": t.name, "title": t.title, "kind": t.kind, "metric": t.metric, "unit": t.unit}
        for t in map(registry.task, registry.task_names())
    ]


def _policies() -> Rows:
    from netwright.core import registry

    return [
        {"task": t.name, "name": p.name, "summary": p.summary, "trained": "yes" if p.train else "no"}
        for t in map(registry.task, registry.task_names())
        for p in t.policies.values()
    ]


def _settings() -> Rows:
    from netwright.core import registry

    return [
        {"task": t.name, "name": s.name, "summary": s.summary}
        for t in map(registry.task, registry.task_names())
        for s in t.settings.values()
    ]


def _recipes() -> Rows:
    from netwright.core import registry

    return [
        {"task": t.name, "name": r.name, "summary": r.summary}
        for t in map(registry.task, registry.task_names())
        for r in t.recipes.values()
    ]


def _backbones() -> Rows:
    from netwright.core.task import load_attribute

    known = load_attribute("netwright.llm.backbones:BACKBONES")
    return [{"name": name, "summary": spec.summary} for name, spec in known.items()]


def _scenarios() -> Rows:
    from netwright.wan import registry

    return [
        {"name": s.name, "title": s.title, "summary": s.summary}
        for s in map(registry.scenario, registry.scenario_names())
    ]


def _topologies() -> Rows:
    from netwright.wan.catalog import PACKAGED, TOPOLOGIES

    return [
        {
            "name": name,
            "nodes": str(nodes),
            "links": str(links),
            "from": "the package" if name in PACKAGED else "the data folder",
        }
        for name, (nodes, links) in TOPOLOGIES.items()
    ]


def _learners() -> Rows:
    from netwright.synthesis.learners import LEARNERS

    return [{"name": k.name, "summary": k.summary} for k in map(LEARNERS.get, LEARNERS.names())]


KINDS: dict[str, Callable[[], Rows]] = {
    "tasks": _tasks,
    "policies": _policies,
    "settings": _settings,
    "recipes": _recipes,
    "backbones": _backbones,
    "scenarios": _scenarios,
    "topologies": _topologies,
    "learners": _learners,
}
