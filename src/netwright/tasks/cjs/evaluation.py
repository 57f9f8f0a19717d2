"""Testing a scheduler on the job sequences of a setting (`Test` of Fig. 9, Wu et al. 2024)."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Protocol, runtime_checkable

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.policy import LookaheadPolicy, RaggedPolicy, name_of
from netwright.core.results import Evaluation
from netwright.core.seeding import generator
from netwright.core.task import Setting
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.metrics import Outcome, percentile
from netwright.tasks.cjs.observation import Scheduler
from netwright.tasks.cjs.replay import compared
from netwright.tasks.cjs.settings import DRAWN, CjsConfig
from netwright.tasks.cjs.timeline import Timeline


@runtime_checkable
class CompiledScheduler(Protocol):
    """A `Scheduler` that plays whole episodes in compiled code, with the same decisions as one by one."""

    def play(self, cluster: Cluster) -> None:
        """Play a cluster to its end."""
        ...


def cluster_of(config: CjsConfig, data: CjsData, seed: int, *, record: bool = False) -> Cluster:
    """The episode of a seed, before its first decision; the seed decides jobs and durations."""
    if config.jobs == DRAWN:
        workload = data.workload(np.random.default_rng(seed), config.n_jobs, config.mean_gap_s * 1000.0)
    else:
        workload = data.sequence(config.jobs)
    return Cluster(workload, config.rules_for(workload), seed, record=record)


def rollout(policy: Scheduler, cluster: Cluster) -> None:
    """Play a cluster to its end, one decision after the other; the policy has been reset."""
    if isinstance(policy, LookaheadPolicy):
        policy.watch(ClusterEnvironment([cluster]))
    while not cluster.done:
        answer = policy.act([cluster.observe()])
        try:
            ((choice, n),) = answer
            stage, executors = operator.index(choice), operator.index(n)
        except (TypeError, ValueError):
            raise ConfigError(
                f"policy {name_of(policy)!r} answered {answer!r:.60}; one decision is a list of one pair of whole "
                "numbers, such as [(0, 5)]."
            ) from None
        cluster.step(stage, executors)


def play_together(policy: Scheduler, environment: ClusterEnvironment) -> None:
    """Play clusters to their ends in lock step; a `RaggedPolicy` learns which of them have ended."""
    while not environment.done:
        before = environment.running()
        environment.step(policy.act(environment.observe()))
        after = environment.running()
        if len(after) < len(before) and isinstance(policy, RaggedPolicy):
            policy.keep(np.flatnonzero(np.isin(before, after)))


def trial(setting: Setting, data: CjsData) -> Callable[[Scheduler], None]:
    """A function that lets a policy decide once in a setting; raises `NotApplicableError` for one that cannot."""
    config: CjsConfig = setting.config
    cluster = cluster_of(config, data, config.seeds[0])

    def decide(policy: Scheduler) -> None:
        policy.reset(np.random.default_rng(0))
        if isinstance(policy, LookaheadPolicy):
            policy.watch(ClusterEnvironment([cluster]))
        policy.act([cluster.observe()])

    return decide


def evaluate(policy: Scheduler, setting: Setting, data: CjsData, *, name: str) -> Evaluation:
    """Completion times of all jobs under a policy; an episode of the result is a job, a group is a sequence.

    Args:
        policy: under test; it is reset before each sequence, a `RaggedPolicy` plays all of them in lock step.
        setting: its config (a `CjsConfig`) says which jobs come.
        data: job profiles.
        name: the policy's name in the result.

    Returns:
        JCT of each job in seconds, and in `detail`: `p50`, `p90`, `p99` of all jobs, `by_seed` (mean, p90, makespan
        in seconds, utilization, decisions, and forced decisions of each sequence), `slowdown` (mean over the jobs),
        `groups`, `timeline` (see `timeline.Timeline`), and for jobs of an event log what `replay.compared` gives.
    """
    config: CjsConfig = setting.config
    clusters = [cluster_of(config, data, seed, record=seed == config.seeds[0]) for seed in config.seeds]
    began = time.perf_counter()
    if isinstance(policy, RaggedPolicy):
        policy.reset(generator(config.seeds[0], 0))
        play_together(policy, ClusterEnvironment(clusters))
    else:
        for seed, cluster in zip(config.seeds, clusters, strict=True):
            policy.reset(generator(seed, 0))
            if isinstance(policy, CompiledScheduler):
                policy.play(cluster)
            else:
                rollout(policy, cluster)
    seconds = time.perf_counter() - began
    outcomes = [Outcome.of(cluster) for cluster in clusters]
    timeline, rules = Timeline.of(clusters[0], f"seed {config.seeds[0]}"), clusters[0].rules
    n_jobs = len(outcomes[0].jct_s)
    jct_s = np.concatenate([outcome.jct_s for outcome in outcomes])
    return Evaluation(
        task="cjs",
        setting=setting.name,
        policy=name,
        metric="jct",
        unit="seconds",
        per_episode=tuple(jct_s.tolist()),
        weights=(1.0,) * len(jct_s),
        episodes=tuple(f"seed {seed}, job {job}" for seed in config.seeds for job in range(n_jobs)),
        seconds=seconds,
        config={
            **asdict(config),
            "n_executors": rules.n_executors,
            "moving_ms": rules.moving_ms,
            "data": data.source,
            "synthetic": data.synthetic,
        },
        detail={
            **{f"p{round(100 * share)}": percentile(jct_s, share) for share in (0.5, 0.9, 0.99)},
            "slowdown": float(np.concatenate([outcome.slowdown for outcome in outcomes]).mean()),
            "by_seed": {
                str(seed): {
                    "mean": float(outcome.jct_s.mean()),
                    "p90": percentile(outcome.jct_s, 0.9),
                    "makespan_s": outcome.makespan_s,
                    "utilization": outcome.utilization,
                    "decisions": outcome.n_decisions,
                    "forced": outcome.n_forced,
                }
                for seed, outcome in zip(config.seeds, outcomes, strict=True)
            },
            "groups": [f"seed {seed}" for seed in config.seeds for _ in range(n_jobs)],
            "timeline": timeline.to_json(),
            **compared(name, jct_s, config, data),
        },
    )
