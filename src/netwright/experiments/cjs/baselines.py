"""Cluster job scheduling: every baseline in every setting, compared in pairs on the same jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Task, load_attribute
from netwright.evaluation.baselines import ready_policy
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool

NAME = "cjs-baselines"
SUMMARY = "cluster job scheduling: all rules in all settings"

COMMAND = "netwright experiments cjs-baselines"
OPPONENTS = ("fair", "fair-plus-c")
"""Methods that the others are compared with in pairs."""

Progress = Callable[[str], None]


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test every baseline in every setting and write its rows of `cjs.jsonl`; a minute of one core."""
    if data_folder is None:
        raise ConfigError("this experiment needs the TPC-H profiles; set --data or NETWRIGHT_DATA.")
    task = registry.task("cjs")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    evaluations = []
    for name in (spec.name for spec in task.policies.values() if not spec.costly):
        policy = ready_policy(task, name, data, seed=0, progress=progress)
        tested = [load_attribute(task.evaluate)(policy, s, data, name=name) for s in task.settings.values()]
        evaluations += tested
        progress(f"{name}: " + ", ".join(f"{e.setting} {e.mean:.1f}" for e in tested))
    rows = list(result_rows(task, evaluations))
    write_rows(results_folder / "cjs.jsonl", rows, replaces={"area": "cjs", "command": COMMAND})


def result_rows(task: Task, evaluations: list[Evaluation]) -> Iterator[ResultRow]:
    """Mean JCT with its interval over the sequences, percentiles, and paired differences."""
    by_name = {(e.setting, e.policy): e for e in evaluations}
    for setting, methods in pool(task, evaluations).items():
        pairs = Pairs(methods, next(iter(methods.values())).groups, task.lower_is_better)
        for policy, method in methods.items():
            tested = by_name[setting, policy]
            make = partial(
                ResultRow,
                area="cjs",
                setting=setting,
                subject=policy,
                unit=task.unit,
                n=len(method.episodes),
                seeds=tuple(tested.config["seeds"]),
                command=COMMAND,
            )
            mean = pairs.interval(method.values)[0]
            yield make(metric="jct", value=mean.value, low=mean.low, high=mean.high)
            for name in ("p50", "p90", "p99"):
                yield make(metric=f"jct_{name}", value=tested.detail[name])
            for other in (o for o in OPPONENTS if o in methods and o != policy):
                d = pairs.contrast(policy, other).difference
                yield make(
                    metric="jct_difference", value=d.value, low=d.low, high=d.high, extra={"baseline": other}
                )
