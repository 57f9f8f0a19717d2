"""`netwright design`: pools, learners against simulated operators, the dialogue, and users' own networks."""

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
from netwright.cli.design.solve import solve
from netwright.cli.output import (
    Group,
    interruptible,
    print_facts,
    print_json,
    print_line,
    print_table,
    progress,
)
from netwright.core.errors import UnknownNameError
from netwright.core.seeding import generator
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.learners import LEARNERS, learner_factory
from netwright.synthesis.simulate import TRUTHS, simulate, truth_values
from netwright.synthesis.teachers import simulated_teacher
from netwright.wan.selection import Network, Wanted, pool_facts

PAPER_RUNS = 301
GO_ON = "repeat the command to go on."

app = typer.Typer(
    help="Find a network design for an objective that nobody has written down.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    cls=Group,
)
app.command("ask")(ask)
app.command("solve")(solve)
app.command("import")(import_)


@app.command()
def pool(
    scenario: inputs.Scenario = None,
    topology: inputs.Topology = None,
    demands: inputs.Demands = None,
    load: inputs.Load = None,
    flows: inputs.Flows = None,
    tunnels: inputs.TunnelRule = None,
    classes: inputs.Classes = None,
    failures: inputs.Failures = None,
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
    """Build a pool: objectives that an operator may have, each with its best design."""
    network = Network(topology, demands, load, flows, tunnels, classes, failures)
    wanted = Wanted(scenario, network, objectives, seed, None, data, workers, out, progress)
    with interruptible(GO_ON):
        facts = pool_facts(wanted.source())
    if as_json:
        print_json({**facts, "version": __version__})
    else:
        print_facts({name: ", ".join(v) if isinstance(v, list) else v for name, v in facts.items()})


@app.command("simulate")
def simulate_(
    scenario: inputs.Scenario = None,
    topology: inputs.Topology = None,
    learner: Annotated[str, typer.Option(help=f"Of {', '.join(LEARNERS)}.")] = "bayes",
    teacher: Annotated[str, typer.Option(help="perfect, noisy:P or jnd:P, P in percent.")] = "perfect",
    question: Annotated[str, typer.Option(help=f"What bayes asks: {', '.join(QUESTIONS)}.")] = "auto",
    truths: Annotated[
        str, typer.Option(help=f"Objectives of the operators: {', '.join(TRUTHS)}.")
    ] = "template",
    queries: Annotated[int, typer.Option(min=1, help="Questions in each run.")] = 10,
    runs: Annotated[int, typer.Option(min=1, help="Simulated operators.")] = PAPER_RUNS,
    seed: options.Seed = 0,
    objectives: inputs.Objectives = 1000,
    pool_seed: inputs.PoolSeed = 0,
    pool: inputs.PoolFile = None,
    demands: inputs.Demands = None,
    load: inputs.Load = None,
    flows: inputs.Flows = None,
    tunnels: inputs.TunnelRule = None,
    classes: inputs.Classes = None,
    failures: inputs.Failures = None,
    workers: inputs.Workers = 1,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Measure how good the design is after each answer, over many simulated operators."""
    oracle = simulated_teacher(teacher)
    check_names(learner, question, truths)
    network = Network(topology, demands, load, flows, tunnels, classes, failures)
    wanted = Wanted(scenario, network, objectives + runs, pool_seed, pool, data, workers, say=progress)
    with interruptible(GO_ON):
        source = wanted.source()
        rest, held_out = source.pool.split(generator(seed, 0), runs)
        values = truth_values(truths, rest, held_out, generator(seed, 1))
        make = learner_factory(learner, rest, question=question, ties=oracle.jnd_percent > 0.0)
        found = simulate(
            make,
            rest,
            values,
            n_queries=queries,
            noise_percent=oracle.noise_percent,
            jnd_share=oracle.jnd_percent / 100.0,
            seed=seed,
            # Learners that draw candidates at random are drawn afresh for each run, as in the paper.
            n_learners=1 if learner == "bayes" else runs,
            progress=tenths,
        ).to_json()
    document: dict[str, Any] = {
        "scenario": source.pool.provenance["scenario"],
        "topology": Path(source.instance.config.topology).stem,
        "learner": learner,
        "teacher": teacher,
        "question": question if learner == "bayes" else "propose and compare",
        "truths": truths,
        **found,
        "pool": {**pool_facts(source), "held_out": runs},
        "version": __version__,
    }
    if as_json:
        print_json(document)
    else:
        name = f"{source.pool.name}, {learner}, teacher {teacher}, {runs} runs"
        print_qualities(f"quality after each question: {name}", found)


def check_names(learner: str, question: str, truths: str) -> None:
    """Refuse an unknown name before any work is done."""
    for kind, name, known in (
        ("learner", learner, LEARNERS),
        ("question", question, QUESTIONS),
        ("kind of truth", truths, TRUTHS),
    ):
        if name not in known:
            raise UnknownNameError(kind, name, known)


def print_qualities(title: str, found: Mapping[str, Any]) -> None:
    """A row for each question of what `simulate` found."""
    columns = ["question", "median", "10th percentile", "90th percentile", "mean gain"]
    series = (found[key] for key in ("median", "p10", "p90", "mean_gain"))
    rows = [[str(i), *(f"{v:.4f}" for v in row)] for i, row in enumerate(zip(*series, strict=True), start=1)]
    print_table(title, columns, rows)
    print_line(f"{1000 * found['seconds_per_query']:.1f} ms to the next question")


def tenths(done: int, total: int) -> None:
    """Progress, about ten times in all."""
    if done * 10 // total > (done - 1) * 10 // total:
        progress(f"{done} of {total} runs")
