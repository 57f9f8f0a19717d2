"""Random generators and seeds derived from one seed; the same seed gives the same numbers."""

from __future__ import annotations

import numpy as np


def generator(seed: int, *path: int) -> np.random.Generator:
    """A generator for a seed and a path, such as a step number: independent streams with no state to save."""
    return np.random.default_rng(_sequence(seed, path))


def derived_seed(seed: int, *path: int) -> int:
    """A 63-bit seed for a library that takes an integer (torch), derived from a seed and a path."""
    return int(_sequence(seed, path).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _sequence(seed: int, path: tuple[int, ...]) -> np.random.SeedSequence:
    # As one entropy list, (1,) and (1, 0) would give the same stream, because numpy pads with zeros.
    return np.random.SeedSequence(seed, spawn_key=path)
