"""Adaptive bitrate on real traces: adapted models, their teachers, rules, control variants and the optimum.

Teachers are trained, their experience is collected, each variant is adapted to it (some continue online), and all are
tested once in every setting. Training and test data are disjoint; see `netwright.tasks.abr.training_set`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Task, load_attribute
from netwright.core.types import JsonView, TaskData
from netwright.evaluation.baselines import train_policy
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool
from netwright.execution import Executor, executor
from netwright.experiments.parts import chosen

NAME = "abr"
SUMMARY = "adaptive bitrate: adapted models, offline and online, their controls and teachers in every setting"
COMMAND = "netwright experiments abr"

SEEDS = (0, 1, 2)
RULES = ("bba", "mpc-reference", "mpc", "pensieve", "genet", "ppo")
OPPONENTS = ("ppo", "mpc", "bba", "genet")
N_SESSIONS = 1200
SKIPPED = {"default-published"}  # the same tests as default

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """One model to adapt.

    Attributes:
        name: as in the results; variants that differ only in their seed share it.
        recipe, recipe_options, options: see `netwright.adaptation.api.adapt`.
        place: which experience it learns from.
        start: name of the variant from which this one continues online.
    """

    name: str
    seed: int
    backbone: str = "tiny"
    recipe: str = "distill"
    recipe_options: JsonView = field(default_factory=dict)
    options: JsonView = field(default_factory=dict)
    place: str = "training"
    start: str | None = None

    @property
    def label(self) -> str:
        """Name of its folder."""
        return folder_name(self.name, self.seed)


def folder_name(name: str, seed: int) -> str:
    """Folder of the variant of that name and seed."""
    return f"{name.replace(':', '-')}-seed{seed}"


OFFLINE: JsonView = {"iterations": 1000, "warm_start": 0.94, "evaluate_every": 250}
JOINED: JsonView = {"iterations": 700, "warm_start": 0.5, "evaluate_every": 175}
ONLINE: JsonView = {"iterations": 100, "evaluate_every": 25}


def variants() -> Iterator[Variant]:
    """All variants, the most important first; an online variant comes after the one it starts from."""
    offline = partial(Variant, options=OFFLINE)
    for seed in SEEDS:
        yield offline("adapted:tiny", seed)
    for seed in SEEDS:
        yield Variant("adapted:tiny:online", seed, options=ONLINE, start="adapted:tiny")
    for seed in SEEDS:
        yield Variant("adapted:tiny:online:twice", seed, options=ONLINE, start="adapted:tiny:online")
    yield offline("adapted:none", 0, "none")
    yield offline("adapted:tiny:paper", 0, recipe="paper", place="paper")
    for recipe in ("clone", "advantage", "returns"):
        yield offline(f"adapted:tiny:{recipe}", 0, recipe=recipe)
    joined = partial(Variant, options=JOINED)
    for backbone in ("none", "tiny", "random:tiny"):
        yield joined(f"adapted:{backbone}:joined", 0, backbone)
        yield joined(f"adapted:{backbone}:short", 0, backbone, recipe_options={"memory": 1})
    for window in (1, 5, 20):
        yield joined(f"adapted:tiny:short:w{window}", 0, recipe_options={"memory": 1, "window": window})
    for recipe in ("returns-published", "regret"):
        yield offline(f"adapted:tiny:{recipe}", 0, recipe=recipe)
    yield offline("adapted:tiny:vector-returns", 0, recipe="vector-returns", place="weights")
    yield Variant("adapted:none:online", 0, "none", options=ONLINE, start="adapted:none")
    slow = {**OFFLINE, "warm_start": 0.98, "batch_size": 32}
    yield Variant("adapted:tiny:eight-tokens", 0, recipe_options={"layout": "paper"}, options=slow)


def run(
    data_folder: Path | None,
    results_folder: Path,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> None:
    """Complete the runs in `runs/abr`, and write `abr.jsonl` after every variant.

    Two variants at a time, one thread each; an interrupted run can be resumed.

    Args:
        only: selects variants by name; rows of the others are kept. All by default.
    """
    if data_folder is None:
        raise ConfigError("this experiment needs the real traces; set --data or NETWRIGHT_DATA.")
    every = chosen_variants(only)
    results = results_folder / "abr.jsonl"
    runs = results_folder.absolute().parent / "runs" / NAME
    runs.mkdir(parents=True, exist_ok=True)
    two = executor("processes", 2)
    prepare("training", data_folder, runs, two, progress)
    task = registry.task(NAME)
    tested = test_rules(task, load_attribute(task.load_data)(data_folder, seed=0))
    work = partial(adapt_and_test, data_folder=data_folder, runs=runs)
    for variant, evaluations in zip(every, two.map(work, every), strict=True):
        tested += evaluations
        progress(f"{variant.label}: " + ", ".join(f"{e.setting} {e.mean:.3f}" for e in evaluations))
        rows = list(result_rows(task, tested))
        of_run = {"area": "abr", "command": COMMAND}
        if only is None:
            write_rows(results, rows, replaces=of_run)
        else:
            of_variant = [row for row in rows if row.subject == variant.name]
            write_rows(results, of_variant, replaces={**of_run, "subject": variant.name})


def chosen_variants(only: Callable[[str], bool] | None) -> list[Variant]:
    """The variants of these names with those they start from or are compared with, in order.

    Raises:
        ConfigError: there is none.
    """
    every = list(variants())
    names = {variant.name for variant in chosen(NAME, every, lambda variant: variant.name, only)}
    names.update(*(rivals(name) for name in names))
    for variant in reversed(every):  # a variant comes after the one it starts from
        if variant.name in names and variant.start is not None:
            names.add(variant.start)
    return [variant for variant in every if variant.name in names]


@dataclass(frozen=True)
class Place:
    """A source of experience.

    Attributes:
        teachers: policies that are trained for it, with their seeds.
        players: policies that play; names with a seed are teachers.
        labels: policies whose mean probabilities are stored as labels.
    """

    teachers: tuple[tuple[str, int], ...]
    players: tuple[str, ...]
    labels: tuple[str, ...]


PLACES: Mapping[str, Place] = {
    "training": Place(
        teachers=tuple(("ppo", seed) for seed in SEEDS),
        players=(
            *("ppo-seed0", "ppo-seed1", "ppo-seed2", "sampled:ppo-seed0", "sampled:ppo-seed1"),
            *("noisy:0.1:ppo-seed2", "mpc", "bba"),
        ),
        labels=("ppo-seed0", "ppo-seed1", "ppo-seed2"),
    ),
    "paper": Place(
        teachers=(("ppo:paper", 0),),
        players=("ppo-paper-seed0", "sampled:ppo-paper-seed0", "noisy:0.1:ppo-paper-seed0", "mpc", "bba"),
        labels=("ppo-paper-seed0",),
    ),
    "weights": Place(
        teachers=(),
        players=("ppo", "sampled:ppo", "mpc", "noisy:0.1:mpc", "bba"),
        labels=(),
    ),
}


def prepare(place: str, data_folder: Path, runs: Path, workers: Executor, progress: Progress) -> Path:
    """Train the teachers of a source and collect its experience, unless done; returns its folder."""
    from netwright.adaptation.offline.collect import Plan, rl_collect

    out, about = runs / f"experience-{place}", PLACES[place]
    if out.exists():
        return out
    for label in workers.map(partial(train_teacher, data_folder=data_folder, runs=runs), about.teachers):
        progress(f"teacher {label}")

    def named(policy: str) -> str:
        kind, colon, last = policy.rpartition(":")
        return f"{kind}{colon}{runs / last}" if "-seed" in last else policy

    players, labels = ((named(p) for p in policies) for policies in (about.players, about.labels))
    plan = Plan(tuple(players), place, N_SESSIONS, labels=tuple(labels))
    rl_collect(
        registry.task(NAME), data_folder, plan, out=out, executor=workers, resume=True, progress=progress
    )
    return out


def train_teacher(teacher: tuple[str, int], *, data_folder: Path, runs: Path) -> str:
    """Train one teacher, unless done; runs in a worker process."""
    import torch

    torch.set_num_threads(1)
    policy, seed = teacher
    out = runs / folder_name(policy, seed)
    if not out.exists():
        task = registry.task(NAME)
        data = load_attribute(task.load_data)(data_folder, seed=0)
        train_policy(task, policy, data, out=out, seed=seed, progress=lambda line: None)
    return out.name


def adapt_and_test(variant: Variant, *, data_folder: Path, runs: Path) -> list[Evaluation]:
    """Adapt one variant, unless done, and test it in all settings; runs in a worker process."""
    import torch

    from netwright.adaptation.api import adapt, finetune_online, load

    torch.set_num_threads(1)
    task = registry.task(NAME)
    data = load_attribute(task.load_data)(data_folder, seed=0)
    out = runs / variant.label
    if variant.start is not None:
        start = runs / folder_name(variant.start, variant.seed)
        finetune_online(task, data, start, out=out, seed=variant.seed, options=variant.options, resume=True)
    else:
        adapt(
            task,
            data,
            out=out,
            backbone=variant.backbone,
            recipe=variant.recipe,
            recipe_options=variant.recipe_options,
            experience=[prepare(variant.place, data_folder, runs, executor("serial"), lambda line: None)],
            seed=variant.seed,
            options=variant.options,
            resume=True,
        )
    policy = load(out, task).policy
    return [
        replace(found, config={**found.config, "seed": variant.seed})
        for setting in task.settings.values()
        if setting.name not in SKIPPED
        for found in [load_attribute(task.evaluate)(policy, setting, data, name=variant.name)]
    ]


def test_rules(task: Task, data: TaskData) -> list[Evaluation]:
    """The baselines in all settings, trainable ones with shipped weights."""
    return [
        load_attribute(task.evaluate)(load_attribute(task.policy(name).factory)(), setting, data, name=name)
        for name in RULES
        if name in task.policies
        for setting in task.settings.values()
        if setting.name not in SKIPPED
    ]


def rivals(policy: str) -> tuple[str, ...]:
    """Methods that an adapted model is compared with, including its control without a backbone."""
    groups = [g for g in ("joined", "short") if f":{g}" in policy]
    return (*OPPONENTS, *(f"adapted:none:{g}" for g in groups))


def result_rows(task: Task, evaluations: list[Evaluation]) -> Iterator[ResultRow]:
    """Means with their share of the offline optimum, and the paired differences behind the claims."""
    details = {(e.setting, e.policy): e.detail for e in evaluations}
    for setting, methods in pool(task, evaluations).items():
        groups = next(m.groups for m in methods.values())
        pairs = Pairs(methods, groups, task.lower_is_better)
        for policy, method in methods.items():
            make = partial(
                ResultRow,
                area=NAME,
                setting=setting,
                subject=policy,
                n=len(method.episodes),
                seeds=tuple(s for s in method.seeds if s is not None),
                command=COMMAND,
            )
            mean = pairs.interval(method.values)[0]
            optimum = float(np.mean(details[setting, policy]["optimum"]))
            extra = {"seed_means": list(method.seed_means), "share_of_optimum": mean.value / optimum}
            yield make(
                metric="qoe", unit="per chunk", value=mean.value, low=mean.low, high=mean.high, extra=extra
            )
            for other in rivals(policy) if policy.startswith("adapted:") else ():
                if other in methods and other != policy:
                    d = pairs.contrast(policy, other).difference
                    yield make(
                        metric="qoe_difference",
                        unit="per chunk",
                        value=d.value,
                        low=d.low,
                        high=d.high,
                        extra={"baseline": other},
                    )
