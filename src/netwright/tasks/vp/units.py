"""Units of head-motion traces: as titles and `format.json` state them, and doubts where numbers suggest others."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.core.notes import note
from netwright.tasks.vp.angles import AXES, LIMITS_DEG, PITCH, ROLL, YAW, Floats, Ints
from netwright.tasks.vp.settings import SAMPLE_RATE_HZ

FORMAT_FILE = "format.json"
COLUMNS = ("time", *AXES)
RADIANS_BELOW = 3.2  # roll and pitch; yaw may run from 0 to a whole turn
WHOLE_TURN = 6.3
STEP_S = (0.16, 0.25)  # around 1 / 5 Hz

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_DEGREES = {"deg": 1.0, "degrees": 1.0, "°": 1.0, "rad": 180.0 / np.pi, "radians": 180.0 / np.pi}
_BRACKET = re.compile(r"([^\[(]*)[\[(]\s*([^\])]*?)\s*[\])].*")
_TIMES = {"time", "timestamp", "t", "playback_time", "time_stamp"}


@dataclass(frozen=True, slots=True)
class Units:
    """Seconds and degrees in one unit of a file, and its rows a second; None where nothing is stated."""

    time_s: float | None = None
    angle_deg: float | None = None
    rate_hz: float | None = None


UNSTATED = Units()


@dataclass(frozen=True, slots=True)
class Columns:
    """Where time, roll, pitch and yaw stand in a row of `n` fields, and the factors that make seconds and degrees.

    `unused` holds the titles of the other columns.
    """

    at: tuple[int, int, int, int] = (0, 1, 2, 3)
    factors: tuple[float | None, float | None, float | None, float | None] = (None, None, None, None)
    n: int = 4
    unused: tuple[str, ...] = ()


def read_units(folder: Path) -> Units:
    """What `format.json` states, such as `{"angle": "rad", "time": "ms", "rate_hz": 30}`.

    Raises:
        DataError: it holds anything but known units, or a rate that is no multiple of 5 Hz.
    """
    path = folder / FORMAT_FILE
    if not path.exists():
        return UNSTATED
    found = read_json(path)
    if not isinstance(found, dict) or not found or not set(found) <= {"angle", "time", "rate_hz"}:
        raise DataError(f'{path}: needs an object such as {{"angle": "rad", "time": "ms", "rate_hz": 30}}.')
    rate = found.get("rate_hz")
    if rate is not None and not (isinstance(rate, int | float) and 0 < rate < 1e5 and _every(rate)):
        raise DataError(f"{path}: rate_hz must be a multiple of {SAMPLE_RATE_HZ:g}, got {rate!r}; resample.")
    return Units(
        _factor(found.get("time"), _SECONDS, f"{path}: time"),
        _factor(found.get("angle"), _DEGREES, f"{path}: angle"),
        rate,
    )


def columns_of(titles: Sequence[str], place: str) -> Columns:
    """The columns of a row of titles, with units in brackets or behind an underscore.

    Raises:
        DataError: a column is missing, or a unit in brackets is unknown.
    """
    found: dict[str, tuple[int, float | None]] = {}
    for index, text in enumerate(titles):
        bracket = _BRACKET.fullmatch(text.strip("\"' "))
        name, unit = (bracket[1], bracket[2]) if bracket else (text.strip("\"' "), "")
        name = re.sub(r"[\s\-]+", "_", name.strip().lower())
        stem, _, ending = name.rpartition("_")
        if not unit and stem and (ending in _SECONDS or ending in _DEGREES):
            name, unit = stem, ending
        kind = "time" if name in _TIMES else name
        if kind in COLUMNS and kind not in found:
            known = _SECONDS if kind == "time" else _DEGREES
            found[kind] = index, _factor(unit or None, known, f"{place}: {text[:40]}")
    missing = [kind for kind in COLUMNS if kind not in found]
    if missing:
        raise DataError(
            f"{place}: expected four numbers (time, roll, pitch, yaw) or their titles, got "
            f"{','.join(titles)[:60]!r}; correct or drop the row."
        )
    time, roll, pitch, yaw = (found[kind] for kind in COLUMNS)
    at = (time[0], roll[0], pitch[0], yaw[0])
    unused = tuple(text.strip("\"' ") for index, text in enumerate(titles) if index not in at)
    return Columns(at, (time[1], roll[1], pitch[1], yaw[1]), len(titles), unused)


def say_unused(unused: Iterable[str], place: Path) -> None:
    """Note the titles of columns that are not used, once for a dataset."""
    titles = ", ".join(dict.fromkeys(unused))
    if titles:
        note(f"{place}: columns that are not used: {titles[:200]}")


def converted(rows: Floats, columns: Columns, units: Units) -> Floats:
    """(rows, 4) seconds and degrees of rows (rows, 4) in the units of their titles, else in stated ones."""
    stated = (units.time_s, *(units.angle_deg,) * 3)
    for column, (own, other) in enumerate(zip(columns.factors, stated, strict=True)):
        factor = other if own is None else own
        if factor is not None and factor != 1.0:
            rows[:, column] *= factor
    return rows


def kept_rows(n_rows: int, units: Units) -> Ints:
    """Rows of a trace that stay: all, or every k-th of one at a stated rate of k times 5 Hz."""
    step = 1 if units.rate_hz is None else round(units.rate_hz / SAMPLE_RATE_HZ)
    return np.arange(0, n_rows, step, dtype=np.int64)


def doubts(rows: Floats, offset: Ints, units: Units) -> list[str]:
    """Why the rows (rows, 4) of a dataset are hardly in degrees at 5 Hz where nothing else is stated.

    Args:
        rows: time, roll, pitch, yaw of all traces, end to end.
        offset: (traces + 1,) first row of each.
        units: what needs no look.
    """
    found = []
    finite = np.isfinite(rows[:, 1:]).all(axis=1)
    largest = np.abs(rows[finite, 1:]).max(axis=0, initial=0.0)
    level = max(largest[ROLL], largest[PITCH])
    if units.angle_deg is None and largest.any() and level < RADIANS_BELOW and largest[YAW] < WHOLE_TURN:
        found.append(
            f"no angle is larger than {largest.max():.3g}: they look like radians. State "
            f'{{"angle": "rad"}} (or "deg") in {FORMAT_FILE}'
        )
    first = offset[:-1][(offset[:-1] > 0) & (offset[:-1] < len(rows))] - 1
    steps = np.delete(np.diff(rows[:, 0]), first)
    steps = steps[np.isfinite(steps) & (steps > 0.0)]
    if not steps.size:
        return found
    step_s = float(np.median(steps))
    if not STEP_S[0] <= step_s <= STEP_S[1]:
        unit = next((u for u, s in _SECONDS.items() if STEP_S[0] <= step_s * s <= STEP_S[1]), None)
        looks = f"the times look like {unit}" if unit else f"that is {1.0 / step_s:.3g} rows a second"
        found.append(
            f"the median step would be {step_s:.3g} s where {SAMPLE_RATE_HZ:g} Hz is expected: {looks}. State the "
            f'unit or the rate in {FORMAT_FILE}, such as {{"time": "ms", "rate_hz": 30}}'
        )
    return found


def settled(rows: Floats, offset: Ints, units: Units, place: Path) -> tuple[Floats, Ints]:
    """Rows and offsets of a dataset that may be believed, at 5 Hz.

    Raises:
        DataError: the values look like other units or another rate, or an angle is out of its range.
    """
    if units.rate_hz is not None:
        lengths = np.diff(offset)
        kept = [first + kept_rows(int(n), units) for first, n in zip(offset[:-1], lengths, strict=True)]
        rows = rows[np.concatenate(kept)]
        offset = np.concatenate([[0], np.cumsum([len(k) for k in kept])]).astype(np.int64)
    found = doubts(rows, offset, replace(units, rate_hz=None))
    if found:
        raise DataError(f"{place}: {'; '.join(found)}.")
    for axis, limit in enumerate(LIMITS_DEG):
        outside = np.flatnonzero(np.abs(rows[:, 1 + axis]) > limit)
        if outside.size:
            value, title = rows[outside[0], 1 + axis], COLUMNS[1 + axis]
            raise DataError(
                f"{place}: {title} is {value:g} degrees, outside -{limit:g} .. {limit:g}, in {outside.size} rows; "
                "`netwright data check vp` lists them."
            )
    return rows, offset


def _every(rate: float) -> bool:
    times = rate / SAMPLE_RATE_HZ
    return round(times) >= 1 and abs(times - round(times)) <= 0.01 * times


def _factor(unit: object, known: dict[str, float], place: str) -> float | None:
    if unit is None:
        return None
    if not isinstance(unit, str) or unit.lower() not in known:
        raise DataError(f"{place}: unknown unit {str(unit)[:20]!r}; there is {', '.join(known)}.")
    return known[unit.lower()]
