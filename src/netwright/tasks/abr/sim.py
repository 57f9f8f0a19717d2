"""One player downloads one chunk: the simulator's pure core, in the semantics of Pensieve and Genet.

Source: Mao, Netravali, Alizadeh, "Neural adaptive video streaming with Pensieve" (SIGCOMM 2017), section 6.1,
as in the simulator that NetLLM publishes, whose quirks are kept because published numbers rest on them:
a session starts at a row, with the clock at the time of the row before; behind the last row it continues at
row 1 with the clock at 0; and the wait that is reported is what was left of it in the last row that it reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from netwright.core.errors import ConfigError
from netwright.tasks.abr.media import Rules, Trace, Video


@dataclass(frozen=True, slots=True)
class State:
    """A session between two chunks.

    Attributes:
        row: of the trace, whose bandwidth holds from `clock_s` on.
        clock_s: time of the trace, within the interval of that row.
        buffer_ms: what is left to play.
        last_level: rung of the last chunk.
        chunk: index of the next one.
    """

    row: int
    clock_s: float
    buffer_ms: float = 0.0
    last_level: int = 0
    chunk: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the player saw while one chunk arrived.

    Attributes:
        delay_ms: from the request to the last byte, round trip included.
        sleep_ms: what was left of the wait for a full buffer in the last row of the trace that it reached.
        waited_ms: the whole wait.
        buffer_s: left to play after the chunk arrived and the wait ended.
        rebuffer_s: how long the video stood still.
        throughput_mbps: bytes over delay, as the player measures it.
        change_mbps: how much the bitrate rose or fell from the last chunk's.
    """

    delay_ms: float
    sleep_ms: float
    waited_ms: float
    buffer_s: float
    rebuffer_s: float
    chunk_bytes: int
    throughput_mbps: float
    bitrate_mbps: float
    change_mbps: float
    end_of_video: bool


def start(trace: Trace, row: int = 1) -> State:
    """A session whose first byte travels at the bandwidth of `row`, with the clock at the row before."""
    if not 1 <= row < trace.n_rows:
        raise ConfigError(
            f"trace {trace.name!r}: a session starts at row 1..{trace.n_rows - 1}, got {row}; choose another."
        )
    return State(row=row, clock_s=float(trace.times_s[row - 1]))


def step(
    state: State, level: int, video: Video, trace: Trace, rules: Rules, noise_factor: float = 1.0
) -> tuple[State, Outcome]:
    """Download the next chunk at a rung, then wait if the buffer is over its cap. Draws no random numbers."""
    if state.chunk >= video.n_chunks:
        raise ConfigError(f"video {video.name!r} ended after {video.n_chunks} chunks; start a new session.")
    if not 0 <= level < video.n_levels:
        raise ConfigError(f"video {video.name!r} has rungs 0..{video.n_levels - 1}, got {level}.")
    size_bytes = int(video.sizes_bytes[level, state.chunk])
    seconds, row, clock_s = _transfer(trace, state.row, state.clock_s, size_bytes, rules.payload)
    delay_ms = (seconds * 1000.0 + rules.rtt_ms) * noise_factor
    rebuffer_ms = max(delay_ms - state.buffer_ms, 0.0)
    buffer_ms = max(state.buffer_ms - delay_ms, 0.0) + video.chunk_s * 1000.0
    waited_ms = sleep_ms = 0.0
    if buffer_ms > rules.buffer_cap_s * 1000.0:
        over_ms = buffer_ms - rules.buffer_cap_s * 1000.0
        waited_ms = math.ceil(over_ms / rules.drain_ms) * rules.drain_ms
        buffer_ms -= waited_ms
        sleep_ms, row, clock_s = _wait(trace, row, clock_s, waited_ms)
    bitrate_mbps = video.bitrates_kbps[level] / 1000.0
    change_mbps = abs(video.bitrates_kbps[level] - video.bitrates_kbps[state.last_level]) / 1000.0
    outcome = Outcome(
        delay_ms=delay_ms,
        sleep_ms=sleep_ms,
        waited_ms=waited_ms,
        buffer_s=buffer_ms / 1000.0,
        rebuffer_s=rebuffer_ms / 1000.0,
        chunk_bytes=size_bytes,
        throughput_mbps=size_bytes * 8.0 / delay_ms / 1000.0,  # bytes * 8 / ms = kbit/s
        bitrate_mbps=bitrate_mbps,
        change_mbps=change_mbps,
        end_of_video=state.chunk + 1 >= video.n_chunks,
    )
    return State(row, clock_s, buffer_ms, level, state.chunk + 1), outcome


def _transfer(
    trace: Trace, row: int, clock_s: float, size_bytes: int, payload: float
) -> tuple[float, int, float]:
    """Seconds until all bytes have come, and the row and clock at which they have."""
    seconds = 0.0
    sent_bytes = 0.0
    while True:
        rate = float(trace.bandwidths_mbps[row]) * 1e6 / 8.0  # bytes/s
        duration_s = float(trace.times_s[row]) - clock_s
        carried_bytes = rate * duration_s * payload
        if sent_bytes + carried_bytes > size_bytes:
            rest_s = (size_bytes - sent_bytes) / rate / payload
            return seconds + rest_s, row, clock_s + rest_s
        sent_bytes += carried_bytes
        seconds += duration_s
        row, clock_s = _next_row(trace, row)


def _wait(trace: Trace, row: int, clock_s: float, wait_ms: float) -> tuple[float, int, float]:
    """What was left of the wait in the last row, and the row and clock at its end."""
    while True:
        duration_s = float(trace.times_s[row]) - clock_s
        if duration_s > wait_ms / 1000.0:
            return wait_ms, row, clock_s + wait_ms / 1000.0
        wait_ms -= duration_s * 1000.0
        row, clock_s = _next_row(trace, row)


def _next_row(trace: Trace, row: int) -> tuple[int, float]:
    if row + 1 >= trace.n_rows:
        return 1, 0.0
    return row + 1, float(trace.times_s[row])
