"""Spark event logs, read line by line: jobs, stages with their parents, tasks, and executors over time.

A log is a file of JSON lines as Spark writes it with `spark.eventLog.enabled`, plain or gzipped, or a folder
`eventlog_v2_..` of such files where `spark.eventLog.rolling.enabled` is set. Events that say nothing about jobs,
stages, tasks or executors are passed over without being parsed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, NamedTuple, TypeVar

from pydantic import ConfigDict, Field, JsonValue

from netwright.core.documents import Document
from netwright.core.errors import DataError
from netwright.core.reading import parse_json, stream_lines, whole_number
from netwright.core.text import printable

FIRST_EVENT = b'{"Event":'
REMEDY = "copy the log again"
MOST_TASKS = 20_000_000

_NAME = re.compile(rb'\{"Event":"([A-Za-z0-9_.$]{1,200})"')
_PART = re.compile(r"events_([0-9]{1,9})_.*?(\.compact)?")
_PACKED = ("lz4", "lzf", "snappy", "zstd", "zst")
_MAGIC = (b"LZ4Block", b"ZV", b"\x82SNAPPY", b"\x28\xb5\x2f\xfd")

LAST_STAGE = 2**62
Number = Annotated[int, Field(ge=0, le=LAST_STAGE)]
Time = Annotated[int, Field(ge=0, le=10**14)]  # ms since 1970
Name = Annotated[str, Field(max_length=10_000)]


class _Entry(Document):
    """A part of an event of which only some entries are read."""

    model_config = ConfigDict(extra="ignore")


class _Rdd(_Entry):
    id: Number = Field(alias="RDD ID")


class _StageInfo(_Entry):
    id: Number = Field(alias="Stage ID")
    parents: list[Number] = Field(alias="Parent IDs")
    n_tasks: Number = Field(alias="Number of Tasks")
    rdds: list[_Rdd] = Field(alias="RDD Info", default_factory=list)


class _JobStart(_Entry):
    job: Number = Field(alias="Job ID")
    submitted_ms: Time = Field(alias="Submission Time")
    stages: list[_StageInfo] = Field(alias="Stage Infos")
    properties: dict[str, JsonValue] | None = Field(alias="Properties", default=None)


class _Result(_Entry):
    result: Name = Field(alias="Result")


class _JobEnd(_Entry):
    job: Number = Field(alias="Job ID")
    ended_ms: Time = Field(alias="Completion Time")
    result: _Result = Field(alias="Job Result")


class _StageEnd(_Entry):
    stage: _StageInfo = Field(alias="Stage Info")


class _Reason(_Entry):
    reason: Name = Field(alias="Reason")


class _TaskInfo(_Entry):
    index: Number = Field(alias="Index")
    partition: int = Field(alias="Partition ID", default=-1)
    launched_ms: Time = Field(alias="Launch Time")
    finished_ms: Time = Field(alias="Finish Time")
    executor: Name = Field(alias="Executor ID")
    speculative: bool = Field(alias="Speculative", default=False)


class _TaskEnd(_Entry):
    stage: Number = Field(alias="Stage ID")
    why: _Reason = Field(alias="Task End Reason")
    info: _TaskInfo = Field(alias="Task Info")


class _ExecutorInfo(_Entry):
    cores: Annotated[int, Field(ge=0, le=1_000_000)] = Field(alias="Total Cores")


class _ExecutorAdded(_Entry):
    time_ms: Time = Field(alias="Timestamp")
    executor: Name = Field(alias="Executor ID")
    info: _ExecutorInfo = Field(alias="Executor Info")


class _ExecutorRemoved(_Entry):
    time_ms: Time = Field(alias="Timestamp")
    executor: Name = Field(alias="Executor ID")


class _Application(_Entry):
    id: Name | None = Field(alias="App ID", default=None)


class _Environment(_Entry):
    properties: dict[str, JsonValue] = Field(alias="Spark Properties", default_factory=dict)


class TaskRun(NamedTuple):
    """One successful task."""

    launched_ms: int
    finished_ms: int
    executor: str


@dataclass
class StageRun:
    """A stage and the successful tasks of all its attempts, by partition.

    Attributes:
        rdd: number of its last RDD: a later job may list the same work under another number, and skip it.
        job: the first job that lists it.
    """

    number: int
    parents: tuple[int, ...]
    rdd: int | None
    job: int
    completed: bool = False
    tasks: dict[int, TaskRun] = field(default_factory=dict)


@dataclass
class SparkJob:
    """A Spark job (an action); `query` is the SQL query that it belongs to, `ended_ms` None until it has succeeded."""

    number: int
    query: str | None
    submitted_ms: int
    stages: tuple[int, ...]
    ended_ms: int | None = None
    failed: bool = False


@dataclass
class EventLog:
    """One application.

    Attributes:
        slots: time (ms) and change of the number of tasks that can run at once.
        ignored: how often something was left out, by what it is.
    """

    name: str
    scheduler: str = "FIFO"
    jobs: dict[int, SparkJob] = field(default_factory=dict)
    stages: dict[int, StageRun] = field(default_factory=dict)
    slots: list[tuple[int, int]] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)


E = TypeVar("E", bound=_Entry)


def is_event_log(path: Path) -> bool:
    """Whether a file holds Spark events, or is a folder; damaged and compressed logs are taken for some."""
    if path.is_dir() or _packing(path.name, b""):
        return True
    _, line = next(stream_lines(path), (0, b""))
    return line.startswith(FIRST_EVENT) or bool(_packing(path.name, line))


def logs_in(path: Path) -> list[tuple[Path, ...]]:
    """The files of each log at a path: a file, a rolled folder, or a folder of logs.

    Raises:
        DataError: a folder without logs, or a rolled log lacks a part.
    """
    if not path.is_dir():
        return [(path,)]
    if path.name.startswith("eventlog_v2_"):
        return [_parts(path)]
    inside = sorted(p for p in path.iterdir() if not p.name.startswith((".", "_")))
    found = [_parts(p) if p.is_dir() else (p,) for p in inside]
    if not found:
        raise DataError(f"{path}: an empty folder; put event logs of Spark into it.")
    return found


def _parts(folder: Path) -> tuple[Path, ...]:
    """The parts of a rolled log in order, from the last compacted one on."""
    parts: dict[int, tuple[bool, Path]] = {}
    for path in sorted(folder.iterdir()):
        if match := _PART.fullmatch(path.name):
            number, compact = int(match[1]), match[2] is not None
            if compact or number not in parts:
                parts[number] = compact, path
    if not parts:
        raise DataError(
            f"{folder}: has no file events_1_..; give an event log of Spark, or a folder of some."
        )
    first = max((number for number, (compact, _) in parts.items() if compact), default=1)
    numbers = sorted(number for number in parts if number >= first)
    missing = set(range(first, numbers[-1] + 1)) - set(numbers) if numbers else {1}
    if missing:
        raise DataError(f"{folder}: lacks the part events_{min(missing)}_.. of the log; {REMEDY}.")
    return tuple(parts[number][1] for number in numbers)


def read_event_log(files: tuple[Path, ...]) -> EventLog:
    """One application from the files of its log.

    Raises:
        DataError: a file is missing, damaged, compressed by Spark, or an event contradicts an earlier one; names the
            line.
    """
    reader = _Reader(EventLog(files[0].name))
    for path in files:
        for number, line in stream_lines(path, remedy=REMEDY):
            if number == 1:
                _check_packing(path, line)
            name = _NAME.match(line)
            if name is None or name[1].decode() in reader.handlers:
                reader.take(line, f"{path}:{number}")
    return reader.ended(files[0])


def _packing(name: str, content: bytes) -> str:
    """How Spark has compressed a log, by its name or first bytes; "" if it has not."""
    ending = name.removesuffix(".inprogress").rpartition(".")[2]
    if ending in _PACKED:
        return ending
    return next((p for p, magic in zip(_PACKED, _MAGIC, strict=False) if content.startswith(magic)), "")


def _check_packing(path: Path, line: bytes) -> None:
    packing = _packing(path.name, line)
    if packing and not line.startswith(b"{"):
        how = "`zstd -d`" if packing.startswith("zst") else "Spark itself"
        raise DataError(
            f"{path}: is compressed ({packing}); unpack it with {how} as docs/tasks/cjs.md says, or let Spark write "
            "logs with spark.eventLog.compress=false."
        )


class _Reader:
    """Takes events in their order."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.cores: dict[str, int] = {}
        self.changes: list[tuple[int, int]] = []  # of cores
        self.cpus, self.n_tasks = 1, 0
        self.handlers = {
            "SparkListenerApplicationStart": self._application,
            "SparkListenerEnvironmentUpdate": self._environment,
            "SparkListenerExecutorAdded": self._executor_added,
            "SparkListenerExecutorRemoved": self._executor_removed,
            "SparkListenerJobStart": self._job_start,
            "SparkListenerJobEnd": self._job_end,
            "SparkListenerStageCompleted": self._stage_end,
            "SparkListenerTaskEnd": self._task_end,
        }

    def take(self, line: bytes, where: str) -> None:
        """Take the event of a line; an unknown one only has to be one."""
        event = parse_json(line, where)
        if not isinstance(event, Mapping) or not isinstance(event.get("Event"), str):
            raise DataError(f"{where}: not an event of Spark; give an event log as Spark writes it.")
        handler = self.handlers.get(event["Event"])
        if handler is not None:
            handler(event, where)

    def ended(self, where: Path) -> EventLog:
        """The log after its last event."""
        if not self.log.jobs:
            raise DataError(
                f"{where}: holds no job of Spark; give the event log of an application that ran one."
            )
        for time_ms, cores in self.changes:
            slots = abs(cores) // self.cpus
            self.log.slots.append((time_ms, slots if cores > 0 else -slots))
        return self.log

    def _application(self, event: Mapping[str, JsonValue], where: str) -> None:
        self.log.name = _of(_Application, event, where).id or self.log.name

    def _environment(self, event: Mapping[str, JsonValue], where: str) -> None:
        properties = _of(_Environment, event, where).properties
        self.log.scheduler = "FAIR" if properties.get("spark.scheduler.mode") == "FAIR" else "FIFO"
        self.cpus = max(1, whole_number(str(properties.get("spark.task.cpus", "1"))) or 1)

    def _executor_added(self, event: Mapping[str, JsonValue], where: str) -> None:
        added = _of(_ExecutorAdded, event, where)
        if added.executor in self.cores:
            return
        self.cores[added.executor] = added.info.cores
        self.changes.append((added.time_ms, added.info.cores))

    def _executor_removed(self, event: Mapping[str, JsonValue], where: str) -> None:
        removed = _of(_ExecutorRemoved, event, where)
        if cores := self.cores.pop(removed.executor, 0):
            self.changes.append((removed.time_ms, -cores))

    def _job_start(self, event: Mapping[str, JsonValue], where: str) -> None:
        start = _of(_JobStart, event, where)
        if start.job in self.log.jobs:
            raise DataError(
                f"{where}: job {start.job} starts a second time; give the log of one application."
            )
        listed = {info.id for info in start.stages}
        for info in start.stages:
            unknown = set(info.parents) - listed
            if unknown:
                raise DataError(
                    f"{where}: stage {info.id} has the parent {min(unknown)}, which is no stage of job {start.job}; "
                    f"{REMEDY}."
                )
            self.log.stages.setdefault(
                info.id,
                StageRun(info.id, tuple(info.parents), info.rdds[0].id if info.rdds else None, start.job),
            )
        properties = start.properties or {}
        query = properties.get("spark.sql.execution.root.id", properties.get("spark.sql.execution.id"))
        self.log.jobs[start.job] = SparkJob(
            start.job,
            None if query is None else printable(str(query))[:50],
            start.submitted_ms,
            tuple(sorted(listed)),
        )

    def _job_end(self, event: Mapping[str, JsonValue], where: str) -> None:
        end = _of(_JobEnd, event, where)
        job = self.log.jobs.get(end.job)
        if job is None or job.ended_ms is not None or job.failed:
            raise DataError(f"{where}: job {end.job} ends, but it is not running; {REMEDY}.")
        if end.ended_ms < job.submitted_ms:
            raise DataError(f"{where}: job {end.job} ends before it was submitted; {REMEDY}.")
        job.failed = end.result.result != "JobSucceeded"
        job.ended_ms = None if job.failed else end.ended_ms

    def _stage_end(self, event: Mapping[str, JsonValue], where: str) -> None:
        number = _of(_StageEnd, event, where).stage.id
        self._stage(number, where).completed = True

    def _task_end(self, event: Mapping[str, JsonValue], where: str) -> None:
        end = _of(_TaskEnd, event, where)
        stage, info = self._stage(end.stage, where), end.info
        if info.finished_ms < info.launched_ms:
            raise DataError(f"{where}: a task of stage {end.stage} finishes before its launch; {REMEDY}.")
        self.n_tasks += 1
        if self.n_tasks > MOST_TASKS:
            raise DataError(f"{where}: more than {MOST_TASKS} tasks; split the log.")
        partition = info.partition if info.partition >= 0 else info.index
        if end.why.reason != "Success":
            self.log.ignored["speculative task" if info.speculative else "failed or killed task"] += 1
        elif partition in stage.tasks:
            self.log.ignored["repeated task"] += 1
        else:
            stage.tasks[partition] = TaskRun(info.launched_ms, info.finished_ms, info.executor)

    def _stage(self, number: int, where: str) -> StageRun:
        if number not in self.log.stages:
            raise DataError(f"{where}: names stage {number}, which no job before has listed; {REMEDY}.")
        return self.log.stages[number]


def _of(kind: type[E], event: Mapping[str, JsonValue], where: str) -> E:
    """An event of that kind, from the entries that it reads."""
    names = {str(entry.alias) for entry in kind.model_fields.values()}
    return kind.of({name: event[name] for name in names if name in event}, where, remedy=REMEDY)
