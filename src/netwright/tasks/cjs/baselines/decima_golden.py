"""Recorded forward passes of the published Decima network, against ours.

Format: an npz with `count` observations; of each, under `<number>/<name>`, what the network was given (`raw_nodes`:
remaining tasks, last duration in ms, schedulable; `edge_links`, `dag_ptr`, `num_committable`, `source_job_idx`,
`exec_supplies`, `num_executors`) and what it made of it (`FIELDS`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from netwright.core.array_files import RawArray, read_npz
from netwright.core.errors import DataError
from netwright.core.verification import Verification
from netwright.tasks.cjs.baselines.decima_graph import graph_of
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork, Graphs
from netwright.tasks.cjs.baselines.decima_weights import read_network
from netwright.tasks.cjs.graphs import cycle
from netwright.tasks.cjs.observation import Observation

FIELDS = (
    "features",
    "stage_mask",
    "commit_caps",
    "h_node",
    "h_dag",
    "h_glob",
    "stage_logits",
    "exec_logits",
)
TOLERANCE = 1e-5  # single precision
MOST_EXECUTORS = 100_000
REMEDY = "restore the file"

Arrays = Mapping[str, RawArray]


def verify(path: Path, network: DecimaNetwork | None = None) -> Verification:
    """The largest difference of each field over all recorded observations; of the published network by default.

    Raises:
        DataError: the file is damaged or of another form.
    """
    network = network or read_network()
    arrays = read_npz(path, remedy=REMEDY)
    largest = dict.fromkeys(FIELDS, 0.0)
    counts = {"observations": 0, "stages": 0}
    try:
        for number in range(int(arrays["count"])):
            prefix = f"{number:03d}/"
            one = {key.removeprefix(prefix): a for key, a in arrays.items() if key.startswith(prefix)}
            observation = observation_of(one)
            for name, found in forward(network, observation).items():
                largest[name] = max(largest[name], _difference(found, one[name]))
            counts["observations"] += 1
            counts["stages"] += len(observation.stage)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise DataError(
            f"{path}: not a file of recorded forward passes ({type(error).__name__}: {error}); {REMEDY}."
        ) from None
    return Verification(path=path, largest=largest, tolerance=TOLERANCE, counts=counts)


def observation_of(recorded: Arrays) -> Observation:
    """The observation that was recorded, with zeros for what Decima does not know.

    Raises:
        ValueError: it is not one.
    """
    nodes = recorded["raw_nodes"].astype(np.float64)
    first_node = recorded["dag_ptr"].astype(np.int64)
    supply = recorded["exec_supplies"].astype(np.int64)
    edges = recorded["edge_links"].astype(np.int64).reshape(-1, 2)
    n, n_jobs, n_executors = len(nodes), len(supply), int(recorded["num_executors"])
    committable = int(recorded["num_committable"])
    if not 1 <= committable <= n_executors <= MOST_EXECUTORS:
        raise ValueError(f"{committable} of {n_executors} executors cannot be committed")
    if first_node.shape != (n_jobs + 1,) or first_node[0] != 0 or first_node[-1] != n:
        raise ValueError("dag_ptr does not divide the stages among the jobs")
    if not n_jobs or (np.diff(first_node) < 1).any():
        raise ValueError("a job has no stage")
    if edges.size and not 0 <= edges.min() <= edges.max() < n:
        raise ValueError("an edge names no stage")
    if cycle(n, edges):
        raise ValueError("the edges have a cycle")
    nothing, no_time = np.zeros(n, dtype=np.int64), np.zeros(n)
    return Observation(
        now_ms=0.0,
        n_executors=n_executors,
        committable=committable,
        source_job=int(recorded["source_job_idx"]),
        may_decline=True,
        job=np.arange(n_jobs),
        arrival_ms=np.zeros(n_jobs),
        first_node=first_node,
        supply=supply,
        promised=np.zeros(n_jobs, dtype=np.int64),
        stage=np.arange(n),
        remaining=nodes[:, 0].astype(np.int64),
        running=nothing,
        demand=nothing,
        last_ms=nodes[:, 1].copy(),
        mean_ms=no_time,
        path_ms=no_time,
        schedulable=nodes[:, 2] > 0.0,
        frontier=np.zeros(n, dtype=np.bool_),
        edges=edges,
    )


def forward(network: DecimaNetwork, observation: Observation) -> Arrays:
    """Everything that the network makes of one observation, under the names of `FIELDS`."""
    graph, graphs = graph_of(observation), Graphs.of([observation])
    with torch.inference_mode():
        stage_logits, found = network(graphs)
        executor_logits = network.executor_logits(graphs, found, torch.arange(len(graph.caps)))
    made = {
        "h_node": found.nodes,
        "h_dag": found.jobs,
        "h_glob": found.clusters,
        "stage_logits": stage_logits,
        "exec_logits": executor_logits,
    }
    return {
        "features": graph.features,
        "stage_mask": observation.schedulable,
        "commit_caps": graph.caps,
        **{name: value.numpy() for name, value in made.items()},
    }


def _difference(found: RawArray, recorded: RawArray) -> float:
    if found.shape != recorded.shape:
        return math.inf
    largest = np.abs(found.astype(np.float64) - recorded.astype(np.float64)).max(initial=0.0)
    return float(largest)
