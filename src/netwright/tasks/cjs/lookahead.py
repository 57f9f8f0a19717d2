"""What each candidate of a decision would cost, by simulating it ahead, compiled.

Each candidate is taken in the same futures (`futures`), then the evolved rule decides until the horizon. The cost is
the job time up to there and an estimate of the job time after it. Only differences between candidates matter.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from netwright.tasks.cjs.candidates import CANDIDATE, MOST, propose
from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.durations import mixed
from netwright.tasks.cjs.futures import future
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.state import Records, State
from netwright.tasks.cjs.views import VIEW, bids, view_state


class Ahead(NamedTuple):
    """How far and how often a decision is simulated ahead: in `n_first` futures for each candidate, then in `n_more`
    for those that look better than the rule's choice.
    """

    horizon_ms: float
    n_first: int
    n_more: int


WORK_FACTOR, PATH_FACTOR = 1.5, 0.5
"""Of the estimate after the horizon."""


@compiled
def play(s: State, ahead: Ahead, parameters: Floats, memory: Ints) -> None:
    """Play an episode that waits for a decision to its end."""
    going = True
    while going:
        stage, n = plan(s, ahead, parameters, memory)
        going = decide(s, stage, n)


@compiled
def plan(s: State, ahead: Ahead, parameters: Floats, memory: Ints) -> tuple[int, int]:
    """Stage and number of executors of the candidate that is better than the rule's by more than a standard error.

    Args:
        s: a state that waits for a decision; it stays as it is.
        ahead: how far and how often to look.
        parameters: of the evolved rule.
        memory: seed, and number of decisions so far, which is counted here.
    """
    found = candidates(s, parameters)
    memory[1] += 1
    chosen = (
        better(s, found, ahead, parameters, mixed(np.uint64(memory[0]), memory[1])) if len(found) > 1 else 0
    )
    return found[chosen].stage, found[chosen].n


@compiled
def candidates(s: State, parameters: Floats) -> Records:
    """The candidates of a decision, the rule's first."""
    views, found = np.empty(s.cluster[0].n_active, VIEW), np.empty(MOST, CANDIDATE)
    load = view_state(s, views)
    return found[: propose(views, load, bids(views, load, parameters), found)]


@compiled
def better(s: State, found: Records, ahead: Ahead, parameters: Floats, seed: np.uint64) -> int:
    """The candidate to take; see `plan`."""
    first = costs(s, found, Futures(seed, 0, ahead.n_first, ahead.horizon_ms), parameters)
    totals = first.sum(axis=0)
    places = np.concatenate((np.zeros(1, dtype=np.int64), np.flatnonzero(totals < totals[0])))
    if len(places) == 1:
        return 0
    more = costs(s, found[places], Futures(seed, ahead.n_first, ahead.n_more, ahead.horizon_ms), parameters)
    differences = np.concatenate((first[:, places], more))
    differences -= differences[:, :1].copy()
    best, lowest = 0, 0.0
    for c in range(1, len(places)):
        mean, error = mean_and_error(differences[:, c])
        if mean + error < 0.0 and mean < lowest:
            best, lowest = places[c], mean
    return best


@compiled
def mean_and_error(values: Floats) -> tuple[float, float]:
    """Mean and its standard error; infinite for one value."""
    n, mean = len(values), values.mean()
    return mean, math.sqrt(((values - mean) ** 2).sum() / (n - 1) / n) if n > 1 else math.inf


class Futures(NamedTuple):
    """Random futures `first` up to `first + number` of a seed."""

    seed: np.uint64
    first: int
    number: int
    horizon_ms: float


@compiled
def costs(s: State, found: Records, futures: Futures, parameters: Floats) -> Floats:
    """(futures, candidates) job time in s of each candidate in each future; see `simulate`."""
    made = np.empty((futures.number, len(found)))
    for i in range(futures.number):
        start = future(s, mixed(futures.seed, futures.first + i), futures.horizon_ms)
        views, trial = np.empty(len(start.jobs), VIEW), duplicate(start)
        for c in range(len(found)):
            restore(trial, start)
            stage = same_stage(s, start, found[c].job, found[c].stage)
            made[i, c] = simulate(trial, stage, found[c].n, futures.horizon_ms, parameters, views) / 1000.0
    return made


@kernel
def same_stage(s: State, other: State, a: int, stage: int) -> int:
    """The stage of the active job at a place in another state with the same active jobs."""
    shift: int = other.jobs[other.jobs[a].active].first_stage - s.jobs[s.jobs[a].active].first_stage
    return stage + shift


@kernel
def simulate(s: State, stage: int, n: int, horizon_ms: float, parameters: Floats, views: Records) -> float:
    """Job time (ms) after a decision: until the horizon under the evolved rule, then estimated."""
    until_ms = s.cluster[0].now_ms + horizon_ms
    going = decide(s, stage, n)
    total_ms: float = s.cluster[0].job_time_ms
    while going and s.cluster[0].now_ms < until_ms:
        load = view_state(s, views)
        best = bids(views, load, parameters)
        going = decide(s, views[best].stage, views[best].room)
        total_ms += s.cluster[0].job_time_ms
    return total_ms + remaining_ms(s, views) if going else total_ms


@kernel
def remaining_ms(s: State, views: Records) -> float:
    """Estimate of the job time that active jobs still need: the shortest first, each after those before it."""
    load, total = view_state(s, views), 0.0
    for a in range(load.n_jobs):
        before = 0.0
        for b in range(load.n_jobs):
            if views[b].work_ms < views[a].work_ms or (views[b].work_ms == views[a].work_ms and b <= a):
                before += views[b].work_ms
        total += WORK_FACTOR * before / load.n_executors + PATH_FACTOR * views[a].path_ms
    return total


@compiled
def duplicate(s: State) -> State:
    """A copy with arrays of its own, but for those that never change."""
    return State(
        s.cluster.copy(),
        s.jobs.copy(),
        s.stages.copy(),
        s.pools.copy(),
        s.executors.copy(),
        s.heap.copy(),
        s.commitments.copy(),
        s.log,
        s.children,
        s.lists,
        s.values,
    )


@kernel
def restore(s: State, start: State) -> None:
    """Set a copy back to what it is a copy of."""
    s.cluster[0] = start.cluster[0]
    overwrite(s.jobs, start.jobs)
    overwrite(s.stages, start.stages)
    overwrite(s.pools, start.pools)
    overwrite(s.executors, start.executors)
    overwrite(s.heap, start.heap)
    overwrite(s.commitments, start.commitments)


@kernel
def overwrite(records: Records, by: Records) -> None:
    """Make records equal to others."""
    for i in range(len(records)):
        records[i] = by[i]
