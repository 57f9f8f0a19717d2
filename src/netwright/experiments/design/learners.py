"""Comparative synthesis on WAN designs: learners with perfect and imperfect teachers, as in Fig. 5, 6, 12 and 13.

Each cell is one learner, one kind of teacher and one instance; the truths are 301 objectives outside the learner's
pool. Cells are stored in `runs/design`, so an interrupted run can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from netwright.core.files import read_json, write_json
from netwright.core.identity import RunIdentity, sha256_of
from netwright.core.results import ResultRow, write_rows
from netwright.core.seeding import generator
from netwright.core.types import Json
from netwright.execution import executor
from netwright.experiments.parts import chosen
from netwright.synthesis.bayes import BayesConfig
from netwright.synthesis.bounds import general_bound, sortability, sortable_bound
from netwright.synthesis.learners import learner_factory
from netwright.synthesis.pool import Pool, normalized, quality
from netwright.synthesis.problem import Array
from netwright.synthesis.simulate import OracleRuns, simulate, truth_values
from netwright.synthesis.teachers import SimulatedTeacher
from netwright.synthesis.voting import VotingConfig
from netwright.wan.pools import Builder, spec_of

NAME = "design"
SUMMARY = "learners of designs: quality after each question, perfect and imperfect teachers, sizes of pools"
COMMAND = "netwright experiments design"

SEED = 0
N_TRUTHS = 301
TRUTH_STREAM = 3  # stream of truths drawn independently of a pool
N_OBJECTIVES = 1300
REPORTED = (3, 4, 5, 6, 10)  # queries
SIZES = (10, 30, 100, 300, 1000, 5000)
SETTINGS = {"bayes": asdict(BayesConfig()), "voting": asdict(VotingConfig())}

FEW_OBJECTIVES = 300  # instances on which an optimum takes a second or more

INSTANCES: dict[tuple[str, str], int] = {  # number of objectives, including truths unless it is small
    ("mcf", "abilene"): N_OBJECTIVES,
    ("mcf", "b4"): N_OBJECTIVES,
    ("mcf", "cwix"): N_OBJECTIVES,
    ("mcf", "btnorthamerica"): N_OBJECTIVES,
    ("bw", "abilene"): N_OBJECTIVES,
    ("bw", "b4"): N_OBJECTIVES,
    ("bw", "cwix"): N_OBJECTIVES,
    ("bw", "btnorthamerica"): N_OBJECTIVES,
    ("nf", "abilene"): N_OBJECTIVES,
    ("nf", "b4"): N_OBJECTIVES,
    ("nf", "cwix"): N_OBJECTIVES,
    ("nf", "btnorthamerica"): N_OBJECTIVES,
    ("ospf", "abilene"): N_OBJECTIVES,
    ("ospf", "cwix"): N_OBJECTIVES,
    ("mcf", "tinet"): N_OBJECTIVES,
    ("bw", "tinet"): N_OBJECTIVES,
    ("nf", "tinet"): N_OBJECTIVES,
    ("mcf", "deltacom"): N_OBJECTIVES,
    ("mcf", "ion"): N_OBJECTIVES,
    ("bw", "deltacom"): FEW_OBJECTIVES,
    ("bw", "ion"): FEW_OBJECTIVES,
    ("nf", "deltacom"): FEW_OBJECTIVES,
    ("ospf", "btnorthamerica"): N_OBJECTIVES,
    ("ospf", "tinet"): N_OBJECTIVES,
    ("ospf", "deltacom"): N_OBJECTIVES,
    ("ospf", "ion"): N_OBJECTIVES,
}

SMALL = ("abilene", "b4", "cwix", "btnorthamerica")  # topologies also tested with operators of concave power

Progress = Callable[[str], None]


Measured = dict[str, Any]
"""Curves and figures of one cell."""


@dataclass(frozen=True)
class Cell:
    """One learner with one kind of teacher on one instance.

    Attributes:
        learner: such as "voting" or "bayes:triple".
        size: number of objectives in the learner's pool; None for all except the truths.
    """

    scenario: str
    topology: str
    learner: str
    truths: str = "template"
    noise_percent: float = 0.0
    jnd_share: float = 0.0
    n_queries: int = 10
    size: int | None = None

    @property
    def label(self) -> str:
        """Name of its file."""
        teacher = f"{self.truths}-noise{self.noise_percent:g}-jnd{100 * self.jnd_share:g}"
        size = "" if self.size is None else f"-size{self.size}"
        return f"{self.scenario}-{self.topology}-{self.learner.replace(':', '-')}-{teacher}{size}"


def cells() -> Iterator[Cell]:
    """All cells, by instance, then further kinds of teachers on Abilene and pool sizes."""
    for scenario, topology in INSTANCES:
        cell = partial(Cell, scenario, topology)
        for noise in (0.0, 10.0, 20.0):
            yield cell("no-prune", noise_percent=noise)
            yield cell("voting", noise_percent=noise)
            yield cell("bayes:triple", noise_percent=noise, n_queries=5 if noise else 6)
        yield cell("bayes:pair")
        yield cell("bayes:tick", jnd_share=0.05, n_queries=5)
        yield from _outside(cell, "minimum")
        if topology in SMALL:
            yield from _outside(cell, "power")
        if topology == "abilene":
            yield from _more_teachers(cell)
    for scenario in ("mcf", "bw"):
        for size in SIZES:
            yield Cell(scenario, "abilene", "voting", size=size)
            yield Cell(scenario, "abilene", "bayes:triple", n_queries=5, size=size)


def _outside(cell: Callable[..., Cell], truths: str) -> Iterator[Cell]:
    """Cells with operators whose objective is outside the template."""
    yield cell("no-prune", truths=truths)
    yield cell("voting", truths=truths)
    yield cell("bayes:triple", truths=truths, n_queries=5)


def _more_teachers(cell: Callable[..., Cell]) -> Iterator[Cell]:
    yield cell("objective-only")
    yield cell("consistent")
    yield cell("bayes:tick", n_queries=6)
    yield cell("bayes:tick", noise_percent=10.0, n_queries=5)
    for learner in ("no-prune", "voting", "bayes:triple"):
        yield cell(learner, noise_percent=5.0, n_queries=10 if learner != "bayes:triple" else 5)
    for noise in (5.0, 10.0, 20.0):
        yield cell("bayes:pair", noise_percent=noise, n_queries=5)


def run(
    data_folder: Path | None,
    results_folder: Path,
    progress: Progress,
    only: Callable[[str], bool] | None = None,
) -> None:
    """Compute every cell missing from `runs/design`, and write `design.jsonl` and figures.

    Args:
        only: selects cells by label; rows of the others are kept. All by default.
    """
    from netwright.experiments.design.figures import draw

    runs = results_folder.absolute().parent / "runs" / NAME
    results = results_folder / "design.jsonl"
    every = chosen(NAME, cells(), lambda cell: cell.label, only)
    for scenario, topology, n in sorted({_pool_of(cell) for cell in every}):
        pool = obtain(scenario, topology, n, data_folder=data_folder, runs=runs)
        progress(f"pool {pool.name}: {len(pool)} objectives, {pool.n_designs} designs")
    work = partial(measure, data_folder=data_folder, runs=runs)
    rows: list[ResultRow] = []
    for i, (cell, found) in enumerate(zip(every, executor("processes", 2).map(work, every), strict=True)):
        of_cell = list(result_rows(cell, found))
        rows += of_cell
        if only is not None:
            write_rows(results, of_cell, replaces=_same_cell(of_cell[0]))
        progress(f"{i + 1}/{len(every)} {cell.label}: {found['median'][-1]:.3f} after {cell.n_queries}")
    if only is None:
        write_rows(results, rows, replaces={"area": "design", "command": COMMAND})
    for path in draw(results):
        progress(f"drew {path}")


def _same_cell(row: ResultRow) -> Json:
    """The entries that identify the rows of a cell."""
    document = row.to_json()
    keys = ("area", "command", "setting", "subject", "truths", "noise_percent", "jnd_share")
    return {key: document[key] for key in (*keys, "size_of_pool_varied", "pool_objectives")}


def _pool_of(cell: Cell) -> tuple[str, str, int]:
    n = INSTANCES[cell.scenario, cell.topology] if cell.size is None else max(SIZES) + N_TRUTHS
    return cell.scenario, cell.topology, n


def _objectives(cell: Cell) -> int:
    """Number of objectives in the pool of the learners."""
    n = _pool_of(cell)[2]
    return n if n <= N_TRUTHS else n - N_TRUTHS


@cache
def obtain(scenario: str, topology: str, n: int, *, data_folder: Path | None, runs: Path) -> Pool:
    """A pool from `runs/design/pools`, built if missing."""
    spec = spec_of(scenario, topology, n=n, seed=SEED, data=data_folder)
    return Builder(data=data_folder).obtain(spec, runs / "pools" / f"{scenario}-{topology}-{n}.parquet")


def measure(cell: Cell, *, data_folder: Path | None, runs: Path) -> Measured:
    """Compute or load one cell; runs in a worker process."""
    scenario, topology, n = _pool_of(cell)
    pool = obtain(scenario, topology, n, data_folder=data_folder, runs=runs)
    path = runs / "cells" / f"{cell.label}.json"
    identity = RunIdentity.made(
        kind="experiment",
        task=scenario,
        method=cell.learner,
        options=SETTINGS.get(cell.learner.partition(":")[0]),
        config=asdict(cell) | {"truths": N_TRUTHS},
        seed=SEED,
        data=sha256_of(pool.fingerprint()),
    )
    if path.exists():
        kept: Measured = read_json(path)
        if kept["identity"] == identity.model_dump(mode="json"):
            return kept
    rest, held_out = with_truths(pool)
    found, judged = simulated(cell, rest, held_out)
    document = (
        found.to_json()
        | judged
        | {"identity": identity.model_dump(mode="json"), "pool_designs": rest.n_designs}
    )
    if cell == Cell("mcf", topology, "voting"):
        order = np.argsort(rest.scores[:, 0])
        steps = sortability(rest.values(rest.parameters[:100]), rest.optimum[:100], order, tolerance=1e-4)
        document["sortability_violations"] = steps.violations / steps.steps
    write_json(path, document)
    return document


def with_truths(pool: Pool) -> tuple[Pool, Array]:
    """The pool of the learners, and the parameters (N_TRUTHS, k) of objectives outside it.

    Truths are held out, or drawn independently if the pool is small; they are only evaluated on its designs.
    """
    if len(pool) > N_TRUTHS:
        return pool.split(generator(SEED, 0), N_TRUTHS)
    return pool, pool.family.sample(generator(SEED, TRUTH_STREAM), N_TRUTHS)


def simulated(cell: Cell, pool: Pool, held_out: Array) -> tuple[OracleRuns, Measured]:
    """The runs, and the quality of their designs in the whole pool, of which the learner may have a part."""
    learner, _, question = cell.learner.partition(":")
    part = pool if cell.size is None else pool.subset(np.arange(min(cell.size, len(pool))))
    values = {
        kind: truth_values(cell.truths, p, held_out, generator(SEED, 1))
        for kind, p in {"part": part, "whole": pool}.items()
    }
    runs = simulate(
        learner_factory(learner, part, question=question or "pair"),
        part,
        values["part"],
        n_queries=cell.n_queries,
        teacher=SimulatedTeacher(cell.noise_percent, 100.0 * cell.jnd_share),
        seed=SEED,
        n_learners=1 if learner == "bayes" else len(held_out),
    )
    where = {tuple(scores): d for d, scores in enumerate(pool.scores)}
    column = np.array([where[tuple(scores)] for scores in part.scores])
    chosen, rows = column[runs.chosen], np.arange(len(held_out))[:, None]
    ranks = quality(values["whole"], pool.counts)[rows, chosen]
    return runs, {
        "median": np.median(ranks, axis=0).tolist(),
        "p10": np.percentile(ranks, 10, axis=0).tolist(),
        "p90": np.percentile(ranks, 90, axis=0).tolist(),
        "interval": [median_interval(column) for column in ranks.T],
        "mean_gain": normalized(values["whole"], pool.counts)[rows, chosen].mean(0).tolist(),
    }


def median_interval(values: Array, confidence: float = 0.95) -> tuple[float, float]:
    """A distribution-free interval for the median, between two order statistics."""
    n = len(values)
    tail = int(binom.ppf((1.0 - confidence) / 2.0, n, 0.5))
    ordered = np.sort(values)
    return float(ordered[max(tail - 1, 0)]), float(ordered[min(n - tail, n - 1)])


def result_rows(cell: Cell, found: Measured) -> Iterator[ResultRow]:
    """One row per reported query; the last one includes the whole curve."""
    reported = [q for q in REPORTED if q <= cell.n_queries]
    for query in reported:
        low, high = found["interval"][query - 1]
        extra = {
            "query": query,
            "topology": cell.topology,
            "truths": cell.truths,
            "noise_percent": cell.noise_percent,
            "jnd_share": cell.jnd_share,
            "pool_objectives": cell.size or _objectives(cell),
            "size_of_pool_varied": cell.size is not None,
            "p10": found["p10"][query - 1],
            "p90": found["p90"][query - 1],
            "mean_gain": found["mean_gain"][query - 1],
            "share_alike": found["share_alike"][query - 1],
        }
        if cell == Cell(cell.scenario, cell.topology, "voting"):
            extra |= {"bound_general": general_bound(query), "bound_sortable": sortable_bound(query)}
        if query == reported[-1]:
            extra |= {"medians": found["median"], "p10s": found["p10"]}
            extra |= {k: found[k] for k in ("seconds_per_query", "sortability_violations") if k in found}
        yield ResultRow(
            area="design",
            setting=f"{cell.scenario}:{cell.topology}",
            subject=cell.learner,
            metric="quality",
            unit="share",
            value=found["median"][query - 1],
            low=low,
            high=high,
            n=N_TRUTHS,
            seeds=(SEED,),
            command=COMMAND,
            extra=extra,
        )
