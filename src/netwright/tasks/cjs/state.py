"""The state of a cluster as records in arrays, which the compiled simulator reads and writes.

A pool is where executors are: that of stage s (number s; running there or just finished), that of job j (S + j; idle
at the job) or the common one (S + J; at no job).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray

NOWHERE = -1
IDLE, RUNNING, MOVING = 0, 1, 2

Records = RawArray


def record(ints: str, floats: str = "") -> np.dtype[Any]:
    return np.dtype(
        [(name, np.int64) for name in ints.split()] + [(name, np.float64) for name in floats.split()]
    )


STAGE = record(
    # What does not change: its job, number of tasks, row of the duration lists, children[first_child:end_child].
    "job n_tasks row first_child end_child "
    # Tasks not started and running; the former - executors moving to the stage - commitments to it.
    "unlaunched running demand "
    # Parents that have not finished, and those with a demand above 0; last round in which the stage was chosen.
    "unfinished_parents unsaturated_parents chosen_round",
    # Estimate of the task duration, longest path of estimates to an end of the job, last launched task's duration.
    "mean_ms path_ms last_ms",
)

JOB = record(
    # Its stages are first_stage up to end_stage.
    "first_stage end_stage "
    # Executors at or moving to it and committed to it from outside; those at it committed to another; those at it.
    "supply promised local "
    # Stages with tasks not started, and incomplete ones.
    "n_unlaunched_stages n_open_stages "
    # Number of the active job at this place, in the first n_active places; nothing to do with this job.
    "active",
    "arrival_ms completion_ms",  # NaN before
)

POOL = record("size out")  # executors; commitments of these
EXECUTOR = record(
    # IDLE, RUNNING or MOVING; its pool and job, or NOWHERE; stage that it runs or moves to.
    "kind pool job target "
    # Stage of its last task, if it remembers one, or NOWHERE; order of its event among those at one time.
    "warm order "
    # Of its running task: how it came to it, and executors at the job when it started.
    "wave n_local",
    "time_ms started_ms",  # of its event (the end of a task is hidden from schedulers); of its running task
)

COMMITMENT = record("source destination number")
"""Two pools, and how many executors of the source will go to the destination."""

CLUSTER = record(
    "durations first_backup seed "  # the rule of durations, whether the first backup stage is taken
    "source "  # pool whose executors are to be committed, or NOWHERE
    "n_arrived n_active n_completed n_commitments n_waiting "  # jobs; entries of the list and of the heap
    "n_events n_decisions n_forced n_launches sequence "
    "round committed",  # number of the scheduling round, executors committed to stages in it
    "moving_ms now_ms mark_ms "  # mark: up to where job time has been summed
    "job_time_ms busy_ms",  # since the last decision; of all launched tasks
)

LIST = record("start length", "extra_ms")
"""Durations `values[start:][:length] + extra_ms` of a stage, wave and level."""


class State(NamedTuple):
    """One episode: J jobs, S stages, E executors, and what its jobs are made of, which copies share."""

    cluster: Records  # (1,)
    jobs: Records  # (J,)
    stages: Records  # (S,)
    pools: Records  # (S + J + 1,)
    executors: Records  # (E,)
    heap: NDArray[np.int64]  # (E,) executors with an event in the first n_waiting places, the earliest first
    commitments: Records  # (E,) in the order in which they were made, in the first n_commitments places
    log: NDArray[np.float64]  # (T, 4) executor, stage, start, end of launched tasks; no rows if not recorded
    children: NDArray[np.int64]  # (M,) stages
    lists: Records  # (R, 3, 8)
    values: NDArray[np.float64]  # (v,) ms


def copied(s: State) -> State:
    """A state that goes its own way from here; it records no launches."""
    return s._replace(
        cluster=s.cluster.copy(),
        jobs=s.jobs.copy(),
        stages=s.stages.copy(),
        pools=s.pools.copy(),
        executors=s.executors.copy(),
        heap=s.heap.copy(),
        commitments=s.commitments.copy(),
        log=s.log[:0],
    )
