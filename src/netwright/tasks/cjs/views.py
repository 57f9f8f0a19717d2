"""What rules and small networks use of each active job, compiled: from a state without arrays in between, or from an
observation; tests pin the two to each other.
"""

from __future__ import annotations

import math

import numpy as np

from netwright.tasks.cjs.compiled import kernel
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.kernels import committable, schedulable, source_job, takes_executors
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.rules import Demand, Load, bid
from netwright.tasks.cjs.state import NOWHERE, Records, State, record

VIEW = record(
    # The stage at which the job is served (`rules.node_of`) and the other schedulable one with the longest path, or
    # NOWHERE: numbers of the workload, or nodes of the observation.
    "stage other "
    # Executors that it will keep, and that are promised to other jobs; whether it is the source's job.
    "held promised own "
    # Incomplete stages, running tasks; of `stage`: tasks not started, demand, running tasks, whether it can start.
    "n_open running stage_tasks stage_demand stage_running stage_frontier "
    # The evolved rule's: whether the job holds its cap, and executors that it would be given.
    "over room other_demand",
    # Work left, longest path, 1 + demand of its schedulable stages, time since its arrival; estimate of a task's
    # duration and the path of `stage`; the evolved rule's score and ln(cap / E).
    "work_ms path_ms wanted age_ms stage_ms stage_path_ms score log_cap",
)
"""One active job."""


@kernel
def view_state(s: State, views: Records) -> Load:
    """Fill in the active jobs, in order of arrival; gives the cluster's load."""
    n_jobs, source, total = s.cluster[0].n_active, source_job(s), 0.0
    for a in range(n_jobs):
        job, view = s.jobs[a].active, views[a]
        clear(view)
        view.own = job == source
        view.promised = s.jobs[job].promised
        view.held = s.jobs[job].supply - s.jobs[job].promised
        view.age_ms = s.cluster[0].now_ms - s.jobs[job].arrival_ms
        takes = takes_executors(s, job, source)
        for number in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
            one = s.stages[number]
            if one.unlaunched + one.running == 0:
                continue
            view.n_open += 1
            view.running += one.running
            view.work_ms += one.unlaunched * one.mean_ms
            view.path_ms = max(view.path_ms, one.path_ms)
            if takes and schedulable(s, number):
                view.wanted += one.demand
                frontier = one.unfinished_parents == 0
                if view.stage == NOWHERE or (frontier and not view.stage_frontier):
                    view.stage, view.stage_frontier = number, frontier
        if view.stage != NOWHERE:
            one = s.stages[view.stage]
            view.stage_tasks, view.stage_demand, view.stage_running = one.unlaunched, one.demand, one.running
            view.stage_ms, view.stage_path_ms = one.mean_ms, one.path_ms
            for number in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
                if number != view.stage and schedulable(s, number):
                    longer = view.other == NOWHERE or s.stages[number].path_ms > s.stages[view.other].path_ms
                    view.other = number if longer else view.other
            view.other_demand = 0 if view.other == NOWHERE else s.stages[view.other].demand
        total += view.work_ms
    return Load(len(s.executors), committable(s), n_jobs, total)


@kernel
def view_observation(obs: Observation, views: Records) -> Load:
    """Fill in the active jobs of an observation, stages as its nodes; gives the cluster's load."""
    total = 0.0
    for a in range(len(obs.job)):
        view = views[a]
        clear(view)
        view.own = a == obs.source_job
        view.promised, view.held = obs.promised[a], obs.supply[a] - obs.promised[a]
        view.age_ms = obs.now_ms - obs.arrival_ms[a]
        for node in range(obs.first_node[a], obs.first_node[a + 1]):
            view.n_open += 1
            view.running += obs.running[node]
            view.work_ms += obs.remaining[node] * obs.mean_ms[node]
            view.path_ms = max(view.path_ms, obs.path_ms[node])
            if obs.schedulable[node]:
                view.wanted += obs.demand[node]
                if view.stage == NOWHERE or (obs.frontier[node] and not view.stage_frontier):
                    view.stage, view.stage_frontier = node, obs.frontier[node]
        if view.stage != NOWHERE:
            node = view.stage
            view.stage_tasks, view.stage_demand = obs.remaining[node], obs.demand[node]
            view.stage_running = obs.running[node]
            view.stage_ms, view.stage_path_ms = obs.mean_ms[node], obs.path_ms[node]
            for node in range(obs.first_node[a], obs.first_node[a + 1]):
                if node != view.stage and obs.schedulable[node]:
                    longer = view.other == NOWHERE or obs.path_ms[node] > obs.path_ms[view.other]
                    view.other = node if longer else view.other
            view.other_demand = 0 if view.other == NOWHERE else obs.demand[view.other]
        total += view.work_ms
    return Load(obs.n_executors, obs.committable, len(obs.job), total)


@kernel
def clear(view: np.record) -> None:
    """Begin the view of a job."""
    view.stage = view.other = NOWHERE
    view.n_open = view.running = view.stage_tasks = view.stage_demand = view.stage_running = 0
    view.stage_frontier = view.over = view.room = view.other_demand = 0
    view.work_ms = view.path_ms = view.stage_ms = view.stage_path_ms = view.log_cap = 0.0
    view.wanted, view.score = 1.0, -math.inf


@kernel
def bids(views: Records, load: Load, p: Floats) -> int:
    """Fill in what the evolved rule makes of each job; gives the job that it serves, or NOWHERE."""
    best = NOWHERE
    for a in range(load.n_jobs):
        view = views[a]
        if view.stage == NOWHERE:
            continue
        found = bid(Demand(view.work_ms, view.path_ms, view.wanted, view.held, view.own != 0), load, p)
        view.score, view.log_cap, view.over, view.room = found.score, found.log_cap, found.over, found.room
        if best == NOWHERE or view.score > views[best].score:
            best = a
    return best
