"""Job profiles like those of TPC-H, made from a seed: for tests, training and use without data.

They stand in under the names of the real ones: 22 queries, each a DAG of 2 to 18 stages, on 7 input sizes with the
measured mean work per job. Task durations are spread log-normally around the stage's mean, and depend on wave and
level as the measured ones do on average.
"""

from __future__ import annotations

import numpy as np

from netwright.core.seeding import generator
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.state import LIST
from netwright.tasks.cjs.tpch import N_QUERIES, profile_name
from netwright.tasks.cjs.workload import FIRST, FRESH, LEVELS, REST, WAVES, Durations, Profile

WORK_S = {"2g": 173.0, "5g": 240.0, "10g": 349.0, "20g": 545.0, "50g": 1095.0, "80g": 1680.0, "100g": 2141.0}
"""Mean executor time of a job by input size, as measured."""

LEVEL_FACTORS = np.array([1.00, 1.01, 1.05, 1.19, 1.23, 1.26, 1.30, 1.33])
"""Duration at each of `LEVELS`, relative to the smallest."""

WAVE_FACTORS = {FRESH: 2.1, FIRST: 1.6, REST: 1.0}
N_VALUES = 16  # durations in each list
LARGEST_JOB = 3000  # tasks


def generate(*, seed: int) -> CjsData:
    """154 profiles under the names of the real ones; the same seed gives the same profiles."""
    made: dict[str, Profile] = {}
    for query in range(1, N_QUERIES + 1):
        rng = generator(seed, query)
        edges, n_stages = _dag(rng)
        shares = rng.dirichlet(np.full(n_stages, 0.7))
        task_s = np.exp(rng.normal(-0.2, 0.6, n_stages))
        factor = np.exp(rng.normal(-0.1, 0.45))  # of the query's work
        for size, work_s in WORK_S.items():
            name = profile_name(query, size)
            made[name] = _profile(name, rng, edges, np.maximum(shares * work_s * factor, 0.05), task_s)
    order = [profile_name(query, size) for size in WORK_S for query in range(1, N_QUERIES + 1)]
    return CjsData({name: made[name] for name in order}, source=f"synthetic (seed {seed})", synthetic=True)


def _dag(rng: np.random.Generator) -> tuple[Ints, int]:
    """Edges (m, 2) of a DAG whose stages have one to three of the few stages before them as parents, and its size."""
    n = int(rng.integers(2, 19))
    edges = []
    for child in range(1, n):
        earliest = max(0, child - 5)
        if child > 2 and rng.random() < 0.35:
            continue  # reads a table
        n_parents = min(child - earliest, int(rng.choice([1, 2, 3], p=[0.55, 0.35, 0.10])))
        parents = rng.choice(np.arange(earliest, child), n_parents, replace=False)
        edges += [(int(parent), child) for parent in sorted(parents)]
    return np.array(edges, dtype=np.int64).reshape(-1, 2), n


def _profile(name: str, rng: np.random.Generator, edges: Ints, work_s: Floats, task_s: Floats) -> Profile:
    """A profile whose stages have this work and about this duration of a task."""
    n_tasks = np.maximum(1, np.rint(work_s / task_s)).astype(np.int64)
    n_tasks = np.maximum(1, n_tasks * min(1.0, LARGEST_JOB / n_tasks.sum())).astype(np.int64)
    mean_ms = 1000.0 * work_s / n_tasks
    factors = LEVEL_FACTORS * np.array([WAVE_FACTORS[wave] for wave in range(len(WAVES))])[:, None]
    noise = np.exp(rng.normal(0.0, 0.35, (len(n_tasks), N_VALUES)))
    values = mean_ms[:, None, None, None] * factors[None, :, :, None] * noise[:, None, None, :]
    lists = np.zeros((len(n_tasks), len(WAVES), len(LEVELS)), dtype=LIST)
    lists["start"] = np.arange(lists.size).reshape(lists.shape) * N_VALUES
    lists["length"] = N_VALUES
    values = np.maximum(1.0, np.rint(values))
    return Profile(name, edges, n_tasks, values.mean(axis=(1, 2, 3)), Durations(lists, values.ravel()))
