"""Simulated operators: the quality of the recommendation after each answer, over many true objectives.

A learner's questions depend only on its seed and the answers so far, so truths with equal answers share the
computation: their runs form a tree of dialogues.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.core.types import Json, JsonView
from netwright.synthesis.learner import Learner
from netwright.synthesis.learners import LearnerFactory, check_question, learner_factory
from netwright.synthesis.pool import Index, Pool, normalized, quality
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer
from netwright.synthesis.teachers import PERFECT, Oracle, SimulatedTeacher, simulated_teacher

TRUTHS = ("template", "minimum", "power")
_TEACHER_STREAM = 1 << 22


def truth_values(kind: str, pool: Pool, parameters: Array, rng: np.random.Generator) -> Array:
    """Values of the pool's designs under each truth; shape (R, D).

    Args:
        kind: `template`: the objectives `parameters` (R, k), held out from the pool; `minimum`: R objectives
            min_i (x_i + 0.02) / (w_i + 0.02); `power`: sum_i w_i x_i^e_i with e in 0.2..1. The last two are outside
            any template; x are the metrics scaled to 0..1 over the pool.
    """
    if kind not in TRUTHS:
        raise UnknownNameError("kind of truth", kind, TRUTHS)
    if kind == "template":
        return pool.values(parameters)
    n, m = len(parameters), len(pool.group)
    weights = (10.0 if m == 2 else 100.0) ** rng.uniform(0.0, 1.0, (n, m))
    weights /= weights.sum(1, keepdims=True)
    if kind == "minimum":
        least: Array = ((pool.scaled[None] + 0.02) / (weights[:, None] + 0.02)).min(-1)
        return least
    exponents = rng.uniform(0.2, 1.0, (n, m))
    total: Array = (weights[:, None] * pool.scaled[None] ** exponents[:, None]).sum(-1)
    return total


@dataclass(frozen=True, eq=False)
class OracleRuns:
    """R runs of Q questions.

    Attributes:
        quality: quality of the recommendation after each answer, 0..1 (Def. 3.13); shape (R, Q).
        gain: its value, 0 for the pool's mean and 1 for its best; shape (R, Q).
        alike: whether it is within the teacher's just-noticeable difference of the best; shape (R, Q).
        chosen: the design recommended after each answer; shape (R, Q).
        question_seconds: time from an answer to the next question, for every computed question.
    """

    quality: Array
    gain: Array
    alike: Array
    chosen: Index
    question_seconds: Array
    config: JsonView = field(default_factory=dict)

    def percentile(self, q: float) -> Array:
        """Percentile of quality over the runs; shape (Q,)."""
        found: Array = np.percentile(self.quality, q, axis=0)
        return found

    @property
    def seconds_per_query(self) -> float:
        """Mean time to the next question."""
        return float(self.question_seconds.mean())

    def to_json(self) -> Json:
        """A document of plain types: percentiles of quality, mean gain, time."""
        return {
            "median": self.percentile(50).tolist(),
            "p10": self.percentile(10).tolist(),
            "p90": self.percentile(90).tolist(),
            "mean_gain": self.gain.mean(0).tolist(),
            "share_alike": self.alike.mean(0).tolist(),
            "seconds_per_query": self.seconds_per_query,
            "runs": len(self.quality),
            "config": dict(self.config),
        }


def simulate(
    make: LearnerFactory,
    pool: Pool,
    values: Array,
    *,
    n_queries: int,
    teacher: SimulatedTeacher = PERFECT,
    seed: int = 0,
    n_learners: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> OracleRuns:
    """Run a learner against every truth.

    Args:
        values: value of each design under each truth; shape (R, D).
        teacher: noise and just-noticeable difference of the simulated operators.
        n_learners: number of learners with different seeds; runs are assigned to them in turn. Use one per run for a
            learner that draws its candidates at random, as the paper's does.
        progress: called with the number of completed runs and of all runs.
    """
    n_runs = len(values)
    if n_queries < 1 or not n_runs or n_learners < 1:
        raise ConfigError("a simulation needs at least one query, one run and one learner.")
    jnd_share = teacher.jnd_percent / 100.0
    teachers = [
        Oracle(
            value,
            pool.counts,
            noise_percent=teacher.noise_percent,
            jnd_share=jnd_share,
            rng=generator(seed, _TEACHER_STREAM, run),
        )
        for run, value in enumerate(values)
    ]
    walk = _Walk(pool, teachers, n_queries, progress)
    for i in range(min(n_learners, n_runs)):
        walk.down(make(seed + i), list(range(i, n_runs, n_learners)), 0)
    runs = np.arange(n_runs)[:, None]
    best = values.max(1, keepdims=True)
    tolerance = jnd_share * (best - values.min(1, keepdims=True)) + 1e-12
    config = {
        "queries": n_queries,
        "noise_percent": teacher.noise_percent,
        "jnd_share": jnd_share,
        "seed": seed,
        "n_learners": min(n_learners, n_runs),
    }
    return OracleRuns(
        quality(values, pool.counts)[runs, walk.chosen],
        normalized(values, pool.counts)[runs, walk.chosen],
        (values[runs, walk.chosen] >= best - tolerance).astype(np.float64),
        walk.chosen,
        np.array(walk.seconds),
        config,
    )


@dataclass(frozen=True)
class Simulation:
    """A measurement of a learner with simulated operators.

    Attributes:
        learner, question: see `learner_factory`.
        teacher: see `simulated_teacher`.
        truths: kind of the operators' objectives, one of `TRUTHS`.
        queries: number of questions in each run.
        runs: number of simulated operators; as many of the pool's objectives are held out.
    """

    learner: str = "bayes"
    teacher: str = "perfect"
    question: str = "auto"
    truths: str = "template"
    queries: int = 10
    runs: int = 301
    seed: int = 0

    def __post_init__(self) -> None:
        simulated_teacher(self.teacher)
        check_question(self.learner, self.question)
        if self.truths not in TRUTHS:
            raise UnknownNameError("kind of truth", self.truths, TRUTHS)

    def run(self, pool: Pool, progress: Callable[[int, int], None] = lambda done, total: None) -> OracleRuns:
        """Hold out objectives of the pool and simulate operators with these objectives.

        Learners that draw candidates at random get a new seed for each run, as in the paper.
        """
        teacher = simulated_teacher(self.teacher)
        rest, held_out = pool.split(generator(self.seed, 0), self.runs)
        return simulate(
            learner_factory(self.learner, rest, question=self.question, ties=teacher.jnd_percent > 0.0),
            rest,
            truth_values(self.truths, rest, held_out, generator(self.seed, 1)),
            n_queries=self.queries,
            teacher=teacher,
            seed=self.seed,
            n_learners=1 if self.learner == "bayes" else self.runs,
            progress=progress,
        )

    def to_json(self) -> dict[str, str]:
        """The settings in plain types."""
        return {
            "learner": self.learner,
            "teacher": self.teacher,
            "question": self.question if self.learner == "bayes" else "propose and compare",
            "truths": self.truths,
        }


class _Walk:
    """The tree of dialogues: runs with equal answers share a branch."""

    def __init__(
        self, pool: Pool, teachers: list[Oracle], n_queries: int, progress: Callable[[int, int], None]
    ) -> None:
        self.teachers = teachers
        self.n_queries = n_queries
        self.progress = progress
        self.done = 0
        self.chosen = np.zeros((len(teachers), n_queries), dtype=np.int64)
        self.seconds: list[float] = []
        self._fallback = int(pool.counts.argmax())  # recommendation before the first answer

    def down(self, learner: Learner, runs: list[int], depth: int, spent: float = 0.0) -> None:
        """Ask these runs the next question, and descend into the group of each answer.

        `spent` is the time taken to process the last answer.
        """
        if depth == self.n_queries:
            return self._finish(runs)
        start = time.perf_counter()
        query = learner.ask()
        if query is None:
            self.chosen[runs, depth:] = self._recommended(learner)
            return self._finish(runs)
        self.seconds.append(spent + time.perf_counter() - start)
        by_answer: dict[Answer, list[int]] = {}
        for run in runs:
            by_answer.setdefault(self.teachers[run].answer(query), []).append(run)
        for answer, members in by_answer.items():
            start = time.perf_counter()
            child = learner.fork()
            child.tell(query, answer)
            self.chosen[members, depth] = self._recommended(child)
            self.down(child, members, depth + 1, time.perf_counter() - start)
        return None

    def _recommended(self, learner: Learner) -> int:
        found = learner.recommend()
        return self._fallback if found is None else found

    def _finish(self, runs: list[int]) -> None:
        self.done += len(runs)
        self.progress(self.done, len(self.teachers))
