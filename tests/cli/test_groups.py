"""Groups of options: typer sees the single options, the command sees the group."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from netwright.cli.groups import group, grouped


@group
class Color:
    red: Annotated[int, typer.Option("--red", min=0, help="Share of red.")]
    blue: Annotated[int, typer.Option(min=0)] = 3


@group
class Paint:
    blue: int = 0


def run(command, *words):
    app = typer.Typer()
    app.command()(grouped(command))
    return CliRunner().invoke(app, list(words))


def test_a_group_reaches_the_command_whole_with_defaults_and_values():
    seen = []

    def paint(name: Annotated[str, typer.Argument()], color: Color, coats: int = 1) -> None:
        seen.append((name, color, coats))

    assert run(paint, "wall", "--red", "5").exit_code == 0
    assert run(paint, "--coats", "2", "wall", "--blue", "7", "--red", "1").exit_code == 0
    assert seen == [("wall", Color(red=5, blue=3), 1), ("wall", Color(red=1, blue=7), 2)]


def test_options_keep_help_bounds_and_requirement():
    def paint(color: Color) -> None:
        """Paint it."""

    shown = run(paint, "--help").output
    assert "Share of red." in shown
    assert "Paint it." in shown
    assert run(paint).exit_code == 2
    assert run(paint, "--red", "-1").exit_code == 2


def test_the_signature_lists_the_options_in_their_order():
    def paint(coats: int, color: Color, dry: bool = False) -> None: ...

    assert list(inspect.signature(grouped(paint)).parameters) == ["coats", "red", "blue", "dry"]


def test_an_option_in_two_groups_is_refused():
    def paint(color: Color, other: Paint) -> None: ...

    with pytest.raises(TypeError, match="paint: two groups define blue"):
        grouped(paint)


def test_a_group_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Color(red=1).red = 2
