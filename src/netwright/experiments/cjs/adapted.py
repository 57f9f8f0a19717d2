"""Cluster job scheduling: adapted models and their controls, in every setting, compared in pairs with rules and Decima.

Teachers play training sequences; a first model without a backbone is adapted to that and plays others, in which the
teacher labels what it meets; each variant is adapted to both and tested once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Task, load_attribute
from netwright.core.types import JsonView, TaskData
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool
from netwright.experiments.parts import chosen

NAME = "cjs-adapted"
SUMMARY = "cluster job scheduling: adapted models and their controls in all settings"
COMMAND = "netwright experiments cjs-adapted"

SEEDS = (0, 1, 2)
OPPONENTS = ("es-rule", "distilled", "decima", "fair")
LABEL = "distilled"
PLAYERS = (LABEL, f"noisy:0.1:{LABEL}")
PLACES = (("training", 20), ("overload", 3))
"""Training environments, and the sessions of each policy there."""

OPTIONS: JsonView = {"iterations": 1000, "batch_size": 16, "evaluate_every": 250}
RECIPE: JsonView = {"rule": True, "validation_jobs": 150}

if TYPE_CHECKING:
    from netwright.adaptation.api import Adapted

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """One model to adapt; variants that differ only in their seed share a name.

    Attributes:
        recipe, recipe_options, options: see `netwright.adaptation.api.adapt`.
    """

    name: str
    seed: int = 0
    backbone: str = "tiny"
    recipe: str = "distill"
    recipe_options: JsonView = field(default_factory=lambda: RECIPE)
    options: JsonView = field(default_factory=lambda: OPTIONS)

    @property
    def label(self) -> str:
        """Name of its folder."""
        return f"{self.name.replace(':', '-')}-seed{self.seed}"


def variants() -> Iterator[Variant]:
    """All variants, the most important first."""
    for backbone in ("tiny", "none", "random:tiny"):
        for seed in SEEDS:
            yield Variant(f"adapted:{backbone}", seed, backbone)
    yield Variant("adapted:none:attention", backbone="none", recipe_options={**RECIPE, "attention": 4})
    yield Variant("adapted:none:without-rule", backbone="none", recipe_options={**RECIPE, "rule": False})
    joined: JsonView = {**OPTIONS, "warm_start": 0.5}
    for backbone in ("none", "tiny", "random:tiny"):
        yield Variant(f"adapted:{backbone}:joined", backbone=backbone, options=joined)
    whole: JsonView = {**OPTIONS, "warm_start": 0.0, "rank": 128}
    yield Variant("adapted:tiny:paper", recipe="paper", options=whole)


def run(
    data_folder: Path | None,
    results_folder: Path,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> None:
    """Complete the runs in `runs/cjs`, and write the rows of each variant in `cjs.jsonl`; can be resumed.

    Args:
        only: selects variants by name; rows of the others are kept. All by default.
    """
    if data_folder is None:
        raise ConfigError("this experiment needs the TPC-H profiles; set --data or NETWRIGHT_DATA.")
    wanted = chosen_variants(only)
    task = registry.task("cjs")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    runs = results_folder.absolute().parent / "runs" / "cjs"
    runs.mkdir(parents=True, exist_ok=True)
    experience = collected(task, data_folder, data, runs, progress)
    tested = [
        load_attribute(task.evaluate)(load_attribute(task.policy(name).factory)(), setting, data, name=name)
        for name in OPPONENTS
        for setting in task.settings.values()
    ]
    for variant in wanted:
        found = adapt_and_test(variant, task, data, runs, experience)
        tested += found
        progress(f"{variant.label}: " + ", ".join(f"{e.setting} {e.mean:.2f}" for e in found))
        rows = [row for row in result_rows(task, tested) if row.subject == variant.name]
        replaced = {"area": "cjs", "command": COMMAND, "subject": variant.name}
        write_rows(results_folder / "cjs.jsonl", rows, replaces=replaced)


def chosen_variants(only: Callable[[str], bool] | None) -> list[Variant]:
    """The variants of these names, in order; see `parts.chosen` for the error."""
    return chosen(NAME, variants(), lambda variant: variant.name, only)


def collected(task: Task, data_folder: Path, data: TaskData, runs: Path, progress: Progress) -> list[Path]:
    """The folders of the experience of the teachers and of the first model, collected unless they are complete."""
    from netwright.adaptation.offline.collect import Plan, rl_collect

    def played(players: tuple[str, ...], name: str, first_seed: int) -> list[Path]:
        found = []
        for seed, (place, n) in enumerate(PLACES, start=first_seed):
            plan = Plan(players, place, n, seed=seed, labels=(LABEL,))
            found.append(runs / f"experience-{name}-{place}")
            rl_collect(task, data_folder, plan, out=found[-1], resume=True, progress=progress)
        return found

    teachers = played(PLAYERS, "teachers", 1)
    first = Variant("first", backbone="none")
    adapted(first, task, data, runs, teachers)
    return teachers + played((str(runs / first.label),), "first", 1 + len(PLACES))


def adapt_and_test(
    variant: Variant, task: Task, data: TaskData, runs: Path, experience: list[Path]
) -> list[Evaluation]:
    """Adapt one variant, unless it is complete, and test it in all settings."""
    made = adapted(variant, task, data, runs, experience)
    return [
        replace(found, config={**found.config, "seed": variant.seed})
        for setting in task.settings.values()
        for found in [load_attribute(task.evaluate)(made.policy, setting, data, name=variant.name)]
    ]


def adapted(variant: Variant, task: Task, data: TaskData, runs: Path, experience: list[Path]) -> Adapted:
    """Adapt one variant, unless it is complete."""
    from netwright.adaptation.api import adapt

    return adapt(
        task,
        data,
        out=runs / variant.label,
        backbone=variant.backbone,
        recipe=variant.recipe,
        recipe_options=variant.recipe_options,
        experience=experience,
        seed=variant.seed,
        options=variant.options,
        resume=True,
    )


def result_rows(task: Task, evaluations: list[Evaluation]) -> Iterator[ResultRow]:
    """Mean JCT of the adapted models with its interval over the sequences, and paired differences."""
    sequences = {e.setting: tuple(e.config["seeds"]) for e in evaluations}
    for setting, methods in pool(task, evaluations).items():
        pairs = Pairs(methods, next(iter(methods.values())).groups, task.lower_is_better)
        for policy, method in methods.items():
            if policy in OPPONENTS:
                continue
            make = partial(
                ResultRow,
                area="cjs",
                setting=setting,
                subject=policy,
                unit=task.unit,
                n=len(method.episodes),
                seeds=sequences[setting],
                command=COMMAND,
            )
            mean, extra = pairs.interval(method.values)[0], {"seed_means": list(method.seed_means)}
            yield make(metric="jct", value=mean.value, low=mean.low, high=mean.high, extra=extra)
            for other in (o for o in (*OPPONENTS, "adapted:none") if o in methods and o != policy):
                d = pairs.contrast(policy, other).difference
                yield make(
                    metric="jct_difference", value=d.value, low=d.low, high=d.high, extra={"baseline": other}
                )
