"""`netwright demo` and `experiments`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import interruptible, print_json, print_line, print_table, progress


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(demo)
    app.command()(experiments)


def demo(
    out: options.OutFolder = Path("netwright-demo"),
    short: Annotated[
        bool, typer.Option("--short", help="A smaller run that checks the installation.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Adapt, test and compare on generated data, and write a report."""
    from netwright.core.task import load_attribute

    with interruptible("repeat the command to start again."):
        report = load_attribute("netwright.experiments.demo:run")(out, short=short, progress=progress)
    if as_json:
        print_json({"report": str(report), "synthetic": True, "short": short})
    else:
        print_line(f"synthetic data; report: {report}")
        print_line("to answer such questions yourself, in a browser: netwright design serve")


def experiments(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Experiments to run; without a name, lists all."),
    ] = None,
    show: Annotated[bool, typer.Option("--list", help="List the experiments without running any.")] = False,
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the result rows.")] = Path(
        "results"
    ),
    only: Annotated[
        str | None,
        typer.Option(
            metavar="PATTERN",
            help='Measure only the parts whose names match, such as "*bayes-pair*"; other rows are kept.',
        ),
    ] = None,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Run experiments; each writes its measurements as rows into the results folder."""
    from netwright.core.errors import ConfigError
    from netwright.core.files import check_output
    from netwright.experiments import catalog

    if show or not names:
        known = [{"name": e.name, "summary": e.summary} for e in catalog.experiments().values()]
        if as_json:
            print_json({"experiments": known})
        else:
            print_table("experiments", ["name", "summary"], [[e["name"], e["summary"]] for e in known])
        return
    chosen = [catalog.experiment(name, only) for name in names]
    if data is not None and not data.is_dir():
        raise ConfigError(f"{data}: no such folder; check --data or the variable NETWRIGHT_DATA.")
    check_output(results / "rows.jsonl")
    for experiment in chosen:
        progress(f"experiment {experiment.name}: {experiment.summary}")
        with interruptible(f"rows written so far are in {results}; repeat the command to continue."):
            experiment.run(data, results, progress)
    if as_json:
        print_json({"done": [e.name for e in chosen], "results": str(results)})
    else:
        print_line(f"done: {', '.join(e.name for e in chosen)}; rows in {results}")
