"""`netwright data`: check a data folder, fetch the public sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import Group, interruptible, print_json, print_line, progress
from netwright.core.errors import ConfigError
from netwright.datasets import area_names
from netwright.datasets.check import check as check_folder
from netwright.datasets.fetch import BASE_URL
from netwright.datasets.fetch import fetch as fetch_areas

app = typer.Typer(
    help="Check a data folder, or fetch the public sets.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=Group,
)

Areas = Annotated[
    list[str] | None,
    typer.Argument(metavar="[AREA]...", help=f"Any of {', '.join(area_names())}; all by default."),
]


@app.command()
def check(
    areas: Areas = None,
    data: Annotated[Path | None, typer.Option(envvar="NETWRIGHT_DATA", help="The data folder.")] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Maximum number of findings to print; 0 prints all.")
    ] = 100,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="Also report files that are missing or differ from the published ones."
        ),
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Validate a data folder with the readers of `test`; reports file and line of every error."""
    if data is None:
        raise ConfigError("no data folder is given; use --data DIR or set NETWRIGHT_DATA.")
    report = check_folder(data, areas or (), published=published)
    if as_json:
        print_json(report.to_json())
    else:
        findings = [*report.errors, *report.warnings]
        shown = findings[: limit or None]
        for finding in shown:
            print_line(str(finding))
        if len(shown) < len(findings):
            print_line(f"and {len(findings) - len(shown)} more; --limit 0 prints all.")
        print_line(
            f"{', '.join(report.findings)}: {len(report.errors)} errors, {len(report.warnings)} warnings"
        )
    raise typer.Exit(1 if report.errors else 0)


@app.command()
def fetch(
    areas: Areas = None,
    out: Annotated[
        Path,
        typer.Option(
            envvar="NETWRIGHT_DATA", callback=options.writable, help="The data folder to create or complete."
        ),
    ] = Path("data"),
    base_url: Annotated[
        str,
        typer.Option(
            envvar="NETWRIGHT_BASE_URL", help="Base URL of the archives; a mirror must keep the paths."
        ),
    ] = BASE_URL,
    as_json: options.AsJson = False,
) -> None:
    """Download the public sets, convert them, and compare each file with its published SHA-256."""
    with interruptible("repeat the command to continue."):
        results = fetch_areas(out, areas or (), base_url=base_url, progress=progress)
    failed = any(result.failed for result in results)
    if as_json:
        print_json({"folder": str(out), "ok": not failed, "areas": [r.to_json() for r in results]})
    else:
        for result in results:
            folder = out / result.area
            for path, why in (result.failed | result.not_public).items():
                print_line(f"not created: {folder / path}: {why}")
            print_line(
                f"{folder}: {len(result.made)} files created, {len(result.present)} already present, "
                f"{len(result.failed)} failed, {len(result.not_public)} not public"
            )
    raise typer.Exit(1 if failed else 0)
