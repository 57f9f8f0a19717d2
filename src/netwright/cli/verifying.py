"""`netwright verify`: replay recorded results through our own simulator."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import interruptible, print_json, print_line, print_table


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(verify)


def verify(
    task: options.TaskName,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Golden files of the task.")],
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="NETWRIGHT_DATA",
            metavar="DIR",
            help="Folder of real data; by default the one that contains the first file as TASK/golden/FILE.",
        ),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Replay golden files and print the largest difference of each field; exit 1 if one exceeds the tolerance."""
    from netwright.cli.inputs import load_data
    from netwright.core import registry
    from netwright.core.errors import ConfigError, DataError
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    if chosen.verify is None:
        raise ConfigError(f"task {chosen.name!r} has no golden files to replay; see `netwright list tasks`.")
    for file in files:
        if not file.is_file():
            raise DataError(f"{file}: no such file; check the path.")
    with interruptible("repeat the command to start again."):
        loaded = load_data(chosen, data or _folder_of(files[0], chosen.name), 0)
        replay = load_attribute(chosen.verify)
        found = [replay(file, loaded) for file in files]
    passed = all(one.passed for one in found)
    if as_json:
        print_json({"task": chosen.name, "passed": passed, "files": [one.to_json() for one in found]})
    else:
        for one in found:
            counts = ", ".join(f"{value} {name}" for name, value in one.counts.items())
            rows = [[name, f"{value:.3g}"] for name, value in one.largest.items()]
            print_table(f"{one.path}: {counts}", ["field", "largest difference"], rows)
        print_line(f"{'equal' if passed else 'NOT equal'} to {found[0].tolerance:g}")
    raise typer.Exit(0 if passed else 1)


def _folder_of(file: Path, task: str) -> Path | None:
    """The data folder of a file at `<folder>/<task>/golden/<file>`, or None."""
    golden = file.resolve().parent
    return golden.parent.parent if (golden.parent.name, golden.name) == (task, "golden") else None
