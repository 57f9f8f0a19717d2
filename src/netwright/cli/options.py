"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.groups import group
from netwright.core.files import check_output

TaskName = Annotated[str, typer.Argument(metavar="TASK", help="A task, see `netwright list tasks`.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all randomness.")]
Data = Annotated[
    Path | None,
    typer.Option(
        envvar="NETWRIGHT_DATA",
        metavar="DIR",
        help="Folder of real data; without it, data are generated from the seed.",
    ),
]


@group
class Inputs:
    """The data of a task, and the seed."""

    seed: Seed = 0
    data: Data = None


def writable(path: Path | None) -> Path | None:
    """The callback of every option that names a place to write: tried before the work begins."""
    if path is not None:
        check_output(path)
    return path


OutFolder = Annotated[Path, typer.Option("--out", metavar="DIR", callback=writable, help="Folder to write.")]
Setting = Annotated[str, typer.Option(metavar="NAME", help="A setting, see `netwright list settings`.")]
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
        help="The backbone of an adapted model, where it is not one of netwright's own: a folder or hub id. A saved "
        "model cannot name it by itself.",
    ),
]
