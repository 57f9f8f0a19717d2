"""Limits that an operator knows before the first question: designs beyond them are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.pool import Pool

TOLERANCE = 1e-9  # share of a limit by which a design may miss it


def within(pool: Pool, limits: Mapping[str, float]) -> Pool:
    """The pool without designs beyond limits; each objective has its best design among the others.

    Args:
        pool: of any designs.
        limits: by the name of a metric, in its unit: the least value if larger is better, otherwise the largest.

    Raises:
        ConfigError: a metric is unknown, or no design satisfies the limits.
    """
    if not limits:
        return pool
    names = [metric.name for metric in pool.group.metrics]
    allowed = np.ones(pool.n_designs, dtype=bool)
    for name, value in limits.items():
        if name not in names:
            raise ConfigError(f"there is no metric {name!r} to limit; there are {', '.join(names)}.")
        j = names.index(name)
        least = float(pool.group.signs[j]) * value
        allowed &= pool.scores[:, j] >= least - TOLERANCE * abs(least)
        if not allowed.any():
            others = " together with the limits before it" if len(limits) > 1 else ""
            raise ConfigError(f"no design keeps the limit of {name}{others}; relax it.")
    kept = np.flatnonzero(allowed)
    optimum = pool.family.values(pool.parameters, pool.scores[kept]).argmax(axis=1)
    return replace(pool, scores=pool.scores[kept], design_ids=pool.design_ids[kept], optimum=optimum)
