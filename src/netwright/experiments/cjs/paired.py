"""Cluster job scheduling on fresh job sequences: policies and adapted models in pairs.

The seeds are 1000 and up: nothing was chosen with them, and they are to be looked at once. Intervals resample job
sequences and, for adapted models, training seeds. All models in `runs/cjs` are tested beside the baselines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.seeding import generator
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.types import TaskData
from netwright.evaluation.playing import play
from netwright.evaluation.subjects import DESCRIPTION, Subject, baseline, saved, told_apart
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.settings import PAIRED_SEEDS

NAME = "cjs-paired"
SUMMARY = "cluster job scheduling: policies and adapted models in pairs on fresh seeds"

COMMAND = "netwright experiments cjs-paired"
OPPONENTS = ("es-rule", "decima-published", "fair-plus-c", "fair")
"""Always tested; every other method is compared with each of them."""

LEFT_OUT = {"random", "fifo", "sjf-cp", "es-planner"}
"""Tested only if `--only` selects them: weak, or hours long."""

N_SEQUENCES = {"default": 40, "unseen1": 40, "unseen2": 15, "unseen3": 15}
BLOCK = 5  # sequences that are tested, and kept, at a time
N_RESAMPLES = 4000

Progress = Callable[[str], None]
Means = Mapping[str, Floats]  # by policy: (training seeds, sequences) mean JCT in seconds


def run(
    data_folder: Path | None,
    results_folder: Path,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> None:
    """Test the methods, a few sequences at a time, and write their rows of `cjs.jsonl`; can be interrupted.

    Args:
        only: selects methods by name, such as "es-rule" or "adapted:tiny"; the opponents are tested in any case.
    """
    if data_folder is None:
        raise ConfigError("this experiment needs the TPC-H profiles; set --data or NETWRIGHT_DATA.")
    task = registry.task("cjs")
    data = load_attribute(task.load_data)(data_folder, seed=0)
    runs = results_folder.absolute().parent / "runs"
    chosen = methods(task, data, runs / "cjs", progress, only)
    for setting in task.settings.values():
        blocks = list(in_blocks(setting, PAIRED_SEEDS[: N_SEQUENCES[setting.name]]))
        found = play(task, chosen, blocks, data, folder=runs / NAME, progress=progress).evaluations
        names = dict.fromkeys(subject.name for subject in chosen)
        for name in names:
            rows = [row for row in result_rows(setting, by_sequence(found)) if row.subject == name]
            of_method = {"area": "cjs", "command": COMMAND, "setting": setting.name, "subject": name}
            write_rows(results_folder / "cjs.jsonl", rows, replaces=of_method)


def methods(
    task: Task, data: TaskData, runs: Path, progress: Progress, only: Callable[[str], bool] | None
) -> list[Subject]:
    """The opponents, and the chosen ones among the other baselines and the models in a folder.

    Raises:
        ConfigError: nothing has a chosen name.
    """
    folders = sorted(folder for folder in runs.glob("*") if (folder / DESCRIPTION).is_file())
    models = told_apart([saved(task, folder) for folder in folders])
    names = [name for name, spec in task.policies.items() if not spec.clairvoyant]
    known = [*names, *(model.name for model in models)]
    wanted = {name for name in known if (name not in LEFT_OUT if only is None else only(name))}
    if not wanted:
        raise ConfigError(
            f"experiment {NAME} has no such method; there is {', '.join(dict.fromkeys(known))}."
        )
    rules = [name for name in names if name in wanted or name in OPPONENTS]
    tested = [baseline(task, name, data, 0, progress) for name in rules]
    return tested + [model for model in models if model.name in wanted]


def in_blocks(setting: Setting, seeds: Sequence[int]) -> Iterator[Setting]:
    """The setting on a few of these seeds at a time."""
    for start in range(0, len(seeds), BLOCK):
        few = tuple(seeds[start : start + BLOCK])
        yield replace(
            setting, name=f"{setting.name}, seeds {few[0]} on", config=replace(setting.config, seeds=few)
        )


def by_sequence(evaluations: Sequence[Evaluation]) -> dict[str, Floats]:
    """(training seeds, sequences) mean JCT of each method, in seconds."""
    found: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for evaluation in evaluations:
        n = len(evaluation.config["seeds"])
        means = np.reshape(evaluation.per_episode, (n, -1)).mean(axis=1)
        found[evaluation.policy][int(evaluation.config["seed"])] += means.tolist()
    return {name: np.array([seeds[seed] for seed in sorted(seeds)]) for name, seeds in found.items()}


@dataclass(frozen=True)
class Estimate:
    """A mean and its 95 % interval."""

    value: float
    low: float
    high: float


def estimate(values: Floats, other: Floats | None = None, *, relative: bool = False) -> Estimate:
    """The mean of (S, G) values, or its difference to others (T, G) of the same sequences, resampled.

    Args:
        values: by training seed and sequence.
        other: what to subtract.
        relative: the difference of the means in percent of that of `other`.
    """
    rng = generator(0, 0)
    n = values.shape[1]
    columns = rng.integers(n, size=(N_RESAMPLES, n))

    def resampled(of: Floats) -> Floats:
        rows = rng.integers(len(of), size=(N_RESAMPLES, len(of)))
        found: Floats = of[rows[:, :, None], columns[:, None, :]].mean(axis=(1, 2))
        return found

    means, mean = resampled(values), float(values.mean())
    if other is not None:
        others, base = resampled(other), float(other.mean())
        means, mean = means - others, mean - base
        if relative:
            means, mean = 100.0 * means / others, 100.0 * mean / base
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(mean, float(low), float(high))


def result_rows(setting: Setting, means: Means) -> Iterator[ResultRow]:
    """Mean JCT of each method, and its difference to each opponent, in seconds and percent."""
    for policy, values in means.items():
        make = partial(
            ResultRow,
            area="cjs",
            setting=setting.name,
            subject=policy,
            n=values.shape[1],
            seeds=PAIRED_SEEDS[: values.shape[1]],
            command=COMMAND,
        )
        found = estimate(values)
        n_seeds = {"training_seeds": len(values)}
        yield make(
            metric="jct", unit="seconds", value=found.value, low=found.low, high=found.high, extra=n_seeds
        )
        for other in (o for o in OPPONENTS if o in means and o != policy):
            better = int((values.mean(axis=0) < means[other].mean(axis=0)).sum())
            extra = {"baseline": other, "sequences_better": better, **n_seeds}
            for metric, unit in (("jct_difference", "seconds"), ("jct_difference_percent", "%")):
                d = estimate(values, means[other], relative=unit == "%")
                yield make(metric=metric, unit=unit, value=d.value, low=d.low, high=d.high, extra=extra)
