"""What a learned scheduler reads of a cluster: raw columns that an experience keeps, and features made of them.

The quantities of a job are those that the evolved rule reads (`rules.evolved`): work, longest path, demand, executors
held and promised, backlog, number of active jobs. Numbers of executors are described relative to a reference share.
What that rule makes of them comes last: a model may read it or not (`CjsRecipe.rule`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.adaptation.offline.ragged import Column, Ragged
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.state import NOWHERE, Records
from netwright.tasks.cjs.views import VIEW, bids, view_observation

Singles = NDArray[np.float32]

NODES, JOBS, EDGES, CLUSTER = "nodes", "jobs", "edges", "cluster"
COLUMNS = (NODES, JOBS, EDGES, CLUSTER)

N_FEATURES = 29
N_STATE = 6
N_OPTIONS = 24
"""Largest number of options for the number of executors; beyond, they are spaced geometrically."""

N_OPTION_FEATURES = 10
N_RULE_FEATURES, N_RULE_OPTION_FEATURES = 4, 2
"""How many of the last features of a stage, and of an option, are from the evolved rule."""

LOWEST_SCORE = -20.0
"""The rule's score of a job that it cannot serve, and the largest difference between scores that counts."""

WORK_POWER, JOBS_POWER = 0.44, 0.9
"""The reference share of a job: (its work / mean work)^0.44 / (active jobs)^0.9, about what evolution found."""


class Packed(NamedTuple):
    """One observation as it is stored."""

    nodes: Singles  # (N, 8) remaining, running, demand, last_ms, mean_ms, path_ms, schedulable, frontier
    jobs: Singles  # (A, 7) number of nodes, age in ms, supply, promised; of the rule: score, number, whether served
    edges: NDArray[np.int32]  # (M, 2) parent and child, as nodes
    cluster: Floats  # (5,) time in s, executors, committable, index of the source's job, whether declining is possible


@compiled
def packed(obs: Observation, parameters: Floats) -> Packed:
    """What is stored of an observation, with what the evolved rule of these parameters makes of each job."""
    n, n_jobs = len(obs.stage), len(obs.job)
    nodes = np.empty((n, 8), dtype=np.float32)
    nodes[:, 0], nodes[:, 1], nodes[:, 2] = obs.remaining, obs.running, obs.demand
    nodes[:, 3], nodes[:, 4], nodes[:, 5] = obs.last_ms, obs.mean_ms, obs.path_ms
    nodes[:, 6], nodes[:, 7] = obs.schedulable, obs.frontier
    jobs = np.zeros((n_jobs, 7), dtype=np.float32)
    jobs[:, 0] = obs.first_node[1:] - obs.first_node[:-1]
    jobs[:, 1] = obs.now_ms - obs.arrival_ms
    jobs[:, 2], jobs[:, 3] = obs.supply, obs.promised
    add_bids(obs, parameters, np.empty(n_jobs, VIEW), jobs)
    cluster = np.array(
        [obs.now_ms / 1000.0, obs.n_executors, obs.committable, obs.source_job, 1.0 * obs.may_decline]
    )
    return Packed(nodes, jobs, obs.edges.astype(np.int32), cluster)


@kernel
def add_bids(obs: Observation, parameters: Floats, views: Records, jobs: Singles) -> None:
    """Fill in the rule's score and number of executors of each job, and which one it serves; overwrites `views`."""
    served = bids(views, view_observation(obs, views), parameters)
    for a in range(len(jobs)):
        jobs[a, 4] = LOWEST_SCORE if views[a].stage == NOWHERE else views[a].score
        jobs[a, 5], jobs[a, 6] = views[a].room, 1.0 * (a == served)


@cache
def rule_parameters() -> Floats:
    """Of the shipped evolved rule."""
    return es_rule.load().parameters


def columns(observations: Sequence[Observation]) -> dict[str, Column]:
    """Observations as the columns that an experience keeps, one row each."""
    rows = [packed(obs, rule_parameters()) for obs in observations]
    return {
        NODES: Ragged.of([row.nodes for row in rows]),
        JOBS: Ragged.of([row.jobs for row in rows]),
        EDGES: Ragged.of([row.edges for row in rows]),
        CLUSTER: np.stack([row.cluster for row in rows]),
    }


@dataclass(frozen=True, eq=False)
class Features:
    """What a model reads of D decisions.

    Attributes:
        nodes: of all stages, decision by decision.
        state: of each decision.
        choices: nodes that can be chosen, within their decision's graph; -1 where there are fewer than C.
        limits: of all stages: most executors that a choice may commit, executors that its job keeps without them,
            logarithm of the reference share, executors of the cluster, the rule's number of executors for its job.
        first: first node of each decision.
        rule: whether features from the evolved rule are among them.
    """

    nodes: Singles  # (M, n_features(rule))
    state: Singles  # (D, N_STATE)
    choices: Ints  # (D, C)
    limits: Floats  # (M, 5)
    first: Ints  # (D,)
    rule: bool

    def options(self, chosen: Ints) -> Options:
        """Options for the number of executors of a choice each (D,), as places in `choices`."""
        node = self.choices[np.arange(len(chosen)), chosen] + self.first
        return self._described(*_options(self.limits[node]))

    def all_options(self) -> Options:
        """Options for every choice: arrays (D, C, ..)."""
        node = np.maximum(self.choices, 0) + self.first[:, None]
        numbers, described = _options(self.limits[node.ravel()])
        return self._described(
            numbers.reshape(*node.shape, -1), described.reshape(*node.shape, -1, N_OPTION_FEATURES)
        )

    def _described(self, numbers: Ints, described: Singles) -> Options:
        return Options(numbers, described[..., : n_option_features(self.rule)])


class Options(NamedTuple):
    """Numbers of executors to choose from."""

    numbers: Ints  # (.., K) rising; 0 where there are fewer than K
    features: Singles  # (.., K, n_option_features(rule))

    def nearest(self, numbers: Ints) -> Ints:
        """(..) the option nearest to a number each, in its logarithm."""
        distance = np.abs(np.log(np.maximum(self.numbers, 1)) - np.log(np.maximum(numbers, 1))[..., None])
        found: Ints = np.where(self.numbers > 0, distance, np.inf).argmin(axis=-1)
        return found


def n_features(rule: bool) -> int:
    """Features of a stage, with or without those from the evolved rule."""
    return N_FEATURES if rule else N_FEATURES - N_RULE_FEATURES


def n_option_features(rule: bool) -> int:
    """Features of an option, with or without those from the evolved rule."""
    return N_OPTION_FEATURES if rule else N_OPTION_FEATURES - N_RULE_OPTION_FEATURES


def features(kept: Mapping[str, Column], *, rule: bool = True) -> Features:
    """The features of D decisions from their stored columns, with or without those from the evolved rule."""
    nodes, jobs, cluster = kept[NODES], kept[JOBS], kept[CLUSTER]
    assert isinstance(nodes, Ragged)
    assert isinstance(jobs, Ragged)
    assert not isinstance(cluster, Ragged)
    found, state, choices, limits = _features(nodes.values, nodes.offsets, jobs.values, jobs.offsets, cluster)
    read = np.ascontiguousarray(found[:, : n_features(rule)])
    return Features(read, state, choices, limits, nodes.offsets[:-1], rule)


@compiled
def _features(
    nodes: Singles, node_offsets: Ints, jobs: Singles, job_offsets: Ints, cluster: Floats
) -> tuple[Singles, Singles, Ints, Floats]:
    n_decisions = len(cluster)
    found = np.zeros((len(nodes), N_FEATURES), dtype=np.float32)
    state = np.zeros((n_decisions, N_STATE), dtype=np.float32)
    limits = np.ones((len(nodes), 5))
    most_choices = 1
    for d in range(n_decisions):
        n_choices = 0
        for node in range(node_offsets[d], node_offsets[d + 1]):
            n_choices += int(nodes[node, 6])
        most_choices = max(most_choices, n_choices)
    choices = np.full((n_decisions, most_choices), -1, dtype=np.int64)
    for d in range(n_decisions):
        first, end = node_offsets[d], node_offsets[d + 1]
        of_decision(
            nodes[first:end],
            jobs[job_offsets[d] : job_offsets[d + 1]],
            cluster[d],
            found[first:end],
            state[d],
            limits[first:end],
            choices[d],
        )
    return found, state, choices, limits


@kernel
def of_decision(
    nodes: Singles,
    jobs: Singles,
    cluster: Floats,
    found: Singles,
    state: Singles,
    limits: Floats,
    choices: Ints,
) -> None:
    """The features of one decision, written into the last four arrays."""
    n_jobs, executors, committable = len(jobs), cluster[1], cluster[2]
    total_ms = 1.0
    n_choices = 0
    for node in range(len(nodes)):
        total_ms += nodes[node, 0] * nodes[node, 4]
        if nodes[node, 6] > 0.0:
            choices[n_choices] = node
            n_choices += 1
    backlog = math.log(total_ms / (executors * 25_000.0) + 0.05)
    state[0], state[1] = math.log(n_jobs) / 2.0, backlog
    state[2], state[3] = math.log(committable) / 2.0, math.log(executors / 50.0)
    state[4], state[5] = 1.0 * (cluster[3] < n_jobs), math.log(n_choices + 1.0) / 2.0
    first, best = 0, LOWEST_SCORE
    for a in range(n_jobs):
        best = max(best, jobs[a, 4])
    for a in range(n_jobs):
        end = first + int(jobs[a, 0])
        of_job(
            nodes[first:end],
            jobs[a],
            cluster,
            found[first:end],
            limits[first:end],
            total_ms / n_jobs,
            a == cluster[3],
        )
        for node in range(first, end):
            found[node, 19], found[node, 20] = state[0], backlog
            found[node, 21], found[node, 22] = state[2], state[3]
            # Relative to the reference share, which shrinks with the number of jobs.
            reference = min(found[node, 16] * WORK_POWER - JOBS_POWER * math.log(n_jobs), 0.0)
            limits[node, 2] = reference
            found[node, 23] = reference
            found[node, 24] = found[node, 13] - reference
            found[node, 25] = max(jobs[a, 4] - best, LOWEST_SCORE) / 5.0
            found[node, 26] = jobs[a, 6]
            found[node, 27] = jobs[a, 6] * found[node, 8]
            found[node, 28] = math.log(max(jobs[a, 5], 1.0)) / 2.0
            limits[node, 4] = max(jobs[a, 5], 1.0)
        first = end


@kernel
def of_job(
    nodes: Singles,
    job: Singles,
    cluster: Floats,
    found: Singles,
    limits: Floats,
    mean_work_ms: float,
    own: bool,
) -> None:
    """The features of the stages of one job, except those of the whole cluster."""
    executors, committable = cluster[1], cluster[2]
    work_ms, path_ms, demand = 1.0, 1.0, 1.0
    served = waiting = -1
    for node in range(len(nodes)):
        work_ms += nodes[node, 0] * nodes[node, 4]
        path_ms = max(path_ms, nodes[node, 5])
        if nodes[node, 6] > 0.0:
            demand += nodes[node, 2]
            if nodes[node, 7] > 0.0 and served < 0:
                served = node
            if waiting < 0:
                waiting = node
    served = waiting if served < 0 else served
    held = max(float(job[2]) - float(job[3]), 0.0)
    keeps = max(held - committable, 0.0) if own else held
    for node in range(len(nodes)):
        f = found[node]
        most = min(committable, max(nodes[node, 2], 1.0)) if nodes[node, 6] > 0.0 else 0.0
        limits[node, 0], limits[node, 1], limits[node, 3] = max(most, 1.0), keeps, executors
        for i in range(2):
            f[i] = math.log(1.0 + nodes[node, i]) / 3.0
        f[2] = math.log(1.0 + max(nodes[node, 2], 0.0)) / 3.0
        f[3], f[4] = (
            (math.log(1.0 + nodes[node, 4]) - 7.0) / 2.0,
            (math.log(1.0 + nodes[node, 3]) - 7.0) / 2.0,
        )
        f[5] = math.log(nodes[node, 5] / 1e4 + 1e-3) / 2.0
        f[6], f[7], f[8] = nodes[node, 6], nodes[node, 7], 1.0 * (node == served)
        f[9], f[10] = math.log(work_ms / 1e6) / 2.0, math.log(path_ms / 1e4) / 2.0
        f[11], f[12] = math.log(demand / executors), math.log(1.0 + held) / 2.0
        f[13] = math.log((keeps + 1.0) / executors)
        f[14], f[15] = math.log(1.0 + job[3]) / 2.0, 1.0 * own
        f[16] = math.log(work_ms / mean_work_ms)
        f[17] = math.log(1.0 + job[1] / 1e4) / 2.0
        f[18] = math.log(1.0 + most) / 2.0


@kernel
def spread(numbers: Ints, most: float, room: float) -> None:
    """Fill in numbers from 1 to `most`: all where they fit, otherwise in growing steps and the rule's among them."""
    number, nearest = 0.0, 0
    for k in range(len(numbers)):
        left = len(numbers) - 1 - k
        spaced = (
            most if left == 0 else round(max(number, 1.0) * (most / max(number, 1.0)) ** (1.0 / (left + 1)))
        )
        number = 1.0 if k == 0 else max(number + 1.0, min(spaced, most - left))
        numbers[k] = int(number)
        if left > 0 and abs(number - room) < abs(numbers[nearest] - room):
            nearest = k
    if room < most:
        numbers[nearest] = int(room)


@compiled
def _options(limits: Floats) -> tuple[Ints, Singles]:
    """Options (R, K) and their features (R, K, F) of choices with these limits (R, 5)."""
    n = len(limits)
    most_options = 1
    for r in range(n):
        most_options = max(most_options, min(N_OPTIONS, int(limits[r, 0])))
    numbers = np.zeros((n, most_options), dtype=np.int64)
    found = np.zeros((n, most_options, N_OPTION_FEATURES), dtype=np.float32)
    for r in range(n):
        most, keeps, reference, executors = limits[r, 0], limits[r, 1], limits[r, 2], limits[r, 3]
        room = min(limits[r, 4], most)
        n_options = min(N_OPTIONS, int(most))
        spread(numbers[r, :n_options], most, room)
        for k in range(n_options):
            number, f = float(numbers[r, k]), found[r, k]
            share = math.log((keeps + number) / executors)
            f[0], f[1], f[2], f[3] = (
                math.log(number) / 2.0,
                number / most,
                1.0 * (number == most),
                1.0 * (k == 0),
            )
            f[4], f[5], f[6], f[7] = share, share - reference, abs(share - reference), number / executors
            f[8], f[9] = math.log(number / room), 1.0 * (number == room)
    return numbers, found
