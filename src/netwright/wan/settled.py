"""Detection of networks in which one design is best for every objective."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.wan.allocation import shortest_paths_today
from netwright.wan.exporting import Solved, described, solved
from netwright.wan.load_facts import LoadFacts
from netwright.wan.registry import scenario
from netwright.wan.selection import Source
from netwright.wan.topology import Array

ALIKE_WITHIN = 1e-4  # share of a metric's largest value below which designs count as equal
ALL = 1.0 - 1e-12  # share of the demand that counts as all demand


@dataclass(frozen=True)
class Settled:
    """The design that needs no question.

    Attributes:
        reason: why there is nothing to decide.
        design: its index in the pool; None for all traffic on its shortest paths, which may not be in the pool.
        solved: the design with its tables.
    """

    reason: str
    design: int | None
    solved: Solved


def settled(source: Source) -> Settled | None:
    """The design that needs no question; None if objectives distinguish designs.

    Either all demand fits on its shortest paths and the scenario measures only carried traffic and latency
    (`Scenario.fits_settle`), so that this design is best for every objective; or all designs of the pool are equal.
    """
    pool, facts = source.pool, LoadFacts.of(source.instance)
    name, fits = pool.provenance["scenario"], facts.fullest_percent <= 100.0
    if fits and scenario(name).fits_settle:
        shortest = shortest_paths_today(source.instance)
        if shortest.throughput >= ALL:
            reason = f"all demand fits on its shortest paths ({facts.percent} % on the fullest link)"
            return Settled(reason, None, described(name, source.instance, shortest.share))
    if _alike(pool.scores):
        words = f"all {len(pool)} objectives have the same best design"
        best = int(np.argmax(pool.scores[:, 0]))
        home, number = source.home(best)
        return Settled(
            f"{words}, all demand fits" if fits else words,
            best,
            solved(home.pool, home.path, home.instance, number),
        )
    return None


def _alike(scores: Array) -> bool:
    apart = np.ptp(scores, axis=0)
    return bool((apart <= ALIKE_WITHIN * np.maximum(np.abs(scores).max(axis=0), 1.0)).all())
