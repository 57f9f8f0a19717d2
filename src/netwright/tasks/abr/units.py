"""Units of traces: as titles and `format.json` state them, and doubts where numbers suggest others."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.tasks.abr.media import Floats

FORMAT_FILE = "format.json"
LONGEST_STEP_S = 60.0
LARGEST_MBPS = 20_000.0
SHORTEST_STEP_S, SHORTEST_S = 1e-3, 0.1  # median step and whole length of a trace, in seconds
TIMES_TOP_RUNG = 100.0

_SECONDS = {
    **dict.fromkeys(("ns", "nanoseconds"), 1e-9),
    **dict.fromkeys(("us", "µs", "μs", "microseconds"), 1e-6),
    **dict.fromkeys(("ms", "msec", "milliseconds"), 1e-3),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minutes"), 60.0),
    **dict.fromkeys(("h", "hours"), 3600.0),
}
_RATE = re.compile(r"([kmg]?)(bits?|bytes?|b)(?:/s(?:ec)?|ps|_per_s)", re.IGNORECASE)
_PREFIX = {"": 1e-6, "k": 1e-3, "m": 1.0, "g": 1e3}
_TITLE = re.compile(r"\s*([^\[\](){}]*?)\s*[\[(]\s*([^\])]*?)\s*[\])].*")

_TIMES = {"time", "times", "timestamp", "time_stamp", "t", "ts", "elapsed", "elapsed_time", "clock"}
_RATES = {
    *("bandwidth", "bw", "throughput", "rate", "data_rate", "datarate", "capacity", "goodput", "speed"),
    *("delivery_rate", "download", "downlink", "dl_bitrate"),
}


@dataclass(frozen=True, slots=True)
class Units:
    """Stated units: seconds in one unit of time, Mbit/s in one unit of bandwidth; None where nothing is stated."""

    time_s: float | None = None
    rate_mbps: float | None = None


UNSTATED = Units()


@dataclass(frozen=True, slots=True)
class Title:
    """A column by its title: what it holds ("time", "bandwidth" or something else), and its stated unit."""

    text: str
    kind: str
    factor: float | None = None


def seconds_in(unit: str) -> float | None:
    """Seconds in a unit of time such as "ms"; None if it is unknown."""
    return _SECONDS.get(unit.strip().lower())


def mbps_in(unit: str) -> float | None:
    """Mbit/s in a unit of bandwidth such as "kbit/s" or "MB/s"; None if it is unknown.

    A lone b or B tells bits from bytes; prefixes are decimal.
    """
    match = _RATE.fullmatch(unit.strip().replace(" ", ""))
    if match is None:
        return None
    prefix, what = match[1].lower(), match[2]
    in_bytes = what == "B" or what.lower().startswith("byte")
    return _PREFIX[prefix] * (8.0 if in_bytes else 1.0)


def title(text: str, place: str) -> Title:
    """What a column's title says, its unit in brackets or behind the last underscore.

    Raises:
        DataError: a title of a time or bandwidth has a unit in brackets that is unknown.
    """
    text = text.strip().strip("\"'").strip()
    bracket = _TITLE.fullmatch(text)
    name, unit = (bracket[1], bracket[2]) if bracket else _ending(text)
    plain = re.sub(r"[\s\-]+", "_", name.strip().lower())
    if not unit and (factor := seconds_in(plain)) is not None:
        return Title(text, "time", factor)
    if not unit and (factor := mbps_in(name)) is not None:
        return Title(text, "bandwidth", factor)
    kind = "time" if plain in _TIMES else "bandwidth" if plain in _RATES else "other"
    if kind == "other" or not unit:
        # Puffer's delivery_rate is in bytes/s, as its documentation says and its titles do not.
        return Title(text, kind, 8e-6 if plain == "delivery_rate" else None)
    word = unit.split()[0] if kind == "time" else unit
    factor = seconds_in(word) if kind == "time" else mbps_in(unit)
    if factor is None:
        raise DataError(f"{place}: unknown unit {unit[:20]!r} of {text[:40]!r}; {_known(kind)}.")
    return Title(text, kind, factor)


def read_units(folder: Path) -> Units:
    """The units that a set states in `format.json`, such as `{"time": "ms", "bandwidth": "kbit/s"}`.

    Raises:
        DataError: it holds anything but known units under these two names.
    """
    path = folder / FORMAT_FILE
    if not path.exists():
        return UNSTATED
    found = read_json(path)
    if not isinstance(found, dict) or not set(found) <= {"time", "bandwidth"} or not found:
        raise DataError(
            f'{path}: needs an object such as {{"time": "ms", "bandwidth": "kbit/s"}}, and nothing else.'
        )
    factors: dict[str, float] = {}
    for kind, of in (("time", seconds_in), ("bandwidth", mbps_in)):
        if kind in found:
            factor = of(found[kind]) if isinstance(found[kind], str) else None
            if factor is None:
                raise DataError(f"{path}: unknown unit {str(found[kind])[:20]!r} of {kind}; {_known(kind)}.")
            factors[kind] = factor
    return Units(factors.get("time"), factors.get("bandwidth"))


def implausible(times_s: Floats, mbps: Floats, stated: Units) -> str | None:
    """Why these values are hardly in seconds and Mbit/s where nothing else is stated; None if they may be.

    Args:
        times_s, mbps: of one trace, as read.
        stated: what needs no look.
    """
    step_s, rate_mbps = float(np.median(np.diff(times_s))), float(np.median(mbps))
    doubts = []
    if stated.time_s is None and step_s > LONGEST_STEP_S:
        unit = next((u for u in ("ms", "us", "ns") if step_s * _SECONDS[u] <= LONGEST_STEP_S), "ns")
        doubts.append(f"the median step would be {step_s:g} s: the times look like {unit}")
    length_s = float(times_s[-1] - times_s[0])
    if stated.time_s is None and (step_s < SHORTEST_STEP_S or length_s < SHORTEST_S):
        doubts.append(f"the whole trace would be {length_s:.3g} s: the times look like min or h")
    if stated.rate_mbps is None and float(mbps.max()) > LARGEST_MBPS:
        unit = "kbit/s" if rate_mbps <= 1e6 else "bit/s"
        doubts.append(f"{mbps.max():g} Mbit/s is over {LARGEST_MBPS:g}: the bandwidths look like {unit}")
    if not doubts:
        return None
    return (
        f"{'; '.join(doubts)}. State the units in {FORMAT_FILE} beside the traces, such as "
        '{"time": "ms", "bandwidth": "kbit/s"}.'
    )


def _ending(text: str) -> tuple[str, str]:
    """A title such as `time_ms` or `bandwidth_kbps` without its unit, and the unit."""
    for match in re.finditer(r"[_\s]", text):
        unit = text[match.end() :]
        if seconds_in(unit) is not None or mbps_in(unit) is not None:
            return text[: match.start()], unit
    return text, ""


def _known(kind: str) -> str:
    if kind == "time":
        return "times are in s, ms, us, ns, min or h"
    return "bandwidths are in bit/s, kbit/s, Mbit/s, Gbit/s, B/s, kB/s or MB/s"
