"""Results of tests, and the flat rows in which measured figures are committed."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import ConfigError, DataError
from netwright.core.files import write_text
from netwright.core.notes import note
from netwright.core.palette import Kind, Role, kind_of
from netwright.core.policy import CountingPolicy
from netwright.core.reading import read_json_lines
from netwright.core.types import Json, JsonView

MOSTLY = 0.5  # share of out-of-distribution states above which a note is logged


Details = Mapping[str, Any]
"""Plain values by name, whose types only a task knows."""


def versions() -> dict[str, str]:
    """Versions of the installed packages that a figure depends on."""
    found = {"python": platform.python_version()}
    for name in ("netwright", "numpy", "torch", "transformers", "peft"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


@dataclass(frozen=True)
class Evaluation:
    """One policy tested in one setting (`Test` of Fig. 9, Wu et al. 2024).

    `mean` weighs every episode by `weights` (its number of scored units, such as prediction windows), so that
    it equals the mean over all units. `detail` holds further figures of the task (by axis, by horizon, ..); `role`
    is the policy's part in a comparison, None if unknown.
    """

    task: str
    setting: str
    policy: str
    metric: str
    unit: str
    per_episode: tuple[float, ...]
    weights: tuple[float, ...]
    episodes: tuple[str, ...]
    seconds: float
    config: Details = field(default_factory=dict)
    detail: Details = field(default_factory=dict)
    role: Role | None = None

    def __post_init__(self) -> None:
        who = f"Evaluation of {self.policy!r} in {self.setting!r}"
        if not len(self.per_episode) == len(self.weights) == len(self.episodes) > 0:
            raise ConfigError(
                f"{who} needs the same number (at least one) of episodes, values and weights, "
                f"got {len(self.episodes)}, {len(self.per_episode)}, {len(self.weights)}."
            )
        if not np.isfinite([self.per_episode, self.weights]).all():
            raise ConfigError(
                f"{who} contains a value or weight that is not finite; drop or correct that episode."
            )
        if min(self.weights) < 0.0 or not any(self.weights):
            raise ConfigError(f"{who} needs nonnegative weights, at least one of them positive.")

    @property
    def mean(self) -> float:
        """Weighted mean over the episodes, in `unit`."""
        return float(np.average(self.per_episode, weights=self.weights))

    def to_json(self) -> Json:
        """A document of plain types, as `netwright test --json` prints it."""
        return {
            "task": self.task,
            "setting": self.setting,
            "policy": self.policy,
            "role": self.role,
            "metric": self.metric,
            "unit": self.unit,
            "mean": self.mean,
            "n_episodes": len(self.episodes),
            "per_episode": list(self.per_episode),
            "weights": list(self.weights),
            "episodes": list(self.episodes),
            "seconds": self.seconds,
            "config": dict(self.config),
            "detail": dict(self.detail),
            "version": versions().get("netwright", "unknown"),
        }


def kinds_of(evaluations: Sequence[Evaluation]) -> dict[str, Kind]:
    """The kind of each method by its name."""
    return {e.policy: kind_of(e.policy, e.role) for e in evaluations}


@dataclass(frozen=True, kw_only=True)
class ResultRow:
    """One measured figure: a line of `results/<area>.jsonl`. `low`, `high`: its 95 % interval, if any."""

    area: str
    setting: str
    subject: str
    metric: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None
    n: int
    seeds: tuple[int, ...]
    command: str
    extra: JsonView = field(default_factory=dict)

    def to_json(self) -> Json:
        """The row with this machine, these versions and today's date."""
        row = {k: v for k, v in asdict(self).items() if k != "extra"}
        row["version"] = versions()
        row["machine"] = f"{platform.system()} {platform.machine()}"
        row["date"] = datetime.date.today().isoformat()
        return row | dict(self.extra)


MAX_ROWS_BYTES = 64 << 20


def write_rows(path: Path, rows: Sequence[ResultRow], *, replaces: JsonView) -> None:
    """Atomically replace the rows of a results file that match all of `replaces` by `rows`."""
    kept = [r for r in read_rows(path) if any(r.get(k) != v for k, v in replaces.items())]
    lines = [json.dumps(r, allow_nan=False) for r in [*kept, *(row.to_json() for row in rows)]]
    write_text(path, "".join(line + "\n" for line in lines))


def read_rows(path: Path) -> list[Json]:
    """All rows of a results file; empty if the file does not exist.

    Raises:
        DataError: a line is not a JSON object; names the line.
    """
    if not path.exists():
        return []
    rows = []
    for number, row in read_json_lines(path, limit=MAX_ROWS_BYTES):
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: not a JSON object; restore the file and measure again.")
        rows.append(row)
    return rows


def with_counts(evaluation: Evaluation, policy: object, before: Mapping[str, int]) -> Evaluation:
    """The evaluation with the policy's counts since `before` (`counts_of`) in its detail.

    Logs the share of decisions that a guard made, and a note if a model without a guard met mostly states outside its
    training distribution.
    """
    counts = {name: n - before.get(name, 0) for name, n in counts_of(policy).items()}
    where = f"{evaluation.policy} in {evaluation.setting}"
    decisions = counts.get("guard_decisions", 0)
    by_rule = sum(n for name, n in counts.items() if name.startswith("guard_") and name != "guard_decisions")
    if decisions:
        share = 100.0 * by_rule / decisions
        note(f"{where}: the guard made {share:.3g} % of {decisions} decisions")
    seen, outside = counts.get("model_decisions", 0), counts.get("model_out_of_distribution", 0)
    if not decisions and outside > MOSTLY * seen:
        note(
            f"{where}: {100.0 * outside / seen:.3g} % of the states lie outside the model's training distribution; its "
            "decisions there may be poor; add a fallback with --guard"
        )
    return replace(evaluation, detail={**evaluation.detail, **counts}) if counts else evaluation


def counts_of(policy: object) -> dict[str, int]:
    """A policy's counts so far; empty if it does not count."""
    return policy.counts() if isinstance(policy, CountingPolicy) else {}
