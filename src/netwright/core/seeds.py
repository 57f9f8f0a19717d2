"""Which numbers are seeds; apart from `core.seeding`, so that the command line's help need not load numpy."""

from __future__ import annotations

from netwright.core.errors import ConfigError

LARGEST_SEED = 2**63 - 1  # that torch takes


def check_seed(seed: object) -> None:
    """Refuse what is no seed.

    Raises:
        ConfigError: not a whole number from 0 to `LARGEST_SEED`.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ConfigError(f"seed must be a whole number from 0 to {LARGEST_SEED}, got {seed!r:.60}.")
