"""The paper's settings of cluster job scheduling (Table 4, Wu et al. 2024), and the seeds of all job sequences."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from netwright.core.errors import ConfigError
from netwright.core.task import Setting
from netwright.tasks.cjs.cluster import Rules
from netwright.tasks.cjs.workload import Workload

TEST_SEEDS = (1, 2, 3)
"""Of the settings: the same jobs as in the published simulator with these seeds."""

PAIRED_SEEDS = tuple(range(1000, 1040))
"""For paired intervals, with `--set seeds=[..]`; not looked at before a recipe is final."""

VALIDATION_SEEDS = tuple(range(5000, 5012))
DRAWN = "drawn"
FIRST_TRAINING_SEED = 100_000
"""Training draws its job sequences from this seed on."""


@dataclass(frozen=True, slots=True)
class CjsConfig:
    """Which jobs a cluster is given.

    Attributes:
        n_jobs: of each sequence.
        n_executors: of the cluster.
        seeds: one job sequence each.
        mean_gap_s: between two arrivals.
        jobs: name of a file of the user's own jobs; "drawn" draws `n_jobs` job profiles. With own jobs, a seed decides
            only the durations.
        cluster: of jobs from an event log. "recorded" has as many executors as the log shows, which change jobs at
            once; "given" is that of `n_executors` and `moving_ms`.
        moving_ms, durations, variant: see `Rules`; durations are hashed by default, for sharper comparisons.
    """

    n_jobs: int = 200
    n_executors: int = 50
    seeds: tuple[int, ...] = TEST_SEEDS
    mean_gap_s: float = 25.0
    jobs: str = DRAWN
    cluster: Literal["recorded", "given"] = "recorded"
    moving_ms: float = 2000.0
    durations: Literal["sampled", "hashed", "listed"] = "hashed"
    variant: Literal["netllm", "spark-sched-sim"] = "netllm"

    def __post_init__(self) -> None:
        if not 1 <= self.n_jobs <= 1_000_000:
            raise ConfigError(f"CjsConfig.n_jobs must be 1..1000000, got {self.n_jobs}.")
        if not 0.0 < self.mean_gap_s < float("inf"):
            raise ConfigError(f"CjsConfig.mean_gap_s must be above 0, got {self.mean_gap_s}.")
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise ConfigError(
                f"CjsConfig.seeds must be different numbers from 0, at least one, got {self.seeds}."
            )
        if self.cluster not in ("recorded", "given"):
            raise ConfigError(f"CjsConfig.cluster must be recorded or given, got {self.cluster!r}.")
        self.rules  # noqa: B018  (its own checks)

    @property
    def rules(self) -> Rules:
        """How the cluster works; see `rules_for` for that of own jobs."""
        return Rules(self.n_executors, self.moving_ms, self.durations, self.variant)

    def rules_for(self, workload: Workload) -> Rules:
        """How the cluster of these jobs works."""
        if workload.recorded is None or self.cluster == "given":
            return self.rules
        return replace(self.rules, n_executors=workload.recorded.n_executors, moving_ms=0.0)


SETTINGS = {
    s.name: s
    for s in (
        Setting("default", "200 jobs on 50 executors", CjsConfig()),
        Setting("unseen1", "200 jobs on 30 executors: more work than they can do", CjsConfig(n_executors=30)),
        Setting("unseen2", "450 jobs on 50 executors", CjsConfig(n_jobs=450)),
        Setting(
            "unseen3",
            "450 jobs on 30 executors: more work than they can do",
            CjsConfig(n_jobs=450, n_executors=30),
        ),
    )
}
