"""The cost of adaptation: trained share, time per update and memory, low-rank matrices versus full fine-tuning."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.files import read_json
from netwright.core.reading import read_json_lines
from netwright.core.results import ResultRow, write_rows
from netwright.core.task import load_attribute
from netwright.core.types import JsonView
from netwright.execution import executor

NAME = "cost"
SUMMARY = "trained share, time per update and peak memory: low-rank matrices versus full fine-tuning"
COMMAND = "netwright experiments cost"

METHODS = ("lora", "full")
ROUNDS = 3
UPDATES = 30
NEAR = 1.02  # tolerance relative to the final validation error

Progress = Callable[[str], None]


Cost = dict[str, float]
"""Figures of one adaptation by name."""


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Measure both methods in turn, each run in its own process, and write rows of `speed.jsonl`."""
    from netwright.llm.accounting import published_viewport_share

    share = published_viewport_share()
    progress(f"Llama2-7B, rank 32 on query and value: {100 * share.fraction:.4f} % trained")
    rows = [
        _row(
            "Llama2-7B shape, rank 32",
            "lora",
            "trained share",
            "%",
            100 * share.fraction,
            1,
            extra=share.to_json(),
        )
    ]
    measured: dict[str, list[Cost]] = {method: [] for method in METHODS}
    for _ in range(ROUNDS):
        for method in METHODS:
            work = partial(short_run, data_folder=data_folder)
            measured[method] += list(executor("processes", 1).map(work, [method]))
            cost = measured[method][-1]
            progress(
                f"{method}: {1e3 * cost['seconds_per_step']:.0f} ms/update, {cost['peak_rss_mib']:.0f} MiB"
            )
    for method, costs in measured.items():
        middle = sorted(costs, key=lambda c: c["seconds_per_step"])[ROUNDS // 2]
        fraction = 100 * middle["trainable_fraction"]
        rows += [
            _row("vp, tiny", method, "trained share", "%", fraction, 1),
            _row("vp, tiny", method, "time per update", "ms", 1e3 * middle["seconds_per_step"], ROUNDS),
            _row("vp, tiny", method, "peak memory", "MiB", middle["peak_rss_mib"], ROUNDS),
        ]
    ratios = sorted(
        full["seconds_per_step"] / lora["seconds_per_step"]
        for full, lora in zip(measured["full"], measured["lora"], strict=True)
    )
    rows.append(_row("vp, tiny", "full / lora", "time per update", "times", ratios[ROUNDS // 2], ROUNDS))
    with tempfile.TemporaryDirectory() as scratch:
        whole = partial(whole_run, data_folder=data_folder, out=Path(scratch) / "model")
        rows += next(executor("processes", 1).map(whole, ["tiny"]))
    write_rows(results_folder / "speed.jsonl", rows, replaces={"command": COMMAND})


def short_run(method: str, *, data_folder: Path | None) -> Cost:
    """Cost of a short adaptation of `tiny`; peak memory is that of this process."""
    from netwright.adaptation.api import adapt

    task = registry.task("vp")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    options = {"method": method, "iterations": UPDATES, "evaluate_every": UPDATES, "warm_start": 0.0}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "model"
        cost: Cost = adapt(task, data, out=out, backbone="tiny", options=options).info["cost"]
    return cost


def whole_run(backbone: str, *, data_folder: Path | None, out: Path) -> list[ResultRow]:
    """Cost of `netwright adapt vp --backbone tiny` with the task's defaults."""
    from netwright.adaptation.api import adapt

    task = registry.task("vp")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    adapt(task, data, out=out, backbone=backbone)
    return rows_of_run(out)


def rows_of_run(folder: Path) -> list[ResultRow]:
    """Time, time to near the final validation error, and memory of a finished adaptation, from its files."""
    cost = read_json(folder / "netwright.json")["cost"]
    looks = [line for _, line in read_json_lines(folder / "training.jsonl")]
    near = next(x["seconds"] for x in looks if x["validation"] <= NEAR * looks[-1]["validation"])
    setting = "vp, tiny, whole adaptation"
    return [
        _row(setting, "lora", "time", "s", cost["seconds"], 1),
        _row(setting, "lora", "time to within 2 % of the final validation error", "s", near, 1),
        _row(setting, "lora", "peak memory", "MiB", cost["peak_rss_mib"], 1),
    ]


def _row(
    setting: str,
    subject: str,
    metric: str,
    unit: str,
    value: float,
    n: int,
    extra: JsonView | None = None,
) -> ResultRow:
    return ResultRow(
        area="speed",
        setting=setting,
        subject=subject,
        metric=metric,
        unit=unit,
        value=value,
        n=n,
        seeds=(0,),
        command=COMMAND,
        extra=extra or {},
    )
