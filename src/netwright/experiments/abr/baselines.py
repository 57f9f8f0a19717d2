"""Adaptive bitrate streaming on real traces: every baseline in every setting, compared with the offline optimum."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from netwright.core.results import Evaluation, ResultRow
from netwright.evaluation.statistics import bootstrap_mean
from netwright.experiments.baselines import BaselineRows, MakeRow, Progress

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

SKIPPED = frozenset({"default-published"})  # the same tests as default

FACTORS = {"bitrate_mbps": "Mbit/s", "rebuffer_s": "s per chunk", "change_mbps": "Mbit/s per chunk"}


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test every baseline in every setting and write its rows of `abr.jsonl`; a few minutes of one core."""
    ROWS.write(data_folder, results_folder, progress, skipped=SKIPPED)


def figures(make: MakeRow, evaluation: Evaluation) -> Iterator[ResultRow]:
    """Share of the optimum, and means of the three factors with their intervals over traces."""
    if "share_of_optimum" in evaluation.detail:
        yield make(metric="share_of_optimum", unit="share", value=evaluation.detail["share_of_optimum"])
    for factor, unit in FACTORS.items():
        found = bootstrap_mean(evaluation.detail["by_episode"][factor])
        yield make(metric=factor, unit=unit, value=found.value, low=found.low, high=found.high)


ROWS = BaselineRows("abr", COMMAND, lambda policy: OPPONENTS.get(policy, ()), figures)
