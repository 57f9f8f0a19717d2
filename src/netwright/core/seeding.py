"""Randomness: seeds enter at the top, children come from here, and the same seed gives the same numbers."""

from __future__ import annotations

import numpy as np


def generator(*seed: int) -> np.random.Generator:
    """A generator for a path of whole numbers, such as `(seed, step)`: independent streams, no state to save."""
    return np.random.default_rng(seed)


def derived_seed(*seed: int) -> int:
    """One 63-bit seed for a library that takes an integer (torch), from a path of whole numbers."""
    return int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> np.uint64(1))
