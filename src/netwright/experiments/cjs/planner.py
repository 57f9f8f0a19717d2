"""Cluster job scheduling: look-ahead against the evolved rule on the first jobs of the test sequences.

The planner decides about 80 times a second, so that it plays 60 jobs of each sequence and not 200.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import write_rows
from netwright.core.task import load_attribute
from netwright.evaluation.baselines import ready_policy
from netwright.experiments.baselines import BaselineRows, Progress
from netwright.experiments.cjs.baselines import percentiles

NAME = "cjs-planner"
SUMMARY = "cluster job scheduling: look-ahead and the evolved rule on short sequences"

COMMAND = "netwright experiments cjs-planner"
POLICIES = ("fair", "es-rule", "es-planner")
SETTINGS = ("default", "unseen1")
N_JOBS = 60

ROWS = BaselineRows("cjs", COMMAND, lambda policy: ("es-rule",), percentiles)


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Test the planner on short sequences and write its rows of `cjs.jsonl`; two minutes of one core."""
    if data_folder is None:
        raise ConfigError("this experiment needs the TPC-H profiles; set --data or NETWRIGHT_DATA.")
    task = registry.task("cjs")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    evaluations = []
    for name in SETTINGS:
        whole = task.setting(name)
        short = replace(whole, name=f"{name}-{N_JOBS}-jobs", config=replace(whole.config, n_jobs=N_JOBS))
        for policy in POLICIES:
            ready = ready_policy(task, policy, data, seed=0, progress=progress)
            tested = load_attribute(task.evaluate)(ready, short, data, name=policy)
            evaluations.append(tested)
            progress(f"{short.name}: {policy} {tested.mean:.1f}")
    rows = list(ROWS.rows(task, evaluations))
    write_rows(results_folder / "cjs.jsonl", rows, replaces={"area": "cjs", "command": COMMAND})
