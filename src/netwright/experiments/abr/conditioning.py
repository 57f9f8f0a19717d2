"""What conditioned models do when they are asked for something else: returns, regret, and weights of QoE; and the cost.

Reads the models that the experiment `abr` left in `runs/abr`, and makes those that are not there.
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
from netwright.experiments.abr import adapted as abr
from netwright.experiments.abr.adapted import Arm

NAME = "abr-dials"
SUMMARY = "adaptive bitrate: conditioned models asked for less and more, one model under many weights, cost of phases"
COMMAND = "netwright experiments abr-dials"

TARGETS: Mapping[str, tuple[float, ...]] = {
    "returns": (0.25, 0.5, 0.75, 0.9),
    "regret": (-1.0, 0.0, 0.5, 0.8, 1.0, 1.5),
}
"""What a model of each recipe is asked for: quantiles of returns, deviations above the other policies."""

VECTOR = "vector-returns"

WEIGHTS = ((4.3, 1.0), (2.0, 1.0), (8.0, 1.0), (4.3, 0.3), (4.3, 3.0))
"""Of rebuffering and of change, under which the model with vector returns plays, beside MPC that plans for them."""

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
    every = list(abr.arms())
    conditioned = [a for a in every if a.recipe in {*TARGETS, VECTOR} and not a.recipe_options]
    for arm in conditioned:
        progress(f"making or taking up {arm.label}")
        abr.adapt_and_test(arm, data_folder=data_folder, runs=runs)
    rows = [
        *(row for arm in conditioned for row in target_rows(task, data, runs, arm)),
        *(row for arm in conditioned if arm.recipe == VECTOR for row in weight_rows(task, data, runs, arm)),
        *(row for arm in every for row in cost_rows(runs, arm)),
    ]
    write_rows(results_folder / "abr.jsonl", rows, replaces={"area": "abr", "command": COMMAND})


def target_rows(task: Task, data: Any, runs: Path, arm: Arm) -> Iterator[ResultRow]:
    """QoE of a return-conditioned model for each target that it is asked for."""
    from netwright.adaptation.api import load

    for target in TARGETS.get(arm.recipe, ()):
        policy: Any = load(runs / arm.label, task).policy
        policy.target = target
        found = load_attribute(task.evaluate)(policy, task.setting("default"), data, name=arm.name)
        extra = {"target": target, **{f: found.detail[f] for f in FACTORS}}
        yield _row("default", arm, "qoe_asked_for", task.unit, found.mean, n=len(found.episodes), extra=extra)


def weight_rows(task: Task, data: Any, runs: Path, arm: Arm) -> Iterator[ResultRow]:
    """One model under several weights: what was asked for (against the pool's mean) and what was achieved."""
    from netwright.adaptation.api import load

    policy: Any = load(runs / arm.label, task).policy
    reached = policy.adapter.conditioning.fitted["reached"]
    rule = replace(arm, name="mpc")
    default = task.setting("default")
    for rebuffer, change in WEIGHTS:
        name = f"default[rebuffer={rebuffer},change={change}]"
        setting = Setting(name, "", replace(default.config, rebuffer=rebuffer, change=change))
        asked = max(reached, key=lambda r: r[0] - rebuffer * r[1] - change * r[2])
        for subject, decider in ((arm, policy), (rule, load_attribute(task.policy("mpc").factory)())):
            found = load_attribute(task.evaluate)(decider, setting, data, name=subject.name)
            extra: dict[str, Any] = {f: found.detail[f] for f in FACTORS}
            if subject is arm:
                extra["asked"] = dict(zip(FACTORS, asked, strict=True))
            yield _row(name, subject, "qoe", task.unit, found.mean, n=len(found.episodes), extra=extra)


def cost_rows(runs: Path, arm: Arm) -> Iterator[ResultRow]:
    """Seconds of a finished arm, and of an online phase those of playing and of learning (Fig. 3)."""
    from netwright.adaptation.saved_model import DESCRIPTION, read_description

    if not (runs / arm.label / DESCRIPTION).is_file():
        return
    cost = read_description(runs / arm.label)["cost"]
    for phase in PHASES:
        if phase in cost:
            yield _row("training", arm, phase, "s", cost[phase], n=1, extra={"steps": cost["steps"]})


def _row(
    setting: str, arm: Arm, metric: str, unit: str, value: float, *, n: int, extra: Mapping[str, Any]
) -> ResultRow:
    return ResultRow(
        area="abr",
        setting=setting,
        subject=arm.name,
        metric=metric,
        unit=unit,
        value=value,
        n=n,
        seeds=(arm.seed,),
        command=COMMAND,
        extra=extra,
    )
