"""Futures of a cluster as a scheduler can imagine them, compiled: everything that it cannot know is drawn again.

- When running tasks end: from the distribution of their durations, given how long they have run.
- Durations of later tasks: from the measured lists, as the simulator draws them.
- Jobs to come: at the rate at which jobs have arrived so far, each of a profile drawn from those that have arrived.

A future holds the jobs that count from now on, renumbered, so that it is small and quick to copy.
"""

from __future__ import annotations

import math

import numpy as np

from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.durations import HASHED, HIGH, LOW, MOST, below, drawn_ms, mixed, uniform
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import job_of_pool, push
from netwright.tasks.cjs.state import (
    IDLE,
    JOB,
    NOWHERE,
    POOL,
    RUNNING,
    STAGE,
    State,
)

PRIOR_GAP_MS = 25_000.0
"""Added to the time in which jobs were counted, as if one had arrived in it."""

MOST_ARRIVALS = 32
TRIES = 32  # draws of a duration before the longer ones are counted


@compiled
def future(s: State, seed: np.uint64, horizon_ms: float) -> State:
    """A cluster like this one, with a future of its own.

    Args:
        s: a state that waits for a decision; of running tasks, only what started, where and when is used.
        seed: of the future.
        horizon_ms: how long jobs keep arriving.
    """
    kept = jobs_that_count(s)
    arrivals_ms, likes = arrivals(s, mixed(seed, 0), horizon_ms)
    made = renumbered(s, np.concatenate((kept, likes)), len(kept))
    for i in range(len(likes)):
        make_new(made, len(kept) + i, arrivals_ms[i])
    made.cluster[0].seed = np.int64(mixed(seed, 1) >> np.uint64(2))
    draw_ends(made, mixed(seed, 2))
    return made


@compiled
def jobs_that_count(s: State) -> Ints:
    """Jobs that are active or that executors, commitments or the source still name, rising."""
    counts = np.zeros(len(s.jobs) + 1, dtype=np.bool_)  # the last place stands for no job
    for i in range(s.cluster[0].n_active):
        counts[s.jobs[i].active] = True
    for executor in range(len(s.executors)):
        one = s.executors[executor]
        counts[one.job] = True
        counts[job_of_pool(s, one.pool)] = True
        if one.kind != IDLE:
            counts[s.stages[one.target].job] = True
    for i in range(s.cluster[0].n_commitments):
        counts[job_of_pool(s, s.commitments[i].source)] = True
        counts[job_of_pool(s, s.commitments[i].destination)] = True
    counts[job_of_pool(s, s.cluster[0].source)] = True
    return np.flatnonzero(counts[:-1])


@compiled
def arrivals(s: State, seed: np.uint64, horizon_ms: float) -> tuple[Floats, Ints]:
    """When jobs arrive until the horizon, and the job that has arrived before whose profile each of them has."""
    n_later = 0
    for job in range(s.cluster[0].n_arrived):
        n_later += s.jobs[job].arrival_ms > 0.0
    gap_ms = (s.cluster[0].now_ms + PRIOR_GAP_MS) / (n_later + 1)
    times_ms, likes = np.empty(MOST_ARRIVALS), np.empty(MOST_ARRIVALS, dtype=np.int64)
    at_ms, n = s.cluster[0].now_ms, 0
    while n < MOST_ARRIVALS:
        drawn = mixed(seed, n)
        at_ms -= gap_ms * math.log(1.0 - uniform(drawn))
        if at_ms > s.cluster[0].now_ms + horizon_ms:
            break
        times_ms[n], likes[n] = at_ms, below(mixed(drawn, 0), s.cluster[0].n_arrived)
        n += 1
    return times_ms[:n], likes[:n]


@compiled
def renumbered(s: State, chosen: Ints, n_kept: int) -> State:
    """A state of these jobs of another one, the first `n_kept` as they are; the others have not arrived.

    Events are not in the heap yet.
    """
    n_jobs, n_stages, n_children = len(chosen), 0, 0
    for job in chosen:
        first, end = s.jobs[job].first_stage, s.jobs[job].end_stage
        n_stages += end - first
        n_children += s.stages[end - 1].end_child - s.stages[first].first_child
    made = State(
        s.cluster.copy(),
        np.empty(n_jobs, JOB),
        np.empty(n_stages, STAGE),
        np.zeros(n_stages + n_jobs + 1, POOL),
        s.executors.copy(),
        np.zeros(len(s.executors), dtype=np.int64),
        s.commitments.copy(),
        np.zeros((0, 4)),
        np.empty(n_children, dtype=np.int64),
        s.lists,
        s.values,
    )
    number = np.full(len(s.jobs) + 1, NOWHERE)  # of each kept job, and of none
    stage_shift = np.zeros(len(s.jobs), dtype=np.int64)
    stage = child = 0
    for new in range(n_jobs):
        job = chosen[new]
        first, end = s.jobs[job].first_stage, s.jobs[job].end_stage
        by, children_by = stage - first, child - s.stages[first].first_child
        made.jobs[new] = s.jobs[job]
        made.jobs[new].first_stage, made.jobs[new].end_stage = stage, stage + end - first
        for old in range(first, end):
            made.stages[stage] = s.stages[old]
            made.stages[stage].job = new
            made.stages[stage].first_child += children_by
            made.stages[stage].end_child += children_by
            if new < n_kept:
                made.pools[stage] = s.pools[old]
            stage += 1
        for i in range(s.stages[first].first_child, s.stages[end - 1].end_child):
            made.children[child] = s.children[i] + by
            child += 1
        if new < n_kept:
            number[job], stage_shift[job] = new, by
            made.pools[n_stages + new] = s.pools[len(s.stages) + job]
    made.pools[-1] = s.pools[-1]
    rename(made, s, number, stage_shift)
    completed = 0
    for new in range(n_kept):
        completed += made.jobs[new].n_open_stages == 0
    made.cluster[0].n_arrived, made.cluster[0].n_completed = n_kept, completed
    made.cluster[0].durations, made.cluster[0].n_waiting = HASHED, 0
    return made


@compiled
def rename(made: State, s: State, number: Ints, stage_shift: Ints) -> None:
    """Give the kept jobs, stages and pools of a state their new numbers where others name them."""
    for i in range(s.cluster[0].n_active):
        made.jobs[i].active = number[s.jobs[i].active]
    made.cluster[0].source = new_pool(made, s, s.cluster[0].source, number, stage_shift)
    for i in range(s.cluster[0].n_commitments):
        for_one, of = made.commitments[i], s.commitments[i]
        for_one.source = new_pool(made, s, of.source, number, stage_shift)
        for_one.destination = new_pool(made, s, of.destination, number, stage_shift)
    for executor in range(len(s.executors)):
        one, of = made.executors[executor], s.executors[executor]
        one.job = number[of.job]
        one.pool = new_pool(made, s, of.pool, number, stage_shift)
        one.target = NOWHERE if of.kind == IDLE else of.target + stage_shift[s.stages[of.target].job]
        if of.warm != NOWHERE:
            one.warm = of.warm + stage_shift[s.stages[of.warm].job]


@compiled
def new_pool(made: State, s: State, pool: int, number: Ints, stage_shift: Ints) -> int:
    """The new number of a pool."""
    n_stages, n_jobs = len(s.stages), len(s.jobs)
    if pool == NOWHERE:
        return NOWHERE
    new: int = len(made.pools) - 1
    if pool < n_stages:
        new = pool + stage_shift[s.stages[pool].job]
    elif pool < n_stages + n_jobs:
        new = len(made.stages) + number[pool - n_stages]
    return new


@kernel
def make_new(s: State, job: int, arrival_ms: float) -> None:
    """Take back everything that has happened to a job."""
    first, end = s.jobs[job].first_stage, s.jobs[job].end_stage
    one = s.jobs[job]
    one.supply = one.promised = one.local = 0
    one.n_unlaunched_stages = one.n_open_stages = end - first
    one.arrival_ms, one.completion_ms = arrival_ms, math.nan
    for number in range(first, end):
        stage = s.stages[number]
        stage.unlaunched = stage.demand = stage.n_tasks
        stage.running = stage.unfinished_parents = stage.unsaturated_parents = 0
        stage.chosen_round = 0
        stage.last_ms = stage.mean_ms
    for number in range(first, end):
        for i in range(s.stages[number].first_child, s.stages[number].end_child):
            s.stages[s.children[i]].unfinished_parents += 1
            s.stages[s.children[i]].unsaturated_parents += 1


@kernel
def draw_ends(s: State, seed: np.uint64) -> None:
    """Draw when running tasks end, and put all events into the heap."""
    for executor in range(len(s.executors)):
        one = s.executors[executor]
        if one.kind == RUNNING:
            elapsed_ms = s.cluster[0].now_ms - one.started_ms
            row, n = s.stages[one.target].row, min(one.n_local, MOST)
            one.time_ms = one.started_ms + longer_ms(s, row, one.wave, n, elapsed_ms, mixed(seed, executor))
        if one.kind != IDLE:
            push(s, executor)


@kernel
def longer_ms(s: State, row: int, wave: int, n: int, least_ms: float, seed: np.uint64) -> float:
    """Duration of a task (see `drawn_ms`) given that it is at least `least_ms`.

    Draws are repeated until one is long enough; where that is rare, one of the longer durations of both levels is
    taken, each as likely as the others.
    """
    for i in range(TRIES):
        took_ms = drawn_ms(s, row, wave, n, mixed(seed, i))
        if took_ms >= least_ms:
            return took_ms
    n_longer = 0
    for place in range(2):
        n_longer += count_longer(s, row, wave, LOW[n] if place == 0 else HIGH[n], least_ms)
    left = below(mixed(seed, TRIES), n_longer)
    for place in range(2):
        found = s.lists[row, wave, LOW[n] if place == 0 else HIGH[n]]
        for i in range(found.length):
            long_ms: float = s.values[found.start + i] + found.extra_ms
            if long_ms >= least_ms:
                if left == 0:
                    return long_ms
                left -= 1
    return least_ms


@kernel
def count_longer(s: State, row: int, wave: int, level: int, least_ms: float) -> int:
    """Number of durations of a list that are at least this long."""
    found = s.lists[row, wave, level]
    n = 0
    for i in range(found.length):
        n += s.values[found.start + i] + found.extra_ms >= least_ms
    return n
