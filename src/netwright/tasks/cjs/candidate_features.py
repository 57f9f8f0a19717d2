"""The inputs of a small network for each candidate of a decision, compiled; numbers near 1 for clusters of any size."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.cjs.compiled import kernel
from netwright.tasks.cjs.rules import Load
from netwright.tasks.cjs.state import NOWHERE, Records

Singles = NDArray[np.float32]

N_CLUSTER, N_JOB, N_STAGE, N_CHOICE = 6, 11, 7, 8
SIZE = N_CLUSTER + 2 * N_JOB + N_STAGE + N_CHOICE
"""Of the cluster; of the candidate's and the rule's job; of the candidate's stage; of the numbers of executors."""


@kernel
def describe(views: Records, load: Load, found: Records, n: int, out: Singles) -> None:
    """Fill in the features (n, SIZE) of the first n candidates; the rule's is the first.

    Args:
        views: of the active jobs, with bids.
        load: of the cluster.
        found: candidates.
        out: to fill.
    """
    own = NOWHERE
    for a in range(load.n_jobs):
        own = a if views[a].own else own
    for c in range(n):
        one, x = found[c], out[c]
        describe_cluster(views, load, own, x)
        describe_job(views[one.job], load, x, N_CLUSTER)
        describe_job(views[found[0].job], load, x, N_CLUSTER + N_JOB)
        view, at = views[one.job], N_CLUSTER + 2 * N_JOB
        x[at] = one.is_other
        x[at + 1] = math.log1p(view.stage_tasks) / 4.0
        x[at + 2] = math.log1p(one.demand) / 4.0
        x[at + 3] = view.stage_running / load.n_executors
        x[at + 4] = math.log1p(view.stage_ms / 1e3)
        x[at + 5] = math.log1p(view.stage_path_ms / 1e4)
        x[at + 6] = view.stage_frontier
        at += N_STAGE
        room = load.n_executors * math.exp(min(view.log_cap, 0.0)) - view.held + view.own * load.committable
        x[at] = one.n / load.n_executors
        x[at + 1] = one.n / load.committable
        x[at + 2] = one.n / one.demand
        x[at + 3] = max(-2.0, min(2.0, (one.n - room) / load.n_executors * 4.0))
        x[at + 4] = (one.n - found[0].n) / load.n_executors * 4.0
        x[at + 5] = one.job == found[0].job
        x[at + 6] = max(-12.0, views[one.job].score - views[found[0].job].score) / 4.0
        x[at + 7] = shorter(views, load, one.job) / load.n_jobs


@kernel
def describe_cluster(views: Records, load: Load, own: int, x: Singles) -> None:
    """The first `N_CLUSTER` features; `own` is the source's job."""
    x[0] = math.log(load.n_jobs) / 2.0
    x[1] = math.log(load.total_ms / (load.n_executors * 25_000.0) + 0.05) / 2.0
    x[2] = load.committable / load.n_executors
    x[3] = math.log(load.committable) / 2.0
    x[4] = load.n_executors / 50.0
    x[5] = 0.0 if own == NOWHERE else 1.0 + (views[own].stage != NOWHERE)


@kernel
def describe_job(view: np.record, load: Load, x: Singles, at: int) -> None:
    """`N_JOB` features of a job from a place on."""
    x[at] = math.log(max(view.work_ms, 1e3) / 1e6) / 2.0
    x[at + 1] = view.log_cap
    x[at + 2] = view.held / load.n_executors
    x[at + 3] = view.over
    x[at + 4] = view.own
    x[at + 5] = math.log(view.wanted / load.n_executors) / 2.0
    x[at + 6] = math.log(max(view.path_ms, 1e2) / 1e4)
    x[at + 7] = math.log1p(view.age_ms / 1e4) / 2.0
    x[at + 8] = view.n_open / 10.0
    x[at + 9] = view.running / load.n_executors
    x[at + 10] = view.promised / load.n_executors


@kernel
def shorter(views: Records, load: Load, a: int) -> int:
    """Number of jobs with less work left."""
    n = 0
    for b in range(load.n_jobs):
        n += views[b].work_ms < views[a].work_ms
    return n
