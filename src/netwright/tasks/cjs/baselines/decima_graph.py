"""Decima's view of a cluster: features of each stage, and the passes in which messages go from children to parents.

Source: Mao et al., "Learning scheduling algorithms for data processing clusters", SIGCOMM 2019, section 5, in the form
of spark-sched-sim, whose weights are published: executors are counted that can be added to a job, not its total.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.compiled import compiled
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.observation import Observation

Singles = NDArray[np.float32]

N_FEATURES = 5
N_JOB_FEATURES = 3  # the first ones, which all stages of a job share
TASKS_SCALE = 200.0
WORK_SCALE_MS = 1e5


class Graph(NamedTuple):
    """N stages of A jobs, as Decima's network takes them.

    Attributes:
        features: executors that can be added to the job / E, +1 for the source's job or -1, supply / E, remaining tasks
            / 200, remaining tasks * last duration / 1e5 ms.
        job: of each stage.
        caps: executors that can be added to each job in this decision.
        leaves: stages without children; none if there is no edge at all.
        first_edge: edges of pass p are `edges[first_edge[p]:first_edge[p + 1]]`.
        edges: parent and child, by pass.
    """

    features: Singles  # (N, 5)
    job: Ints  # (N,)
    caps: Ints  # (A,)
    leaves: Ints  # (L,)
    first_edge: Ints  # (P + 1,)
    edges: Ints  # (K, 2)


@compiled
def graph_of(obs: Observation) -> Graph:
    """What the network is given of an observation."""
    n_jobs, n, executors = len(obs.job), len(obs.stage), float(obs.n_executors)
    features = np.empty((n, N_FEATURES), dtype=np.float32)
    job = np.empty(n, dtype=np.int64)
    caps = np.empty(n_jobs, dtype=np.int64)
    for a in range(n_jobs):
        room = max(obs.n_executors - obs.supply[a], 0)
        caps[a] = obs.committable if a == obs.source_job else min(room, obs.committable)
        for node in range(obs.first_node[a], obs.first_node[a + 1]):
            job[node] = a
            features[node, 0] = caps[a] / executors
            features[node, 1] = 1.0 if a == obs.source_job else -1.0
            features[node, 2] = obs.supply[a] / executors
            features[node, 3] = obs.remaining[node] / TASKS_SCALE
            features[node, 4] = obs.remaining[node] * obs.last_ms[node] / WORK_SCALE_MS
    first_edge, edges = passes(n, obs.edges)
    return Graph(features, job, caps, leaves_of(n, obs.edges), first_edge, edges)


@compiled
def leaves_of(n: int, edges: Ints) -> Ints:
    """Nodes without children; none if there is no edge at all."""
    leaf = np.full(n, len(edges) > 0)
    for i in range(len(edges)):
        leaf[edges[i, 0]] = False
    return np.flatnonzero(leaf)


@compiled
def passes(n: int, edges: Ints) -> tuple[Ints, Ints]:
    """First edge of each pass, and the edges of all passes, for a graph without cycles.

    A pass belongs to each generation but the last (the longest path from a root counts), the deepest first. It has the
    edges whose ends both lie in the generation or among its children. So do the published weights expect it, although
    an edge between two children updates a deeper node again, with only some of its children.
    """
    generation = generations(n, edges)
    n_passes = generation.max() if n else 0
    first_edge = np.zeros(n_passes + 1, dtype=np.int64)
    chosen = np.empty((n_passes * len(edges), 2), dtype=np.int64)
    last_pass = np.full(n, -1)
    k = 0
    for number in range(n_passes):
        level = n_passes - 1 - number
        for i in range(len(edges)):
            if generation[edges[i, 0]] == level:
                last_pass[edges[i, 0]] = last_pass[edges[i, 1]] = number
        for i in range(len(edges)):
            if last_pass[edges[i, 0]] == number and last_pass[edges[i, 1]] == number:
                chosen[k] = edges[i]
                k += 1
        first_edge[number + 1] = k
    return first_edge, chosen[:k].copy()


@compiled
def generations(n: int, edges: Ints) -> Ints:
    """(n,) edges of the longest path from a root to each node."""
    generation = np.zeros(n, dtype=np.int64)
    for _ in range(n):
        changed = False
        for i in range(len(edges)):
            parent, child = edges[i]
            if generation[child] <= generation[parent]:
                generation[child] = generation[parent] + 1
                changed = True
        if not changed:
            break
    return generation
