"""`netwright collect`: the command that collects experience."""

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
    """What to collect."""

    policies: Annotated[
        list[str],
        typer.Option(
            "--policy",
            metavar="NAME",
            help="A baseline or the folder of a saved model; may be repeated. sampled:NAME samples its actions, "
            "noisy:0.1:NAME replaces every tenth action by a random one.",
        ),
    ]
    setting: Annotated[
        str, typer.Option(metavar="NAME", help="Training environment; an unknown name lists them.")
    ] = "training"
    episodes: Annotated[int, typer.Option(min=1, help="Sessions for each policy.")] = 1000
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            metavar="NAME",
            help="A policy whose action probabilities are stored for every state; the mean of several if repeated.",
        ),
    ] = None


def collect(
    task: options.TaskName,
    wanted: Collected,
    out: options.OutFolder,
    inputs: options.Inputs,
    workers: Annotated[int, typer.Option(min=1, help="Number of processes.")] = 1,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an interrupted collection in --out.")
    ] = False,
    as_json: options.AsJson = False,
) -> None:
    """Run policies in training sessions and store the experience, for `adapt --experience`."""
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
    with interruptible(
        f"{out}.partial holds what is complete; repeat the command with --resume to continue."
    ):
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
    title = f"{found['decisions']} decisions of {chosen.name} in {wanted.setting}, stored in {out}"
    print_table(title, ["policy", "episodes", "mean reward"], rows)
