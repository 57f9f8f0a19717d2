"""What a player works with: videos, bandwidth traces, the player's rules, and the weights of the viewer's QoE."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.core.array_files import RawArray
from netwright.core.errors import ConfigError, DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FEWEST_BITS_PER_ROW = 1.0  # mean over a trace; below, a chunk takes many millions of rows


@dataclass(frozen=True, eq=False)
class Video:
    """A video cut into chunks of equal length, each encoded once for every rung of a bitrate ladder.

    The table may hold lines beyond the `n_chunks` that are played (the published files hold one).
    """

    name: str
    bitrates_kbps: tuple[float, ...]  # (L,) nominal rate of each rung, rising
    chunk_s: float
    sizes_bytes: Ints  # (L, n_lines)
    n_chunks: int

    def __post_init__(self) -> None:
        rates = tuple(float(rate) for rate in self.bitrates_kbps)
        object.__setattr__(self, "bitrates_kbps", rates)
        object.__setattr__(self, "sizes_bytes", _frozen(self.sizes_bytes, np.int64))
        if not rates or rates[0] <= 0.0 or any(b <= a for a, b in itertools.pairwise(rates)):
            raise DataError(
                f"video {self.name!r}: bitrates must be above 0 and rise strictly, got {rates} kbit/s; "
                "list every rung once, lowest first."
            )
        if not (math.isfinite(self.chunk_s) and self.chunk_s > 0.0):
            raise DataError(f"video {self.name!r}: chunk_s must be above 0, got {self.chunk_s}.")
        self._check_sizes()

    def _check_sizes(self) -> None:
        n_levels, shape = len(self.bitrates_kbps), self.sizes_bytes.shape
        if len(shape) != 2 or shape[0] != n_levels or not 2 <= self.n_chunks <= shape[1]:
            raise DataError(
                f"video {self.name!r}: needs {n_levels} rungs of at least n_chunks = {self.n_chunks} (2 or "
                f"more) chunk sizes each, got an array of shape {shape}; give one row for each bitrate."
            )
        if self.sizes_bytes.min() <= 0:
            level, line = np.argwhere(self.sizes_bytes <= 0)[0]
            raise DataError(
                f"video {self.name!r}: chunk sizes must be above 0 bytes, rung {level} chunk {line} has "
                f"{self.sizes_bytes[level, line]}; correct the size file."
            )

    @property
    def n_levels(self) -> int:
        """Number of rungs L."""
        return len(self.bitrates_kbps)


@dataclass(frozen=True, eq=False)
class Trace:
    """Bandwidth over time: row i holds from `times_s[i - 1]` to `times_s[i]`, so that of row 0 is never used."""

    name: str
    times_s: Floats  # (R,) rising
    bandwidths_mbps: Floats  # (R,) 10^6 bit/s

    def __post_init__(self) -> None:
        object.__setattr__(self, "times_s", _frozen(self.times_s, np.float64))
        object.__setattr__(self, "bandwidths_mbps", _frozen(self.bandwidths_mbps, np.float64))
        fault = trace_fault(self.times_s, self.bandwidths_mbps)
        if fault is not None:
            row, what = fault
            raise DataError(f"trace {self.name!r}: {'' if row is None else f'row {row}: '}{what}")

    @property
    def n_rows(self) -> int:
        """Number of rows R."""
        return len(self.times_s)


def trace_fault(times_s: Floats, bandwidths_mbps: Floats) -> tuple[int | None, str] | None:
    """The first thing that makes these rows unusable: the row (None: the whole) and a sentence; None if usable."""
    if times_s.ndim != 1 or times_s.shape != bandwidths_mbps.shape:
        return None, f"needs as many times as bandwidths, got {times_s.shape} and {bandwidths_mbps.shape}."
    if len(times_s) < 2:
        return None, f"needs at least two rows, got {len(times_s)}; drop the trace."
    for values, what in ((times_s, "time"), (bandwidths_mbps, "bandwidth")):
        bad = np.flatnonzero(~np.isfinite(values) | (values < 0.0))
        if bad.size:
            return int(
                bad[0]
            ), f"{what} must be a number of at least 0, got {values[bad[0]]}; correct the row."
    back = np.flatnonzero(np.diff(times_s) <= 0.0)
    if back.size:
        row = int(back[0]) + 1
        return row, f"time {times_s[row]} s does not come after {times_s[row - 1]} s; sort the rows by time."
    if not bandwidths_mbps[1:].any():
        return None, "bandwidth is 0 throughout, no chunk would ever arrive; drop the trace."
    with np.errstate(over="ignore"):
        bits = float((bandwidths_mbps[1:] * np.diff(times_s)).sum()) * 1e6
    if bits < FEWEST_BITS_PER_ROW * len(times_s):
        return (
            None,
            f"carries {bits:.3g} bits in all, a chunk would take years; check the unit or drop the trace.",
        )
    return None


@dataclass(frozen=True, slots=True)
class Rules:
    """How the player and its connection behave (Pensieve's values by default).

    Attributes:
        rtt_ms: added to the download of each chunk.
        payload: share of the bandwidth that carries the chunk, the rest being headers.
        buffer_cap_s: above it the player waits, in steps of `drain_ms`, before it asks for the next chunk.
        drain_ms: see `buffer_cap_s`.
        noise: each delay is multiplied by a factor drawn from [1 - noise, 1 + noise].
    """

    rtt_ms: float = 80.0
    payload: float = 0.95
    buffer_cap_s: float = 60.0
    drain_ms: float = 500.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name, good, needs in (
            ("rtt_ms", self.rtt_ms >= 0.0, "at least 0"),
            ("payload", 0.0 < self.payload <= 1.0, "above 0 and at most 1"),
            ("buffer_cap_s", self.buffer_cap_s > 0.0, "above 0"),
            ("drain_ms", self.drain_ms > 0.0, "above 0"),
            ("noise", 0.0 <= self.noise < 1.0, "at least 0 and below 1"),
        ):
            value = getattr(self, name)
            if not (good and math.isfinite(value)):
                raise ConfigError(f"Rules.{name} must be {needs}, got {value}.")


@dataclass(frozen=True, slots=True)
class QoE:
    """Weights of a viewer's quality of experience, per chunk (Appendix A.6 of Wu et al. 2024).

    Attributes:
        rebuffer: weight of a second of stalling, in Mbit/s.
        change: weight of a change of the bitrate by 1 Mbit/s.
        count_first: whether a session's mean includes its first chunk, which no policy chooses. The published
            code leaves it out, the paper's formula does not say.
    """

    rebuffer: float = 4.3
    change: float = 1.0
    count_first: bool = False

    def __post_init__(self) -> None:
        for name in ("rebuffer", "change"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ConfigError(f"QoE.{name} must be a number of at least 0, got {value}.")


PUBLISHED_RULES, PUBLISHED_QOE = Rules(), QoE()


def _frozen(values: ArrayLike, kind: type) -> RawArray:
    """A contiguous, read-only copy."""
    array: RawArray = np.array(values, dtype=kind, order="C")
    array.setflags(write=False)
    return array
