"""Whoever decides: a rule, a small network or an adapted language model."""

from __future__ import annotations

from typing import Protocol, TypeVar, runtime_checkable

import numpy as np

Obs_contra = TypeVar("Obs_contra", contravariant=True)
Act_co = TypeVar("Act_co", covariant=True)


@runtime_checkable
class Policy(Protocol[Obs_contra, Act_co]):
    """One small contract for baselines and adapted models alike (Fig. 9, Wu et al. 2024)."""

    def reset(self, rng: np.random.Generator) -> None:
        """Forget the last session; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Obs_contra) -> Act_co:
        """The answer to one observation."""
        ...
