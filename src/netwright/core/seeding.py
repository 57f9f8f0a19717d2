"""Randomness: seeds enter at the top, children come from here, and the same seed gives the same numbers."""

from __future__ import annotations

import numpy as np


def generator(seed: int, *path: int) -> np.random.Generator:
    """A generator for a seed and a path below it, such as a step: independent streams, no state to save."""
    return np.random.default_rng(_sequence(seed, path))


def derived_seed(seed: int, *path: int) -> int:
    """One 63-bit seed for a library that takes an integer (torch), from a seed and a path below it."""
    return int(_sequence(seed, path).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sequence(seed: int, path: tuple[int, ...]) -> np.random.SeedSequence:
    # As one list of entropy, (1,) and (1, 0) would be the same stream: numpy pads it with zeros.
    return np.random.SeedSequence(seed, spawn_key=path)
