"""The best that a player could have done with full knowledge of the future: the upper reference of every report.

A forward dynamic program over the chunks, with the simulator's own steps. States are merged when they agree
in the last rung and in the buckets of elapsed time and buffer; each bucket keeps the state with the best sum,
of equal ones that with the fuller buffer. What it finds was played and can be had: a lower bound of the true
optimum, close to it (with buckets of 0.25 s instead of 1 s the mean over ten FCC traces rises by 0.002). No
player can count on reaching it.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from netwright.core.errors import ConfigError
from netwright.tasks.abr import kernels
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.observation import Observation, check_finite

BUCKET_S = 1.0
DROPPED_BEHIND = 60.0  # a state that far behind the best one of its chunk is dropped


class OfflineOptimum:
    """Plays the plan that `foresee` made from the sessions and their traces."""

    def __init__(self, bucket_s: float = BUCKET_S) -> None:
        if not bucket_s > 0.0:
            raise ConfigError(f"OfflineOptimum.bucket_s must be above 0, got {bucket_s}.")
        self.bucket_s = bucket_s
        self._levels: Ints = np.zeros((0, 0), dtype=np.int64)
        self._first_chunk = 0

    def reset(self, rng: np.random.Generator) -> None:
        """Forget the plan."""
        self._levels = np.zeros((0, 0), dtype=np.int64)

    def foresee(self, sessions: Sessions) -> None:
        """Plan the rest of these sessions."""
        self._levels, self._first_chunk = optimal_levels(sessions, self.bucket_s), sessions.chunk

    def act(self, obs: Observation) -> Ints:
        """(B,) the plan's rungs of the next chunk."""
        check_finite(obs)
        chunk = int(obs.chunk_index[0]) - self._first_chunk
        if len(self._levels) != obs.n or not 0 <= chunk < self._levels.shape[1]:
            raise ConfigError(
                "offline-optimum needs the traces, not only observations; test it with `netwright test`."
            )
        return self._levels[:, chunk]


def optimal_levels(sessions: Sessions, bucket_s: float = BUCKET_S) -> Ints:
    """(B, T) rungs of the best play that the program finds for the chunks that are left, delays without noise."""
    return np.stack([_plan(sessions, index, bucket_s) for index in range(sessions.n)])


def _plan(sessions: Sessions, index: int, bucket_s: float) -> Ints:
    traces, videos, rules = sessions.traces, sessions.videos, sessions.rules
    trace, video = sessions.trace_of[index], sessions.video_of[index]
    state = sessions.state(index)
    levels: Ints = best_play(
        traces.times_s,
        traces.bandwidths_mbps,
        int(traces.offset[trace]),
        int(traces.offset[trace + 1]),
        float(sessions.scale[index]),
        videos.sizes_bytes[video],
        videos.bitrates_kbps[video],
        float(videos.chunk_s[video]),
        (float(rules.rtt_ms), float(rules.payload), float(rules.buffer_cap_s), float(rules.drain_ms)),
        (float(sessions.qoe.rebuffer), float(sessions.qoe.change)),
        int(traces.offset[trace]) + state.row,
        state.clock_s,
        state.buffer_ms,
        state.last_level,
        state.chunk,
        videos.n_chunks,
        bucket_s,
    )
    return levels


@njit(cache=True)
def best_play(
    times: Floats,
    bandwidths: Floats,
    first: int,
    end: int,
    scale: float,
    sizes: Ints,  # (lines, L)
    kbps: Floats,  # (L,)
    chunk_s: float,
    player: tuple[float, float, float, float],  # rtt_ms, payload, buffer_cap_s, drain_ms
    weights: tuple[float, float],  # rebuffer, change
    row: int,
    clock_s: float,
    buffer_ms: float,
    last_level: int,
    chunk: int,
    n_chunks: int,
    bucket_s: float,
) -> Ints:
    """(n_chunks - chunk,) the rungs of the best play found for one session.

    A state is (row), (clock s, elapsed s, buffer ms, sum of QoE) and its rung; `came_from` and `rung` remember
    all states of all chunks for the way back, those of chunk k in `begin[k]`..`begin[k + 1]`.
    """
    n_levels = len(kbps)
    rows = np.full(1, row)
    reals = np.array([[clock_s, 0.0, buffer_ms, 0.0]])
    rungs = np.full(1, last_level)
    n_left = n_chunks - chunk
    begin = np.zeros(n_left + 1, dtype=np.int64)
    came_from = np.zeros(4096, dtype=np.int64)
    rung = np.zeros(4096, dtype=np.int64)
    for k in range(n_left):
        new_rows, new_reals = _next_states(
            times,
            bandwidths,
            first,
            end,
            scale,
            sizes[chunk + k],
            kbps,
            chunk_s,
            player,
            weights,
            rows,
            reals,
            rungs,
        )
        least = new_reals[:, 3].max() - DROPPED_BEHIND
        kept = _best_of_each_bucket(new_reals, kbps, weights, least, bucket_s)
        begin[k + 1] = begin[k] + len(kept)
        while begin[k + 1] > len(rung):
            came_from = np.concatenate((came_from, np.zeros_like(came_from)))
            rung = np.concatenate((rung, np.zeros_like(rung)))
        came_from[begin[k] : begin[k + 1]] = kept // n_levels
        rung[begin[k] : begin[k + 1]] = kept % n_levels
        rows, reals, rungs = new_rows[kept], new_reals[kept], kept % n_levels
    levels: Ints = _way_back(begin, came_from, rung, np.argmax(reals[:, 3]))
    return levels


@njit(cache=True)
def _next_states(
    times: Floats,
    bandwidths: Floats,
    first: int,
    end: int,
    scale: float,
    sizes: Ints,  # (L,) of the next chunk
    kbps: Floats,
    chunk_s: float,
    player: tuple[float, float, float, float],
    weights: tuple[float, float],
    rows: Ints,
    reals: Floats,
    rungs: Ints,
) -> tuple[Ints, Floats]:
    """(S * L,) rows and (S * L, 4) numbers of the states after every rung of the next chunk, see `best_play`."""
    rtt_ms, payload, cap_s, drain_ms = player
    stall_weight, change_weight = weights
    n_levels = len(kbps)
    new_rows = np.empty(len(rows) * n_levels, dtype=np.int64)
    new_reals = np.empty((len(rows) * n_levels, 4))
    for s in range(len(rows)):
        for level in range(n_levels):
            i = s * n_levels + level
            new_rows[i], now_s, left_ms, delay_ms, stall_ms, _ = kernels.download(
                times,
                bandwidths,
                first,
                end,
                scale,
                rows[s],
                reals[s, 0],
                reals[s, 2],
                float(sizes[level]),
                chunk_s * 1000.0,
                rtt_ms,
                payload,
                cap_s * 1000.0,
                drain_ms,
                1.0,
            )
            waited_ms = max(reals[s, 2] - delay_ms, 0.0) + chunk_s * 1000.0 - left_ms
            change = abs(kbps[level] - kbps[rungs[s]]) / 1000.0
            # Weighted before the division: its rounding decides between equal plans of the stored results.
            qoe = chunk_qoe(
                kbps[level] / 1000.0, stall_weight * stall_ms / 1000.0, change, 1.0, change_weight
            )
            new_reals[i, 0] = now_s
            new_reals[i, 1] = reals[s, 1] + (delay_ms + waited_ms) / 1000.0
            new_reals[i, 2] = left_ms
            new_reals[i, 3] = reals[s, 3] + qoe
    return new_rows, new_reals


@njit(cache=True)
def _way_back(begin: Ints, came_from: Ints, rung: Ints, state: int) -> Ints:
    """The rungs that lead to a state of the last chunk."""
    n_left = len(begin) - 1
    levels = np.empty(n_left, dtype=np.int64)
    for k in range(n_left - 1, -1, -1):
        levels[k] = rung[begin[k] + state]
        state = came_from[begin[k] + state]
    return levels


@njit(cache=True)
def _best_of_each_bucket(
    reals: Floats, kbps: Floats, weights: tuple[float, float], least: float, bucket_s: float
) -> Ints:
    """Indices of the states (rung = index mod L) with the best sum (then buffer) of their bucket.

    Left out are those below `least`, and those that the best state of the same elapsed time beats even after it
    has paid for the other's rung and stalled for the other's buffer.
    """
    n_levels = len(kbps)
    time = np.floor(reals[:, 1] / bucket_s)
    best = _best_by_time(reals, time)
    size = 16
    while size < 2 * len(reals):
        size *= 2
    holder = np.full(size, -1, dtype=np.int64)  # open addressing
    used = np.empty(len(reals), dtype=np.int64)
    n_used = 0
    for i in range(len(reals)):
        top = best[i]
        stall_s = max(reals[i, 2] - reals[top, 2], 0.0) / 1000.0
        change = abs(kbps[i % n_levels] - kbps[top % n_levels]) / 1000.0
        price = -chunk_qoe(0.0, stall_s, change, weights[0], weights[1])
        if reals[i, 3] < least or (i != top and reals[i, 3] < reals[top, 3] - price):
            continue
        buffer = math.floor(reals[i, 2] / 1000.0 / bucket_s)
        slot = _hash(time[i], buffer * n_levels + i % n_levels) & (size - 1)
        while holder[slot] >= 0:
            j = holder[slot]
            same = time[j] == time[i] and j % n_levels == i % n_levels
            if same and math.floor(reals[j, 2] / 1000.0 / bucket_s) == buffer:
                break
            slot = (slot + 1) & (size - 1)
        if holder[slot] < 0:
            holder[slot] = i
            used[n_used] = slot
            n_used += 1
        elif _better(reals, i, holder[slot]):
            holder[slot] = i
    return holder[used[:n_used]]


@njit(cache=True)
def _best_by_time(reals: Floats, time: Floats) -> Ints:
    """(N,) for each state, the one with the best sum (then buffer) of those in the same bucket of elapsed time.

    The table grows with the number of states, not with the times.
    """
    size = 16
    while size < 2 * len(reals):
        size *= 2
    top = np.full(size, -1, dtype=np.int64)
    slots = np.empty(len(reals), dtype=np.int64)
    for i in range(len(reals)):
        slot = _hash(time[i], 0.0) & (size - 1)
        while top[slot] >= 0 and time[top[slot]] != time[i]:
            slot = (slot + 1) & (size - 1)
        slots[i] = slot
        if top[slot] < 0 or _better(reals, i, top[slot]):
            top[slot] = i
    return top[slots]


@njit(cache=True)
def _better(reals: Floats, one: int, other: int) -> bool:
    """Whether a state has the larger sum of QoE, of equal sums the fuller buffer."""
    gain = reals[one, 3] - reals[other, 3]
    return bool(gain > 0.0 or (gain == 0.0 and reals[one, 2] > reals[other, 2]))


@njit(cache=True)
def _hash(time: float, place: float) -> int:
    """A number of at least 0 that spreads neighbors; both arguments are whole, of any size."""
    mixed = (time % 1e9) * 100_003.0 + place % 1e5
    return (int(mixed) * 2_654_435_761) >> 7 & 0x7FFFFFFFFFFF
