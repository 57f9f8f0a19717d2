"""What the learned policies see of an observation: one vector, with what a good rule would compute already in it."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.observation import RECENT, Observation
from netwright.tasks.abr.state_features import AHEAD, n_numbers, vector_features

Features = NDArray[np.float32]

N_RATES = 5  # throughputs in the harmonic mean
LOWEST_MBPS, LEAST_MBPS = 0.02, 0.001
LARGEST_BUFFER_S, LARGEST_STALL_S = 60.0, 20.0

PENSIEVE_ROWS, PENSIEVE_HISTORY = 6, 6


@cache
def size(n_levels: int) -> int:
    """Number of features F for a ladder of that many rungs."""
    return n_numbers(vector_features(n_levels))


def vector(observation: Observation) -> Features:
    """(B, F) features of B sessions, all of about unit size.

    In the order of `state_features.vector_features`; see `remember` for the last part.
    """
    o = observation
    out = np.empty((o.n, size(o.n_levels)), dtype=np.float32)
    delays_s = np.ascontiguousarray(o.delays_s[:, -RECENT:])
    _fill(
        np.ascontiguousarray(o.throughputs_mbps),
        delays_s,
        o.buffer_s,
        o.last_level,
        o.n_left,
        o.next_sizes_mb,
        out,
    )
    return out


def pensieve_state(observation: Observation) -> Features:
    """(B, 6, 6) Pensieve's state as published: rows as below, newest column last (Mao et al., SIGCOMM 2017, 4.2).

    Rows: last bitrate over the highest; buffer in 10 s; throughput in MB/s; download time in 10 s; sizes of the
    next chunk in MB, a column for each rung; share of the chunks that are left. Of the scalar rows only the last
    column is filled, since the network reads no other.
    """
    o = observation
    n, rows = np.arange(o.n), PENSIEVE_HISTORY
    out = np.zeros((o.n, PENSIEVE_ROWS, PENSIEVE_HISTORY), dtype=np.float32)
    out[:, 0, -1] = o.bitrates_mbps[n, o.last_level] / o.bitrates_mbps[:, -1]
    out[:, 1, -1] = o.buffer_s / 10.0
    out[:, 2] = o.throughputs_mbps[:, -rows:] / 8.0
    out[:, 3] = o.delays_s[:, -rows:] / 10.0
    out[:, 4, : o.n_levels] = o.next_sizes_mb[:, 0]
    out[:, 5, -1] = o.n_left / (o.n_left + o.chunk_index)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def remember(throughputs_mbps: NDArray[Any], out: Features) -> None:
    """Write into `out` (20,) what the whole history (24,) tells; 0 where there was no chunk yet.

    In order: log throughputs of the 16 chunks before the recent ones; of all, the share that is there, and mean,
    spread and mean absolute step of the logs. How restless a connection is shows in minutes, not in 8 chunks.
    """
    n_before = len(throughputs_mbps) - RECENT
    n, total, squares, steps, before = 0, 0.0, 0.0, 0.0, 0.0
    for i in range(len(throughputs_mbps)):
        rate = throughputs_mbps[i]
        log_rate = 0.0
        if rate > 0.0:
            log_rate = math.log(max(rate, LEAST_MBPS))
            total += log_rate
            squares += log_rate * log_rate
            if n > 0:
                steps += abs(log_rate - before)
            before = log_rate
            n += 1
        if i < n_before:
            out[i] = log_rate
    out[n_before:] = 0.0
    if n > 0:
        out[n_before] = n / len(throughputs_mbps)
        out[n_before + 1] = total / n
        out[n_before + 2] = math.sqrt(max(squares / n - (total / n) ** 2, 0.0))
        out[n_before + 3] = steps / max(1, n - 1)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _fill(
    history_mbps: Floats,
    delays_s: Floats,
    buffer_s: Floats,
    last_level: Ints,
    n_left: Ints,
    next_sizes_mb: Floats,
    out: Features,
) -> None:
    n, n_levels = out.shape[0], next_sizes_mb.shape[2]
    throughputs_mbps = history_mbps[:, history_mbps.shape[1] - RECENT :]
    history = RECENT
    for b in range(n):
        at = 0
        known = 0
        total = square = moment = inverse = 0.0
        least, largest = np.inf, -np.inf
        for i in range(history - 1, -1, -1):
            rate = throughputs_mbps[b, i]
            log_rate = 0.0
            if rate > 0.0:
                rate = max(rate, LOWEST_MBPS)
                log_rate = math.log(rate)
                if known < N_RATES:
                    inverse += 1.0 / rate
                total += log_rate
                square += log_rate * log_rate
                moment += known * log_rate
                least, largest = min(least, log_rate), max(largest, log_rate)
                known += 1
            out[b, i] = log_rate
            out[b, history + i] = math.log1p(delays_s[b, i])
        at = 2 * history
        for k in range(AHEAD):
            for level in range(n_levels):
                out[b, at] = next_sizes_mb[b, k, level] if k < n_left[b] else 0.0
                at += 1
        for level in range(n_levels):
            out[b, at] = 1.0 if level == last_level[b] else 0.0
            at += 1
        out[b, at] = buffer_s[b] / 10.0
        out[b, at + 1] = n_left[b] / 24.0
        at += 2
        harmonic = last = LOWEST_MBPS
        mean = spread = trend = 0.0
        if known > 0:
            harmonic = min(known, N_RATES) / inverse
            last = max(throughputs_mbps[b, history - 1], LOWEST_MBPS)
            mean = total / known
            spread = math.sqrt(max(0.0, square / known - mean * mean))
            middle = 0.5 * (known - 1)  # ages 0 (newest) .. known - 1; a rise is a negative slope over age
            if known > 1:
                trend = -(moment - middle * total) / (known * (known * known - 1) / 12.0)
        else:
            least = largest = 0.0
        out[b, at] = math.log(harmonic)
        at += 1
        for level in range(n_levels):
            megabits = 8.0 * next_sizes_mb[b, 0, level]
            for which in range(2):
                after_s = buffer_s[b] - megabits / (harmonic if which == 0 else last)
                out[b, at + which * n_levels + level] = (
                    min(LARGEST_BUFFER_S, max(-LARGEST_STALL_S, after_s)) / 10.0
                )
        at += 2 * n_levels
        out[b, at] = least
        out[b, at + 1] = largest
        out[b, at + 2] = mean
        out[b, at + 3] = spread
        out[b, at + 4] = trend
        remember(history_mbps[b], out[b, at + 5 :])
