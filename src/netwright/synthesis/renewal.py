"""Renewal of particles that have become few: resample-move (Gilks and Berzuini 2001)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from netwright.synthesis.particles import Particles
from netwright.synthesis.pool import Index
from netwright.synthesis.posterior import Posterior
from netwright.synthesis.problem import Array, ObjectiveFamily
from netwright.synthesis.queries import Exchange
from netwright.synthesis.sampling import systematic

_MOST = 700  # particles after a renewal
_RANKS = 1_000_000  # ranks that a renewal may compute; fewer particles for more designs
_ROUNDS = 2


def renewed(posterior: Posterior, history: Sequence[Exchange], rng: np.random.Generator) -> Posterior:
    """The posterior with particles of equal weight, those of the template moved.

    A move adds the difference of two other particles (differential evolution, ter Braak 2006), which keeps linear
    constraints such as a sum of 1, and is accepted by the likelihood of all answers; the prior is taken to be flat over
    the length of a move. Generic particles are resampled only.
    """
    particles, n = posterior.particles, min(_MOST, max(_RANKS // posterior.particles.below.shape[1], 200))
    rows = posterior.rows[systematic(posterior.weights(), n, rng.random())]
    start = particles.selected(rows)
    template = np.arange(len(start.parameters))
    if len(template) < 3:  # nearly all are generic
        return _leveled(posterior, start, history)
    now, own = start.parameters.copy(), _likelihood(posterior, start, template, history)
    changed = np.zeros(len(template), dtype=bool)
    for _ in range(_ROUNDS):
        proposed = now + _steps(now, rng)
        valid = _valid(particles.family, proposed)
        if not valid.any():
            continue
        trial = replace(start, parameters=np.where(valid[:, None], proposed, now))
        trial = _rescaled(trial, template)
        likelihood = _likelihood(posterior, trial, template, history)
        accepted = valid & (np.log(rng.random(len(template))) < likelihood - own)
        now[accepted], own[accepted] = proposed[accepted], likelihood[accepted]
        changed |= accepted
    which = np.flatnonzero(changed)
    return _leveled(posterior, start.moved(which, now[which]), history)


def _leveled(old: Posterior, particles: Particles, history: Sequence[Exchange]) -> Posterior:
    """The posterior over particles that are a sample of it: equal weights, hypotheses as likely as in `old`."""
    found = Posterior.of(particles, old.models)
    for exchange in history:
        found = found.updated(exchange)
    weights = found.log_weights - found.log_weights.max(1, keepdims=True)
    weights -= np.log(np.exp(weights).sum(1, keepdims=True) * len(particles))
    share = np.exp(weights).sum(0, dtype=np.float64)
    weights += np.log((old.of_hypotheses() + 1e-30) / (share + 1e-30)).astype(np.float32)
    return replace(found, log_weights=weights, log_evidence=old.log_evidence)


def _steps(now: Array, rng: np.random.Generator) -> Array:
    """Differences of random pairs of particles; shape of `now` (T, k)."""
    n, k = now.shape
    scale = 2.38 / np.sqrt(2.0 * k) * rng.choice([0.3, 1.0], size=(n, 1))
    found: Array = scale * (now[rng.integers(n, size=n)] - now[rng.integers(n, size=n)])
    return found


def _valid(family: ObjectiveFamily, parameters: Array) -> npt.NDArray[np.bool_]:
    """Whether every parameter is in its range; shape (n,)."""
    low, high = np.array([(parameter.low, parameter.high) for parameter in family.parameters]).T
    found: npt.NDArray[np.bool_] = ((parameters >= low) & (parameters <= high)).all(1)
    return found


def _rescaled(particles: Particles, template: Index) -> Particles:
    """The particles with the scale of changed parameters; ranks are not computed."""
    mean, spread = particles.mean.copy(), particles.spread.copy()
    every = np.arange(len(particles.scores))
    values = particles.values(template, every)
    mean[template] = values @ (particles.counts / particles.n_members)
    gap = values.max(1) - mean[template]
    spread[template] = np.where(gap > 0.0, gap, 1.0)
    return replace(particles, mean=mean, spread=spread)


def _likelihood(
    posterior: Posterior, particles: Particles, template: Index, history: Sequence[Exchange]
) -> Array:
    """Log likelihood of all answers for each particle of the template; shape (T,)."""
    found = Posterior.of(particles, posterior.models, template)
    for exchange in history:
        found = found.updated(exchange)
    own = found.log_weights[:, posterior.models.memory == 1.0].astype(np.float64)
    top = own.max(1, keepdims=True)
    marginal: Array = top[:, 0] + np.log(np.exp(own - top).sum(1)) + found.log_evidence
    return marginal
