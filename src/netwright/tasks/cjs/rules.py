"""Scheduling rules, compiled: each reads an `Observation` and gives a node and a number of executors.

A job is served at its first schedulable stage whose parents have finished, by the order of the stages; if there is
none, at its first schedulable one.
"""

from __future__ import annotations

import math

from netwright.tasks.cjs.compiled import compiled, kernel
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
    total = max(total, 1.0)
    backlog = math.log(total / (obs.n_executors * 25_000.0) + 0.05)
    best, highest, room = DECLINE, -math.inf, 0
    for a in range(n_jobs):
        node = node_of(obs, a)
        if node == DECLINE:
            continue
        path, demand = 1.0, 1.0
        for other in range(obs.first_node[a], obs.first_node[a + 1]):
            path = max(path, obs.path_ms[other])
            demand += obs.schedulable[other] * obs.demand[other]
        work = max(work_ms(obs, a), 1.0)
        size, wanted = math.log(work / 1e6), math.log(demand / obs.n_executors)
        log_cap = p[0] + p[1] * size + p[2] * math.log(n_jobs) + p[3] * math.log(work * n_jobs / total)
        log_cap += p[4] * math.log(path / 1e4) + p[5] * wanted + p[6] * backlog
        cap = math.ceil(obs.n_executors * math.exp(min(log_cap, 0.0)))
        held = obs.supply[a] - obs.promised[a]
        own = a == obs.source_job
        over = held > cap if own else held >= cap
        score = -size + own * (p[7] + p[8] * size) + p[9] * over + p[10] * wanted
        if score > highest:
            best, highest = node, score
            room = cap - held + own * obs.committable
    return best, max(1, min(obs.committable, room))


@compiled
def play(s: State, rule: int, parameters: Floats, memory: Ints) -> None:
    """Play an episode that waits for a decision to its end."""
    going = True
    while going:
        obs = observe(s)
        node, n = choose(rule, obs, parameters, memory)
        going = decide(s, NOWHERE if node == DECLINE else obs.stage[node], n)
