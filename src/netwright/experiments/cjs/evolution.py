"""Cluster job scheduling: the evolved rule, evolved again from nothing, with its cost and what it reaches."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.documents import read_document
from netwright.core.errors import ConfigError
from netwright.core.results import ResultRow, write_rows
from netwright.core.task import load_attribute
from netwright.evaluation.baselines import train_policy
from netwright.tasks.cjs.baselines.es_rule import DESCRIPTION, REMEDY, SavedRule, load
from netwright.tasks.cjs.baselines.es_rule import NAME as RULE

NAME = "cjs-evolution"
SUMMARY = "cluster job scheduling: evolve es-rule again, its cost and its JCT"

COMMAND = "netwright experiments cjs-evolution"

Progress = Callable[[str], None]


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Evolve the rule into `runs/cjs-evolution` unless that is there, test it in every setting, and write its rows.

    Six CPU minutes on two threads.
    """
    if data_folder is None:
        raise ConfigError("this experiment needs the TPC-H profiles; set --data or NETWRIGHT_DATA.")
    task = registry.task("cjs")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    out = results_folder.absolute().parent / "runs" / NAME
    if not out.exists():
        out.parent.mkdir(exist_ok=True)
        train_policy(task, RULE, data, out=out, seed=0, progress=progress)
    make = partial(ResultRow, area="cjs", subject=f"{RULE} evolved again", command=COMMAND)
    rows = []
    for setting in task.settings.values():
        found = load_attribute(task.evaluate)(load(out), setting, data, name=RULE)
        rows.append(
            make(
                setting=setting.name,
                metric="jct",
                unit=task.unit,
                value=found.mean,
                n=len(found.episodes),
                seeds=setting.config.seeds,
            )
        )
    cost = (read_document(out / DESCRIPTION, SavedRule, remedy=REMEDY).model_extra or {})["cost"]
    rows += [
        make(setting="training", metric=name, unit="s", value=float(cost[name]), n=1, seeds=(0,))
        for name in ("seconds", "processor_seconds")
    ]
    write_rows(results_folder / "cjs.jsonl", rows, replaces={"area": "cjs", "command": COMMAND})
