"""A cluster at work: one episode of the simulator."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from netwright.core.errors import ConfigError
from netwright.tasks.cjs import durations
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.kernels import decide, start
from netwright.tasks.cjs.observation import DECLINE, Observation, chosen_stage, observe
from netwright.tasks.cjs.state import CLUSTER, COMMITMENT, EXECUTOR, NOWHERE, POOL, State, copied
from netwright.tasks.cjs.workload import Workload

N_SEEDS = 2**62  # of a cluster's durations, and of what a policy draws


Variant = Literal["netllm", "spark-sched-sim"]
"""Published simulator whose rules are followed."""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a cluster works.

    Attributes:
        n_executors: alike; each runs one task at a time.
        moving_ms: how long an executor takes to another job.
        durations: of tasks. "sampled" draws again at each launch, as published; "hashed" draws from a hash of seed,
            stage and number of the launch, so that a task takes equally long under every policy and paired comparisons
            are sharper; "listed" takes the durations of a stage's list in turn.
        variant: where executors go that come too late: to the last schedulable stage ("netllm", as published with
            NetLLM) or the first one ("spark-sched-sim").
    """

    n_executors: int = 50
    moving_ms: float = 2000.0
    durations: Literal["sampled", "hashed", "listed"] = "sampled"
    variant: Variant = "netllm"

    def __post_init__(self) -> None:
        if not 1 <= self.n_executors <= 100_000:
            raise ConfigError(f"Rules.n_executors must be 1..100000, got {self.n_executors}.")
        if not 0.0 <= self.moving_ms < float("inf"):
            raise ConfigError(f"Rules.moving_ms must be at least 0, got {self.moving_ms}.")
        for name, known in (("durations", durations.RULES), ("variant", ("netllm", "spark-sched-sim"))):
            if getattr(self, name) not in known:
                raise ConfigError(
                    f"Rules.{name} must be one of {', '.join(known)}, got {getattr(self, name)!r}."
                )


class Cluster:
    """One episode: jobs arrive, executors of the source wait for a decision, until all jobs have completed.

    A scheduling round gives the executors of one source away, at one instant: each decision commits some of them to a
    stage; the round ends when none is left, no stage can be chosen, or the scheduler declines.

    Args:
        workload: the jobs.
        rules: of the cluster.
        seed: of the task durations.
        record: whether `launches` is kept.
    """

    def __init__(self, workload: Workload, rules: Rules, seed: int = 0, *, record: bool = False) -> None:
        self.workload, self.rules = workload, rules
        self.state = _fresh(workload, rules, seed, record)
        self.done = not start(self.state)

    def observe(self) -> Observation:
        """What a scheduler knows now; arrays of its own."""
        found: Observation = observe(self.state)
        return found

    def step(self, choice: int, n: int) -> float:
        """Commit `n` executors to the stage at that place among `Observation.choices`, or `DECLINE` to commit more.

        A number above the stage's demand is cut to it. An idle cluster (`may_decline` is False) cannot decline: its
        first schedulable stage gets all committable executors instead, so that no episode stalls.

        Returns:
            Minus the job time in ms that passed to the next decision: the integral of the number of active jobs. It is
            0 within a round, and sums to minus the sum of all job completion times.

        Raises:
            ConfigError: no such stage, a number outside of 1..committable, or the episode has ended.
        """
        if self.done:
            raise ConfigError("all jobs have completed; start a new episode.")
        stage = chosen_stage(self.state, choice)
        if stage == NOWHERE and choice != DECLINE:
            n_choices = len(self.observe().choices)
            raise ConfigError(
                f"stages 0..{n_choices - 1} can be chosen (or {DECLINE} for none), got {choice}."
            )
        if stage != NOWHERE and not 1 <= n <= self.committable:
            raise ConfigError(f"1..{self.committable} executors can be committed, got {n}.")
        self.done = not decide(self.state, stage, n)
        return -float(self.state.cluster["job_time_ms"][0])

    def copy(self) -> Cluster:
        """A cluster in the same state that goes its own way, with the same future, and records nothing.

        The workload is shared.
        """
        other = copy.copy(self)
        other.state = copied(self.state)
        return other

    @property
    def committable(self) -> int:
        """Executors that the next decision may commit."""
        source = self.state.cluster["source"][0]
        return (
            int(self.state.pools["size"][source] - self.state.pools["out"][source])
            if source != NOWHERE
            else 0
        )

    @property
    def now_ms(self) -> float:
        """The time."""
        return float(self.state.cluster["now_ms"][0])

    @property
    def n_events(self) -> int:
        """Events so far: jobs that arrived, executors that reached a job, tasks that finished."""
        return int(self.state.cluster["n_events"][0])

    @property
    def n_decisions(self) -> int:
        """Decisions so far."""
        return int(self.state.cluster["n_decisions"][0])

    @property
    def n_forced(self) -> int:
        """Declines of an idle cluster that were not taken."""
        return int(self.state.cluster["n_forced"][0])

    @property
    def busy_ms(self) -> float:
        """Executor time of all tasks that were started."""
        return float(self.state.cluster["busy_ms"][0])

    @property
    def completion_ms(self) -> Floats:
        """(J,) time at which each job completed, NaN before."""
        found: Floats = self.state.jobs["completion_ms"].copy()
        return found

    @property
    def jct_ms(self) -> Floats:
        """(J,) time from each job's arrival to its completion, NaN before."""
        return self.completion_ms - self.workload.arrival_ms

    @property
    def seed(self) -> int:
        """Of the task durations."""
        return int(self.state.cluster["seed"][0])

    @property
    def launches(self) -> Floats:
        """(T, 4) executor, stage, start and end (ms) of each started task; empty unless recorded."""
        return self.state.log[: int(self.state.cluster["n_launches"][0])].copy()


def _fresh(workload: Workload, rules: Rules, seed: int, record: bool) -> State:
    """The state before the first job arrives: all executors idle in the common pool, which is the source."""
    cluster = np.zeros(1, dtype=CLUSTER)
    pools = np.zeros(len(workload.stages) + workload.n_jobs + 1, dtype=POOL)
    executors = np.zeros(rules.n_executors, dtype=EXECUTOR)
    common = len(pools) - 1
    cluster["durations"], cluster["seed"] = durations.RULES[rules.durations], seed
    cluster["first_backup"], cluster["moving_ms"] = rules.variant == "spark-sched-sim", rules.moving_ms
    cluster["source"], cluster["round"] = common, 1
    pools["size"][common] = rules.n_executors
    executors["pool"] = common
    for field in ("job", "target", "warm"):
        executors[field] = NOWHERE
    return State(
        cluster=cluster,
        jobs=workload.jobs.copy(),
        stages=workload.stages.copy(),
        pools=pools,
        executors=executors,
        heap=np.zeros(rules.n_executors, dtype=np.int64),
        commitments=np.zeros(rules.n_executors, dtype=COMMITMENT),
        log=np.zeros((workload.n_tasks if record else 0, 4)),
        children=workload.children,
        lists=workload.durations.lists,
        values=workload.durations.values,
    )
