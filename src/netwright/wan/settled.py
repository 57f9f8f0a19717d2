"""Whether there is anything to decide: networks in which one design is best for every objective."""

from __future__ import annotations

import numpy as np

from netwright.synthesis.pool import Pool
from netwright.wan.instance import Instance
from netwright.wan.load_facts import LoadFacts
from netwright.wan.registry import scenario

ALIKE_WITHIN = 1e-4  # of a metric's largest value: designs closer than this are one for an operator


def settled(pool: Pool, instance: Instance) -> tuple[int, str] | None:
    """The design that needs no question, with the reason; None where objectives tell designs apart.

    Either all designs of the pool are alike, or all demand fits on its shortest paths and the scenario counts only what
    is carried and how far (`Scenario.fits_settle`).
    """
    facts = LoadFacts.of(instance)
    fits = facts.fullest_percent <= 100.0
    best = int(np.argmax(pool.scores[:, 0]))
    if scenario(pool.provenance["scenario"]).fits_settle and fits:
        return (
            best,
            f"all demand fits on its shortest paths ({facts.fullest_percent:.2g} % on the fullest link)",
        )
    if _alike(pool):
        words = f"all {len(pool)} objectives have the same best design"
        return best, f"{words}, all demand fits" if fits else words
    return None


def _alike(pool: Pool) -> bool:
    apart = np.ptp(pool.scores, axis=0)
    return bool((apart <= ALIKE_WITHIN * np.maximum(np.abs(pool.scores).max(axis=0), 1.0)).all())
