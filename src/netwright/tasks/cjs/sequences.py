"""Job sequences that learners train on and are validated on, in clusters as those of the paper's settings.

The durations of tasks are hashed: the same under every policy, so that differences between policies are sharp.
"""

from __future__ import annotations

import numpy as np

from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.settings import FIRST_TRAINING_SEED, CjsConfig

Range = tuple[int, int]
"""Smallest and largest number."""


def sequence(data: CjsData, seed: int, n_jobs: int, n_executors: int) -> Cluster:
    """The job sequence of a seed in a cluster of that size, before its first decision."""
    return cluster_of(CjsConfig(n_jobs=n_jobs, n_executors=n_executors), data, seed)


def drawn_sequence(data: CjsData, rng: np.random.Generator, n_jobs: Range, n_executors: Range) -> Cluster:
    """A job sequence to train on, of a size within these ranges."""
    seed, jobs = training_seed(rng), drawn_from(rng, n_jobs)
    return sequence(data, seed, jobs, drawn_from(rng, n_executors))


def training_seed(rng: np.random.Generator) -> int:
    """The seed of a sequence that no test and no validation uses."""
    return FIRST_TRAINING_SEED + int(rng.integers(2**40))


def drawn_from(rng: np.random.Generator, numbers: Range) -> int:
    """A number from a range, ends included."""
    return int(rng.integers(numbers[0], numbers[1] + 1))
