"""The numbers of each state feature, compiled: one function for each part of the tables in `state_features`.

Every part writes the numbers (B, size), or (B, L, size) for a row of each rung, of B states into `out`. Histories are
newest last and 0 where there was no chunk yet. `fill_inputs` and `fill_vector` write all parts of a layout in one
compiled call, since a call of each part from Python takes ten times as long as the part.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numba import njit

from netwright.core.array_files import RawArray
from netwright.tasks.abr.media import Ints
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.observation import RECENT

Array = RawArray
Fields = tuple[Array, ...]
"""(B, ..) fields of B states, in the order of `state_features.COLUMNS`."""

POINTS = 6  # positions, from the lowest to the highest rung, at which a ladder of any size is read
AHEAD = 5  # chunks looked ahead
N_RATES = 5  # throughputs in the harmonic mean
LEAST_MBPS = 0.001
LONGEST_S = 60.0
LONGEST_AHEAD = 50.0
LARGEST_BUFFER_S, LARGEST_STALL_S = 60.0, 20.0
DEPTHS = 3  # rates at which a download is estimated: harmonic mean, last and lowest


class Part(IntEnum):
    """What a layout is made of; a layout's program names its parts by these numbers."""

    LOG_RATES = 0
    LOG_DELAYS = 1
    MEMORY = 2
    RATE_SUMMARY = 3
    BUFFER_SUMMARY = 4
    BUFFER_AFTER_POINTS = 5
    CHUNKS_LEFT = 6
    VIEWER = 7
    LAST_RUNG = 8
    LADDER = 9
    SIZES_AT_POINTS = 10
    RUNG_BITRATES = 11
    RUNG_SIZES = 12
    RUNG_DOWNLOADS = 13
    RUNG_HELD = 14
    RUNG_QOE = 15
    SIZES_OF_RUNGS = 16
    ONE_HOT = 17
    BUFFER = 18
    LEFT = 19
    LOG_HARMONIC = 20
    BUFFER_AFTER_RUNGS = 21
    LOG_SHAPE = 22


part = njit(cache=True, nogil=True)
"""Decorator of all functions here."""


@part  # type: ignore[untyped-decorator]
def _between(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


@part  # type: ignore[untyped-decorator]
def _at(values: Array, point: int) -> float:
    """A ladder's values read at one of six positions, linearly between rungs."""
    place = point * (len(values) - 1) / (POINTS - 1)
    below = min(int(place), len(values) - 1)
    share = place - below
    if share < 1e-6:
        return float(values[below])
    return float((1.0 - share) * values[below] + share * values[below + 1])


@part  # type: ignore[untyped-decorator]
def log_rates(throughputs: Array, floor_mbps: float, out: Array) -> None:
    """Logs of the recent throughputs, 0 where there was none."""
    first = throughputs.shape[1] - RECENT
    for b in range(len(out)):
        for i in range(RECENT):
            rate = throughputs[b, first + i]
            out[b, i] = math.log(max(rate, floor_mbps)) if rate > 0.0 else 0.0


@part  # type: ignore[untyped-decorator]
def log_delays(delays: Array, out: Array) -> None:
    """log(1 + x) of the recent download times."""
    first = delays.shape[1] - RECENT
    for b in range(len(out)):
        for i in range(RECENT):
            out[b, i] = np.log1p(delays[b, first + i])


@part  # type: ignore[untyped-decorator]
def memory(throughputs: Array, out: Array) -> None:
    """Figures of the whole history (24,).

    In order: log throughputs of the 16 chunks before the recent ones; of all, the share that is there, and mean,
    spread and mean absolute step of the logs. The variability of a connection shows over minutes, not over 8 chunks.
    """
    length = throughputs.shape[1]
    n_before = length - RECENT
    for b in range(len(out)):
        n, total, squares, steps, before = 0, 0.0, 0.0, 0.0, 0.0
        for i in range(length):
            rate = throughputs[b, i]
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
                out[b, i] = log_rate
        out[b, n_before:] = 0.0
        if n > 0:
            out[b, n_before] = n / length
            out[b, n_before + 1] = total / n
            out[b, n_before + 2] = math.sqrt(max(squares / n - (total / n) ** 2, 0.0))
            out[b, n_before + 3] = steps / max(1, n - 1)


# -- of the small learned policies: rates from 0.02 Mbit/s, statistics of their logs

HARMONIC, LAST, LEAST, LARGEST, MEAN, SPREAD, TREND = range(7)
LOWEST_MBPS = 0.02


@part  # type: ignore[untyped-decorator]
def log_statistics(throughputs: Array) -> Array:
    """(B, 7) harmonic mean of the last five rates and the last rate; min, max, mean, spread and trend of the logs."""
    n_history = throughputs.shape[1]
    found = np.zeros((len(throughputs), 7))
    for b in range(len(throughputs)):
        known = 0
        total = square = moment = inverse = 0.0
        least, largest = np.inf, -np.inf
        for i in range(RECENT):  # from the newest; `known` counts ages
            rate = throughputs[b, n_history - 1 - i]
            if rate <= 0.0:
                continue
            rate = max(rate, LOWEST_MBPS)
            log_rate = math.log(rate)
            if known < N_RATES:
                inverse += 1.0 / rate
            total += log_rate
            square += log_rate * log_rate
            moment += known * log_rate
            least, largest = min(least, log_rate), max(largest, log_rate)
            known += 1
        row = found[b]
        row[HARMONIC] = row[LAST] = LOWEST_MBPS
        if known == 0:
            continue
        mean = total / known
        row[HARMONIC] = min(known, N_RATES) / inverse
        row[LAST] = max(throughputs[b, n_history - 1], LOWEST_MBPS)
        row[LEAST], row[LARGEST], row[MEAN] = least, largest, mean
        row[SPREAD] = math.sqrt(max(0.0, square / known - mean * mean))
        middle = 0.5 * (known - 1)  # ages 0 (newest) .. known - 1; a rise is a negative slope over age
        if known > 1:
            row[TREND] = -(moment - middle * total) / (known * (known * known - 1) / 12.0)
    return found


@part  # type: ignore[untyped-decorator]
def sizes_of_rungs(sizes: Array, n_left: Array, out: Array) -> None:
    """Sizes of the next chunks for every rung, 0 behind the end."""
    n_levels = sizes.shape[2]
    for b in range(len(out)):
        for k in range(AHEAD):
            for level in range(n_levels):
                out[b, k * n_levels + level] = sizes[b, k, level] if k < n_left[b] else 0.0


@part  # type: ignore[untyped-decorator]
def one_hot(levels: Array, out: Array) -> None:
    """1 for the last rung."""
    for b in range(len(out)):
        for level in range(out.shape[1]):
            out[b, level] = 1.0 if level == levels[b] else 0.0


@part  # type: ignore[untyped-decorator]
def scaled(values: Array, unit: float, out: Array) -> None:
    """One number, in that unit."""
    for b in range(len(out)):
        out[b, 0] = values[b] / unit


@part  # type: ignore[untyped-decorator]
def log_harmonic(statistics: Array, out: Array) -> None:
    """Log of the harmonic mean."""
    for b in range(len(out)):
        out[b, 0] = math.log(statistics[b, HARMONIC])


@part  # type: ignore[untyped-decorator]
def buffer_after_rungs(statistics: Array, buffers: Array, sizes: Array, out: Array) -> None:
    """The buffer after the next chunk of every rung at the harmonic mean, then at the last rate."""
    n_levels = sizes.shape[2]
    for b in range(len(out)):
        for level in range(n_levels):
            megabits = 8.0 * sizes[b, 0, level]
            for which in range(2):
                after_s = buffers[b] - megabits / statistics[b, which]
                out[b, which * n_levels + level] = (
                    min(LARGEST_BUFFER_S, max(-LARGEST_STALL_S, after_s)) / 10.0
                )


@part  # type: ignore[untyped-decorator]
def log_shape(statistics: Array, out: Array) -> None:
    """Min, max, mean, spread and trend of the logs."""
    for b in range(len(out)):
        for i in range(5):
            out[b, i] = statistics[b, LEAST + i]


# -- of adapted models, for ladders of any size: rates in Mbit/s


@part  # type: ignore[untyped-decorator]
def _rates(throughputs: Array) -> tuple[int, float, float, float, float, float, float, float]:
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
        if i >= RECENT - N_RATES:
            recent += 1
            inverse += 1.0 / rate
    if recent == 0:
        return 0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0
    last = throughputs[RECENT - 1]
    spread = np.sqrt(max(squares / n - (logs / n) ** 2, 0.0))
    return n, recent / inverse, last, low, high, total / n, spread, np.log(max(last, 1e-3) * inverse_all / n)


@part  # type: ignore[untyped-decorator]
def rate_statistics(throughputs: Array) -> tuple[Array, Array]:
    """(B, 3) harmonic mean, last and lowest rate; and (B, 5) share that is there, max, mean, spread and trend."""
    rates, others = np.zeros((len(throughputs), DEPTHS)), np.zeros((len(throughputs), 5))
    for b in range(len(throughputs)):
        recent = throughputs[b, throughputs.shape[1] - RECENT :]
        n, harmonic, last, low, high, mean, spread, trend = _rates(recent)
        rates[b, 0], rates[b, 1], rates[b, 2] = harmonic, max(last, 1e-3), low
        others[b, 0], others[b, 1], others[b, 2], others[b, 3], others[b, 4] = n, high, mean, spread, trend
    return rates, others


@part  # type: ignore[untyped-decorator]
def rate_summary(rates: Array, others: Array, out: Array) -> None:
    """Share that is there; logs of harmonic mean, last, min, max, mean; spread and trend."""
    for b in range(len(out)):
        out[b, 0] = others[b, 0] / RECENT
        out[b, 1] = np.log(max(rates[b, 0], 1e-3))
        out[b, 2] = np.log(rates[b, 1])
        out[b, 3] = np.log(max(rates[b, 2], 1e-3))
        out[b, 4] = np.log(max(others[b, 1], 1e-3))
        out[b, 5] = np.log(max(others[b, 2], 1e-3))
        out[b, 6] = others[b, 3]
        out[b, 7] = others[b, 4]


@part  # type: ignore[untyped-decorator]
def buffer_summary(buffers: Array, cap_s: Array, out: Array) -> None:
    """The buffer in 10 s, its log, and as a share of the cap."""
    for b in range(len(out)):
        buffer = float(buffers[b])
        out[b, 0] = buffer / 10.0
        out[b, 1] = np.log1p(buffer)
        out[b, 2] = buffer / cap_s[b]


@part  # type: ignore[untyped-decorator]
def _buffer_after(buffer: float, size: float, rate: float) -> float:
    """The buffer after a download, in 10 s."""
    after: float = _between((buffer - min(size * 8.0 / rate, LONGEST_S)) / 10.0, -3.0, 6.0)
    return after


@part  # type: ignore[untyped-decorator]
def buffer_after_points(rates: Array, buffers: Array, sizes: Array, out: Array) -> None:
    """The buffer after the next chunk at each point of the ladder, at the harmonic mean and then at the last rate."""
    after = np.zeros((2, sizes.shape[2]))
    for b in range(len(out)):
        for level in range(sizes.shape[2]):
            for i in range(2):
                after[i, level] = _buffer_after(float(buffers[b]), float(sizes[b, 0, level]), rates[b, i])
        for point in range(POINTS):
            out[b, point] = _at(after[0], point)
            out[b, POINTS + point] = _at(after[1], point)


@part  # type: ignore[untyped-decorator]
def chunks_left(n_left: Array, out: Array) -> None:
    """Chunks left in 50, and one over them."""
    for b in range(len(out)):
        out[b, 0] = min(float(n_left[b]), LONGEST_AHEAD) / LONGEST_AHEAD
        out[b, 1] = 1.0 / max(1.0, float(n_left[b]))


@part  # type: ignore[untyped-decorator]
def viewer(chunk_s: Array, cap_s: Array, rebuffer_weight: Array, change_weight: Array, out: Array) -> None:
    """Length of a chunk, cap of the buffer, and the viewer's weights."""
    for b in range(len(out)):
        out[b, 0] = float(chunk_s[b]) / 4.0
        out[b, 1] = cap_s[b] / 60.0
        out[b, 2] = rebuffer_weight[b] / 4.3
        out[b, 3] = change_weight[b]


@part  # type: ignore[untyped-decorator]
def last_rung(last_levels: Array, bitrates: Array, out: Array) -> None:
    """The last bitrate, its log, its position in the ladder, and nearness to each point."""
    n_levels = bitrates.shape[1]
    for b in range(len(out)):
        last_level = int(last_levels[b])
        last_bitrate = float(bitrates[b, last_level])
        place = last_level / max(1, n_levels - 1)
        out[b, 0] = last_bitrate / 2.0
        out[b, 1] = np.log(last_bitrate)
        out[b, 2] = place
        for point in range(POINTS):
            out[b, 3 + point] = max(0.0, 1.0 - abs(place * (POINTS - 1) - point))


@part  # type: ignore[untyped-decorator]
def ladder(bitrates: Array, out: Array) -> None:
    """Log of the bitrate at each point."""
    for b in range(len(out)):
        for point in range(POINTS):
            out[b, point] = np.log(_at(bitrates[b], point))


@part  # type: ignore[untyped-decorator]
def sizes_at_points(sizes: Array, n_left: Array, out: Array) -> None:
    """Sizes of the next chunks at each point, 0 behind the end."""
    for b in range(len(out)):
        for i in range(min(AHEAD, int(n_left[b]))):
            for point in range(POINTS):
                out[b, i * POINTS + point] = _at(sizes[b, i], point)


# -- a row for each rung, of adapted models


@part  # type: ignore[untyped-decorator]
def rung_bitrates(last_levels: Array, bitrates: Array, change_weight: Array, out: Array) -> None:
    """Bitrate / 2 and its log, position, change / 2, its cost / 2, and 1 for the last rung."""
    n_levels = bitrates.shape[1]
    for b in range(len(out)):
        last_level = int(last_levels[b])
        last_bitrate = float(bitrates[b, last_level])
        for level in range(n_levels):
            bitrate, row = float(bitrates[b, level]), out[b, level]
            change = bitrate - last_bitrate
            row[0] = bitrate / 2.0
            row[1] = np.log(bitrate)
            row[2] = level / max(1, n_levels - 1)
            row[3] = change / 2.0
            row[4] = change_weight[b] * abs(change) / 2.0
            row[5] = 1.0 if level == last_level else 0.0


@part  # type: ignore[untyped-decorator]
def rung_sizes(sizes: Array, n_left: Array, bitrates: Array, chunk_s: Array, out: Array) -> None:
    """Size of the next chunk, mean of the next five, and log of size over bitrate times chunk length."""
    for b in range(len(out)):
        ahead, chunk = min(AHEAD, int(n_left[b])), float(chunk_s[b])
        for level in range(bitrates.shape[1]):
            size, total = float(sizes[b, 0, level]), 0.0
            for i in range(ahead):
                total += sizes[b, i, level]
            out[b, level, 0] = size
            out[b, level, 1] = total / max(1, ahead)
            out[b, level, 2] = np.log(max(size, 1e-3) * 8.0 / (float(bitrates[b, level]) * chunk))


@part  # type: ignore[untyped-decorator]
def rung_downloads(rates: Array, buffers: Array, sizes: Array, rebuffer_weight: Array, out: Array) -> None:
    """At each of three rates: log of the download time, buffer after it, log of the cost of stalling."""
    for b in range(len(out)):
        buffer = float(buffers[b])
        for level in range(sizes.shape[2]):
            size, row = float(sizes[b, 0, level]), out[b, level]
            for i in range(DEPTHS):
                download = min(size * 8.0 / rates[b, i], LONGEST_S)
                row[i] = np.log1p(download)
                row[DEPTHS + i] = _buffer_after(buffer, size, rates[b, i])
                row[2 * DEPTHS + i] = np.log1p(rebuffer_weight[b] * max(download - buffer, 0.0))


@part  # type: ignore[untyped-decorator]
def rung_held(rates: Array, buffers: Array, sizes: Array, n_left: Array, chunk_s: Array, out: Array) -> None:
    """The buffer if a rung is kept: at the end, at its lowest, and what is missing at the lowest rate."""
    for b in range(len(out)):
        buffer, chunk, ahead = float(buffers[b]), float(chunk_s[b]), min(AHEAD, int(n_left[b]))
        harmonic, low = rates[b, 0], rates[b, 2]
        for level in range(sizes.shape[2]):
            held, lowest, held_low, missing = buffer, buffer, buffer, 0.0
            for i in range(ahead):
                held -= min(sizes[b, i, level] * 8.0 / harmonic, LONGEST_S)
                lowest = min(lowest, held)
                held = max(held, 0.0) + chunk
                held_low -= min(sizes[b, i, level] * 8.0 / low, LONGEST_S)
                missing += max(-held_low, 0.0)
                held_low = max(held_low, 0.0) + chunk
            out[b, level, 0] = _between(held / 20.0, -3.0, 3.0)
            out[b, level, 1] = _between(lowest / 10.0, -3.0, 6.0)
            out[b, level, 2] = np.log1p(missing)


@part  # type: ignore[untyped-decorator]
def rung_qoe(
    rates: Array,
    buffers: Array,
    sizes: Array,
    last_levels: Array,
    bitrates: Array,
    rebuffer_weight: Array,
    change_weight: Array,
    out: Array,
) -> None:
    """QoE of the next chunk at the harmonic mean."""
    for b in range(len(out)):
        last_bitrate = float(bitrates[b, int(last_levels[b])])
        for level in range(bitrates.shape[1]):
            bitrate, size = float(bitrates[b, level]), float(sizes[b, 0, level])
            stall_s = max(size * 8.0 / rates[b, 0] - float(buffers[b]), 0.0)
            stalled = min(rebuffer_weight[b] * stall_s, 10.0)
            change = abs(bitrate - last_bitrate)
            out[b, level, 0] = chunk_qoe(bitrate, stalled, change, 1.0, change_weight[b]) / 4.0


# -- whole layouts


@part  # type: ignore[untyped-decorator]
def fill_inputs(
    fields: Fields, summary_program: Ints, rungs_program: Ints, summary: Array, rungs: Array
) -> None:
    """Write both layouts of adapted models for B states.

    Args:
        summary_program, rungs_program: (P, 3) `Part`, first number and end of each part of a layout.
        summary, rungs: (B, F) and (B, L, F) zeros, filled here.
    """
    throughputs, _, buffers, levels, left, sizes, bitrates, chunk_s, _, stall_weight, change_weight = fields
    rates, others = rate_statistics(throughputs)
    for i in range(len(summary_program)):
        which, out = summary_program[i, 0], summary[:, summary_program[i, 1] : summary_program[i, 2]]
        _fill_summary(which, fields, rates, others, out)
    for i in range(len(rungs_program)):
        which, out = rungs_program[i, 0], rungs[:, :, rungs_program[i, 1] : rungs_program[i, 2]]
        if which == Part.RUNG_BITRATES:
            rung_bitrates(levels, bitrates, change_weight, out)
        elif which == Part.RUNG_SIZES:
            rung_sizes(sizes, left, bitrates, chunk_s, out)
        elif which == Part.RUNG_DOWNLOADS:
            rung_downloads(rates, buffers, sizes, stall_weight, out)
        elif which == Part.RUNG_HELD:
            rung_held(rates, buffers, sizes, left, chunk_s, out)
        elif which == Part.RUNG_QOE:
            rung_qoe(rates, buffers, sizes, levels, bitrates, stall_weight, change_weight, out)


@part  # type: ignore[untyped-decorator]
def _fill_summary(which: int, fields: Fields, rates: Array, others: Array, out: Array) -> None:
    (
        throughputs,
        delays,
        buffers,
        levels,
        left,
        sizes,
        bitrates,
        chunk_s,
        cap_s,
        stall_weight,
        change_weight,
    ) = fields
    if which == Part.LOG_RATES:
        log_rates(throughputs, LEAST_MBPS, out)
    elif which == Part.LOG_DELAYS:
        log_delays(delays, out)
    elif which == Part.RATE_SUMMARY:
        rate_summary(rates, others, out)
    elif which == Part.BUFFER_SUMMARY:
        buffer_summary(buffers, cap_s, out)
    elif which == Part.BUFFER_AFTER_POINTS:
        buffer_after_points(rates, buffers, sizes, out)
    elif which == Part.CHUNKS_LEFT:
        chunks_left(left, out)
    elif which == Part.VIEWER:
        viewer(chunk_s, cap_s, stall_weight, change_weight, out)
    elif which == Part.LAST_RUNG:
        last_rung(levels, bitrates, out)
    elif which == Part.LADDER:
        ladder(bitrates, out)
    elif which == Part.SIZES_AT_POINTS:
        sizes_at_points(sizes, left, out)
    elif which == Part.MEMORY:
        memory(throughputs, out)


@part  # type: ignore[untyped-decorator]
def fill_vector(fields: Fields, program: Ints, vectors: Array) -> None:
    """Write the layout of the small learned policies for B states.

    Args:
        program: (P, 3) `Part`, first number and end of each part of the layout.
        vectors: (B, F) zeros, filled here.
    """
    throughputs, delays, buffers, levels, left, sizes = fields
    statistics = log_statistics(throughputs)
    for i in range(len(program)):
        which, out = program[i, 0], vectors[:, program[i, 1] : program[i, 2]]
        if which == Part.LOG_RATES:
            log_rates(throughputs, LOWEST_MBPS, out)
        elif which == Part.LOG_DELAYS:
            log_delays(delays, out)
        elif which == Part.SIZES_OF_RUNGS:
            sizes_of_rungs(sizes, left, out)
        elif which == Part.ONE_HOT:
            one_hot(levels, out)
        elif which == Part.BUFFER:
            scaled(buffers, 10.0, out)
        elif which == Part.LEFT:
            scaled(left, 24.0, out)
        elif which == Part.LOG_HARMONIC:
            log_harmonic(statistics, out)
        elif which == Part.BUFFER_AFTER_RUNGS:
            buffer_after_rungs(statistics, buffers, sizes, out)
        elif which == Part.LOG_SHAPE:
            log_shape(statistics, out)
        elif which == Part.MEMORY:
            memory(throughputs, out)
