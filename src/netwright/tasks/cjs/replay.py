"""The replay of a user's history beside what was recorded: what a policy would have saved.

A replay leaves out what the log does not hold, such as the driver's own time. Its error shows where the policy is the
one that Spark used; what a policy saves is therefore the difference to Spark's own order in the same replay.
"""

from __future__ import annotations

import numpy as np

from netwright.core.notes import note
from netwright.core.types import Json
from netwright.tasks.cjs.baselines.ruled import fair, fifo
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.metrics import Outcome
from netwright.tasks.cjs.settings import DRAWN, CjsConfig

OF_SPARK = {"FIFO": ("fifo", fifo), "FAIR": ("fair", fair)}
"""The policies that are closest to Spark's schedulers."""


def compared(name: str, jct_s: Floats, config: CjsConfig, data: CjsData) -> Json:
    """What a replay adds to the details of an evaluation; empty for jobs that are not from an event log.

    Args:
        name: of the policy.
        jct_s: (seeds x J,) of the replay.
        config: of the setting.
        data: that holds the jobs.

    Returns:
        `recorded_jct` and `spark_jct` (Spark's own order in the same replay), means in seconds; `saved_percent` of the
        latter; `recorded` with JCT of each job in seconds and Spark's scheduler.
    """
    workload = data.sequence(config.jobs) if config.jobs != DRAWN else None
    if workload is None or workload.recorded is None:
        return {}
    recorded = workload.recorded
    order, policy = OF_SPARK[recorded.scheduler]
    replayed = []
    for seed in config.seeds:
        cluster = Cluster(workload, config.rules_for(workload), seed)
        policy().play(cluster)
        replayed.append(Outcome.of(cluster).jct_s.mean())
    mean_s, spark_s, recorded_s = float(jct_s.mean()), float(np.mean(replayed)), float(recorded.jct_s.mean())
    saved = 100.0 * (1.0 - mean_s / spark_s) if spark_s > 0.0 else 0.0
    off = 100.0 * (spark_s / recorded_s - 1.0) if recorded_s > 0.0 else 0.0
    note(
        f"{name}: {mean_s:.3g} s a job in the replay, {0.0 - round(saved, 1):+.1f} % against {order}, Spark's own "
        f"order, in the same replay ({spark_s:.3g} s); {recorded_s:.3g} s were recorded. The replay of {order} differs "
        f"from the record by {off:+.0f} %: take that as its uncertainty"
    )
    return {
        "recorded_jct": recorded_s,
        "spark_jct": spark_s,
        "saved_percent": saved,
        "recorded": {"jct_s": recorded.jct_s.tolist(), "scheduler": recorded.scheduler},
    }
