"""Conditioning sweep: models with other target returns, target regrets and QoE weights; and the cost of training.

Reads the models of the experiment `abr` in `runs/abr`, and trains those that are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import ResultRow, write_rows
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.types import Json, JsonView, TaskData
from netwright.experiments.abr import adapted as abr
from netwright.experiments.abr.adapted import Variant

NAME = "abr-conditioning"
SUMMARY = "adaptive bitrate: conditioned models with other targets and weights, cost of phases"
COMMAND = "netwright experiments abr-conditioning"

TARGETS: Mapping[str, tuple[float, ...]] = {
    "returns": (0.25, 0.5, 0.75, 0.9),
    "regret": (-1.0, 0.0, 0.5, 0.8, 1.0, 1.5),
}
"""Targets of each recipe: quantiles of returns, deviations above the other policies."""

VECTOR = "vector-returns"

WEIGHTS = ((4.3, 1.0), (2.0, 1.0), (8.0, 1.0), (4.3, 0.3), (4.3, 3.0))
"""Weights of rebuffering and of bitrate changes, for the model with vector returns and for MPC."""

FACTORS = ("bitrate_mbps", "rebuffer_s", "change_mbps")
PHASES = ("seconds", "seconds_interacting", "seconds_learning")

Progress = Callable[[str], None]


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test the models under every target and weight in `default`, and write rows of `abr.jsonl`."""
    if data_folder is None:
        raise ConfigError("this experiment needs the real traces; set --data or NETWRIGHT_DATA.")
    runs = results_folder.absolute().parent / "runs" / abr.NAME
    task = registry.task(abr.NAME)
    data = load_attribute(task.load_data)(data_folder, seed=0)
    every = list(abr.variants())
    conditioned = [a for a in every if a.recipe in {*TARGETS, VECTOR} and not a.recipe_options]
    for variant in conditioned:
        progress(f"training or loading {variant.label}")
        abr.adapt_and_test(variant, data_folder=data_folder, runs=runs)
    by_vector = [a for a in conditioned if a.recipe == VECTOR]
    rows = [
        *(row for variant in conditioned for row in target_rows(task, data, runs, variant)),
        *(row for variant in by_vector for row in weight_rows(task, data, runs, variant)),
        *(row for variant in every for row in cost_rows(runs, variant)),
    ]
    write_rows(results_folder / "abr.jsonl", rows, replaces={"area": "abr", "command": COMMAND})


def target_rows(task: Task, data: TaskData, runs: Path, variant: Variant) -> Iterator[ResultRow]:
    """QoE of a return-conditioned model for each target."""
    from netwright.adaptation.api import load

    for target in TARGETS.get(variant.recipe, ()):
        policy: Any = load(runs / variant.label, task).policy
        policy.target = target
        found = load_attribute(task.evaluate)(policy, task.setting("default"), data, name=variant.name)
        extra = {"target": target, **{f: found.detail[f] for f in FACTORS}}
        yield _row(
            "default", variant, "qoe_asked_for", task.unit, found.mean, n=len(found.episodes), extra=extra
        )


def weight_rows(task: Task, data: TaskData, runs: Path, variant: Variant) -> Iterator[ResultRow]:
    """One model under several weights: the target (relative to the pool's mean) and the achieved QoE."""
    from netwright.adaptation.api import load

    policy: Any = load(runs / variant.label, task).policy
    reached = policy.adapter.conditioning.fitted["reached"]
    rule = replace(variant, name="mpc")
    default = task.setting("default")
    for rebuffer, change in WEIGHTS:
        name = f"default[rebuffer={rebuffer},change={change}]"
        setting = Setting(name, "", replace(default.config, rebuffer=rebuffer, change=change))
        asked = max(reached, key=lambda r: r[0] - rebuffer * r[1] - change * r[2])
        for subject, decider in ((variant, policy), (rule, load_attribute(task.policy("mpc").factory)())):
            found = load_attribute(task.evaluate)(decider, setting, data, name=subject.name)
            extra: Json = {f: found.detail[f] for f in FACTORS}
            if subject is variant:
                extra["asked"] = dict(zip(FACTORS, asked, strict=True))
            yield _row(name, subject, "qoe", task.unit, found.mean, n=len(found.episodes), extra=extra)


def cost_rows(runs: Path, variant: Variant) -> Iterator[ResultRow]:
    """Seconds of a finished variant; for an online phase, of playing and of learning (Fig. 3)."""
    from netwright.adaptation.saved_model import DESCRIPTION, read_saved

    if not (runs / variant.label / DESCRIPTION).is_file():
        return
    cost = read_saved(runs / variant.label).cost
    for phase in PHASES:
        seconds = cost.get(phase)
        if isinstance(seconds, float):
            yield _row("training", variant, phase, "s", seconds, n=1, extra={"steps": cost["steps"]})


def _row(
    setting: str, variant: Variant, metric: str, unit: str, value: float, *, n: int, extra: JsonView
) -> ResultRow:
    return ResultRow(
        area="abr",
        setting=setting,
        subject=variant.name,
        metric=metric,
        unit=unit,
        value=value,
        n=n,
        seeds=(variant.seed,),
        command=COMMAND,
        extra=extra,
    )
