"""Viewport prediction on real data: adapted models, baselines and controls, with three sets of inputs.

Each variant is trained on training traces, selected on validation traces, and tested once on test traces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Task, load_attribute
from netwright.core.types import TaskData
from netwright.evaluation.baselines import train_policy
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool
from netwright.execution import executor

NAME = "vp"
SUMMARY = (
    "viewport prediction: adapted models, controls and baselines in four settings, with three sets of inputs"
)

ROWS = ("strict", "long", "crowd")
SEEDS = (0, 1, 2)
BACKBONES = ("tiny", "random:tiny", "none")
RULES = (
    "last-value",
    "velocity",
    "velocity-unwrapped",
    "linear-regression",
    "linear-regression-unwrapped",
)
PLAIN = "mlp:plain"
COMMAND = "netwright experiments vp"

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Variant:
    """One model to train: an adapted backbone, or a learned baseline (`backbone` None)."""

    policy: str
    recipe: str
    seed: int
    backbone: str | None = None

    @property
    def label(self) -> str:
        """Name of its folder."""
        return f"{self.policy.replace(':', '-')}-{self.recipe}-seed{self.seed}"


def variants() -> Iterator[Variant]:
    """All variants, the fast ones first."""
    for seed in SEEDS:
        yield Variant("mlp", "plain", seed)
        yield Variant("linear-l1", "strict", seed)
        for row in ROWS:
            yield Variant("mlp", row, seed)
    yield Variant("track", "strict", 0)
    for backbone in BACKBONES:
        for seed in SEEDS:
            for row in ROWS:
                yield Variant(f"adapted:{backbone}", row, seed, backbone)


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Train every variant missing from `runs/vp`, test all, and write `vp.jsonl`.

    Two variants at a time, one thread each; an interrupted run can be resumed.
    """
    if data_folder is None:
        raise ConfigError("this experiment needs the real traces; set --data or NETWRIGHT_DATA.")
    runs = results_folder.absolute().parent / "runs" / NAME
    work = partial(train_and_test, data_folder=data_folder, runs=runs)
    tested: dict[Variant, list[Evaluation]] = {}
    every = list(variants())
    for variant, evaluations in zip(every, executor("processes", 2).map(work, every), strict=True):
        tested[variant] = evaluations
        progress(
            f"{len(tested)}/{len(every)} {variant.label}: " + ", ".join(f"{e.mean:.3f}" for e in evaluations)
        )
    task = registry.task("vp")
    rules = test_rules(task, load_attribute(task.load_data)(data_folder, seed=0))
    rows = [r for row in ROWS for r in result_rows(task, row, evaluations_of(row, rules, tested))]
    write_rows(results_folder / "vp.jsonl", rows, replaces={"area": "vp", "command": COMMAND})


def train_and_test(variant: Variant, *, data_folder: Path, runs: Path) -> list[Evaluation]:
    """Train one variant, unless done, and test it in all settings; runs in a worker process."""
    import torch

    from netwright.adaptation.api import adapt, load

    torch.set_num_threads(1)
    task = registry.task("vp")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    out = runs / variant.label
    if variant.backbone is not None:
        adapt(
            task,
            data,
            out=out,
            backbone=variant.backbone,
            recipe=variant.recipe,
            seed=variant.seed,
            resume=True,
        )
    elif not out.exists():
        train_policy(
            task,
            f"{variant.policy}:{variant.recipe}",
            data,
            out=out,
            seed=variant.seed,
            progress=lambda line: None,
        )
    policy = load(out, task).policy
    name = variant.policy if variant.backbone is not None else f"{variant.policy}:{variant.recipe}"
    return [
        replace(found, config={**found.config, "seed": variant.seed})
        for setting in task.settings.values()
        for found in [load_attribute(task.evaluate)(policy, setting, data, name=name)]
    ]


def test_rules(task: Task, data: TaskData) -> list[Evaluation]:
    """The baselines that are not trainable, in all settings."""
    return [
        load_attribute(task.evaluate)(load_attribute(task.policy(name).factory)(), setting, data, name=name)
        for name in RULES
        for setting in task.settings.values()
    ]


def evaluations_of(
    row: str, rules: list[Evaluation], tested: dict[Variant, list[Evaluation]]
) -> list[Evaluation]:
    """The methods compared in one row: all with the same or fewer inputs."""
    less = {"plain", *ROWS[: ROWS.index(row) + 1]}
    chosen = [a for a in tested if (a.recipe == row if a.backbone is not None else a.recipe in less)]
    return [*rules, *(e for a in chosen for e in tested[a])]


def result_rows(task: Task, row: str, evaluations: list[Evaluation]) -> Iterator[ResultRow]:
    """Means, ratios to last value, and the paired differences behind the claims."""
    for setting, methods in pool(task, evaluations).items():
        groups = next(m.groups for m in methods.values())
        pairs = Pairs(methods, groups, task.lower_is_better)
        reference = pairs.mean(task.reference_policy)
        for policy, method in methods.items():
            make = partial(
                ResultRow,
                area="vp",
                setting=setting,
                subject=policy,
                n=len(method.episodes),
                seeds=tuple(s for s in method.seeds if s is not None),
                command=COMMAND,
            )
            mean = pairs.interval(method.values)[0]
            extra = {"row": row, "seed_means": list(method.seed_means), "ratio": mean.value / reference}
            yield make(
                metric="mae", unit="degrees", value=mean.value, low=mean.low, high=mean.high, extra=extra
            )
            for other in _opponents(policy, row):
                found = pairs.contrast(policy, other)
                assert found is not None
                d = found.difference
                extra = {"row": row, "baseline": other}
                yield make(
                    metric="mae_difference",
                    unit="degrees",
                    value=d.value,
                    low=d.low,
                    high=d.high,
                    extra=extra,
                )


def _opponents(policy: str, row: str) -> list[str]:
    """Methods that a method is compared with: for adapted models, the best baselines and the controls."""
    if not policy.startswith("adapted:"):
        return []
    others = ("last-value", PLAIN, f"mlp:{row}", *(f"adapted:{b}" for b in BACKBONES[1:]))
    return [o for o in others if o != policy]
