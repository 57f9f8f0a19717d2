"""What alternatives to a rule's decision would cost: each is tried in a copy of the cluster, which the rule then plays.

The copies have the episode's own future, the same for all of them. One cost is noisy and depends on what no scheduler
can know, but its mean over many decisions is the difference that a scheduler should expect: as targets in training
these are vine estimates (Schulman et al. 2015, section 5.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.durations import below, mixed
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.observation import DECLINE, Observation, observe
from netwright.tasks.cjs.rules import evolved, node_of, work_ms
from netwright.tasks.cjs.state import State

N_CANDIDATES = 8
N_COLUMNS = 3
"""Of a candidate: place among the choices, number of executors, cost in s; -1 where there are fewer."""

WAITING = 1.2
"""Estimated slowdown of the work that is left when a copy ends, over a perfect division among all executors."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """How far copies are played, and at which share of the decisions."""

    horizon_s: float = 45.0
    share: float = 0.25


class AlternativesEnvironment(ClusterEnvironment):
    """Clusters whose privileged information includes the costs of alternatives.

    Args:
        clusters: see `ClusterEnvironment`.
        comparison: how far, and at which share of the decisions.
    """

    def __init__(self, clusters: Sequence[Cluster], comparison: Comparison) -> None:
        super().__init__(clusters)
        self.comparison = comparison
        self._parameters = es_rule.load().parameters

    def privileged(self) -> Floats:
        """(R, 3 + 8 * 3) as without alternatives, then place, number and cost (s) of each, those of the rule first."""
        horizon_ms, share = 1000.0 * self.comparison.horizon_s, self.comparison.share
        found = [
            alternatives(self.clusters[i].state, self._parameters, horizon_ms, share) for i in self.running()
        ]
        return np.concatenate(
            [super().privileged(), np.reshape(found, (-1, N_CANDIDATES * N_COLUMNS))],
            axis=1,
        )


def costs_of(privileged: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, 8, 3) the alternatives in privileged information (N, 3 + 8 * 3)."""
    return privileged[:, -N_CANDIDATES * N_COLUMNS :].reshape(-1, N_CANDIDATES, N_COLUMNS)


@compiled
def alternatives(s: State, parameters: Floats, horizon_ms: float, share: float) -> Floats:
    """(8, 3) place, number and cost in s of the rule's decision and of alternatives, relative to the rule's.

    At a share of the decisions, drawn by a hash of the seed; elsewhere, and where there is no alternative, all is -1.
    """
    found = np.full((N_CANDIDATES, N_COLUMNS), -1.0)
    drawn = mixed(mixed(np.uint64(s.cluster[0].seed), s.cluster[0].n_decisions), 0)
    if below(drawn, 1_000_000) >= share * 1e6:
        return found
    obs = observe(s)
    nodes, numbers = candidates(obs, parameters, drawn)
    if len(nodes) < 2:
        return found
    for k in range(len(nodes)):
        found[k, 0] = obs.schedulable[: nodes[k]].sum()
        found[k, 1] = numbers[k]
        found[k, 2] = played_on(s, obs.stage[nodes[k]], numbers[k], parameters, horizon_ms) / 1000.0
    found[: len(nodes), 2] -= found[0, 2]
    return found


@compiled
def candidates(obs: Observation, parameters: Floats, drawn: np.uint64) -> tuple[Ints, Ints]:
    """Nodes and numbers: the rule's own, other numbers for its stage, other stages, jobs with little work first."""
    nodes = np.empty(N_CANDIDATES, dtype=np.int64)
    numbers = np.empty(N_CANDIDATES, dtype=np.int64)
    nodes[0], numbers[0] = evolved(obs, parameters)
    n = 1
    if nodes[0] == DECLINE:
        return nodes[:0], numbers[:0]
    numbers[0] = min(numbers[0], obs.demand[nodes[0]])
    for attempt in range(4 * N_CANDIDATES):
        if n == N_CANDIDATES:
            break
        one = mixed(drawn, attempt)
        node = nodes[0] if attempt % 2 == 0 else another(obs, mixed(one, 1))
        most = min(obs.committable, obs.demand[node])
        wanted = number_of(most, numbers[0], mixed(one, 2))
        new = True
        for k in range(n):
            new &= nodes[k] != node or numbers[k] != wanted
        if new:
            nodes[n], numbers[n] = node, wanted
            n += 1
    return nodes[:n], numbers[:n]


@kernel
def number_of(most: int, usual: int, drawn: np.uint64) -> int:
    """One executor, all, as many as the rule gives, or any number; few and many are about equally likely."""
    kind = below(drawn, 5)
    if kind == 0:
        return 1
    if kind == 1:
        return most
    if kind == 2:
        return min(most, usual)
    share = below(mixed(drawn, 1), 1_000_000) / 1e6
    return min(most, int(math.exp(share * math.log(most + 1.0))))


@kernel
def another(obs: Observation, drawn: np.uint64) -> int:
    """A stage that can be chosen: mostly that at which a job is served, of the better of two jobs."""
    n_choices = 0
    for node in range(len(obs.stage)):
        n_choices += int(obs.schedulable[node])
    if below(drawn, 4) == 0:
        left = below(mixed(drawn, 1), n_choices)
        for node in range(len(obs.stage)):
            if obs.schedulable[node]:
                if left == 0:
                    return node
                left -= 1
    best, least_ms = DECLINE, math.inf
    for attempt in range(8):
        a = below(mixed(drawn, 2 + attempt), len(obs.job))
        node = node_of(obs, a)
        if node != DECLINE and work_ms(obs, a) < least_ms:
            best, least_ms = node, work_ms(obs, a)
        if best != DECLINE and attempt >= 1:
            break
    return best if best != DECLINE else first_choice(obs)


@kernel
def first_choice(obs: Observation) -> int:
    """The first stage that can be chosen."""
    for node in range(len(obs.stage)):
        if obs.schedulable[node]:
            return node
    return DECLINE


@compiled
def played_on(s: State, stage: int, n: int, parameters: Floats, horizon_ms: float) -> float:
    """Time in ms that the jobs which arrive before the horizon will have spent, if a copy takes this decision.

    What is left of them at the end of the copy is estimated: the work of each and of those with less, divided among all
    executors, and its longest path.
    """
    copy = State(
        s.cluster.copy(),
        s.jobs.copy(),
        s.stages.copy(),
        s.pools.copy(),
        s.executors.copy(),
        s.heap.copy(),
        s.commitments.copy(),
        s.log.copy(),
        s.children,
        s.lists,
        s.values,
    )
    until_ms = s.cluster[0].now_ms + horizon_ms
    going = decide(copy, stage, n)
    while going and copy.cluster[0].now_ms < until_ms:
        obs = observe(copy)
        node, number = evolved(obs, parameters)
        going = decide(copy, obs.stage[node], number)
    spent_ms = 0.0
    left_ms = np.empty(copy.cluster[0].n_active)
    paths_ms = np.empty(copy.cluster[0].n_active)
    n_left = 0
    for job in range(copy.cluster[0].n_arrived):
        began_ms = max(copy.jobs[job].arrival_ms, s.cluster[0].now_ms)
        if copy.jobs[job].arrival_ms > until_ms:
            continue
        if copy.jobs[job].n_open_stages == 0:
            spent_ms += max(copy.jobs[job].completion_ms - began_ms, 0.0)
        else:
            spent_ms += copy.cluster[0].now_ms - began_ms
            left_ms[n_left], paths_ms[n_left] = what_is_left(copy, job)
            n_left += 1
    total_ms = 0.0
    for i in np.argsort(left_ms[:n_left]):
        total_ms += left_ms[i]
        spent_ms += WAITING * total_ms / len(s.executors) + paths_ms[i]
    return spent_ms


@kernel
def what_is_left(s: State, job: int) -> tuple[float, float]:
    """Estimated work of a job that has not started, and its longest path of incomplete stages (ms)."""
    work, path = 0.0, 0.0
    for stage in range(s.jobs[job].first_stage, s.jobs[job].end_stage):
        work += s.stages[stage].unlaunched * s.stages[stage].mean_ms
        if s.stages[stage].unlaunched + s.stages[stage].running > 0:
            path = max(path, s.stages[stage].path_ms)
    return work, path
