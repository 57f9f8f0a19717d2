"""How well a cluster was scheduled: job completion time (JCT, section 5 of Wu et al. 2024), and what explains it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Floats


@dataclass(frozen=True, eq=False)
class Outcome:
    """One episode that has ended; J jobs.

    Attributes:
        jct_s: from arrival to completion.
        slowdown: completion time over a lower bound, by the estimates: the longest path of the job, or its work
            divided among all executors.
        makespan_s: until the last job completed.
        utilization: share of the executors' time, up to the makespan, in which they ran tasks.
    """

    jct_s: Floats  # (J,)
    slowdown: Floats  # (J,)
    makespan_s: float
    utilization: float
    n_decisions: int
    n_forced: int

    @classmethod
    def of(cls, cluster: Cluster) -> Outcome:
        """What came of a cluster whose jobs have all completed."""
        workload, n_executors = cluster.workload, cluster.rules.n_executors
        jct_ms = cluster.jct_ms
        paths_ms = np.maximum.reduceat(workload.stages["path_ms"], workload.jobs["first_stage"])
        makespan_ms = float(cluster.completion_ms.max())
        return cls(
            jct_s=jct_ms / 1000.0,
            slowdown=jct_ms / np.maximum(np.maximum(paths_ms, workload.work_ms / n_executors), 1e-3),
            makespan_s=makespan_ms / 1000.0,
            utilization=cluster.busy_ms / max(n_executors * makespan_ms, 1e-3),
            n_decisions=cluster.n_decisions,
            n_forced=cluster.n_forced,
        )


def percentile(values: Floats, share: float) -> float:
    """The value that this share of all values does not exceed, interpolated."""
    return float(np.percentile(values, 100.0 * share))
