"""Adaptive bitrate streaming on real traces: every baseline in every setting, compared with the offline optimum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Task, load_attribute
from netwright.evaluation.baselines import ready_policy
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool
from netwright.evaluation.statistics import bootstrap_mean

NAME = "abr-baselines"
SUMMARY = "adaptive bitrate streaming: rules, learned baselines and the offline optimum in all settings"

COMMAND = "netwright experiments abr-baselines"
OPPONENTS: Mapping[str, tuple[str, ...]] = {
    "mpc": ("bba", "mpc-reference"),
    "ppo": ("bba", "mpc", "mpc-reference", "genet", "pensieve"),
    "genet": ("bba", "mpc"),
    "pensieve": ("bba", "mpc"),
}
"""Methods that each method is compared with in pairs."""

SKIPPED = {"default-published"}  # the same tests as default

FACTORS = {"bitrate_mbps": "Mbit/s", "rebuffer_s": "s per chunk", "change_mbps": "Mbit/s per chunk"}

Progress = Callable[[str], None]


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test every baseline in every setting and write its rows of `abr.jsonl`; a few minutes of one core."""
    if data_folder is None:
        raise ConfigError("this experiment needs the real traces; set --data or NETWRIGHT_DATA.")
    task = registry.task("abr")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    settings = [s for s in task.settings.values() if s.name not in SKIPPED]
    evaluations = []
    for name in task.policies:
        policy = ready_policy(task, name, data, seed=0, progress=progress)
        tested = [load_attribute(task.evaluate)(policy, s, data, name=name) for s in settings]
        evaluations += tested
        progress(f"{name}: " + ", ".join(f"{e.setting} {e.mean:.4f}" for e in tested))
    rows = list(result_rows(task, evaluations))
    write_rows(results_folder / "abr.jsonl", rows, replaces={"area": "abr", "command": COMMAND})


def result_rows(task: Task, evaluations: list[Evaluation]) -> Iterator[ResultRow]:
    """Means with their intervals over traces, shares of the optimum, factors, and paired differences."""
    by_name = {(e.setting, e.policy): e for e in evaluations}
    for setting, methods in pool(task, evaluations).items():
        pairs = Pairs(methods, next(iter(methods.values())).groups, task.lower_is_better)
        for policy, method in methods.items():
            tested = by_name[setting, policy]
            make = partial(
                ResultRow,
                area="abr",
                setting=setting,
                subject=policy,
                n=len(method.episodes),
                seeds=(0,),
                command=COMMAND,
            )
            mean = pairs.interval(method.values)[0]
            yield make(metric="qoe", unit=task.unit, value=mean.value, low=mean.low, high=mean.high)
            if "share_of_optimum" in tested.detail:
                yield make(metric="share_of_optimum", unit="share", value=tested.detail["share_of_optimum"])
            for factor, unit in FACTORS.items():
                found = bootstrap_mean(tested.detail["by_episode"][factor])
                yield make(metric=factor, unit=unit, value=found.value, low=found.low, high=found.high)
            for other in (o for o in OPPONENTS.get(policy, ()) if o in methods):
                d = pairs.contrast(policy, other).difference
                yield make(
                    metric="qoe_difference",
                    unit=task.unit,
                    value=d.value,
                    low=d.low,
                    high=d.high,
                    extra={"baseline": other},
                )
