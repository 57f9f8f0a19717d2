"""The rules of the cluster in plain Python: small enough to read, slow, and what the compiled simulator is tested with.

Source: the simulators of Decima (Mao et al. 2019, section 6.2) as re-implemented in spark-sched-sim and published with
NetLLM, whose quirks are kept because published numbers rest on them.

A job is a DAG of stages of equal tasks. Executors are alike and run one task at a time. Each is in a pool: a stage's
(running there or just finished), its job's (idle) or the common one, or it moves to another job, which takes time.

- A task finishes: the same executor takes the stage's next one. If there is none, the pool's oldest commitment says
  where it goes; without one it becomes idle and, if the stage's end unlocked others, falls back to its job's pool.
  Then executors of the job's pool (if stages were unlocked) or of the stage's pool (if nothing was committed) are to be
  committed: this pool is the *source*. It counts executors that still run, which are committed ahead.
- A job arrives: the common pool is the source if it has executors. Jobs at time 0 are all there from the beginning.
- A scheduling round begins after an event if the source has executors that are not committed and a stage can be
  chosen: some demand (tasks not started - executors moving or committed to it) above 0, no parent with demand, not
  chosen in this round, and a job that is the source's or has a supply below the number of executors. It ends when no
  executor or no stage is left; the rest is committed to the common pool. If no stage can be chosen, the idle executors
  of the source fall back, and there is no source.
- An executor follows a commitment to a stage: it moves if it is at another job, waits in the job's pool if parents of
  the stage have not finished, and starts a task otherwise. Where no task is left it takes a backup: a stage that can be
  chosen, at its own job first. One that falls back goes to its job's pool, and from there to the common pool once the
  job has started all its tasks; the supply of that job counts it on.
- An executor remembers the stage of its last task until it leaves the job or has nothing to do. Without one it is cold.

Departure: where nothing runs or moves, declining is not possible (`Simulation.may_decline`); and if nothing runs or
moves, no job is to arrive and jobs are left, a round begins at the first pool with executors, the common one first. The
published simulators fail there.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

from netwright.tasks.cjs.workload import FIRST, FRESH, REST, Workload

COMMON = ("common", 0)
Pool = tuple[str, int]  # "stage" or "job" and its number, or COMMON

Duration = Callable[[int, int, int, int], float]
"""Duration in ms of a task, of its stage, wave, number among the launches of the stage, and executors at the job."""


class Simulation:
    """One episode.

    Args:
        workload: the jobs.
        n_executors: of the cluster.
        duration: of each task that is started.
        moving_ms: how long an executor takes to another job.
        first_backup: whether the first stage that can be chosen is the backup (spark-sched-sim), or the last (NetLLM).
    """

    def __init__(
        self,
        workload: Workload,
        n_executors: int,
        duration: Duration,
        *,
        moving_ms: float = 2000.0,
        first_backup: bool = False,
    ) -> None:
        self.duration, self.moving_ms, self.first_backup = duration, moving_ms, first_backup
        stages = workload.stages
        self.stages_of = [range(job["first_stage"], job["end_stage"]) for job in workload.jobs]
        self.job_of = [int(job) for job in stages["job"]]
        self.n_tasks = [int(n) for n in stages["n_tasks"]]
        self.children = [
            [int(child) for child in workload.children[stage["first_child"] : stage["end_child"]]]
            for stage in stages
        ]
        self.parents: list[list[int]] = [[] for _ in stages]
        for parent, children in enumerate(self.children):
            for child in children:
                self.parents[child].append(parent)
        self.unlaunched, self.finished = list(self.n_tasks), [0] * len(stages)
        self.moving_to = [0] * len(stages)
        self.supply = [0] * len(self.stages_of)
        self.executors_at: list[set[int]] = [set() for _ in self.stages_of]
        self.active: list[int] = []
        self.completion_ms: dict[int, float] = {}
        self.now_ms, self.n_events, self.n_forced = 0.0, 0, 0
        self.pool: dict[int, Pool] = dict.fromkeys(range(n_executors), COMMON)
        self.job: dict[int, int | None] = dict.fromkeys(range(n_executors))
        self.last_stage: dict[int, int | None] = dict.fromkeys(range(n_executors))
        self.busy: set[int] = set()
        self.commitments: dict[Pool, dict[Pool, int]] = {}
        self.source: Pool | None = COMMON
        self.chosen: set[int] = set()
        self.events: list[tuple[float, int, str, int, int]] = []
        for job, arrival_ms in enumerate(workload.arrival_ms.tolist()):
            if arrival_ms == 0.0:
                self._arrive(job, 0)
                self.n_events += 1
            else:
                self._expect(arrival_ms, "arrival", job, 0)
        if not self.active:
            self._advance()

    # What a scheduler may know.

    @property
    def done(self) -> bool:
        """Whether all jobs have completed."""
        return len(self.completion_ms) == len(self.stages_of)

    @property
    def committable(self) -> int:
        """Executors of the source that are not committed."""
        if self.source is None:
            return 0
        return len(self._members(self.source)) - sum(self.commitments.get(self.source, {}).values())

    @property
    def may_decline(self) -> bool:
        """Whether something runs or moves, or was committed to a stage in this round."""
        return any(kind != "arrival" for _, _, kind, _, _ in self.events) or bool(self.chosen)

    def choices(self, jobs: list[int] | None = None, source: int | None = None) -> list[int]:
        """Stages that can be chosen, of all active jobs (or of these), in order; `source`: the source's job."""
        source = self._job_of(self.source) if source is None else source
        return [
            stage
            for job in (self.active if jobs is None else jobs)
            if job == source or self.supply[job] < len(self.pool)
            for stage in self.stages_of[job]
            if stage not in self.chosen
            and self.demand(stage) > 0
            and all(self.demand(parent) <= 0 for parent in self.parents[stage])
        ]

    def demand(self, stage: int) -> int:
        """Executors that a stage can still take."""
        committed = sum(goals.get(("stage", stage), 0) for goals in self.commitments.values())
        return self.unlaunched[stage] - self.moving_to[stage] - committed

    # Decisions.

    def decide(self, stage: int | None, n: int = 1) -> float:
        """Commit n executors of the source to a stage, or decline; minus the job time in ms that then passes."""
        if stage is None and not self.may_decline:
            self.n_forced += 1
            stage, n = self.choices()[0], self.committable
        if stage is not None:
            self._commit(("stage", stage), min(n, self.demand(stage)))
            self.chosen.add(stage)
            if self.committable and self.choices():
                return 0.0
        assert self.source is not None
        if self.committable:
            self._commit(COMMON, self.committable)
        for executor in sorted(self._members(self.source) - self.busy):
            self._fulfil(executor)
        self.source = None
        self.chosen.clear()
        return -self._advance()

    def _advance(self) -> float:
        """Handle events until a decision is needed or the episode ends; the job time in ms that passes."""
        job_time_ms = 0.0
        while self.events:
            time_ms, _, kind, one, other = heapq.heappop(self.events)
            job_time_ms += len(self.active) * (time_ms - self.now_ms)
            self.now_ms = time_ms
            self.n_events += 1
            {"arrival": self._arrive, "moved": self._reach, "finished": self._finish}[kind](one, other)
            if not self.committable:
                continue
            if self.choices():
                return job_time_ms
            assert self.source is not None
            for executor in sorted(self._members(self.source) - self.busy):
                self._fall_back(executor)
            self.source = None
        if not self.done:
            pools: list[Pool] = [COMMON, *(("job", job) for job in self.active)]
            self.source = next(pool for pool in pools if self._members(pool))
        return job_time_ms

    # Events.

    def _expect(self, time_ms: float, kind: str, one: int, other: int) -> None:
        self._order = getattr(self, "_order", 0) + 1
        heapq.heappush(self.events, (time_ms, self._order, kind, one, other))

    def _arrive(self, job: int, _: int) -> None:
        self.active.append(job)
        if self._members(COMMON):
            self.source = COMMON

    def _reach(self, executor: int, stage: int) -> None:
        job = self.job_of[stage]
        self.job[executor] = job
        self.executors_at[job].add(executor)
        self.moving_to[stage] -= 1
        self.pool[executor] = ("job", job)
        self._go(executor, stage)

    def _finish(self, executor: int, stage: int) -> None:
        self.finished[stage] += 1
        self.busy.discard(executor)
        if self.unlaunched[stage]:
            self._launch(executor, stage)
            return
        unlocked = False
        if self.finished[stage] == self.n_tasks[stage]:
            unlocked = any(self._ready(child) for child in self.children[stage])
            self._complete(self.job_of[stage])
        committed = bool(self.commitments.get(("stage", stage)))
        if committed:
            self._fulfil(executor)
        else:
            self.last_stage[executor] = None
            if unlocked:
                self._fall_back(executor)
        if unlocked:
            self.source = ("job", self.job_of[stage])
        elif not committed:
            self.source = ("stage", stage)

    def _complete(self, job: int) -> None:
        if any(self.finished[stage] < self.n_tasks[stage] for stage in self.stages_of[job]):
            return
        for executor in sorted(self._members(("job", job))):
            self._fall_back(executor)
        self.active.remove(job)
        self.completion_ms[job] = self.now_ms

    # Executors.

    def _commit(self, goal: Pool, n: int) -> None:
        assert self.source is not None
        goals = self.commitments.setdefault(self.source, {})
        goals[goal] = goals.get(goal, 0) + n
        if goal != COMMON and self._job_of(goal) != self._job_of(self.source):
            self.supply[self._job_of(goal)] += n

    def _fulfil(self, executor: int) -> None:
        source = self.pool[executor]
        goals = self.commitments[source]
        goal = next(iter(goals))
        goals[goal] -= 1
        if not goals[goal]:
            del goals[goal]
        if goal == COMMON:
            self._fall_back(executor)
            return
        if self._job_of(goal) != self._job_of(source):
            self.supply[self._job_of(goal)] -= 1
        self._go(executor, goal[1])

    def _go(self, executor: int, stage: int) -> None:
        if not self.unlaunched[stage]:
            backup = self._backup(executor)
            if backup is None:
                self._fall_back(executor)
                return
            stage = backup
        job = self.job_of[stage]
        if self.job[executor] != job:
            self._send(executor, stage)
        elif not self._ready(stage):
            self.last_stage[executor] = None
            self.pool[executor] = ("job", job)
        else:
            self.pool[executor] = ("stage", stage)
            self._launch(executor, stage)

    def _backup(self, executor: int) -> int | None:
        own = self.job[executor]
        assert own is not None
        # spark-sched-sim takes job 0 for no job, and no jobs for all jobs.
        source = self._job_of(self.source) if self.first_backup and own == 0 else own
        others = [job for job in self.active if job != own]
        if self.first_backup and not others:
            others = list(self.active)
        for jobs in ([own], others):
            found = self.choices(jobs, source)
            if found:
                return found[0 if self.first_backup else -1]
        return None

    def _send(self, executor: int, stage: int) -> None:
        old = self.job[executor]
        if old is not None:
            self.supply[old] -= 1
            self._leave(executor, old)
        self.pool[executor] = ("moving", stage)
        self.supply[self.job_of[stage]] += 1
        self.moving_to[stage] += 1
        self._expect(self.now_ms + self.moving_ms, "moved", executor, stage)

    def _launch(self, executor: int, stage: int) -> None:
        last, k = self.last_stage[executor], self.n_tasks[stage] - self.unlaunched[stage]
        wave = FRESH if last is None else REST if last == stage else FIRST
        took_ms = self.duration(stage, wave, k, len(self.executors_at[self.job_of[stage]]))
        self.unlaunched[stage] -= 1
        self.busy.add(executor)
        self.last_stage[executor] = stage
        self._expect(self.now_ms + took_ms, "finished", executor, stage)

    def _fall_back(self, executor: int) -> None:
        job = self.job[executor]
        if job is None:
            return
        if any(self.unlaunched[stage] for stage in self.stages_of[job]):
            self.pool[executor] = ("job", job)
        else:
            self.pool[executor] = COMMON
            self._leave(executor, job)

    def _leave(self, executor: int, job: int) -> None:
        self.executors_at[job].discard(executor)
        self.job[executor] = self.last_stage[executor] = None

    def _ready(self, stage: int) -> bool:
        """Whether all parents have finished."""
        return all(self.finished[parent] == self.n_tasks[parent] for parent in self.parents[stage])

    def _members(self, pool: Pool) -> set[int]:
        return {executor for executor, place in self.pool.items() if place == pool}

    def _job_of(self, pool: Pool | None) -> int:
        """The job of a pool, -1 for the common one and for none."""
        if pool is None or pool == COMMON:
            return -1
        return pool[1] if pool[0] == "job" else self.job_of[pool[1]]
