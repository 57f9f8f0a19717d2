"""Every baseline of a task in every setting, and rows of what was measured; each task's module adds its own figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, ResultRow, write_rows
from netwright.core.task import Setting, Task, load_attribute
from netwright.evaluation.baselines import ready_policy
from netwright.evaluation.comparison import Pairs
from netwright.evaluation.pooling import pool

Progress = Callable[[str], None]
MakeRow = Callable[..., ResultRow]


@dataclass(frozen=True)
class BaselineRows:
    """The rows of one task's baselines.

    Attributes:
        task: name of the task, and of the results file.
        command: that writes the rows.
        opponents: methods that a method is compared with in pairs, by its name.
        figures: further rows of one method in one setting; called with a function that makes a row from `metric`,
            `unit` and `value`, and with the method's evaluation.
    """

    task: str
    command: str
    opponents: Callable[[str], Sequence[str]]
    figures: Callable[[MakeRow, Evaluation], Iterator[ResultRow]]

    def write(
        self,
        data_folder: Path | None,
        results_folder: Path,
        progress: Progress,
        *,
        skipped: frozenset[str] = frozenset(),
    ) -> None:
        """Test every baseline in every setting that is not skipped, and write the rows.

        Raises:
            ConfigError: there is no real data.
        """
        if data_folder is None:
            raise ConfigError("this experiment needs the real data; set --data or NETWRIGHT_DATA.")
        task = registry.task(self.task)
        data = load_attribute(task.load_data)(data_folder, seed=0)
        settings = [s for s in task.settings.values() if s.name not in skipped]
        rows = list(self.rows(task, list(tested(task, data, settings, progress))))
        path = results_folder / f"{self.task}.jsonl"
        write_rows(path, rows, replaces={"area": self.task, "command": self.command})

    def rows(self, task: Task, evaluations: Sequence[Evaluation]) -> Iterator[ResultRow]:
        """Means with their intervals over groups of episodes, the task's own figures, and paired differences."""
        by_name = {(e.setting, e.policy): e for e in evaluations}
        for setting, methods in pool(task, evaluations).items():
            pairs = Pairs(methods, next(iter(methods.values())).groups, task.lower_is_better)
            for policy in methods:
                yield from self._of_method(pairs, by_name[setting, policy], task)

    def _of_method(self, pairs: Pairs, evaluation: Evaluation, task: Task) -> Iterator[ResultRow]:
        policy, method = evaluation.policy, pairs.methods[evaluation.policy]
        make = partial(
            ResultRow,
            area=self.task,
            setting=evaluation.setting,
            subject=policy,
            n=len(method.episodes),
            seeds=tuple(evaluation.config.get("seeds", (0,))),
            command=self.command,
        )
        mean = pairs.interval(method.values)[0]
        yield make(metric=task.metric, unit=task.unit, value=mean.value, low=mean.low, high=mean.high)
        yield from self.figures(make, evaluation)
        for other in self.opponents(policy):
            if other in pairs.methods and other != policy:
                found = pairs.contrast(policy, other).difference
                yield make(
                    metric=f"{task.metric}_difference",
                    unit=task.unit,
                    value=found.value,
                    low=found.low,
                    high=found.high,
                    extra={"baseline": other},
                )


def tested(task: Task, data: object, settings: Sequence[Setting], progress: Progress) -> Iterator[Evaluation]:
    """Every baseline of the task in these settings, apart from costly ones."""
    for name in (spec.name for spec in task.policies.values() if not spec.costly):
        policy = ready_policy(task, name, data, seed=0, progress=progress)
        found = [load_attribute(task.evaluate)(policy, s, data, name=name) for s in settings]
        progress(f"{name}: " + ", ".join(f"{e.setting} {e.mean:.4g}" for e in found))
        yield from found
