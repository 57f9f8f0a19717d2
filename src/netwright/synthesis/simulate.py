"""Oracle runs: how good the recommendation is after each answer, over many truths.

A learner's questions depend only on its seed and the answers so far, so all truths that have answered alike share
the work: their runs walk one tree of dialogues.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.synthesis.bayes import QUESTIONS
from netwright.synthesis.learner import Learner
from netwright.synthesis.learners import LEARNERS, LearnerFactory, learner_factory
from netwright.synthesis.pool import Index, Pool, normalized, quality
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer
from netwright.synthesis.teachers import PERFECT, Oracle, SimulatedTeacher, simulated_teacher

TRUTHS = ("template", "minimum", "power")
_TEACHER_STREAM = 1 << 22


def truth_values(kind: str, pool: Pool, parameters: Array, rng: np.random.Generator) -> Array:
    """What the truths make of the pool's designs; shape (R, D).

    Args:
        kind: `template`: the objectives `parameters` (R, k), held out from the pool; `minimum`: as many of the form
            min_i (x_i + 0.02) / (w_i + 0.02); `power`: sum_i w_i x_i^e_i with e in 0.2..1. The two last lie
            outside of any template; x are the metrics scaled to 0..1 over the pool.
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
        quality: of the recommendation after each answer, 0..1 (Def. 3.13); shape (R, Q).
        gain: its value, 0 for the pool's mean and 1 for its best; shape (R, Q).
        alike: whether it looks the same as the best to a teacher with a just-noticeable difference; shape (R, Q).
        chosen: the design recommended after each answer; shape (R, Q).
        question_seconds: time from one answer to the next question, of every question that was worked out.
    """

    quality: Array
    gain: Array
    alike: Array
    chosen: Index
    question_seconds: Array
    config: Mapping[str, Any] = field(default_factory=dict)

    def percentile(self, q: float) -> Array:
        """Percentile of quality over the runs; shape (Q,)."""
        found: Array = np.percentile(self.quality, q, axis=0)
        return found

    @property
    def seconds_per_query(self) -> float:
        """Mean time to the next question."""
        return float(self.question_seconds.mean())

    def to_json(self) -> dict[str, Any]:
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
        values: what each truth makes of each design; shape (R, D).
        teacher: how well the truths' owners tell designs apart.
        n_learners: learners of different seeds that the runs are dealt to in turn. A learner that draws its
            candidates at random, as the paper's does, should have one for each run.
        progress: called with the runs done and their number.
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
    """A learner measured against operators that are simulated.

    Attributes:
        learner, question: see `learner_factory`.
        teacher: as `simulated_teacher` reads it.
        truths: kind of the operators' objectives, one of `TRUTHS`.
        queries: questions in each run.
        runs: simulated operators; as many of the pool's objectives are held out.
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
        for kind, name, known in (
            ("learner", self.learner, LEARNERS.names()),
            ("question", self.question, QUESTIONS),
            ("kind of truth", self.truths, TRUTHS),
        ):
            if name not in known:
                raise UnknownNameError(kind, name, known)

    def run(self, pool: Pool, progress: Callable[[int, int], None] = lambda done, total: None) -> OracleRuns:
        """Hold objectives out of the pool and let their owners answer.

        Learners that draw candidates at random are drawn anew for each run, as in the paper.
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
        """What was simulated, in plain types."""
        return {
            "learner": self.learner,
            "teacher": self.teacher,
            "question": self.question if self.learner == "bayes" else "propose and compare",
            "truths": self.truths,
        }


class _Walk:
    """The tree of dialogues: runs that answer alike go down together."""

    def __init__(
        self, pool: Pool, teachers: list[Oracle], n_queries: int, progress: Callable[[int, int], None]
    ) -> None:
        self.teachers = teachers
        self.n_queries = n_queries
        self.progress = progress
        self.done = 0
        self.chosen = np.zeros((len(teachers), n_queries), dtype=np.int64)
        self.seconds: list[float] = []
        self._fallback = int(pool.counts.argmax())  # before a learner knows anything

    def down(self, learner: Learner, runs: list[int], depth: int, spent: float = 0.0) -> None:
        """Ask the next question of these runs, and go on with those of each answer.

        `spent` is the time that taking in the last answer took.
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
