"""The numbers of every state feature against formulas in numpy, state by state, on ladders of several sizes."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.tasks.abr import state_parts as parts
from netwright.tasks.abr.metrics import chunk_qoe
from netwright.tasks.abr.model_inputs import state_inputs
from netwright.tasks.abr.observation import HISTORY, RECENT
from netwright.tasks.abr.state_features import (
    COLUMNS,
    RUNGS_LAYOUT,
    SUMMARY_LAYOUT,
    features_of,
    n_numbers,
    program_of,
    slices,
    vector_layout,
)

CLOSE = 1e-5  # single precision
N = 12


def fields_of(n_levels, seed=0):
    """States with full, short and no history, with much and little left, with and without a stall ahead."""
    rng = np.random.default_rng(seed)
    known = np.array([0, 1, 2, 3, 5, 6, 8, 9, 15, 24, 24, 24])
    there = np.arange(HISTORY) >= HISTORY - known[:, None]
    rates = np.exp(rng.normal(0.0, 1.0, (N, HISTORY))) * there
    rates[9, -3] = 0.0  # a chunk that never came
    rates[10, -2:] = (1e-5, 0.01)
    return {
        "throughputs_mbps": rates,
        "delays_s": np.exp(rng.normal(0.0, 1.0, (N, HISTORY))) * there,
        "buffer_s": np.concatenate([[0.0, 0.1], rng.uniform(0.0, 70.0, N - 2)]),
        "last_level": rng.integers(0, n_levels, N),
        "n_left": np.array([1, 2, 3, 4, 5, 6, 40, 49, 50, 51, 60, 10]),
        "next_sizes_mb": np.cumsum(rng.uniform(0.1, 2.0, (N, 6, n_levels)), axis=2),
        "bitrates_mbps": np.cumsum(rng.uniform(0.2, 1.0, (N, n_levels)), axis=1),
        "chunk_s": rng.choice([2.0, 4.0], N),
        "buffer_cap_s": rng.uniform(10.0, 70.0, N),
        "rebuffer_weight": rng.uniform(1.0, 8.0, N),
        "change_weight": rng.uniform(0.2, 4.0, N),
    }


@pytest.fixture(params=[1, 2, 4, 6, 9])
def case(request):
    fields = fields_of(request.param)
    return fields, fields


def parts_of(layout, fields):
    """The filled numbers by the name of the feature."""
    table = features_of(layout)
    if layout in (SUMMARY_LAYOUT, RUNGS_LAYOUT):
        made = state_inputs(fields)
        out = made.summary if layout is SUMMARY_LAYOUT else made.rungs
    else:
        out = np.zeros((N, n_numbers(table)), dtype=np.float32)
        parts.fill_vector(tuple(fields[name] for name in COLUMNS[:6]), program_of(layout), out)
    return {name: out[..., place] for name, place in slices(table).items()}


def recent(fields, b):
    """The recent rates that were measured, oldest first."""
    rates = fields["throughputs_mbps"][b, -RECENT:]
    return rates[rates > 0.0]


def rates_of(fields, b):
    """Harmonic mean of the last five, last and lowest rate of adapted models."""
    last_five = fields["throughputs_mbps"][b, -5:]
    if not (last_five > 0.0).any():
        return 1.0, 1.0, 1.0
    kept = last_five[last_five > 0.0]
    return (
        len(kept) / (1.0 / kept).sum(),
        max(fields["throughputs_mbps"][b, -1], 1e-3),
        recent(fields, b).min(),
    )


def at_points(values):
    """A ladder read at six positions."""
    return np.interp(np.linspace(0.0, len(values) - 1.0, 6), np.arange(len(values)), values)


def after(buffer, size, rate):
    return np.clip((buffer - np.minimum(8.0 * size / rate, 60.0)) / 10.0, -3.0, 6.0)


def each(fields):
    """The states one by one, as numbers and rows."""
    return [(b, {name: fields[name][b] for name in COLUMNS}) for b in range(N)]


def test_the_summary_of_rates_and_delays(case):
    fields, state = case
    found = parts_of(SUMMARY_LAYOUT, state)
    for b, one in each(fields):
        rates = one["throughputs_mbps"][-RECENT:]
        logs = np.where(rates > 0.0, np.log(np.maximum(rates, 1e-3)), 0.0)
        assert found["throughputs"][b] == pytest.approx(logs, abs=CLOSE)
        assert found["delays"][b] == pytest.approx(np.log1p(one["delays_s"][-RECENT:]), abs=CLOSE)
        known = recent(fields, b)
        harmonic, last, low = rates_of(fields, b)
        if not (one["throughputs_mbps"][-5:] > 0.0).any():
            assert found["rates"][b].tolist() == [0.0] * 8
            continue
        expected = [
            len(known) / RECENT,
            *np.log(np.maximum([harmonic, last, low, known.max(), known.mean()], 1e-3)),
            np.log(known).std(),
            np.log(last * (1.0 / known).mean()),
        ]
        # The spread of one rate is the root of a difference that is 0 up to rounding.
        assert found["rates"][b] == pytest.approx(np.array(expected), abs=1e-3)


def test_the_memory_of_a_connection(case):
    fields, state = case
    found = parts_of(SUMMARY_LAYOUT, state)["memory"]
    for b, one in each(fields):
        rates = one["throughputs_mbps"]
        logs = np.where(rates > 0.0, np.log(np.maximum(rates, 1e-3)), 0.0)
        assert found[b, : HISTORY - RECENT] == pytest.approx(logs[: HISTORY - RECENT], abs=CLOSE)
        known = logs[rates > 0.0]
        steps = np.abs(np.diff(known))
        expected = (
            [len(known) / HISTORY, known.mean(), known.std(), steps.sum() / max(1, len(known) - 1)]
            if len(known)
            else [0.0] * 4
        )
        assert found[b, HISTORY - RECENT :] == pytest.approx(np.array(expected), abs=1e-4)


def test_buffers_and_what_is_left(case):
    fields, state = case
    found = parts_of(SUMMARY_LAYOUT, state)
    for b, one in each(fields):
        buffer, cap = one["buffer_s"], one["buffer_cap_s"]
        assert found["buffer"][b] == pytest.approx([buffer / 10.0, np.log1p(buffer), buffer / cap], abs=CLOSE)
        harmonic, last, _ = rates_of(fields, b)
        sizes = one["next_sizes_mb"][0]
        expected = np.concatenate([at_points(after(buffer, sizes, rate)) for rate in (harmonic, last)])
        assert found["after"][b] == pytest.approx(expected, abs=1e-4)
        n = one["n_left"]
        assert found["left"][b] == pytest.approx([min(n, 50) / 50.0, 1.0 / n], abs=CLOSE)
        weights = [one["rebuffer_weight"] / 4.3, one["change_weight"]]
        assert found["viewer"][b] == pytest.approx([one["chunk_s"] / 4.0, cap / 60.0, *weights], abs=CLOSE)


def test_ladders_and_sizes_at_six_points(case):
    fields, state = case
    found = parts_of(SUMMARY_LAYOUT, state)
    for b, one in each(fields):
        ladder, level = one["bitrates_mbps"], one["last_level"]
        place = level / max(1, len(ladder) - 1)
        near = np.maximum(0.0, 1.0 - np.abs(5.0 * place - np.arange(6)))
        expected = [ladder[level] / 2.0, np.log(ladder[level]), place, *near]
        assert found["last"][b] == pytest.approx(np.array(expected), abs=CLOSE)
        assert found["ladder"][b] == pytest.approx(np.log(at_points(ladder)), abs=CLOSE)
        ahead = [
            at_points(s) if i < one["n_left"] else np.zeros(6) for i, s in enumerate(one["next_sizes_mb"][:5])
        ]
        assert found["sizes"][b] == pytest.approx(np.concatenate(ahead), abs=CLOSE)


def test_rows_of_rungs(case):
    fields, state = case
    n_levels = fields["bitrates_mbps"].shape[1]
    found = parts_of(RUNGS_LAYOUT, state)
    for b, one in each(fields):
        ladder, level = one["bitrates_mbps"], one["last_level"]
        change = ladder - ladder[level]
        assert found["bitrate"][b] == pytest.approx(
            np.column_stack([ladder / 2.0, np.log(ladder)]), abs=CLOSE
        )
        assert found["position"][b, :, 0] == pytest.approx(
            np.arange(n_levels) / max(1, n_levels - 1), abs=CLOSE
        )
        assert found["change"][b, :, 0] == pytest.approx(change / 2.0, abs=CLOSE)
        cost = one["change_weight"] * np.abs(change) / 2.0
        assert found["change_cost"][b, :, 0] == pytest.approx(cost, abs=CLOSE)
        assert found["is_last"][b, :, 0].tolist() == (np.arange(n_levels) == level).tolist()
        ahead = one["next_sizes_mb"][: min(5, one["n_left"])]
        sizes = np.column_stack([ahead[0], ahead.mean(axis=0)])
        assert found["size"][b] == pytest.approx(sizes, abs=CLOSE)
        density = np.log(8.0 * ahead[0] / (ladder * one["chunk_s"]))
        assert found["density"][b, :, 0] == pytest.approx(density, abs=CLOSE)


def test_downloads_of_each_rung_at_three_rates(case):
    fields, state = case
    found = parts_of(RUNGS_LAYOUT, state)
    for b, one in each(fields):
        size, buffer = one["next_sizes_mb"][0], one["buffer_s"]
        for i, rate in enumerate(rates_of(fields, b)):
            download = np.minimum(8.0 * size / rate, 60.0)
            stall = np.maximum(download - buffer, 0.0)
            assert found["download"][b, :, i] == pytest.approx(np.log1p(download), abs=1e-4)
            assert found["after"][b, :, i] == pytest.approx(after(buffer, size, rate), abs=1e-4)
            expected = np.log1p(one["rebuffer_weight"] * stall)
            assert found["stall_cost"][b, :, i] == pytest.approx(expected, abs=1e-4)


def held(buffer, chunk_s, downloads):
    """Play chunks of these download times: buffer at the end, its lowest value, and all that was missing."""
    lowest, missing = buffer, 0.0
    for download in downloads:
        buffer -= download
        lowest = min(lowest, buffer)
        missing += max(-buffer, 0.0)
        buffer = max(buffer, 0.0) + chunk_s
    return buffer, lowest, missing


def test_a_rung_that_is_kept_is_played_ahead(case):
    fields, state = case
    n_levels = fields["bitrates_mbps"].shape[1]
    found = parts_of(RUNGS_LAYOUT, state)["held"]
    for b, one in each(fields):
        harmonic, _, low = rates_of(fields, b)
        ahead = one["next_sizes_mb"][: min(5, one["n_left"])]
        for level in range(n_levels):
            at_mean, at_low = (np.minimum(8.0 * ahead[:, level] / rate, 60.0) for rate in (harmonic, low))
            end, lowest, _ = held(one["buffer_s"], one["chunk_s"], at_mean)
            _, _, missing = held(one["buffer_s"], one["chunk_s"], at_low)
            expected = [np.clip(end / 20.0, -3.0, 3.0), np.clip(lowest / 10.0, -3.0, 6.0), np.log1p(missing)]
            assert found[b, level] == pytest.approx(np.array(expected), abs=1e-4)


def test_the_quality_of_the_next_chunk(case):
    fields, state = case
    found = parts_of(RUNGS_LAYOUT, state)["qoe"][..., 0]
    for b, one in each(fields):
        ladder, harmonic = one["bitrates_mbps"], rates_of(fields, b)[0]
        for level, bitrate in enumerate(ladder):
            stall = max(8.0 * one["next_sizes_mb"][0, level] / harmonic - one["buffer_s"], 0.0)
            change = abs(bitrate - ladder[one["last_level"]])
            expected = bitrate - min(one["rebuffer_weight"] * stall, 10.0) - one["change_weight"] * change
            assert found[b, level] == pytest.approx(expected / 4.0, abs=1e-4)
            assert chunk_qoe(bitrate, stall, change, 2.0, 3.0) == pytest.approx(
                bitrate - 2 * stall - 3 * change
            )


def test_the_vector_of_the_small_policies(case):
    fields, state = case
    n_levels = fields["bitrates_mbps"].shape[1]
    found = parts_of(vector_layout(n_levels), state)
    for b, one in each(fields):
        rates = one["throughputs_mbps"][-RECENT:]
        logs = np.where(rates > 0.0, np.log(np.maximum(rates, 0.02)), 0.0)
        assert found["throughputs"][b] == pytest.approx(logs, abs=CLOSE)
        assert found["last"][b].tolist() == (np.arange(n_levels) == one["last_level"]).tolist()
        assert found["buffer"][b, 0] == pytest.approx(one["buffer_s"] / 10.0, abs=CLOSE)
        assert found["left"][b, 0] == pytest.approx(one["n_left"] / 24.0, abs=CLOSE)
        ahead = [
            s if i < one["n_left"] else np.zeros(n_levels) for i, s in enumerate(one["next_sizes_mb"][:5])
        ]
        assert found["sizes"][b] == pytest.approx(np.concatenate(ahead), abs=CLOSE)
        known = np.maximum(recent(fields, b), 0.02)
        harmonic = 0.02 if not len(known) else len(known[-5:]) / (1.0 / known[-5:]).sum()
        last = 0.02 if not len(known) else max(rates[-1], 0.02)
        assert found["rate"][b, 0] == pytest.approx(np.log(harmonic), abs=1e-4)
        expected = [
            np.clip(one["buffer_s"] - 8.0 * one["next_sizes_mb"][0] / rate, -20.0, 60.0) / 10.0
            for rate in (harmonic, last)
        ]
        assert found["after"][b] == pytest.approx(np.concatenate(expected), abs=1e-3)
        if not len(known):
            assert found["rates"][b].tolist() == [0.0] * 5
            continue
        logs = np.log(known)
        trend = np.polyfit(np.arange(len(logs)), logs, 1)[0] if len(logs) > 1 else 0.0
        shape = [logs.min(), logs.max(), logs.mean(), logs.std(), trend]
        assert found["rates"][b] == pytest.approx(np.array(shape), abs=1e-4)


def test_a_ladder_is_read_between_its_rungs():
    ladder = np.array([1.0, 2.0, 4.0])
    assert [parts._at(ladder, point) for point in range(6)] == pytest.approx([1.0, 1.4, 1.8, 2.4, 3.2, 4.0])
    assert [parts._at(np.array([7.0]), point) for point in range(6)] == [7.0] * 6
