"""What a cluster works on: jobs as DAGs of stages, the durations of their tasks, and when they arrive.

Durations depend on how an executor comes to a task (its wave) and on how many executors its job holds (a level), as
in the TPC-H measurements of Decima (Mao et al. 2019, section 6.2): the same task takes longer on a cold executor.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.core.errors import DataError
from netwright.tasks.cjs.graphs import Floats, Ints, cycle, longest_paths, ranges
from netwright.tasks.cjs.state import JOB, LIST, STAGE, Records

LEVELS = (5, 10, 20, 40, 50, 60, 80, 100)
"""Numbers of executors for which durations are looked up."""

FRESH, FIRST, REST = 0, 1, 2
WAVES = ("fresh", "first", "rest")
"""How an executor comes to a task: idle or just moved in, from another stage of the job, from the same stage."""

WARMUP_MS = 1000.0
"""Added to a first-wave duration where an executor is cold and no durations of cold executors are known."""

StageLists = Mapping[str, Mapping[int, Sequence[float]]]
"""Durations in ms of one stage, by wave and level."""


@dataclass(frozen=True, eq=False)
class Durations:
    """The durations that tasks of n stages may have, by wave and level, fallbacks resolved."""

    lists: Records  # (n, 3, 8) of `LIST`, lengths at least 1
    values: Floats  # (v,) ms

    @classmethod
    def of(cls, stages: Sequence[StageLists], where: str) -> Durations:
        """Look up tables of the stages' lists.

        A level that a stage lacks is its largest one. Where a wave is empty: cold executors take first-wave durations
        and `WARMUP_MS`, the rest wave takes the first wave's, the first wave those of cold executors.

        Raises:
            DataError: a stage has no durations, or one is not a finite number from 0.
        """
        lists = np.zeros((len(stages), len(WAVES), len(LEVELS)), dtype=LIST)
        values: list[float] = []
        for stage, by_wave in enumerate(stages):
            places = {
                (wave, level): (_appended(values, found), len(found))
                for wave, levels in by_wave.items()
                for level, found in levels.items()
                if len(found)
            }
            known = set(by_wave["first"]) or {level for _, level in places}
            for index, wanted in enumerate(LEVELS):
                level = wanted if wanted in known else max(known, default=wanted)
                for wave, options in _FALLBACKS.items():
                    other = next((option for option in options if (option, level) in places), None)
                    if other is None:
                        raise DataError(f"{where}: stage {stage} has no task durations; give at least one.")
                    extra_ms = WARMUP_MS if wave == FRESH and other == "first" else 0.0
                    lists[stage, wave, index] = (*places[other, level], extra_ms)
        made = np.array(values, dtype=np.float64)
        if not (np.isfinite(made) & (made >= 0.0)).all():
            raise DataError(f"{where}: task durations must be finite numbers of at least 0 ms; correct them.")
        return cls(lists, made)


_FALLBACKS = {FRESH: ("fresh", "first"), FIRST: ("first", "fresh"), REST: ("rest", "first", "fresh")}


def _appended(values: list[float], more: Sequence[float]) -> int:
    values.extend(more)
    return len(values) - len(more)


@dataclass(frozen=True, eq=False)
class Profile:
    """A job that can be run: n stages of equal tasks, and which must finish before which.

    Attributes:
        edges: parent and child; a stage starts when all tasks of its parents have finished.
        mean_ms: estimate of a stage's task duration that a scheduler is given when the job arrives.
    """

    name: str
    edges: Ints  # (m, 2)
    n_tasks: Ints  # (n,)
    mean_ms: Floats  # (n,)
    durations: Durations

    def __post_init__(self) -> None:
        n = len(self.n_tasks)
        if n < 1 or self.n_tasks.min() < 1:
            raise DataError(f"job {self.name!r}: needs at least one stage, and one task or more in each.")
        if self.edges.size and not (self.edges.min() >= 0 and self.edges.max() < n):
            raise DataError(f"job {self.name!r}: an edge names a stage that is not among 0..{n - 1}.")
        found = cycle(n, self.edges)
        if found:
            raise DataError(
                f"job {self.name!r}: stages {' -> '.join(map(str, [*found, found[0]]))} wait for each other; "
                "remove one of these dependencies."
            )

    @property
    def n_stages(self) -> int:
        """Number of stages n."""
        return len(self.n_tasks)

    @property
    def work_ms(self) -> float:
        """Executor time of the whole job, by the estimates."""
        return float(self.n_tasks @ self.mean_ms)


@dataclass(frozen=True, eq=False)
class ProfileTable:
    """Profiles end to end in flat arrays (R stages in all), made once for any number of workloads."""

    profiles: tuple[Profile, ...]
    first: Ints  # (profiles + 1,) first row of each
    n_tasks: Ints  # (R,)
    mean_ms: Floats  # (R,)
    path_ms: Floats  # (R,) longest path of mean durations from the stage to an end of its job
    n_parents: Ints  # (R,)
    child_first: Ints  # (R + 1,)
    children: Ints  # (M,) stages of the same profile, counted from its first
    durations: Durations

    @classmethod
    def of(cls, profiles: Sequence[Profile]) -> ProfileTable:
        """A table of these profiles; raises `DataError` if there are none."""
        if not profiles:
            raise DataError("a workload needs at least one job profile, got none; check the data.")
        n_stages = np.array([p.n_stages for p in profiles])
        first = np.concatenate([[0], np.cumsum(n_stages)])
        parts = [p.durations for p in profiles]
        shift = np.concatenate([[0], np.cumsum([len(d.values) for d in parts])])
        sorted_edges = [p.edges[np.lexsort((p.edges[:, 1], p.edges[:, 0]))] for p in profiles]
        n_children = np.concatenate(
            [np.bincount(e[:, 0], minlength=p.n_stages) for e, p in zip(sorted_edges, profiles, strict=True)]
        )
        return cls(
            profiles=tuple(profiles),
            first=first,
            n_tasks=np.concatenate([p.n_tasks for p in profiles]),
            mean_ms=np.concatenate([p.mean_ms for p in profiles]),
            path_ms=np.concatenate([longest_paths(p.mean_ms, p.edges) for p in profiles]),
            n_parents=np.concatenate([np.bincount(p.edges[:, 1], minlength=p.n_stages) for p in profiles]),
            child_first=np.concatenate([[0], np.cumsum(n_children)]),
            children=np.concatenate([e[:, 1] for e in sorted_edges]),
            durations=Durations(
                lists=np.concatenate([_moved(d.lists, by) for d, by in zip(parts, shift[:-1], strict=True)]),
                values=np.concatenate([d.values for d in parts]),
            ),
        )


def _moved(lists: Records, by: int) -> Records:
    moved = lists.copy()
    moved["start"] += by
    return moved


@dataclass(frozen=True, eq=False)
class Recorded:
    """What really happened to a workload of J jobs.

    Attributes:
        n_executors: of the cluster, counted in tasks that run at once.
        scheduler: of Spark, "FIFO" or "FAIR".
    """

    jct_s: Floats  # (J,) from submission to completion
    n_executors: int
    scheduler: str


@dataclass(frozen=True, eq=False)
class Workload:
    """J jobs in the order of their arrival, S stages in all, as records before anything has happened.

    Attributes:
        recorded: what happened to them, if they are a user's history.
        jobs, stages: see `state.JOB` and `state.STAGE`; stages are numbered job by job.
        children: (M,) stages, those of each stage in a row.
    """

    names: tuple[str, ...]
    jobs: Records  # (J,)
    stages: Records  # (S,)
    children: Ints  # (M,)
    durations: Durations
    recorded: Recorded | None = None

    @classmethod
    def of(cls, table: ProfileTable, chosen: Ints, arrival_ms: Floats) -> Workload:
        """Jobs of these profiles (J,) that arrive at these times (J,), which must not fall.

        Raises:
            DataError: no job, or arrival times that fall or are not finite numbers from 0.
        """
        if len(chosen) < 1 or len(chosen) != len(arrival_ms):
            raise DataError(
                f"a workload needs jobs with one arrival time each, got {len(chosen)}, {len(arrival_ms)}."
            )
        if not np.isfinite(arrival_ms).all() or arrival_ms[0] < 0.0 or (np.diff(arrival_ms) < 0.0).any():
            raise DataError("arrival times must be finite numbers from 0 ms that do not fall; sort the jobs.")
        counts = np.diff(table.first)[chosen]
        rows = ranges(table.first[chosen], counts)
        jobs = np.zeros(len(chosen), dtype=JOB)
        jobs["arrival_ms"], jobs["completion_ms"] = arrival_ms, np.nan
        jobs["end_stage"] = np.cumsum(counts)
        jobs["first_stage"] = jobs["end_stage"] - counts
        jobs["n_unlaunched_stages"] = jobs["n_open_stages"] = counts
        stages = np.zeros(len(rows), dtype=STAGE)
        stages["job"], stages["row"] = np.repeat(np.arange(len(chosen)), counts), rows
        for field in ("n_tasks", "unlaunched", "demand"):
            stages[field] = table.n_tasks[rows]
        stages["mean_ms"] = stages["last_ms"] = table.mean_ms[rows]
        stages["path_ms"] = table.path_ms[rows]
        stages["unfinished_parents"] = stages["unsaturated_parents"] = table.n_parents[rows]
        n_children = np.diff(table.child_first)[rows]
        stages["end_child"] = np.cumsum(n_children)
        stages["first_child"] = stages["end_child"] - n_children
        within = table.children[ranges(table.child_first[rows], n_children)]
        children = within + np.repeat(jobs["first_stage"][stages["job"]], n_children)
        names = tuple(table.profiles[index].name for index in chosen)
        return cls(names, jobs, stages, children, table.durations)

    @property
    def n_jobs(self) -> int:
        """Number of jobs J."""
        return len(self.names)

    @property
    def arrival_ms(self) -> Floats:
        """(J,) when each job arrives."""
        found: Floats = self.jobs["arrival_ms"]
        return found

    @property
    def n_tasks(self) -> int:
        """Number of tasks in all."""
        return int(self.stages["n_tasks"].sum())

    @property
    def work_ms(self) -> Floats:
        """(J,) executor time of each job, by the estimates."""
        per_stage = self.stages["n_tasks"] * self.stages["mean_ms"]
        found: Floats = np.add.reduceat(per_stage, self.jobs["first_stage"])
        return found
