"""What the benchmarks share: options, the fastest of several runs, a JSON document, and rows of `speed.jsonl`."""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from netwright.core.results import ResultRow, write_rows

REPEATS = 7


def parser(description: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    """A parser with `--results`, and with `--data` (NETWRIGHT_DATA by default) where `data` is set."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--results", type=Path, metavar="FOLDER", help="write rows into its speed.jsonl")
    if data:
        given = os.environ.get("NETWRIGHT_DATA")
        made.add_argument("--data", type=Path, default=given and Path(given), help="real data")
    return made


def best_s(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """CPU seconds of the fastest of several runs, after one that does not count."""
    work()
    found = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        found.append(time.process_time() - began)
    return min(found)


@dataclass(frozen=True)
class Measured:
    """One measured figure; `extra` as in `ResultRow`."""

    subject: str
    metric: str
    unit: str
    value: float
    n: int
    extra: Mapping[str, object] = field(default_factory=dict)


def rates_and_times(figures: Mapping[str, tuple[float, str]], n: int, **extra: object) -> list[Measured]:
    """Figures in 1/s or in s by their subjects."""
    return [
        Measured(subject, "rate" if unit == "1/s" else "time", unit, value, n, extra)
        for subject, (value, unit) in figures.items()
    ]


def rows(setting: str, figures: Sequence[Measured], *, command: str, seed: int = 0) -> list[ResultRow]:
    """Figures of one setting as rows."""
    return [
        ResultRow(
            area="speed",
            setting=setting,
            subject=figure.subject,
            metric=figure.metric,
            unit=figure.unit,
            value=figure.value,
            n=figure.n,
            seeds=(seed,),
            command=command,
            extra=dict(figure.extra),
        )
        for figure in figures
    ]


def publish(document: object, made: Sequence[ResultRow], results: Path | None) -> None:
    """Print a JSON document; with a results folder, replace the rows of the same command there."""
    print(json.dumps(document, indent=2))
    if results and made:
        write_rows(results / "speed.jsonl", made, replaces={"command": made[0].command})
