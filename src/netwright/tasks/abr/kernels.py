"""The simulator's formulas compiled by numba, for many sessions at once; tests pin them to `sim`.

Numba's disk cache notices a change of the file that holds a compiled function, not of the files that this
function calls: after a change here, delete the `__pycache__` of `baselines` too.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.observation import LOOK_AHEAD

WINDOW_EDGES_S = np.array([0.0, 1.0, 2.0, 4.0, 6.0, 9.0, 13.0, 19.0, 28.0, 41.0, 60.0, 88.0, 128.0])
"""Edges of the windows of `future_log_bandwidth`, in seconds ahead."""

SMALLEST_MBPS = 1e-3


@njit(cache=True)
def download(
    times: Floats,
    bandwidths: Floats,
    first: int,
    end: int,
    scale: float,
    row: int,
    clock_s: float,
    buffer_ms: float,
    size_bytes: float,
    chunk_ms: float,
    rtt_ms: float,
    payload: float,
    cap_ms: float,
    drain_ms: float,
    noise: float,
) -> tuple[int, float, float, float, float, float]:
    """`sim.step` for one chunk of a trace that lies in rows `first`..`end` of flat arrays.

    Returns:
        row, clock_s, buffer_ms after it; delay_ms, rebuffer_ms, sleep_ms.
    """
    seconds = 0.0
    sent_bytes = 0.0
    rate = bandwidths[row] * scale * 1e6 / 8.0
    duration_s = times[row] - clock_s
    carried_bytes = rate * duration_s * payload
    while sent_bytes + carried_bytes <= size_bytes:
        sent_bytes += carried_bytes
        seconds += duration_s
        clock_s = times[row]
        row += 1
        if row >= end:
            row = first + 1
            clock_s = 0.0
        rate = bandwidths[row] * scale * 1e6 / 8.0
        duration_s = times[row] - clock_s
        carried_bytes = rate * duration_s * payload
    rest_s = (size_bytes - sent_bytes) / rate / payload
    seconds += rest_s
    clock_s += rest_s
    delay_ms = (seconds * 1000.0 + rtt_ms) * noise
    rebuffer_ms = max(delay_ms - buffer_ms, 0.0)
    buffer_ms = max(buffer_ms - delay_ms, 0.0) + chunk_ms
    sleep_ms = 0.0
    if buffer_ms > cap_ms:
        sleep_ms = math.ceil((buffer_ms - cap_ms) / drain_ms) * drain_ms
        buffer_ms -= sleep_ms
        while times[row] - clock_s <= sleep_ms / 1000.0:
            sleep_ms -= (times[row] - clock_s) * 1000.0
            clock_s = times[row]
            row += 1
            if row >= end:
                row = first + 1
                clock_s = 0.0
        clock_s += sleep_ms / 1000.0
    return row, clock_s, buffer_ms, delay_ms, rebuffer_ms, sleep_ms


@njit(cache=True)
def wait_all(
    times: Floats,  # (rows,) of all traces, end to end
    offset: Ints,  # (traces + 1,)
    trace_of: Ints,  # (B,)
    wait_s: Floats,  # (B,)
    row: Ints,  # state of the sessions, (B,) each, changed in place
    clock_s: Floats,
    buffer_ms: Floats,
    starved_s: Floats,
) -> None:
    """Time passes without a download: the trace advances, the buffer is played, and where it ends the viewer stalls."""
    for b in range(len(row)):
        first, end = offset[trace_of[b]], offset[trace_of[b] + 1]
        left_s = wait_s[b]
        starved_s[b] += max(left_s - buffer_ms[b] / 1000.0, 0.0)
        buffer_ms[b] = max(buffer_ms[b] - left_s * 1000.0, 0.0)
        while times[row[b]] - clock_s[b] <= left_s:
            left_s -= times[row[b]] - clock_s[b]
            clock_s[b] = times[row[b]]
            row[b] += 1
            if row[b] >= end:
                row[b] = first + 1
                clock_s[b] = 0.0
        clock_s[b] += left_s


@njit(cache=True)
def step_all(
    times: Floats,  # (rows,) of all traces, end to end
    bandwidths: Floats,
    offset: Ints,  # (traces + 1,)
    sizes: Ints,  # (videos, lines, L) bytes
    bitrates_kbps: Floats,  # (videos, L)
    chunk_s: Floats,  # (videos,)
    trace_of: Ints,  # (B,)
    video_of: Ints,
    scale: Floats,
    player: tuple[float, float, float, float],  # rtt_ms, payload, buffer_cap_s, drain_ms
    weights: tuple[float, float],  # rebuffer, change
    chunk: int,
    levels: Ints,
    noise: Floats,  # (B,) factor on each delay
    row: Ints,  # state of the sessions, (B,) each, changed in place
    clock_s: Floats,
    buffer_ms: Floats,
    last_level: Ints,
    throughputs_mbps: Floats,  # (B, HISTORY) changed in place
    delays_s: Floats,
    out: Floats,  # (9, B) delay_ms, sleep_ms, buffer_s, rebuffer_s, bytes, throughput, bitrate, change, qoe
) -> None:
    """One chunk for each of B sessions."""
    rtt_ms, payload, cap_s, drain_ms = player
    rebuffer_weight, change_weight = weights
    history = throughputs_mbps.shape[1]  # not the constant: compiled code on disk would not notice its change
    cap_ms = cap_s * 1000.0
    for b in range(len(row)):
        trace, video, level = trace_of[b], video_of[b], levels[b]
        size_bytes = float(sizes[video, chunk, level])
        row[b], clock_s[b], buffer_ms[b], delay_ms, rebuffer_ms, sleep_ms = download(
            times,
            bandwidths,
            offset[trace],
            offset[trace + 1],
            scale[b],
            row[b],
            clock_s[b],
            buffer_ms[b],
            size_bytes,
            chunk_s[video] * 1000.0,
            rtt_ms,
            payload,
            cap_ms,
            drain_ms,
            noise[b],
        )
        throughput_mbps = size_bytes * 8.0 / delay_ms / 1000.0
        kbps = bitrates_kbps[video, level]
        bitrate_mbps = kbps / 1000.0
        rebuffer_s = rebuffer_ms / 1000.0
        change_mbps = abs(kbps - bitrates_kbps[video, last_level[b]]) / 1000.0
        last_level[b] = level
        for k in range(history - 1):
            throughputs_mbps[b, k] = throughputs_mbps[b, k + 1]
            delays_s[b, k] = delays_s[b, k + 1]
        throughputs_mbps[b, history - 1] = throughput_mbps
        delays_s[b, history - 1] = delay_ms / 1000.0
        out[0, b] = delay_ms
        out[1, b] = sleep_ms
        out[2, b] = buffer_ms[b] / 1000.0
        out[3, b] = rebuffer_s
        out[4, b] = size_bytes
        out[5, b] = throughput_mbps
        out[6, b] = bitrate_mbps
        out[7, b] = change_mbps
        out[8, b] = chunk_qoe(bitrate_mbps, rebuffer_s, change_mbps, rebuffer_weight, change_weight)


@njit(cache=True)
def next_sizes(sizes: Ints, video_of: Ints, chunk: int) -> Floats:
    """(B, LOOK_AHEAD, L) sizes of the next chunks in 10^6 bytes, 0 behind the table's end."""
    n_lines, n_levels = sizes.shape[1:]
    found = np.zeros((len(video_of), LOOK_AHEAD, n_levels))
    n_known = min(LOOK_AHEAD, n_lines - chunk)
    for b in range(len(video_of)):
        for k in range(n_known):
            for level in range(n_levels):
                found[b, k, level] = sizes[video_of[b], chunk + k, level] / 1e6
    return found


@njit(cache=True)
def future_log_bandwidth(
    times: Floats,
    bandwidths: Floats,
    offset: Ints,
    trace_of: Ints,
    scale: Floats,
    row: Ints,
    clock_s: Floats,
    edges_s: Floats,
) -> Floats:
    """(B, windows) log of the mean bandwidth in Mbit/s between consecutive edges ahead of each session's clock."""
    n_windows = len(edges_s) - 1
    found = np.empty((len(row), n_windows))
    for b in range(len(row)):
        first, end = offset[trace_of[b]], offset[trace_of[b] + 1]
        at, now_s = row[b], clock_s[b]
        for w in range(n_windows):
            left_s = edges_s[w + 1] - edges_s[w]
            carried = 0.0
            while times[at] - now_s <= left_s:
                carried += bandwidths[at] * (times[at] - now_s)
                left_s -= times[at] - now_s
                now_s = times[at]
                at += 1
                if at >= end:
                    at = first + 1
                    now_s = 0.0
            carried += bandwidths[at] * left_s
            now_s += left_s
            mean_mbps = scale[b] * carried / (edges_s[w + 1] - edges_s[w])
            found[b, w] = math.log(max(mean_mbps, SMALLEST_MBPS))
    return found
