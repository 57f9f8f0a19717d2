"""Clusters in lock step, as rollouts and training use them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.observation import Observation

COMPONENTS = ("job_time_s",)


class ClusterEnvironment:
    """B clusters, each waiting for a decision until its jobs have completed.

    Implements `RaggedEnvironment` and `TimedEnvironment` of `netwright.rl.environment`: observations, times, actions
    and rewards are those of the R clusters that still run.
    """

    def __init__(self, clusters: Sequence[Cluster]) -> None:
        self.clusters = list(clusters)

    @property
    def n(self) -> int:
        """Number of clusters B."""
        return len(self.clusters)

    @property
    def done(self) -> bool:
        """Whether all clusters have ended."""
        return all(cluster.done for cluster in self.clusters)

    def running(self) -> Ints:
        """(R,) numbers of the clusters that wait for a decision, rising."""
        return np.flatnonzero([not cluster.done for cluster in self.clusters])

    def observe(self) -> list[Observation]:
        """What a scheduler knows of each running cluster."""
        return [self.clusters[i].observe() for i in self.running()]

    def times(self) -> Floats:
        """(R,) seconds since the beginning: rewards come with time, not with decisions."""
        return np.array([self.clusters[i].now_ms / 1000.0 for i in self.running()])

    def privileged(self) -> Floats:
        """(R, 3) for a critic: ln(1 + x) of the work left (s), of the jobs still to come and of the active jobs."""
        return np.array([_left(self.clusters[i]) for i in self.running()]).reshape(-1, 3)

    def step(self, actions: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Take the decisions (R, 2); gives minus the job time in seconds (R,), and that time (R, 1)."""
        rows = self.running()
        rewards_ms = [self.clusters[i].step(int(a[0]), int(a[1])) for i, a in zip(rows, actions, strict=True)]
        rewards = np.array(rewards_ms, dtype=np.float64) / 1000.0
        return rewards, -rewards[:, None]

    def fork(self, rows: NDArray[np.int64]) -> ClusterEnvironment:
        """Copies of these running clusters, each with the same future."""
        return ClusterEnvironment([self.clusters[i].copy() for i in self.running()[rows]])

    def concat(self, other: ClusterEnvironment) -> ClusterEnvironment:
        """These clusters and those of another environment."""
        return ClusterEnvironment([*self.clusters, *other.clusters])


def _left(cluster: Cluster) -> tuple[float, float, float]:
    state = cluster.state
    work_s = float(state.stages["unlaunched"] @ state.stages["mean_ms"]) / 1000.0
    arrived, active = int(state.cluster["n_arrived"][0]), int(state.cluster["n_active"][0])
    to_come = len(state.jobs) - arrived
    return float(np.log1p(work_s)), float(np.log1p(to_come)), float(np.log1p(active))
