"""One streaming session over time: requested bitrates, buffer and stalls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from netwright.core.types import JsonView
from netwright.tasks.abr.media import Floats, Trace

MOST_SAMPLES = 2_000  # of the bandwidth in a session, however long it stalls


@dataclass(frozen=True, eq=False)
class Playback:
    """A session of T chunks, the first one included.

    Attributes:
        trace: its name.
        bitrate_mbps: nominal, of the requested rung; shape (T,).
        elapsed_s: from the decision to the chunk's last byte; shape (T,).
        buffer_s: left to play when the player may ask for the next chunk; shape (T,).
        rebuffer_s: how long the video stood still before the chunk, the start-up delay first; shape (T,).
        bandwidth_mbps: of the trace, sampled in equal steps over the session.
        qoe: mean per chunk, as the setting counts it.
        step_s: between samples of the bandwidth; above 1 in sessions of more than `MOST_SAMPLES` seconds.
    """

    trace: str
    chunk_s: float
    bitrate_mbps: Floats
    elapsed_s: Floats
    buffer_s: Floats
    rebuffer_s: Floats
    bandwidth_mbps: Floats
    qoe: float
    step_s: float = 1.0

    @property
    def start_s(self) -> Floats:
        """(T + 1,) when each chunk is requested, and when a further one could be.

        Between two decisions the session plays what the buffer lost and the chunk brought, and stalls besides.
        """
        played_s = self.chunk_s - np.diff(self.buffer_s, prepend=0.0)
        found: Floats = np.concatenate([[0.0], np.cumsum(self.rebuffer_s + played_s)])
        return found

    @property
    def arrival_s(self) -> Floats:
        """(T,) when the last byte of each chunk arrives."""
        return self.start_s[:-1] + self.elapsed_s

    @property
    def end_s(self) -> float:
        """When the last second of the video has been played."""
        return float(self.start_s[-1] + self.buffer_s[-1])

    @property
    def stalled_s(self) -> float:
        """Seconds in which the video stood still after it had begun."""
        return float(self.rebuffer_s[1:].sum())

    @property
    def stalls_s(self) -> Floats:
        """(N, 2) begin and end of each time in which the video stood still, the start-up delay first."""
        stood = self.rebuffer_s > 0.0
        ends = self.arrival_s[stood]
        return np.stack([ends - self.rebuffer_s[stood], ends], axis=1)

    def buffer_over_time(self) -> tuple[Floats, Floats]:
        """Corners of the buffer's curve: time and seconds left to play, shape (4 T + 1,) each.

        It falls from a decision to 0 or to the arrival, jumps by a chunk, and falls until the next decision.
        """
        before = np.concatenate([[0.0], self.buffer_s[:-1]])
        starts, arrivals = self.start_s[:-1], self.arrival_s
        empty = np.minimum(starts + before, arrivals)
        left = np.maximum(before - self.elapsed_s, 0.0)
        times = np.stack([starts, empty, arrivals, arrivals], axis=1).ravel()
        values = np.stack([before, left, left, left + self.chunk_s], axis=1).ravel()
        return np.append(times, self.end_s), np.append(values, 0.0)

    def to_json(self) -> dict[str, object]:
        """Plain types, to milliseconds and kbit/s."""
        return {k: v.round(3).tolist() if isinstance(v, np.ndarray) else v for k, v in asdict(self).items()}

    @classmethod
    def of(cls, document: JsonView) -> Playback:
        """What `to_json` gave."""
        values: dict[str, Any] = {k: np.asarray(v) if isinstance(v, list) else v for k, v in document.items()}
        return cls(**values)


def by_variability(traces: Sequence[Trace]) -> list[int]:
    """Indices of the steadiest, a middling and the most variable trace, by deviation over mean of the bandwidth."""
    order = np.argsort([_variability(trace) for trace in traces], kind="stable")
    places = np.linspace(0, len(traces) - 1, 3).round().astype(int)
    return [int(order[i]) for i in dict.fromkeys(places.tolist())]


def _variability(trace: Trace) -> float:
    seconds, rates = np.diff(trace.times_s), trace.bandwidths_mbps[1:]
    mean = np.average(rates, weights=seconds)
    return float(np.sqrt(np.average((rates - mean) ** 2, weights=seconds)) / mean)


def bandwidth_samples(trace: Trace, start_row: int, seconds: float) -> tuple[Floats, float]:
    """Bandwidth in Mbit/s in the middle of each step of a session, and the length of a step in s.

    A step is 1 s, or longer so that there are at most `MOST_SAMPLES`. Behind the last row follows row 1.
    """
    step_s = max(1.0, seconds / MOST_SAMPLES)
    clock_s = trace.times_s[start_row - 1] + step_s * (np.arange(math.ceil(seconds / step_s)) + 0.5)
    beyond = clock_s >= trace.times_s[-1]
    clock_s[beyond] = (clock_s[beyond] - trace.times_s[-1]) % trace.times_s[-1]
    rows = np.clip(np.searchsorted(trace.times_s, clock_s, side="right"), 1, trace.n_rows - 1)
    found: Floats = trace.bandwidths_mbps[rows]
    return found, step_s
