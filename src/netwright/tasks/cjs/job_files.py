"""Jobs of the user's own, from a JSON file: stages by name, their parents, tasks and durations.

    {"format_version": 1, "jobs": [
      {"name": "nightly", "arrival_s": 0.0, "stages": [
        {"name": "read", "tasks": 40, "duration_s": [1.2, 1.4, 3.0]},
        {"name": "join", "tasks": 10, "duration_s": 2.5, "cold_duration_s": 4.0, "parents": ["read"]}]}]}

A task's duration is drawn from the list (or, with the rule "listed", the k-th task takes the k-th); that of a task on a
cold executor from the cold ones, if any are given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from netwright.core.documents import Document, read_document
from netwright.core.errors import DataError
from netwright.core.text import printable
from netwright.tasks.cjs.graphs import cycle
from netwright.tasks.cjs.workload import Durations, Profile, ProfileTable, Workload

REMEDY = "correct the file"

Name = Annotated[str, Field(min_length=1, max_length=200)]
Seconds = Annotated[float, Field(ge=0.0, le=1e9)]
OneOrMore = Seconds | Annotated[list[Seconds], Field(min_length=1)]


class StageEntry(Document):
    """A stage of a job; see the module for an example."""

    name: Name
    tasks: Annotated[int, Field(ge=1, le=10_000_000)]
    duration_s: OneOrMore
    cold_duration_s: OneOrMore | None = None
    parents: list[Name] = Field(default_factory=list)


class JobEntry(Document):
    """A job."""

    name: Name
    arrival_s: Seconds
    stages: Annotated[list[StageEntry], Field(min_length=1)]


class JobFile(Document):
    """The whole file."""

    jobs: Annotated[list[JobEntry], Field(min_length=1)]


def read_jobs(path: Path) -> Workload:
    """The jobs of a file, in order of arrival.

    Raises:
        DataError: the file is of another form, a stage occurs twice, names an unknown parent, or waits for itself.
        FormatError: of another `format_version`.
    """
    jobs = sorted(read_document(path, JobFile, remedy=REMEDY).jobs, key=lambda job: job.arrival_s)
    table = ProfileTable.of([profile_of(job, path) for job in jobs])
    arrival_ms = np.array([1000.0 * job.arrival_s for job in jobs])
    return Workload.of(table, np.arange(len(jobs)), arrival_ms)


def profile_of(job: JobEntry, where: object) -> Profile:
    """A job as a profile; raises `DataError` as `read_jobs` does."""
    place = f"{where}: job {printable(job.name)!r}"
    index = {stage.name: i for i, stage in enumerate(job.stages)}
    if len(index) < len(job.stages):
        names = [stage.name for stage in job.stages]
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{place}: two stages are named {printable(twice)!r}; rename one.")
    edges = []
    for child, stage in enumerate(job.stages):
        for parent in stage.parents:
            if parent not in index:
                raise DataError(
                    f"{place}: stage {printable(stage.name)!r} has the parent {printable(parent)!r}, which is no stage "
                    f"of the job; {REMEDY}."
                )
            edges.append((index[parent], child))
    pairs = np.array(sorted(set(edges)), dtype=np.int64).reshape(-1, 2)
    found = cycle(len(job.stages), pairs)
    if found:
        walk = " -> ".join(repr(printable(job.stages[i].name)) for i in [*found, found[0]])
        raise DataError(f"{place}: stages wait for each other, {walk}; remove one of these parents.")
    durations = [_ms(stage.duration_s) for stage in job.stages]
    cold = [_ms(stage.cold_duration_s) if stage.cold_duration_s is not None else [] for stage in job.stages]
    lists = [
        {"fresh": {1: own_cold or own}, "first": {1: own}, "rest": {1: own}}
        for own, own_cold in zip(durations, cold, strict=True)
    ]
    return Profile(
        job.name,
        pairs,
        np.array([stage.tasks for stage in job.stages], dtype=np.int64),
        np.array([np.mean(own) for own in durations]),
        Durations.of(lists, place),
    )


def _ms(seconds: float | list[float]) -> list[float]:
    return [1000.0 * value for value in (seconds if isinstance(seconds, list) else [seconds])]
