"""Validity of a scheduler's decisions on random graphs of 1 to 500 schedulable stages, and its memory over episodes.

    python benchmarks/cjs_validity.py --policy es-rule --policy decima-published [--adapted [NAME=]DIR] \
        [--decisions 100000] [--results results]

Each graph is the state of a cluster whose jobs are random DAGs, after some random decisions. A decision is valid if it
names one of the schedulable stages, or declines where that is possible, and gives it 1 to `committable` executors. The
memory is that of the process after each of ten episodes of 200 generated jobs. Without names, all shipped policies.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.core import registry
from netwright.core.results import ResultRow, write_rows
from netwright.core.seeding import generator
from netwright.evaluation.baselines import ready_policy
from netwright.evaluation.subjects import saved
from netwright.tasks.cjs.cluster import Cluster, Rules
from netwright.tasks.cjs.evaluation import CompiledScheduler, rollout
from netwright.tasks.cjs.generator import generate
from netwright.tasks.cjs.observation import DECLINE, Observation, Scheduler
from netwright.tasks.cjs.workload import Durations, Profile, ProfileTable, Workload

COMMAND = "python benchmarks/cjs_validity.py --results results"
POLICIES = ("fair", "fair-plus-c", "weighted-fair", "es-rule", "decima-published", "random")
MOST_STAGES = 500
N_PROFILES = 600
STEPS = 12  # decisions in a cluster
EPISODES = 10
BATCH = 16  # clusters that are decided for at once


@dataclass
class Counts:
    """Decisions so far: valid ones, and the numbers of schedulable stages that they chose from."""

    n: int = 0
    valid: int = 0
    choices: Sequence[int] = ()


def random_profile(rng: np.random.Generator, n_stages: int) -> Profile:
    """A job of that many stages: each depends on up to three earlier ones, or on none."""
    density = rng.choice([0.0, 0.1, 0.5, 0.9])
    edges = [
        (int(parent), child)
        for child in range(1, n_stages)
        if rng.random() < density
        for parent in rng.choice(child, min(child, int(rng.integers(1, 4))), replace=False)
    ]
    durations = np.exp(rng.normal(7.0, 1.0, n_stages))
    lists = [{wave: {1: [float(value)]} for wave in ("fresh", "first", "rest")} for value in durations]
    return Profile(
        "random",
        np.array(edges, dtype=np.int64).reshape(-1, 2),
        rng.integers(1, 200, n_stages),
        durations,
        Durations.of(lists, "random"),
    )


@functools.cache
def pool() -> ProfileTable:
    """Random jobs of 1 to 100 stages, from which clusters draw; small ones come first."""
    rng = generator(0, 1)
    sizes = np.sort(np.rint(np.exp(rng.uniform(0.0, np.log(100.0), N_PROFILES))).astype(int))
    sizes[0] = 1
    return ProfileTable.of([random_profile(rng, int(size)) for size in sizes])


def random_cluster(rng: np.random.Generator) -> Cluster:
    """A cluster with 1 to 500 stages, log-uniform, in jobs of random size, all there from the beginning."""
    sizes = np.diff(pool().first)
    left = int(np.exp(rng.uniform(0.0, np.log(MOST_STAGES + 1))))
    chosen = []
    while left:
        n_fitting = int(np.searchsorted(sizes, min(left, int(rng.choice([1, 5, 20, 100]))), side="right"))
        chosen.append(int(rng.integers(n_fitting)))
        left -= int(sizes[chosen[-1]])
    workload = Workload.of(pool(), np.array(chosen), np.zeros(len(chosen)))
    return Cluster(workload, Rules(int(rng.integers(1, 101))), int(rng.integers(2**31)))


def advanced(rng: np.random.Generator) -> Iterator[Cluster]:
    """Random clusters, each after 0 to 5 random decisions."""
    while True:
        cluster = random_cluster(rng)
        for _ in range(int(rng.integers(6))):
            if not cluster.done:
                obs = cluster.observe()
                cluster.step(int(rng.integers(len(obs.choices))), int(rng.integers(1, obs.committable + 1)))
        if not cluster.done:
            yield cluster


def is_valid(obs: Observation, choice: int, n: int) -> bool:
    """Whether a cluster takes this decision as it is."""
    if choice == DECLINE:
        return bool(obs.may_decline)
    return 0 <= choice < len(obs.choices) and 1 <= n <= obs.committable


def decisions(policy: Scheduler, n: int, seed: int = 0) -> Counts:
    """Let a policy decide that often in random clusters, which continue with its own decisions."""
    rng = generator(seed, 0)
    fresh = advanced(rng)
    counts, choices = Counts(), []
    while counts.n < n:
        clusters = [next(fresh) for _ in range(BATCH)]
        policy.reset(rng.spawn(1)[0])
        for _ in range(STEPS):
            if any(cluster.done for cluster in clusters):
                break  # a policy with memory has one column for each cluster
            observations = [cluster.observe() for cluster in clusters]
            for cluster, obs, (choice, number) in zip(
                clusters, observations, policy.act(observations).tolist(), strict=True
            ):
                counts.n += 1
                choices.append(len(obs.choices))
                if is_valid(obs, choice, number):
                    counts.valid += 1
                    cluster.step(choice, number)
                else:
                    cluster.step(0, 1)
    counts.choices = choices
    return counts


def memory_mib(policy: Scheduler) -> list[float]:
    """Resident memory in MiB after each of ten episodes."""
    data = generate(seed=0)
    found = []
    for seed in range(EPISODES):
        cluster = Cluster(data.workload(np.random.default_rng(seed), 200), Rules(), seed)
        policy.reset(generator(seed, 0))
        if isinstance(policy, CompiledScheduler):
            policy.play(cluster)
        else:
            rollout(policy, cluster)
        del cluster
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        found.append(pages * os.sysconf("SC_PAGE_SIZE") / 2**20)
    return found


def measured(policy: Scheduler, n: int, memory: bool) -> dict[str, float]:
    """Figures of one policy."""
    began = time.process_time()
    counts = decisions(policy, n)
    found = {
        "decisions": counts.n,
        "valid": counts.valid,
        "fewest_choices": min(counts.choices),
        "most_choices": max(counts.choices),
        "median_choices": float(np.median(counts.choices)),
        "processor_s": time.process_time() - began,
    }
    if memory:
        mib = memory_mib(policy)
        found |= {"memory_mib": mib[-1], "memory_growth_mib": mib[-1] - mib[1]}
    return found


def rows_of(name: str, found: dict[str, float]) -> Iterator[ResultRow]:
    """The share of valid decisions, and the growth of memory."""
    n = int(found["decisions"])
    extra = {key: found[key] for key in ("fewest_choices", "most_choices", "median_choices")}
    where = "cjs, random graphs of 1 to 500 schedulable stages"
    make: Callable[..., ResultRow] = lambda **entries: ResultRow(  # noqa: E731
        area="speed", subject=name, command=COMMAND, seeds=(0,), **entries
    )
    yield make(setting=where, metric="valid", unit="share", value=found["valid"] / n, n=n, extra=extra)
    if "memory_growth_mib" in found:
        growth = found["memory_growth_mib"]
        extra = {"memory_mib": found["memory_mib"]}
        where = "cjs, generated, from the second to the tenth episode"
        yield make(setting=where, metric="memory", unit="MiB", value=growth, n=EPISODES, extra=extra)


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--policy", action="append", default=[])
    parser.add_argument("--adapted", action="append", default=[], metavar="[NAME=]DIR")
    parser.add_argument("--decisions", type=int, default=100_000)
    parser.add_argument("--without-memory", action="store_true")
    parser.add_argument("--results", type=Path)
    given = parser.parse_args()
    task = registry.task("cjs")
    tested = {one.name: one.policy for one in (saved(task, place) for place in given.adapted)}
    for name in given.policy or ([] if tested else POLICIES):
        tested[name] = ready_policy(task, name, generate(seed=0), seed=0, progress=print)
    every = {}
    for name, policy in tested.items():
        every[name] = measured(policy, given.decisions, not given.without_memory)
        print(json.dumps({name: every[name]}), flush=True)
        if given.results:
            place = given.results / "speed.jsonl"
            write_rows(
                place, list(rows_of(name, every[name])), replaces={"command": COMMAND, "subject": name}
            )


if __name__ == "__main__":
    main()
