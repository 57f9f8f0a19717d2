"""How long a task takes: rules that choose from a stage's lists of measured durations, compiled.

The number n of executors at the job lies between two levels lo and hi. Level lo is taken with probability
(n - lo) / (hi - lo), the higher the closer n is to hi. This is inverted, inherited from Decima's code and kept for
comparability.
"""

from __future__ import annotations

import numpy as np

from netwright.tasks.cjs.compiled import inlined
from netwright.tasks.cjs.state import State
from netwright.tasks.cjs.workload import LEVELS

SAMPLED = 0
"""An independent draw for each launch, of a hash of the seed and the number of the launch in the episode."""
HASHED = 1
"""A draw of a hash of seed, stage and number of the launch in the stage: equal under every policy."""
LISTED = 2
"""The k-th launched task of a stage takes the k-th duration of its list."""
PROFILE = 3
"""The deterministic choice of the golden profile episodes."""

RULES = {"sampled": SAMPLED, "hashed": HASHED, "listed": LISTED}

MOST = LEVELS[-1]
LOW = np.array([max((i for i, x in enumerate(LEVELS) if x <= n), default=0) for n in range(MOST + 1)])
HIGH = np.array([min(i for i, x in enumerate(LEVELS) if x >= n) for n in range(MOST + 1)])
EXECUTORS = np.array(LEVELS)

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)


@inlined
def mixed(seed: np.uint64 | int, number: int) -> np.uint64:
    """A hash of both (the finalizer of SplitMix64, Steele et al. 2014).

    A signed seed counts as its 64 bits: shifted as a signed number, half of all hashes would lose their upper half.
    """
    z = np.uint64(seed) + _STEP * np.uint64(number + 1)
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@inlined
def uniform(hashed: np.uint64) -> float:
    """A number from 0 to below 1 of a hash."""
    return float(hashed >> np.uint64(11)) * 2.0**-53


@inlined
def below(hashed: np.uint64, n: int) -> int:
    """A number from 0 to n - 1 of a hash."""
    return int(((hashed >> _S32) * np.uint64(n)) >> _S32)


@inlined
def duration_ms(s: State, stage: int, wave: int, k: int, n_local: int) -> float:
    """Duration of the k-th launched task of a stage (from 0).

    Args:
        s: the state; its rule, seed and number of launches count.
        stage: of the task.
        wave: how its executor comes to it.
        k: tasks of the stage launched before.
        n_local: executors at the job.
    """
    rule, seed = s.cluster[0].durations, np.uint64(s.cluster[0].seed)
    row, n = s.stages[stage].row, min(n_local, MOST)
    low, high = LOW[n], HIGH[n]
    if rule == LISTED:
        found = s.lists[row, wave, low]
        return s.values[found.start + k % found.length] + found.extra_ms
    if rule != PROFILE:
        hashed = mixed(mixed(seed, stage), k) if rule == HASHED else mixed(seed, s.cluster[0].n_launches)
        return drawn_ms(s, row, wave, n, hashed)
    level = low
    if low != high:
        width = EXECUTORS[high] - EXECUTORS[low]
        level = low if 1 + int(((7 * k + 3) % 16) / 16.0 * width) <= n - EXECUTORS[low] else high
    found = s.lists[row, wave, level]
    return s.values[found.start + (7919 * k) % found.length] + found.extra_ms + golden_ms(s, stage, k)


@inlined
def drawn_ms(s: State, row: int, wave: int, n: int, hashed: np.uint64) -> float:
    """Duration of a task of a row of the lists, at a job with n executors (at most `LEVELS[-1]`), by a hash."""
    low, high = LOW[n], HIGH[n]
    level = low
    if low != high:
        width = EXECUTORS[high] - EXECUTORS[low]
        level = low if 1 + below(hashed, width) <= n - EXECUTORS[low] else high
    found = s.lists[row, wave, level]
    return s.values[found.start + below(mixed(hashed, 1), found.length)] + found.extra_ms


@inlined
def golden_ms(s: State, stage: int, k: int) -> float:
    """What the golden profile episodes add to a duration, so that two are rarely equal."""
    job = s.stages[stage].job
    return ((131 * job + 17 * (stage - s.jobs[job].first_stage) + k) % 1009) / 1024.0
