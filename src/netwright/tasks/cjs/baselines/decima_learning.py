"""What Decima's training needs: log-probabilities of decisions, and the critic's features of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork, Graphs
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.observation import Observation

HORIZONS_S = (50.0, 200.0, 800.0)  # over which the critic's features look ahead
N_CRITIC = 3 + 4 * len(HORIZONS_S)
OVERHEAD_S = 10.0  # of a job beside its work: moving, first tasks


def evaluate_decisions(
    network: DecimaNetwork, observations: Sequence[Observation], actions: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Log-probabilities of the choices and of the numbers of decisions (B,) each, and the mean entropy of both.

    Args:
        network: with gradients, if there are to be any.
        observations: B of them.
        actions: (B, 2) choice, and number of executors less 1.
    """
    graphs, n = Graphs.of(observations), len(observations)
    scores, found = network(graphs)
    of_choice = graphs.cluster[graphs.job[graphs.choices]]
    stages = ragged_log_softmax(scores, of_choice, n)
    chosen = torch.searchsorted(of_choice, torch.arange(n)) + actions[:, 0]
    jobs = graphs.job[graphs.choices[chosen]]
    counts = graphs.caps[jobs]
    of_number = torch.arange(n).repeat_interleave(counts)
    numbers = ragged_log_softmax(network.executor_logits(graphs, found, jobs), of_number, n)
    entropy = -((stages.exp() * stages).sum() + (numbers.exp() * numbers).sum()) / n
    return stages[chosen], numbers[counts.cumsum(0) - counts + actions[:, 1]], entropy


def ragged_log_softmax(logits: Tensor, group: Tensor, n_groups: int) -> Tensor:
    """Log-softmax of logits (K,) within each group; `group` (K,) holds the number of each logit's group."""
    highest = logits.new_full((n_groups,), -torch.inf).scatter_reduce(0, group, logits.detach(), "amax")
    shifted = logits - highest[group]
    sums = logits.new_zeros(n_groups).index_add(0, group, shifted.exp())
    return shifted - sums.log()[group]


def critic_features(cluster: Cluster) -> Floats:
    """(F,) what the critic knows of a cluster, jobs to come included.

    Logarithms of executors, active jobs and work left. Then, for each horizon, with weights that fall exponentially
    over it: job time of the active jobs if they ran one after the other, the shortest first; number and work of the
    jobs to come; work left over the horizon.
    """
    state, now_ms = cluster.state, cluster.now_ms
    n_executors = len(state.executors)
    left_ms = np.add.reduceat(state.stages["unlaunched"] * state.stages["mean_ms"], state.jobs["first_stage"])
    left_s = left_ms / 1000.0 / n_executors
    active = state.jobs["active"][: state.cluster["n_active"][0]]
    to_come = np.arange(state.cluster["n_arrived"][0], len(state.jobs))
    after_s = (state.jobs["arrival_ms"][to_come] - now_ms) / 1000.0
    work_s = np.sort(left_s[active])
    completed_s = np.cumsum(work_s) + OVERHEAD_S
    found = [np.log(n_executors / 40.0), np.log1p(len(active)) / 3.0, np.log1p(work_s.sum()) / 5.0]
    for horizon in HORIZONS_S:
        weights = np.exp(-after_s / horizon)
        job_time = (1.0 - np.exp(-completed_s / horizon)).sum()
        found += [
            job_time / 10.0,
            weights.sum() / 10.0,
            weights @ left_s[to_come] / horizon,
            work_s.sum() / horizon,
        ]
    return np.array(found)
