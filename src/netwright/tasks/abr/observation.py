"""Observations from which players choose the next chunk's rung, for B sessions at once (a single player is B = 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numba import njit

from netwright.core.array_files import RawArray
from netwright.core.errors import DataError
from netwright.tasks.abr.media import Floats, Ints

HISTORY, RECENT = 24, 8
"""Chunks that a player remembers; how many of them are its recent ones."""

LOOK_AHEAD = 6


@dataclass(frozen=True, eq=False)
class Observation:
    """Observations of B players: exactly what a player on a real connection can measure.

    Shapes: B sessions, L rungs. Histories are newest last, and 0 where there was no chunk yet.

    Attributes:
        throughputs_mbps: of the last chunks, as players measure it: bytes over delay, round trip included.
        chunk_index, n_left: of the next chunk; how many are still to come, that one included.
        next_sizes_mb: sizes of the next chunks in 10^6 bytes, 0 behind the last line of the size table. A table
            may hold a line or more than the video plays: `n_left` says how many chunks follow.
        rebuffer_weight, change_weight: weights of the viewer's QoE, see `QoE`.
    """

    throughputs_mbps: Floats  # (B, 24)
    delays_s: Floats  # (B, 24)
    buffer_s: Floats  # (B,)
    last_level: Ints  # (B,)
    chunk_index: Ints  # (B,)
    n_left: Ints  # (B,)
    next_sizes_mb: Floats  # (B, 6, L)
    bitrates_mbps: Floats  # (B, L)
    chunk_s: Floats  # (B,)
    buffer_cap_s: Floats  # (B,)
    rebuffer_weight: Floats  # (B,)
    change_weight: Floats  # (B,)

    @property
    def n(self) -> int:
        """Number of sessions B."""
        return len(self.buffer_s)

    @property
    def n_levels(self) -> int:
        """Number of rungs L."""
        return int(self.bitrates_mbps.shape[1])


_MEASURED = (
    "throughputs_mbps",
    "delays_s",
    "buffer_s",
    "next_sizes_mb",
    "bitrates_mbps",
    "chunk_s",
    "buffer_cap_s",
    "rebuffer_weight",
    "change_weight",
)


def check_finite(observation: Observation) -> None:
    """Refuse NaN and infinity; every policy calls this before it decides.

    Raises:
        DataError: names the field and the session.
    """
    if _all_finite(*(getattr(observation, name) for name in _MEASURED)):
        return
    for name in _MEASURED:
        values = np.asarray(getattr(observation, name))
        bad = np.argwhere(~np.isfinite(values))
        if bad.size:
            raise DataError(
                f"observation: {name} of session {bad[0][0]} is {values[tuple(bad[0])]}; correct what was measured."
            )


@njit(cache=True, fastmath={"reassoc"})  # type: ignore[untyped-decorator]
def _sum_of_nothing(values: RawArray) -> float:
    """0 if all values are finite, else NaN; in any order, so that it compiles to vector instructions."""
    total = 0.0
    for value in values:
        total += value - value
    return total


@njit(cache=True)  # type: ignore[untyped-decorator]
def _all_finite(
    throughputs: RawArray,
    delays: RawArray,
    buffer: RawArray,
    sizes: RawArray,
    bitrates: RawArray,
    chunk: RawArray,
    cap: RawArray,
    rebuffer: RawArray,
    change: RawArray,
) -> bool:
    total = _sum_of_nothing(throughputs.ravel()) + _sum_of_nothing(delays.ravel())
    total += _sum_of_nothing(sizes.ravel()) + _sum_of_nothing(bitrates.ravel())
    for values in (buffer, chunk, cap, rebuffer, change):
        total += _sum_of_nothing(values)
    return bool(total == 0.0)


@runtime_checkable
class BitratePolicy(Protocol):
    """A `Policy` that chooses for a batch of sessions in lock step; `act` begins with `check_finite`."""

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all sessions; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Observation) -> Ints:
        """(B,) the rung of each session's next chunk, 0..L-1."""
        ...
