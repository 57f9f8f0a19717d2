"""Options shared by several commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.groups import group
from netwright.core.files import check_output
from netwright.core.seeds import LARGEST_SEED

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task from `netwright list tasks`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Seed = Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of all randomness.")]
Data = Annotated[
    Path | None,
    typer.Option(
        envvar="NETWRIGHT_DATA",
        metavar="DIR",
        help="Folder of real data; by default, data are generated from the seed.",
    ),
]


@group
class Inputs:
    """The data of a task, and the seed."""

    seed: Seed = 0
    data: Data = None


def writable(path: Path | None) -> Path | None:
    """Callback of every output option: checks that the path can be written before the work begins."""
    if path is not None:
        check_output(path)
    return path


OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", callback=writable, help="Output folder.")]
Setting = Annotated[str, typer.Option(metavar="NAME", help="A setting from `netwright list settings`.")]
Replacements = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Replace a field of the setting, such as history=20; may be repeated.",
    ),
]
OwnBackbone = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The external backbone of an adapted model, as a folder or hub id. For safety, a saved model cannot "
        "choose it.",
    ),
]
