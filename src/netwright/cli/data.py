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
    list[str] | None, typer.Argument(metavar="[AREA]...", help=f"Of {', '.join(area_names())}.")
]


@app.command()
def check(
    areas: Areas = None,
    data: Annotated[Path | None, typer.Option(envvar="NETWRIGHT_DATA", help="The data folder.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Findings to print; 0 prints all.")] = 100,
    published: Annotated[
        bool, typer.Option("--published", help="Also compare with the published files: missing or changed.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Read what is there as `test` does, and name file and line of everything that is wrong."""
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
            envvar="NETWRIGHT_DATA", callback=options.writable, help="The data folder to make or complete."
        ),
    ] = Path("data"),
    base_url: Annotated[
        str,
        typer.Option(envvar="NETWRIGHT_BASE_URL", help="Where the archives are; a mirror keeps the paths."),
    ] = BASE_URL,
    as_json: options.AsJson = False,
) -> None:
    """Download the public sets, convert them, and compare each file with its published SHA-256."""
    with interruptible("run the same command again to go on from there."):
        results = fetch_areas(out, areas or (), base_url=base_url, progress=progress)
    failed = any(result.failed for result in results)
    if as_json:
        print_json({"folder": str(out), "ok": not failed, "areas": [r.to_json() for r in results]})
    else:
        for result in results:
            folder = out / result.area
            for path, why in (result.failed | result.not_public).items():
                print_line(f"not made: {folder / path}: {why}")
            print_line(
                f"{folder}: {len(result.made)} files made, {len(result.present)} were there, "
                f"{len(result.failed)} failed, {len(result.not_public)} not public"
            )
    raise typer.Exit(1 if failed else 0)
