"""What a scheduler knows when executors of the source are to be committed, and how it answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.compiled import compiled
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import committable, idle_cluster, schedulable, source_job, takes_executors
from netwright.tasks.cjs.state import NOWHERE, State

Bools = NDArray[np.bool_]


class Observation(NamedTuple):
    """The A active jobs in order of arrival, and the graph of their N incomplete stages, M edges.

    The executors to commit are those of the *source*: the common pool, a job's pool, or a stage's pool, whose busy
    executors may be committed ahead.

    Attributes:
        committable: executors of the source that are not committed yet, 1 or more; all of them may be given at once.
        source_job: index among the active jobs of the source's job; A if that is none of them.
        may_decline: False where nothing runs or moves and nothing was committed in this round.
        job: numbers of the jobs in the workload.
        first_node: nodes of job a are `first_node[a]` up to `first_node[a + 1]`, in the order of its stages.
        supply: executors at a job, moving to it and committed to it from outside.
        promised: executors among them that are committed to another job and will leave.
        stage: number of the stage in the workload; its number in the job is the difference to that of stage 0.
        remaining: tasks that no executor has started.
        demand: remaining tasks - executors moving or committed to the stage; a choice is cut to it.
        last_ms: duration of the last started task; before, `mean_ms`.
        mean_ms: estimate of the task duration that came with the job.
        path_ms: longest path of `mean_ms` from the stage to an end of its job, that stage included.
        schedulable: nodes that can be chosen: demand above 0, not chosen in this round, every parent's demand at most
            0, and the job is the source's or has a supply below the number of executors.
        frontier: nodes whose parents have finished; executors sent to another schedulable one wait at its job.
        edges: parent and child, as nodes.
    """

    now_ms: float
    n_executors: int
    committable: int
    source_job: int
    may_decline: bool
    job: Ints  # (A,)
    arrival_ms: Floats  # (A,)
    first_node: Ints  # (A + 1,)
    supply: Ints  # (A,)
    promised: Ints  # (A,)
    stage: Ints  # (N,)
    remaining: Ints  # (N,)
    running: Ints  # (N,)
    demand: Ints  # (N,)
    last_ms: Floats  # (N,)
    mean_ms: Floats  # (N,)
    path_ms: Floats  # (N,)
    schedulable: Bools  # (N,)
    frontier: Bools  # (N,)
    edges: Ints  # (M, 2)

    @property
    def choices(self) -> Ints:
        """(C,) nodes that can be chosen; an answer counts in these."""
        return np.flatnonzero(self.schedulable)


DECLINE = -1


@runtime_checkable
class Scheduler(Protocol):
    """A `Policy` that decides for B clusters at once."""

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all clusters; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) for each cluster an index into `choices` (or DECLINE), and a number of executors, 1..committable."""
        ...


@compiled
def observe(s: State) -> Observation:
    """The observation of a state in which a decision is needed, in arrays of its own."""
    n_jobs = s.cluster[0].n_active
    job = s.jobs["active"][:n_jobs].copy()
    first_node = np.zeros(n_jobs + 1, dtype=np.int64)
    for a in range(n_jobs):
        first_node[a + 1] = first_node[a] + s.jobs[job[a]].n_open_stages
    source = source_job(s)
    source_index = n_jobs
    stage = np.empty(first_node[n_jobs], dtype=np.int64)
    can = np.empty(len(stage), dtype=np.bool_)
    node = n_edges = 0
    for a in range(n_jobs):
        if job[a] == source:
            source_index = a
        takes = takes_executors(s, job[a], source)
        for number in range(s.jobs[job[a]].first_stage, s.jobs[job[a]].end_stage):
            if s.stages[number].unlaunched + s.stages[number].running > 0:
                stage[node] = number
                can[node] = takes and schedulable(s, number)
                n_edges += s.stages[number].end_child - s.stages[number].first_child
                node += 1
    return Observation(
        s.cluster[0].now_ms,
        len(s.executors),
        committable(s),
        source_index,
        not idle_cluster(s),
        job,
        s.jobs["arrival_ms"][job],
        first_node,
        s.jobs["supply"][job],
        s.jobs["promised"][job],
        stage,
        s.stages["unlaunched"][stage],
        s.stages["running"][stage],
        s.stages["demand"][stage],
        s.stages["last_ms"][stage],
        s.stages["mean_ms"][stage],
        s.stages["path_ms"][stage],
        can,
        s.stages["unfinished_parents"][stage] == 0,
        _edges(s, stage, n_edges),
    )


@compiled
def _edges(s: State, stage: Ints, n_edges: int) -> Ints:
    """(M, 2) edges between these stages, which rise; children of incomplete stages are incomplete."""
    edges = np.empty((n_edges, 2), dtype=np.int64)
    m = 0
    for node in range(len(stage)):
        for i in range(s.stages[stage[node]].first_child, s.stages[stage[node]].end_child):
            edges[m, 0] = node
            edges[m, 1] = np.searchsorted(stage, s.children[i])
            m += 1
    return edges


def place_of(obs: Observation, stage: int) -> int:
    """The place of a stage of the workload among those that can be chosen."""
    return int(np.searchsorted(obs.stage[obs.choices], stage))


@compiled
def chosen_stage(s: State, choice: int) -> int:
    """Number of the stage at that place among those that can be chosen; NOWHERE for none or DECLINE."""
    if choice < 0:
        return NOWHERE
    source = source_job(s)
    for i in range(s.cluster[0].n_active):
        job = s.jobs[i].active
        if not takes_executors(s, job, source):
            continue
        for stage in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
            if schedulable(s, stage):
                if choice == 0:
                    return stage
                choice -= 1
    return NOWHERE
