"""A user's own history as a workload: what the jobs of Spark event logs are in the terms of the simulator.

A job is a Spark job, or all Spark jobs of one SQL query: with adaptive execution each stage is a Spark job. Stages that
were skipped stand for the ones that made their output, as far as these are of the same query. A Spark job waits for
those of its query that had ended when it was submitted.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError
from netwright.core.notes import note
from netwright.tasks.cjs.event_log import LAST_STAGE, EventLog, SparkJob, StageRun, logs_in, read_event_log
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.workload import WAVES, Durations, Profile, ProfileTable, Recorded, Workload

FEWEST = 10
"""Tasks of a wave from which its durations count by themselves: of fewer, one slow task would be drawn too often."""

Waves = dict[str, list[float]]


@dataclass(frozen=True)
class PastJob:
    """A job that has run.

    Attributes:
        stages: those that ran, by number.
        edges: parent and child, by number.
        durations: of each stage's tasks in ms, by wave.
    """

    name: str
    submitted_ms: int
    ended_ms: int
    stages: Mapping[int, StageRun]
    edges: frozenset[tuple[int, int]]
    durations: Mapping[int, Waves]

    def profile(self, where: Path) -> Profile:
        """The job as the simulator runs it."""
        place = {number: i for i, number in enumerate(self.stages)}
        lists = [_lists(self.durations[number]) for number in self.stages]
        edges = [(place[parent], place[child]) for parent, child in sorted(self.edges)]
        try:
            return Profile(
                self.name,
                np.array(edges, dtype=np.int64).reshape(-1, 2),
                np.array([len(stage.tasks) for stage in self.stages.values()], dtype=np.int64),
                np.array([_mean_ms(stage) for stage in self.stages.values()]),
                Durations.of(lists, self.name),
            )
        except DataError as error:
            raise DataError(f"{where}: {error}") from None


def read_history(path: Path) -> Workload:
    """The jobs of a log, a rolled log or a folder of logs, and what was recorded of them.

    Logs a note on what was left out and what the replay assumes.

    Raises:
        DataError: a log is damaged, contradicts itself, or holds no job that succeeded.
    """
    logs = [read_event_log(files) for files in logs_in(path)]
    ignored: Counter[str] = Counter()
    jobs: list[PastJob] = []
    for log in logs:
        jobs += past_jobs(log, prefix=f"{log.name} " if len(logs) > 1 else "")
        ignored.update(log.ignored)
    if not jobs:
        raise DataError(f"{path}: holds no job that succeeded with tasks; give a log of one that did.")
    jobs.sort(key=lambda job: (job.submitted_ms, job.name))
    began_ms = jobs[0].submitted_ms
    slots = _slots_over_time(logs)
    recorded = Recorded(
        jct_s=np.array([job.ended_ms - job.submitted_ms for job in jobs]) / 1000.0,
        n_executors=_typical_slots(slots, jobs),
        scheduler="FAIR" if all(log.scheduler == "FAIR" for log in logs) else "FIFO",
    )
    table = ProfileTable.of([job.profile(path) for job in jobs])
    arrival_ms = np.array([float(job.submitted_ms - began_ms) for job in jobs])
    note(_said(path, jobs, recorded, slots, ignored))
    return replace(Workload.of(table, np.arange(len(jobs)), arrival_ms), recorded=recorded)


def past_jobs(log: EventLog, prefix: str = "") -> list[PastJob]:
    """The jobs of an application that succeeded; counts the others among what is ignored."""
    waves = _waves(log)
    groups: dict[str, list[SparkJob]] = defaultdict(list)
    for job in log.jobs.values():
        if job.ended_ms is None:
            log.ignored["failed job" if job.failed else "unfinished job"] += 1
        else:
            groups[f"job {job.number}" if job.query is None else f"query {job.query}"].append(job)
    found = []
    for name, jobs in groups.items():
        stages = _stages_of(jobs, log)
        if not stages:
            log.ignored["job without tasks"] += 1
            continue
        found.append(
            PastJob(
                prefix + name,
                min(job.submitted_ms for job in jobs),
                max(job.ended_ms or 0 for job in jobs),
                stages,
                frozenset(_edges(jobs, stages, log)),
                {number: waves[number] for number in stages},
            )
        )
    return found


def _stages_of(jobs: Sequence[SparkJob], log: EventLog) -> dict[int, StageRun]:
    """Stages of these jobs that ran tasks, in the order of their numbers; counts the others."""
    own = {job.number for job in jobs}
    listed = sorted({number for job in jobs for number in job.stages})
    stages = [stage for stage in (log.stages[number] for number in listed) if stage.job in own]
    log.ignored["skipped stage"] += sum(not stage.tasks and not stage.completed for stage in stages)
    return {stage.number: stage for stage in stages if stage.tasks}


def _edges(
    jobs: Sequence[SparkJob], stages: Mapping[int, StageRun], log: EventLog
) -> Iterator[tuple[int, int]]:
    """Parent and child among stages that ran: by data, and by the order in which the driver asked for them."""
    made_by: dict[int, list[int]] = defaultdict(list)  # stages that ran, rising, by their last RDD
    for stage in stages.values():
        if stage.rdd is not None:
            made_by[stage.rdd].append(stage.number)
    inner: set[int] = set()  # with a parent in their own job
    parents_in_job: set[int] = set()
    for stage in stages.values():
        for parent in set(_run_parents(stage, stages, made_by, log)):
            yield parent, stage.number
            if log.stages[parent].job == stage.job:
                inner.add(stage.number)
                parents_in_job.add(parent)
    of_job: dict[int, list[int]] = defaultdict(list)
    for stage in stages.values():
        of_job[stage.job].append(stage.number)
    for before, after in _in_order([job for job in jobs if of_job[job.number]]):
        ends = [number for number in of_job[before.number] if number not in parents_in_job]
        roots = [number for number in of_job[after.number] if number not in inner]
        yield from ((end, root) for end in ends for root in roots)


def _run_parents(
    stage: StageRun, stages: Mapping[int, StageRun], made_by: Mapping[int, Sequence[int]], log: EventLog
) -> Iterator[int]:
    """The stages that ran and whose output a stage reads; those of another query are there already."""
    seen: set[int] = set()
    left = list(stage.parents)
    while left:
        number = left.pop()
        if number in seen:
            continue
        seen.add(number)
        parent = log.stages[number]
        if number in stages:
            yield number
        elif parent.completed:  # it had no tasks
            left += parent.parents
        elif parent.rdd is not None:
            earlier = made_by.get(parent.rdd, ())
            at = bisect_left(earlier, stage.number)
            if at:
                yield earlier[at - 1]


def _in_order(jobs: Sequence[SparkJob]) -> Iterator[tuple[SparkJob, SparkJob]]:
    """Pairs of jobs, the first of which had ended when the second was submitted; none that follows from others."""
    by_end = sorted(jobs, key=lambda job: (job.ended_ms or 0, job.number))
    ends = [job.ended_ms or 0 for job in by_end]
    latest = np.maximum.accumulate([job.submitted_ms for job in by_end]).tolist() if by_end else []
    for job in jobs:
        n = bisect_right(ends, job.submitted_ms)
        if n:
            first = bisect_left(ends, latest[n - 1])
            yield from ((before, job) for before in by_end[first:n] if before is not job)


def _waves(log: EventLog) -> dict[int, Waves]:
    """Durations of each stage's tasks in ms, by how the executor came to the task.

    Tasks of an executor are put on its slots, each on the one that became free last.
    """
    runs: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    for stage in log.stages.values():
        for task in stage.tasks.values():
            runs[task.executor].append((task.launched_ms, task.finished_ms, stage.number))
    group = {number: log.jobs[stage.job].query or stage.job for number, stage in log.stages.items()}
    found: dict[int, Waves] = {number: {wave: [] for wave in WAVES} for number in log.stages}
    for tasks in runs.values():
        free: list[tuple[int, int]] = []  # when a slot became free, and the stage that it ran
        for launched_ms, finished_ms, number in sorted(tasks):
            at = bisect_right(free, (launched_ms, LAST_STAGE))
            before = free.pop(at - 1)[1] if at else None
            warm = before is not None and group[before] == group[number]
            wave = "rest" if before == number else "first" if warm else "fresh"
            found[number][wave].append(float(finished_ms - launched_ms))
            insort(free, (finished_ms, number))
    return found


def _lists(waves: Waves) -> dict[str, dict[int, list[float]]]:
    """The duration lists of a stage at one level; a wave of few tasks takes the durations of all."""
    every = [duration for found in waves.values() for duration in found]
    return {wave: {1: found if len(found) >= FEWEST else every} for wave, found in waves.items()}


def _mean_ms(stage: StageRun) -> float:
    return float(np.mean([task.finished_ms - task.launched_ms for task in stage.tasks.values()]))


def _slots_over_time(logs: Iterable[EventLog]) -> list[tuple[int, int]]:
    """Times and numbers of slots from then on; from the tasks that ran at once in logs without executors."""
    changes: list[tuple[int, int]] = []
    for log in logs:
        tasks = (task for stage in log.stages.values() for task in stage.tasks.values())
        changes += log.slots or [
            change for task in tasks for change in ((task.launched_ms, 1), (task.finished_ms, -1))
        ]
    times, steps = zip(*sorted(changes), strict=True)
    return list(zip(times, np.cumsum(steps).tolist(), strict=True))


def _typical_slots(slots: Sequence[tuple[int, int]], jobs: Sequence[PastJob]) -> int:
    """The mean number of slots while a job was active, 1 or more."""
    times = np.array([time_ms for time_ms, _ in slots], dtype=np.float64)
    counts = np.array([n for _, n in slots], dtype=np.float64)
    area = np.concatenate([[0.0], np.cumsum(counts[:-1] * np.diff(times))])

    def until(time_ms: Floats) -> Floats:
        at = np.maximum(np.searchsorted(times, time_ms, side="right") - 1, 0)
        return np.where(time_ms < times[0], 0.0, area[at] + counts[at] * (time_ms - times[at]))

    spans: list[list[int]] = []
    for job in jobs:  # in the order of their submission
        if spans and job.submitted_ms <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], job.ended_ms)
        else:
            spans.append([job.submitted_ms, job.ended_ms])
    ends = np.array(spans, dtype=np.float64)
    active_ms = float((ends[:, 1] - ends[:, 0]).sum())
    mean = float((until(ends[:, 1]) - until(ends[:, 0])).sum()) / active_ms if active_ms else counts.max()
    return int(np.clip(round(mean), 1, 100_000))


def _said(
    path: Path,
    jobs: Sequence[PastJob],
    recorded: Recorded,
    slots: Sequence[tuple[int, int]],
    ignored: Mapping[str, int],
) -> str:
    """What was read, left out and assumed, in one line."""
    n_stages = sum(len(job.stages) for job in jobs)
    n_tasks = sum(len(stage.tasks) for job in jobs for stage in job.stages.values())
    left_out = [f"{n} {what}{'s' if n > 1 else ''}" for what, n in sorted(ignored.items()) if n]
    most = max(n for _, n in slots)
    varying = "" if most == recorded.n_executors else f" (their mean while jobs were active; at most {most})"
    return (
        f"{path.name}: {len(jobs)} jobs, {n_stages} stages, {n_tasks} tasks, recorded under {recorded.scheduler}; "
        f"ignored: {', '.join(left_out) or 'nothing'}, the driver's own time; assumed: {recorded.n_executors} "
        f"executors{varying} with one task each, which change jobs at once, jobs that arrive as they were submitted, "
        "and tasks as long as recorded on any executor"
    )
