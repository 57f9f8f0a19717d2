"""The simulator as a Gymnasium environment, `netwright/CJS-v0`.

    gymnasium.make("netwright.tasks.cjs.env:netwright/CJS-v0", n_jobs=20, n_executors=10)

An episode is a sequence of jobs. A step commits executors to one stage; its reward is minus the job time in seconds
that passed, so that rewards sum to minus the sum of all completion times. The bounds of the action space follow the
state. An action beyond them, drawn for an earlier state, is cut to the last stage and to the committable executors.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from netwright.tasks.cjs.cluster import N_SEEDS, Cluster
from netwright.tasks.cjs.compiled import compiled
from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.observation import observe
from netwright.tasks.cjs.settings import CjsConfig
from netwright.tasks.cjs.state import State

ENV_ID = "netwright/CJS-v0"
LARGEST = 1e12  # bound of every observed number, in its own unit

NODE = ("remaining", "running", "demand", "last_s", "mean_s", "path_s", "schedulable", "frontier")
"""Features of a node of the graph, an incomplete stage: see `Observation`; times in seconds, flags 0 or 1."""

JOB = ("first_node", "supply", "promised", "age_s")
"""Features of an active job, in order of arrival; its stages begin at node `first_node`."""

CLUSTER = ("committable", "source_job", "n_active_jobs", "n_executors", "may_decline", "now_s")
"""State of the cluster; `source_job` is `n_active_jobs` where the source belongs to none of them."""

Seen = dict[str, Any]


class CjsEnv(gymnasium.Env[Seen, dict[str, np.int64]]):
    """One cluster.

    Args:
        data: job profiles, or the folder that holds them as `<folder>/cjs`; generated ones if None.
        config: fields of `CjsConfig`; its seeds are not used.

    The action is a dictionary: `stage_idx`, the place of a stage among the schedulable nodes or -1 to decline, and
    `num_exec`, the number of executors, 1 to `committable`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (as Gymnasium has it)

    def __init__(self, data: CjsData | Path | str | None = None, **config: Any) -> None:
        self.data = data if isinstance(data, CjsData) else load(Path(data) if data else None)
        self.config = CjsConfig(**config)

        def box(*shape: int) -> spaces.Box:
            return spaces.Box(-LARGEST, LARGEST, shape, np.float32)

        self.observation_space = spaces.Dict(
            {
                "graph": spaces.Graph(box(len(NODE)), spaces.Discrete(1)),
                "jobs": box(self.config.n_jobs, len(JOB)),
                "cluster": box(len(CLUSTER)),
            }
        )
        self._stages = spaces.Discrete(1, start=-1)
        self._numbers = spaces.Discrete(1, start=1)
        self.action_space = cast(Any, spaces.Dict({"stage_idx": self._stages, "num_exec": self._numbers}))
        self.cluster: Cluster | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Seen, dict[str, Any]]:
        """Draw jobs; with the seed of a setting, the jobs that it is tested on."""
        super().reset(seed=seed)
        gap_ms = self.config.mean_gap_s * 1000.0
        workload = self.data.workload(self.np_random, self.config.n_jobs, gap_ms)
        self.cluster = Cluster(workload, self.config.rules, int(self.np_random.integers(N_SEEDS)))
        return self._seen(self.cluster), {}

    def step(self, action: dict[str, np.int64]) -> tuple[Seen, float, bool, bool, dict[str, Any]]:
        """Commit executors; raises `ConfigError` for a place below -1 or a number below 1."""
        assert self.cluster is not None, "reset first"
        choice = min(int(action["stage_idx"]), int(self._stages.n) - 2)
        n = min(int(action["num_exec"]), int(self._numbers.n))
        reward = self.cluster.step(choice, n) / 1000.0
        info = {"now_s": self.cluster.now_ms / 1000.0, "n_forced": self.cluster.n_forced}
        return self._seen(self.cluster), reward, self.cluster.done, False, info

    def _seen(self, cluster: Cluster) -> Seen:
        nodes, edges, jobs, state, n_choices = encoded(cluster.state)
        self._stages.n = np.int64(n_choices + 1)
        self._numbers.n = np.int64(max(state[0], 1))
        graph = spaces.GraphInstance(nodes, np.zeros(len(edges), dtype=np.int64), edges)
        return {"graph": graph, "jobs": jobs, "cluster": state}


@compiled
def encoded(
    s: State,
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.float32], int]:
    """Nodes (N, 8), edges (M, 2), jobs (J, 4; zeros behind the active ones), cluster (6,), number of choices."""
    obs = observe(s)
    nodes = np.empty((len(obs.stage), 8), dtype=np.float32)
    n_choices = 0
    for i in range(len(obs.stage)):
        nodes[i, 0], nodes[i, 1], nodes[i, 2] = obs.remaining[i], obs.running[i], obs.demand[i]
        nodes[i, 3], nodes[i, 4] = obs.last_ms[i] / 1000.0, obs.mean_ms[i] / 1000.0
        nodes[i, 5], nodes[i, 6], nodes[i, 7] = obs.path_ms[i] / 1000.0, obs.schedulable[i], obs.frontier[i]
        n_choices += obs.schedulable[i]
    jobs = np.zeros((len(s.jobs), 4), dtype=np.float32)
    for a in range(len(obs.job)):
        jobs[a, 0], jobs[a, 1], jobs[a, 2] = obs.first_node[a], obs.supply[a], obs.promised[a]
        jobs[a, 3] = (obs.now_ms - obs.arrival_ms[a]) / 1000.0
    cluster = np.empty(6, dtype=np.float32)
    cluster[0], cluster[1], cluster[2] = obs.committable, obs.source_job, len(obs.job)
    cluster[3], cluster[4], cluster[5] = obs.n_executors, obs.may_decline, obs.now_ms / 1000.0
    return nodes, obs.edges, jobs, cluster, n_choices


gymnasium.register(ENV_ID, entry_point="netwright.tasks.cjs.env:CjsEnv")
