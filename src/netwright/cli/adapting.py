"""`netwright adapt`, `train` and `pretrain`: the commands that make a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.output import interruptible, print_facts, print_json, progress


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(adapt)
    app.command()(train)
    app.command()(pretrain)


def adapt(
    task: options.TaskName,
    backbone: Annotated[
        str,
        typer.Option(
            help="See `netwright list backbones`; or a hub id, or a folder of a Hugging Face model."
        ),
    ],
    out: options.OutFolder,
    recipe: Annotated[
        str | None,
        typer.Option(help="What the model is shown, see `netwright list recipes`; the first by default."),
    ] = None,
    experience: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="What `collect` wrote, for a task of decisions; repeat to learn from several.",
        ),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Then learn on from fresh episodes of its own.")
    ] = False,
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="With --online: an adapted model to go on from, in place of adapting one."
        ),
    ] = None,
    iterations: Annotated[int | None, typer.Option(min=1, help="Optimiser steps.")] = None,
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the low-rank matrices.")] = None,
    method: Annotated[
        str | None, typer.Option(help="lora: backbone frozen; full: every weight learns.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples in one step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate.")] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Any other option of training or of the recipe; may be repeated.",
        ),
    ] = None,
    more_online: Annotated[
        list[str] | None,
        typer.Option(
            "--set-online", metavar="KEY=VALUE", help="An option of the online phase; may be repeated."
        ),
    ] = None,
    seed: options.Seed = 0,
    data: options.Data = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ..")] = "auto",
    dtype: Annotated[
        str, typer.Option(help="Of the frozen weights: float32, bfloat16 or float16.")
    ] = "float32",
    name: Annotated[
        str | None, typer.Option(metavar="LABEL", help="A name of your own, shown in reports.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run in --out.")] = False,
    as_json: options.AsJson = False,
) -> None:
    """Adapt a backbone to a task: the backbone stays frozen, encoder, head and low-rank matrices learn."""
    from netwright.cli.fields import divided, parsed
    from netwright.cli.inputs import given, load_data, provenance
    from netwright.core import registry
    from netwright.core.errors import ConfigError
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    named = chosen.recipe(recipe)
    settings = load_attribute("netwright.adaptation.config:TrainingConfig")
    of_training, of_recipe = divided(more or [], settings, type(named.config))
    overrides = given(
        iterations=iterations, rank=rank, method=method, batch_size=batch_size, learning_rate=learning_rate
    ) | parsed(settings, of_training)
    of_online = parsed(load_attribute("netwright.adaptation.online.ppo:OnlineConfig"), more_online or [])
    if (start or more_online) and not online:
        raise ConfigError("--start and --set-online belong to --online; add it.")
    first = out if not online else out.with_name(out.name + ".offline")
    with interruptible(f"{out}.partial holds what was learnt; repeat the command with --resume to go on."):
        loaded = load_data(chosen, data, seed)
        if start is None:
            # With an online phase to come, the adapted model stays beside what becomes of it.
            adapted = load_attribute("netwright.adaptation.api:adapt")(
                chosen,
                loaded,
                backbone=backbone,
                recipe=named.name,
                recipe_options=parsed(type(named.config), of_recipe) if of_recipe else {},
                experience=experience or (),
                out=first,
                seed=seed,
                options=overrides,
                resume=resume or (online and (first / "netwright.json").is_file()),
                device=device,
                dtype=dtype,
                label=name,
                progress=progress,
            )
        if online:
            adapted = load_attribute("netwright.adaptation.api:improve")(
                chosen,
                loaded,
                start or first,
                out=out,
                seed=seed,
                options=of_online,
                backbone=None if backbone == "tiny" else backbone,
                resume=resume,
                device=device,
                progress=progress,
            )
    facts = {"name": adapted.name, "out": str(out), **adapted.info}
    _print_made(facts, provenance(loaded), as_json)


def train(
    task: options.TaskName,
    policy: Annotated[str, typer.Option(metavar="NAME[:RECIPE]", help="A baseline that learns.")],
    out: options.OutFolder,
    seed: options.Seed = 0,
    data: options.Data = None,
    as_json: options.AsJson = False,
) -> None:
    """Train a baseline and save it; `test` and `compare` take its folder as --adapted."""
    from netwright.cli.inputs import load_data, output_folder, provenance
    from netwright.core import registry
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    folder = output_folder(out, "netwright.json")
    with interruptible(
        "nothing was written; repeat the command to go on from a checkpoint, or to start again."
    ):
        loaded = load_data(chosen, data, seed)
        load_attribute("netwright.evaluation.baselines:train_policy")(
            chosen, policy, loaded, out=folder, seed=seed, progress=progress
        )
    _print_made({"name": policy, "out": str(out), "seed": seed}, provenance(loaded), as_json)


def pretrain(
    preset: Annotated[str, typer.Option(help="Whose layers: tiny or small.")] = "tiny",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=options.writable,
            help="The weights; <preset>.safetensors by default.",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Optimiser steps.")] = 800,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Make a backbone's weights by short pre-training on synthetic sequences; `adapt --backbone FILE` takes them."""
    from netwright.core.errors import ConfigError
    from netwright.core.files import check_output
    from netwright.core.task import load_attribute

    file = out or Path(f"{preset}.safetensors")
    check_output(file)
    if file.is_dir():
        raise ConfigError(f"{file}: is a folder; give --out a file.")
    with interruptible("nothing was written; repeat the command to start again."):
        load_attribute("netwright.llm.pretraining:pretrain")(
            file, iterations=iterations, seed=seed, progress=progress, preset=preset
        )
    made = {"preset": preset, "out": str(file), "iterations": iterations, "seed": seed}
    _print_made(made, {"synthetic": True}, as_json)


def _print_made(facts: dict[str, object], origin: dict[str, object], as_json: bool) -> None:
    """What was made, and from which data; a table leaves the settings of a run to `netwright.json`."""
    if as_json:
        print_json(origin | facts)
    else:
        shown = ("name", "preset", "out", "task", "recipe", "iterations", "seed", "validation", "cost")
        print_facts({key: facts[key] for key in shown if key in facts} | origin)
