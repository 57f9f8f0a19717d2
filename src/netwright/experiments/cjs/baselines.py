"""Cluster job scheduling: every baseline in every setting, compared in pairs on the same jobs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from netwright.core.results import Evaluation, ResultRow
from netwright.experiments.baselines import BaselineRows, MakeRow, Progress

NAME = "cjs-baselines"
SUMMARY = "cluster job scheduling: all rules in all settings"

COMMAND = "netwright experiments cjs-baselines"
OPPONENTS = ("fair", "fair-plus-c", "es-rule")
"""Methods that the others are compared with in pairs."""


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test every baseline in every setting and write its rows of `cjs.jsonl`; a minute of one core."""
    ROWS.write(data_folder, results_folder, progress)


def percentiles(make: MakeRow, evaluation: Evaluation) -> Iterator[ResultRow]:
    """Percentiles of the job completion time over all jobs."""
    for name in ("p50", "p90", "p99"):
        yield make(metric=f"jct_{name}", unit=evaluation.unit, value=evaluation.detail[name])


ROWS = BaselineRows("cjs", COMMAND, lambda policy: OPPONENTS, percentiles)
