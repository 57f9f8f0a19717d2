"""`netwright design`: pools, simulated operators, the dialogue in a terminal or a browser, and importing networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from netwright import __version__
from netwright.cli import options
from netwright.cli.design import options as inputs
from netwright.cli.design.ask import ask
from netwright.cli.design.importing import import_
from netwright.cli.design.serve import serve
from netwright.cli.design.solve import solve
from netwright.cli.groups import group, grouped
from netwright.cli.output import (
    Group,
    interruptible,
    print_facts,
    print_json,
    print_line,
    print_table,
    progress,
)
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.learners import LEARNERS
from netwright.synthesis.simulate import TRUTHS, Simulation
from netwright.wan.selection import Wanted, pool_facts

PAPER_RUNS = 301
CONTINUE = "repeat the command to continue."

app = typer.Typer(
    help="Find a network design without writing down the objective.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=Group,
)
app.command("ask")(grouped(ask))
app.command("solve")(grouped(solve))
app.command("import")(grouped(import_))
app.command("serve")(serve)


@app.command()
@grouped
def pool(
    network: inputs.NetworkOptions,
    objectives: inputs.Objectives = 1000,
    seed: options.Seed = 0,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", callback=options.writable, help="Parquet file to write; by default in the cache."
        ),
    ] = None,
    workers: inputs.Workers = 1,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Build a pool: sampled objectives, each with its best design."""
    wanted = Wanted(network.scenario, network.network(), objectives, seed, None, data, workers, out, progress)
    with interruptible(CONTINUE):
        facts = pool_facts(wanted.source())
    if as_json:
        print_json({**facts, "version": __version__})
    else:
        print_facts({name: ", ".join(v) if isinstance(v, list) else v for name, v in facts.items()})


@group
class Runs:
    """What to simulate."""

    learner: Annotated[str, typer.Option(help=f"Of {', '.join(LEARNERS.names())}.")] = "bayes"
    teacher: Annotated[str, typer.Option(help="perfect, noisy:P or jnd:P, P in percent.")] = "perfect"
    question: Annotated[str, typer.Option(help=f"What bayes asks: {', '.join(QUESTIONS)}.")] = "auto"
    truths: Annotated[
        str, typer.Option(help=f"Objectives of the simulated operators: {', '.join(TRUTHS)}.")
    ] = "template"
    queries: Annotated[int, typer.Option(min=1, help="Questions in each run.")] = 10
    runs: Annotated[int, typer.Option(min=1, help="Number of simulated operators.")] = PAPER_RUNS
    seed: options.Seed = 0


@app.command("simulate")
@grouped
def simulate_(
    network: inputs.NetworkOptions,
    runs: Runs,
    which: inputs.PoolOptions,
    as_json: options.AsJson = False,
) -> None:
    """Measure the quality of the design after each answer, over many simulated operators."""
    plan = Simulation(**vars(runs))
    wanted = which.wanted(network, progress, more=runs.runs)
    with interruptible(CONTINUE):
        source = wanted.source()
        found = plan.run(source.pool, tenths).to_json()
    if as_json:
        topology = Path(source.instance.config.topology).stem
        print_json(
            {
                "scenario": source.pool.provenance["scenario"],
                "topology": topology,
                **plan.to_json(),
                **found,
                "pool": {**pool_facts(source), "held_out": runs.runs},
                "version": __version__,
            }
        )
    else:
        name = f"{source.pool.name}, {runs.learner}, teacher {runs.teacher}, {runs.runs} runs"
        print_qualities(f"quality after each question: {name}", found)


def print_qualities(title: str, found: Mapping[str, Any]) -> None:
    """Print one row per question of a simulation's result."""
    columns = ["question", "median", "10th percentile", "90th percentile", "mean gain"]
    series = (found[key] for key in ("median", "p10", "p90", "mean_gain"))
    rows = [[str(i), *(f"{v:.4f}" for v in row)] for i, row in enumerate(zip(*series, strict=True), start=1)]
    print_table(title, columns, rows)
    print_line(f"{1000 * found['seconds_per_query']:.1f} ms to the next question")


def tenths(done: int, total: int) -> None:
    """Print about ten lines of progress in total."""
    if done * 10 // total > (done - 1) * 10 // total:
        progress(f"{done} of {total} runs")
