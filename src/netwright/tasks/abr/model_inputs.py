"""What an adapted model is shown: a summary of the state, of one size for every ladder, and a row for each rung.

Everything is made from an `Observation` alone, so that no model can see what a player does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from netwright.tasks.abr.features import remember
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.observation import HISTORY, RECENT, Observation
from netwright.tasks.abr.state_features import AHEAD, POINTS, RUNGS, SUMMARY, n_numbers, slices

Floats = NDArray[np.float32]

LONGEST_S = 60.0

PIECES: Mapping[str, slice] = slices(SUMMARY)
N_SUMMARY, N_RUNG = n_numbers(SUMMARY), n_numbers(RUNGS)
LONGEST_AHEAD = 50.0

COLUMNS = (
    "throughputs_mbps",
    "delays_s",
    "buffer_s",
    "last_level",
    "n_left",
    "next_sizes_mb",
    "bitrates_mbps",
    "chunk_s",
    "buffer_cap_s",
    "rebuffer_weight",
    "change_weight",
)
"""Fields of an `Observation` that are kept in an experience, and from which all else is made again."""


@dataclass(frozen=True)
class Shown:
    """What a model reads of B states: (B, 110) and (B, L, 22)."""

    summary: Floats
    rungs: Floats


def columns(observation: Observation) -> dict[str, NDArray[Any]]:
    """The fields that are kept, in single precision."""
    return {name: np.asarray(getattr(observation, name), dtype=np.float32) for name in COLUMNS}


def shown(kept: Mapping[str, NDArray[Any]], memory: int = HISTORY) -> Shown:
    """What a model reads of states whose kept fields (B, ..) these are, with `memory` chunks back in each."""
    if memory < HISTORY:
        here = np.arange(HISTORY) >= HISTORY - memory
        kept = {
            **kept,
            **{name: np.where(here, kept[name], 0.0) for name in ("throughputs_mbps", "delays_s")},
        }
    arrays = [np.ascontiguousarray(kept[name], dtype=np.float32) for name in COLUMNS]
    n, n_levels = kept["bitrates_mbps"].shape
    summary = np.zeros((n, N_SUMMARY), dtype=np.float32)
    rungs = np.zeros((n, n_levels, N_RUNG), dtype=np.float32)
    _fill(*arrays, summary, rungs)
    return Shown(summary, rungs)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _at(values: NDArray[Any], point: int) -> float:
    """A ladder's values read at one of six positions, linearly between rungs."""
    place = point * (len(values) - 1) / (POINTS - 1)
    below = min(int(place), len(values) - 1)
    share = place - below
    if share < 1e-6:
        return float(values[below])
    return float((1.0 - share) * values[below] + share * values[below + 1])


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _rates(throughputs: NDArray[Any]) -> tuple[int, float, float, float, float, float, float, float]:
    """How many there are, harmonic mean of the last five, last, min, max, mean, spread and trend of the logs."""
    n, recent, inverse = 0, 0, 0.0
    low, high, total, logs, squares, inverse_all = np.inf, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(RECENT):
        rate = throughputs[i]
        if rate <= 0.0:
            continue
        n += 1
        low, high, total = min(low, rate), max(high, rate), total + rate
        logs += np.log(rate)
        squares += np.log(rate) ** 2
        inverse_all += 1.0 / rate
        if i >= RECENT - 5:
            recent += 1
            inverse += 1.0 / rate
    if recent == 0:
        return 0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0
    last = throughputs[RECENT - 1]
    spread = np.sqrt(max(squares / n - (logs / n) ** 2, 0.0))
    return n, recent / inverse, last, low, high, total / n, spread, np.log(max(last, 1e-3) * inverse_all / n)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _fill(
    throughputs: NDArray[Any],
    delays: NDArray[Any],
    buffers: NDArray[Any],
    last_levels: NDArray[Any],
    n_left: NDArray[Any],
    sizes: NDArray[Any],
    bitrates: NDArray[Any],
    chunk_s: NDArray[Any],
    cap_s: NDArray[Any],
    rebuffer_weight: NDArray[Any],
    change_weight: NDArray[Any],
    summary: NDArray[Any],
    rungs: NDArray[Any],
) -> None:
    n_levels = bitrates.shape[1]
    after = np.zeros((2, n_levels))
    for b in range(len(buffers)):
        buffer, chunk, out = float(buffers[b]), float(chunk_s[b]), summary[b]
        last_level, ahead = int(last_levels[b]), min(AHEAD, int(n_left[b]))
        last_bitrate = float(bitrates[b, last_level])
        recent = throughputs[b, throughputs.shape[1] - RECENT :]
        n, harmonic, last, low, high, mean, spread, trend = _rates(recent)
        last = max(last, 1e-3)
        rates = (harmonic, last, low)
        for level in range(n_levels):
            bitrate, row = float(bitrates[b, level]), rungs[b, level]
            size = float(sizes[b, 0, level])
            change = bitrate - last_bitrate
            total = 0.0
            for i in range(ahead):
                total += sizes[b, i, level]
            row[0] = bitrate / 2.0
            row[1] = np.log(bitrate)
            row[2] = level / max(1, n_levels - 1)
            row[3] = change / 2.0
            row[4] = change_weight[b] * abs(change) / 2.0
            row[5] = 1.0 if level == last_level else 0.0
            row[6] = size
            row[7] = total / max(1, ahead)
            row[8] = np.log(max(size, 1e-3) * 8.0 / (bitrate * chunk))
            for i in range(3):
                download = min(size * 8.0 / rates[i], LONGEST_S)
                if i < 2:
                    after[i, level] = _between((buffer - download) / 10.0, -3.0, 6.0)
                row[9 + i] = np.log1p(download)
                row[12 + i] = _between((buffer - download) / 10.0, -3.0, 6.0)
                row[15 + i] = np.log1p(rebuffer_weight[b] * max(download - buffer, 0.0))
            # The buffer if this rung is kept: at its lowest and at the end, and what is missing at the lowest rate.
            held, lowest, held_low, missing = buffer, buffer, buffer, 0.0
            for i in range(ahead):
                held -= min(sizes[b, i, level] * 8.0 / harmonic, LONGEST_S)
                lowest = min(lowest, held)
                held = max(held, 0.0) + chunk
                held_low -= min(sizes[b, i, level] * 8.0 / low, LONGEST_S)
                missing += max(-held_low, 0.0)
                held_low = max(held_low, 0.0) + chunk
            row[18] = _between(held / 20.0, -3.0, 3.0)
            row[19] = _between(lowest / 10.0, -3.0, 6.0)
            row[20] = np.log1p(missing)
            stalled = min(rebuffer_weight[b] * max(size * 8.0 / harmonic - buffer, 0.0), 10.0)
            row[21] = chunk_qoe(bitrate, stalled, abs(change), 1.0, change_weight[b]) / 4.0
        for i in range(RECENT):
            if recent[i] > 0.0:
                out[i] = np.log(max(recent[i], 1e-3))
            out[8 + i] = np.log1p(delays[b, delays.shape[1] - RECENT + i])
        out[16] = n / RECENT
        out[17] = np.log(max(harmonic, 1e-3))
        out[18] = np.log(last)
        out[19] = np.log(max(low, 1e-3))
        out[20] = np.log(max(high, 1e-3))
        out[21] = np.log(max(mean, 1e-3))
        out[22] = spread
        out[23] = trend
        out[24] = buffer / 10.0
        out[25] = np.log1p(buffer)
        out[26] = buffer / cap_s[b]
        out[39] = min(float(n_left[b]), LONGEST_AHEAD) / LONGEST_AHEAD
        out[40] = 1.0 / max(1.0, float(n_left[b]))
        out[41] = chunk / 4.0
        out[42] = cap_s[b] / 60.0
        out[43] = rebuffer_weight[b] / 4.3
        out[44] = change_weight[b]
        out[45] = last_bitrate / 2.0
        out[46] = np.log(last_bitrate)
        place = last_level / max(1, n_levels - 1)
        out[47] = place
        for point in range(POINTS):
            out[27 + point] = _at(after[0], point)
            out[33 + point] = _at(after[1], point)
            out[48 + point] = max(0.0, 1.0 - abs(place * (POINTS - 1) - point))
            out[54 + point] = np.log(_at(bitrates[b], point))
            for i in range(ahead):
                out[60 + i * POINTS + point] = _at(sizes[b, i], point)
        remember(throughputs[b], out[90:110])
