"""What `bayes` says about its recommendation against how good that is, for operators of many kinds.

The dialogue is the default one of `netwright design ask`: ten questions, the last a menu. Operators and learners have
several seeds; the seeds reported are not those with which the prior of imperfect operators was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.results import ResultRow, write_rows
from netwright.core.seeding import generator
from netwright.core.types import Json
from netwright.experiments.design.learners import obtain
from netwright.experiments.parts import chosen
from netwright.synthesis.learner import Confidence
from netwright.synthesis.learners import learner_factory
from netwright.synthesis.operators import KINDS, Operators, operators
from netwright.synthesis.pool import Pool, normalized, quality
from netwright.synthesis.problem import Array
from netwright.synthesis.setup import Setup
from netwright.synthesis.teachers import Oracle

NAME = "design-calibration"
SUMMARY = "designs: the quality that the learner states against the true one, for operators of many kinds"
COMMAND = f"netwright experiments {NAME}"

TOPOLOGY = "abilene"
SCENARIOS = ("bw", "mcf", "nf", "ospf")
OBJECTIVES = 1000
N_OPERATORS = 12
LEARNER_SEEDS = (0, 1)
SEED = 7  # of the operators
REPORTED = (0, 5, 10)  # answers
FLAGGED = Confidence.OTHERWISE

Progress = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Judged:
    """What a learner says after some answers of R operators, and how good its recommendation is.

    Attributes:
        shown: stated quality; shape (R,).
        quality, gain: of the recommendation, for the operator's wishes at that time; shape (R,).
        units: distance of each metric from the operator's best design; shape (R, m).
        confidence: of each operator; length R.
    """

    shown: Array
    quality: Array
    gain: Array
    units: Array
    confidence: list[Confidence]

    def share(self, confidence: Confidence) -> float:
        """Share of operators with this confidence."""
        return sum(each is confidence for each in self.confidence) / len(self.confidence)


def run(
    data_folder: Path | None,
    results_folder: Path,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> None:
    """Measure every scenario and kind of operator, and write `design.jsonl`; `only` selects parts "scenario-kind"."""
    parts = chosen(NAME, product(SCENARIOS, KINDS), "-".join, only)
    runs = results_folder.absolute().parent / "runs" / "design"
    for scenario, kind in parts:
        pool = obtain(scenario, TOPOLOGY, OBJECTIVES, data_folder=data_folder, runs=runs)
        answering = operators(kind, pool, N_OPERATORS, generator(SEED, KINDS.index(kind)))
        found = dialogues(pool, answering, max(REPORTED), SEED)
        rows = list(result_rows(pool, kind, found))
        same = ("area", "command", "setting", "subject")
        write_rows(results_folder / "design.jsonl", rows, replaces={k: rows[0].to_json()[k] for k in same})
        last = found[max(REPORTED)]
        progress(
            f"{pool.name}, {kind}: {last.shown.mean():.3f} stated, {last.quality.mean():.3f} true, "
            f"{last.share(FLAGGED):.0%} flagged"
        )


def dialogues(pool: Pool, answering: Operators, n_queries: int, seed: int) -> dict[int, Judged]:
    """The state after each number of answers in `REPORTED`, over all operators."""
    setup = Setup(n_queries=n_queries)
    make = learner_factory(
        setup.learner, pool, question=setup.question, ties=setup.ties, confirm_at=setup.confirm_at
    )
    kept: dict[int, list[tuple[int, float, Confidence]]] = {q: [] for q in REPORTED if q <= n_queries}
    n = len(answering.first)
    for learner_seed, members in enumerate(np.array_split(np.arange(n), len(LEARNER_SEEDS))):
        for i in members:
            learner = make(LEARNER_SEEDS[learner_seed])
            rng = generator(seed, 1 << 22, int(i))
            for asked in range(n_queries + 1):
                if asked in kept:
                    said = learner.assessment()
                    assert said is not None
                    kept[asked].append((_recommended(learner.recommend()), said.quality, said.confidence))
                if asked < n_queries:
                    values = answering.values(asked / n_queries)[i]
                    query = learner.ask()
                    assert query is not None  # `bayes` always has a question
                    teacher = Oracle(values, pool.counts, random_share=answering.random_share, rng=rng)
                    learner.tell(query, teacher.answer(query))
    return {asked: judged(pool, answering.values(asked / n_queries), kept[asked]) for asked in kept}


def _recommended(design: int | None) -> int:
    assert design is not None  # `bayes` recommends from the prior
    return design


def judged(pool: Pool, values: Array, said: list[tuple[int, float, Confidence]]) -> Judged:
    """Compare what was said with the true values (R, D)."""
    chosen, rows = np.array([design for design, _, _ in said]), np.arange(len(said))
    apart = np.abs(pool.scores[chosen] - pool.scores[values.argmax(1)])
    return Judged(
        np.array([shown for _, shown, _ in said]),
        quality(values, pool.counts)[rows, chosen],
        normalized(values, pool.counts)[rows, chosen],
        apart,
        [confidence for _, _, confidence in said],
    )


def result_rows(pool: Pool, kind: str, found: dict[int, Judged]) -> Iterator[ResultRow]:
    """One row for each number of answers: the mean true quality, and what was stated."""
    for asked, each in found.items():
        extra: Json = {
            "query": asked,
            "topology": TOPOLOGY,
            "pool_objectives": len(pool),
            "stated": float(each.shown.mean()),
            "median": float(np.median(each.quality)),
            "p10": float(np.percentile(each.quality, 10)),
            "mean_gain": float(each.gain.mean()),
            "p10_gain": float(np.percentile(each.gain, 10)),
            "flagged": each.share(FLAGGED),
            "unclear": each.share(Confidence.UNCLEAR),
            "units": _units(pool, each.units),
        }
        yield ResultRow(
            area="design",
            setting=pool.name,
            subject=f"bayes:auto, {kind} operators",
            metric="mean quality",
            unit="share",
            value=float(each.quality.mean()),
            n=len(each.quality),
            seeds=(SEED, *LEARNER_SEEDS),
            command=COMMAND,
            extra=extra,
        )


def _units(pool: Pool, apart: Array) -> dict[str, Any]:
    """Median and 90th percentile of each metric's distance from the optimum, in its unit."""
    return {
        f"{metric.name} ({metric.unit})": [float(v) for v in np.percentile(apart[:, j], [50, 90])]
        for j, metric in enumerate(pool.group.metrics)
    }
