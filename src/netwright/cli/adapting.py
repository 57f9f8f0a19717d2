"""`netwright adapt`, `train` and `pretrain`: commands that make a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group, grouped
from netwright.cli.output import interruptible, print_facts, print_json, progress

if TYPE_CHECKING:
    from netwright.core.task import Task


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(grouped(adapt))
    app.command()(grouped(train))
    app.command()(pretrain)


@group
class Model:
    """The backbone, and how it is loaded."""

    backbone: Annotated[
        str,
        typer.Option(
            help="A name from `netwright list backbones`, a hub id, or a folder with a Hugging Face model."
        ),
    ]
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, ..")] = "auto"
    dtype: Annotated[str, typer.Option(help="Type of the frozen weights: float32, bfloat16 or float16.")] = (
        "float32"
    )


@group
class Training:
    """Training data and options."""

    recipe: Annotated[
        str | None,
        typer.Option(help="A recipe from `netwright list recipes`; the first one by default."),
    ] = None
    experience: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="DIR",
            help="Experience from `collect`, for a decision task; may be repeated.",
        ),
    ] = None
    iterations: Annotated[int | None, typer.Option(min=1, help="Optimizer steps.")] = None
    rank: Annotated[int | None, typer.Option(min=1, help="Rank of the low-rank matrices.")] = None
    method: Annotated[
        str | None,
        typer.Option(
            help="lora: train low-rank matrices beside the frozen backbone; full: train all weights."
        ),
    ] = None
    batch_size: Annotated[int | None, typer.Option(min=1, help="Samples per step.")] = None
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate.")] = None
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="Another option of the training or the recipe; may be repeated.",
        ),
    ] = None

    def arguments(self, task: Task) -> dict[str, object]:
        """The corresponding arguments of `netwright.adapt`.

        Raises:
            ConfigError: an option is given twice, or is none.
        """
        from netwright.cli.fields import divided, parsed
        from netwright.cli.inputs import given
        from netwright.core.errors import ConfigError
        from netwright.core.task import load_attribute

        recipe = task.recipe(self.recipe)
        settings = load_attribute("netwright.adaptation.config:TrainingConfig")
        of_training, of_recipe = divided(self.more or [], settings, type(recipe.config))
        named = given(
            iterations=self.iterations,
            rank=self.rank,
            method=self.method,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
        )
        others = parsed(settings, of_training)
        for name in named.keys() & others.keys():
            raise ConfigError(f"{name} is given twice, by --{name.replace('_', '-')} and by --set; keep one.")
        return {
            "recipe": recipe.name,
            "recipe_options": parsed(type(recipe.config), of_recipe) if of_recipe else {},
            "experience": self.experience or (),
            "options": named | others,
        }


@group
class Saved:
    """Label of the saved model, and resuming."""

    name: Annotated[str | None, typer.Option(metavar="LABEL", help="Name of the model in reports.")] = None
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run in --out.")] = False


@group
class Online:
    """The online phase."""

    online: Annotated[
        bool, typer.Option("--online", help="Continue training online, on episodes that the model plays.")
    ] = False
    start: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="With --online: an adapted model to start from, instead of adapting one."
        ),
    ] = None
    more_online: Annotated[
        list[str] | None,
        typer.Option(
            "--set-online", metavar="KEY=VALUE", help="An option of the online phase; may be repeated."
        ),
    ] = None

    def options(self, task: Task) -> dict[str, object]:
        """The given fields of the online phase's config.

        Raises:
            ConfigError: the task has no online phase, or options of the online phase are given without --online.
        """
        from netwright.cli.fields import parsed
        from netwright.core.errors import ConfigError
        from netwright.core.task import load_attribute

        found = parsed(load_attribute("netwright.adaptation.online.ppo:OnlineConfig"), self.more_online or [])
        if (self.start or self.more_online) and not self.online:
            raise ConfigError("--start and --set-online need --online; add it.")
        if self.online:
            task.check_online()
        return found

    def first(self, out: Path) -> Path:
        """The folder of the adapted model; beside `out` if an online phase follows."""
        return out.with_name(out.name + ".offline") if self.online else out


def adapt(
    task: options.TaskName,
    model: Model,
    out: options.OutFolder,
    training: Training,
    online: Online,
    inputs: options.Inputs,
    saved: Saved,
    as_json: options.AsJson = False,
) -> None:
    """Adapt a backbone to a task: train encoder, head and low-rank matrices beside the frozen backbone."""
    from netwright.cli.inputs import load_data, provenance
    from netwright.core import registry
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    arguments, of_online, first = training.arguments(chosen), online.options(chosen), online.first(out)
    shared = {"seed": inputs.seed, "device": model.device, "progress": progress}
    with interruptible(
        f"{out}.partial holds what was learned; repeat the command with --resume to continue."
    ):
        loaded = load_data(chosen, inputs.data, inputs.seed)
        if online.start is None:
            adapted = load_attribute("netwright.adaptation.api:adapt")(
                chosen,
                loaded,
                backbone=model.backbone,
                out=first,
                resume=saved.resume or (online.online and (first / "netwright.json").is_file()),
                dtype=model.dtype,
                label=saved.name,
                **arguments,
                **shared,
            )
        if online.online:
            adapted = load_attribute("netwright.adaptation.api:finetune_online")(
                chosen,
                loaded,
                online.start or first,
                out=out,
                options=of_online,
                backbone=None if model.backbone == "tiny" else model.backbone,
                resume=saved.resume,
                **shared,
            )
    facts = {"name": adapted.name, "out": str(out), **adapted.info}
    _print_made(facts, provenance(loaded), as_json)


def train(
    task: options.TaskName,
    policy: Annotated[str, typer.Option(metavar="NAME[:RECIPE]", help="A trainable baseline.")],
    out: options.OutFolder,
    inputs: options.Inputs,
    as_json: options.AsJson = False,
) -> None:
    """Train a baseline and save it; pass its folder to `test` and `compare` as --adapted."""
    from netwright.cli.inputs import load_data, output_folder, provenance
    from netwright.core import registry
    from netwright.core.task import load_attribute

    chosen = registry.task(task)
    folder = output_folder(out, "netwright.json")
    with interruptible(
        "nothing was written; repeat the command to continue from a checkpoint, or to start again."
    ):
        loaded = load_data(chosen, inputs.data, inputs.seed)
        load_attribute("netwright.evaluation.baselines:train_policy")(
            chosen, policy, loaded, out=folder, seed=inputs.seed, progress=progress
        )
    _print_made({"name": policy, "out": str(out), "seed": inputs.seed}, provenance(loaded), as_json)


def pretrain(
    preset: Annotated[str, typer.Option(help="Architecture: tiny or small.")] = "tiny",
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            callback=options.writable,
            help="File of the weights; <preset>.safetensors by default.",
            show_default=False,
        ),
    ] = None,
    iterations: Annotated[int, typer.Option(min=1, help="Optimizer steps.")] = 800,
    seed: options.Seed = 0,
    as_json: options.AsJson = False,
) -> None:
    """Pretrain a small backbone on synthetic sequences, for `adapt --backbone FILE`."""
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
    """Print what was made and from which data; the table omits the settings stored in `netwright.json`."""
    if as_json:
        print_json(origin | facts)
    else:
        shown = ("name", "preset", "out", "task", "recipe", "iterations", "seed", "validation", "cost")
        print_facts({key: facts[key] for key in shown if key in facts} | origin)
