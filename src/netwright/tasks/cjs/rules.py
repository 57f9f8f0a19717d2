"""Scheduling rules, compiled: each reads an `Observation` and gives a node and a number of executors.

A job is served at its first schedulable stage whose parents have finished, by the order of the stages; if there is
none, at its first schedulable one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from netwright.tasks.cjs.compiled import compiled, inlined, kernel
from netwright.tasks.cjs.durations import below, mixed
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.observation import DECLINE, Observation, observe
from netwright.tasks.cjs.state import NOWHERE, State

FIXED_CAP, FAIR, FAIR_PLUS, FAIR_PLUS_C, SJF_CP, WEIGHTED_FAIR, RANDOM, EVOLVED = range(8)

NAMES = (
    "cap_constant",
    "cap_work",
    "cap_jobs",
    "cap_relative_work",
    "cap_path",
    "cap_demand",
    "cap_backlog",
    "source_bonus",
    "source_work",
    "over_cap",
    "demand_bonus",
)
"""Parameters of the evolved rule, in their order."""


@kernel
def choose(rule: int, obs: Observation, parameters: Floats, memory: Ints) -> tuple[int, int]:
    """Node and number of executors that a rule chooses; DECLINE for no node.

    Args:
        rule: see the constants above.
        obs: what is known.
        parameters: of the rule.
        memory: seed, and number of decisions so far, which is counted here; for the rule that draws.
    """
    memory[1] += 1
    n_jobs = max(len(obs.job), 1)
    if rule == FIXED_CAP:
        return shared(obs, math.ceil(obs.n_executors * parameters[0]))
    if rule == FAIR:
        return shared(obs, math.ceil(obs.n_executors * parameters[0] / n_jobs))
    if rule in (FAIR_PLUS, FAIR_PLUS_C):
        return shortest_below_cap(
            obs, math.ceil(obs.n_executors * parameters[0] / n_jobs), rule == FAIR_PLUS_C
        )
    if rule == SJF_CP:
        return shortest_critical(obs, math.ceil(obs.n_executors * parameters[0]))
    if rule == WEIGHTED_FAIR:
        return weighted(obs, parameters[0])
    if rule == RANDOM:
        return anything(obs, memory)
    return evolved(obs, parameters)


@kernel
def node_of(obs: Observation, a: int) -> int:
    """The node at which a job is served, or DECLINE."""
    found = DECLINE
    for node in range(obs.first_node[a], obs.first_node[a + 1]):
        if obs.schedulable[node]:
            if obs.frontier[node]:
                return node
            if found == DECLINE:
                found = node
    return found


@kernel
def work_ms(obs: Observation, a: int) -> float:
    """Estimated executor time of a job's tasks that have not started."""
    total = 0.0
    for node in range(obs.first_node[a], obs.first_node[a + 1]):
        total += obs.remaining[node] * obs.mean_ms[node]
    return total


@kernel
def shared(obs: Observation, cap: int) -> tuple[int, int]:
    """The source's job first, with all executors; then others in order of arrival, up to a cap for each job."""
    if obs.source_job < len(obs.job):
        node = node_of(obs, obs.source_job)
        if node != DECLINE:
            return node, obs.committable
    for a in range(len(obs.job)):
        if a != obs.source_job and obs.supply[a] < cap:
            node = node_of(obs, a)
            if node != DECLINE:
                return node, min(obs.committable, cap - obs.supply[a])
    return DECLINE, 1


@kernel
def shortest_below_cap(obs: Observation, cap: int, corrected: bool) -> tuple[int, int]:
    """The source's job up to the cap; then the job below it with the least work left; then the source's job again.

    Corrected: executors of a job that are promised to another one do not count as its own.
    """
    own = DECLINE
    if obs.source_job < len(obs.job):
        own = node_of(obs, obs.source_job)
        if own != DECLINE and obs.supply[obs.source_job] - corrected * obs.promised[obs.source_job] <= cap:
            return own, obs.committable
    best, least_ms, room = DECLINE, math.inf, 0
    for a in range(len(obs.job)):
        held = obs.supply[a] - corrected * obs.promised[a]
        if a != obs.source_job and held < cap and work_ms(obs, a) < least_ms:
            node = node_of(obs, a)
            if node != DECLINE:
                best, least_ms, room = node, work_ms(obs, a), cap - held
    if best != DECLINE:
        return best, min(obs.committable, room)
    return own, obs.committable


@kernel
def shortest_critical(obs: Observation, cap: int) -> tuple[int, int]:
    """The job with the least work left, at its schedulable stage with the longest path to an end of the job."""
    best, least_ms, room = DECLINE, math.inf, 0
    for a in range(len(obs.job)):
        own = a == obs.source_job
        if work_ms(obs, a) >= least_ms or not (own or obs.supply[a] < cap):
            continue
        found = DECLINE
        for node in range(obs.first_node[a], obs.first_node[a + 1]):
            if obs.schedulable[node] and (found == DECLINE or obs.path_ms[node] > obs.path_ms[found]):
                found = node
        if found != DECLINE:
            best, least_ms = found, work_ms(obs, a)
            room = obs.committable if own else cap - obs.supply[a]
    return best, max(1, min(obs.committable, room))


@kernel
def weighted(obs: Observation, alpha: float) -> tuple[int, int]:
    """Shares in proportion to (work left)^alpha; the source's job first, then the shortest below its share."""
    total = 0.0
    for a in range(len(obs.job)):
        total += max(work_ms(obs, a), 1.0) ** alpha
    if obs.source_job < len(obs.job):
        node = node_of(obs, obs.source_job)
        if node != DECLINE:
            return node, obs.committable
    best, least_ms, room = DECLINE, math.inf, 0
    for a in range(len(obs.job)):
        work = max(work_ms(obs, a), 1.0)
        cap = math.ceil(obs.n_executors * work**alpha / total)
        if a != obs.source_job and obs.supply[a] < cap and work < least_ms:
            node = node_of(obs, a)
            if node != DECLINE:
                best, least_ms, room = node, work, cap - obs.supply[a]
    return best, max(1, min(obs.committable, room))


@kernel
def anything(obs: Observation, memory: Ints) -> tuple[int, int]:
    """Any job that can be served, and any number of executors, each as likely as the others."""
    drawn = mixed(mixed(memory[0], memory[1]), 0)
    n_served = 0
    for a in range(len(obs.job)):
        n_served += node_of(obs, a) != DECLINE
    left = below(drawn, n_served)
    for a in range(len(obs.job)):
        node = node_of(obs, a)
        if node != DECLINE:
            if left == 0:
                return node, 1 + below(mixed(drawn, 1), obs.committable)
            left -= 1
    return DECLINE, 1


class Demand(NamedTuple):
    """What the evolved rule knows of a job."""

    work_ms: float
    path_ms: float
    wanted: float  # 1 + demand of its schedulable stages
    held: int  # executors that it will keep
    own: bool  # whether it is the source's job


class Load(NamedTuple):
    """What it knows of the cluster."""

    n_executors: int
    committable: int
    n_jobs: int
    total_ms: float


class Bid(NamedTuple):
    """What it makes of a job."""

    score: float
    log_cap: float  # ln(cap / E)
    over: bool  # whether the job holds its cap
    room: int  # executors that it would be given


@inlined
def bid(job: Demand, load: Load, p: Floats) -> Bid:
    """Score and room of a job; see `evolved`."""
    total = max(load.total_ms, 1.0)
    work = max(job.work_ms, 1.0)
    size, wanted = math.log(work / 1e6), math.log(job.wanted / load.n_executors)
    log_cap = p[0] + p[1] * size + p[2] * math.log(load.n_jobs) + p[3] * math.log(work * load.n_jobs / total)
    log_cap += p[4] * math.log(max(job.path_ms, 1.0) / 1e4) + p[5] * wanted
    log_cap += p[6] * math.log(total / (load.n_executors * 25_000.0) + 0.05)
    cap = math.ceil(load.n_executors * math.exp(min(log_cap, 0.0)))
    over = job.held > cap if job.own else job.held >= cap
    score = -size + job.own * (p[7] + p[8] * size) + p[9] * over + p[10] * wanted
    room = cap - job.held + job.own * load.committable
    return Bid(score, log_cap, over, max(1, min(load.committable, room)))


@kernel
def evolved(obs: Observation, p: Floats) -> tuple[int, int]:
    """Caps that grow with a job's work and shrink with the number of jobs; least work first, one executor above a cap.

    For a job with work W (ms), longest path P (ms) and demand D of its schedulable stages, n active jobs, E executors:

        ln(cap / E) = p0 + p1 ln(W / 1e6) + p2 ln n + p3 ln(W / mean W) + p4 ln(P / 1e4) + p5 ln((D + 1) / E)
                      + p6 ln(total W / (E * 25 s) + 0.05)
        score = -ln(W / 1e6) + [source's job] (p7 + p8 ln(W / 1e6)) + p9 [held > cap] + p10 ln((D + 1) / E)

    The job with the highest score is served up to its cap, with one executor where it is at the cap or above. Executors
    promised to another job do not count as held; those to be committed count in [held > cap] of the source's job only.
    """
    n_jobs = len(obs.job)
    total = 0.0
    for a in range(n_jobs):
        total += work_ms(obs, a)
    load = Load(obs.n_executors, obs.committable, n_jobs, total)
    best, highest, room = DECLINE, -math.inf, 1
    for a in range(n_jobs):
        node = node_of(obs, a)
        if node != DECLINE:
            found = bid(demand_of(obs, a), load, p)
            if found.score > highest:
                best, highest, room = node, found.score, found.room
    return best, room


@inlined
def demand_of(obs: Observation, a: int) -> Demand:
    """What the evolved rule knows of a job."""
    path, wanted = 0.0, 1.0
    for node in range(obs.first_node[a], obs.first_node[a + 1]):
        path = max(path, obs.path_ms[node])
        wanted += obs.schedulable[node] * obs.demand[node]
    return Demand(work_ms(obs, a), path, wanted, obs.supply[a] - obs.promised[a], a == obs.source_job)


@compiled
def play(s: State, rule: int, parameters: Floats, memory: Ints) -> None:
    """Play an episode that waits for a decision to its end."""
    going = True
    while going:
        obs = observe(s)
        node, n = choose(rule, obs, parameters, memory)
        going = decide(s, NOWHERE if node == DECLINE else obs.stage[node], n)
