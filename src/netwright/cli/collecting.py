"""`netwright collect`: the command that gathers experience."""

from __future__ import annotations

from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group, grouped
from netwright.cli.output import interruptible, print_json, print_table, progress


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(grouped(collect))


@group
class Collected:
    """What is collected."""

    policies: Annotated[
        list[str],
        typer.Option(
            "--policy",
            metavar="NAME",
            help="Who decides; repeat for more. A baseline or a folder of a saved model; sampled:NAME draws its "
            "choices, noisy:0.1:NAME makes every tenth at random.",
        ),
    ]
    setting: Annotated[
        str, typer.Option(metavar="NAME", help="Which training sessions; an unknown name lists them.")
    ] = "training"
    episodes: Annotated[int, typer.Option(min=1, help="Sessions that each policy meets.")] = 1000
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="NAME",
            help="A policy whose probabilities are kept for every state; repeat to keep the mean of several.",
        ),
    ] = None


def collect(
    task: options.TaskName,
    wanted: Collected,
    out: options.OutFolder,
    inputs: options.Inputs,
    workers: Annotated[int, typer.Option(min=1, help="Processes that share the work.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted collection in --out.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Let policies decide in training sessions and keep what happened, for `adapt --experience`."""
    from netwright.core import registry
    from netwright.core.errors import ConfigError
    from netwright.core.task import load_attribute
    from netwright.execution import executor

    chosen = registry.task(task)
    data, seed = inputs.data, inputs.seed
    if data is not None and not data.is_dir():
        raise ConfigError(f"{data}: no such folder; check --data or the variable NETWRIGHT_DATA.")
    if data is None:
        progress(f"no --data and no NETWRIGHT_DATA: synthetic data, generated from seed {seed}")
    plan = load_attribute("netwright.adaptation.offline.collect:Plan")(
        tuple(wanted.policies), wanted.setting, wanted.episodes, seed, tuple(wanted.labels or [])
    )
    with interruptible(f"{out}.partial holds what is complete; repeat the command with --resume to go on."):
        experience = load_attribute("netwright.adaptation.offline.collect:rl_collect")(
            chosen,
            data,
            plan,
            out=out,
            executor=executor("processes", workers) if workers > 1 else executor("serial"),
            resume=resume,
            progress=progress,
        )
    found = experience.provenance()
    if as_json:
        print_json({"out": str(out), **found})
        return
    rows = [
        [name, str(own["episodes"]), f"{own['mean_reward']:.4f}"] for name, own in found["policies"].items()
    ]
    title = f"{found['decisions']} decisions of {chosen.name} in {wanted.setting}, kept in {out}"
    print_table(title, ["policy", "episodes", "mean reward"], rows)
