"""The features of a bitrate state by name: unit, scale, source and compiled part of every number that a model reads.

Two layouts are made from one `Observation`: `SUMMARY` (and `RUNGS`, a row for each rung) for adapted models, of one
size for every ladder; `vector_layout` for the small learned policies. Weights on disk depend on the order and the
numbers of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.tasks.abr.media import Ints
from netwright.tasks.abr.observation import HISTORY, RECENT
from netwright.tasks.abr.state_parts import AHEAD, POINTS, Part

N_MEMORY = HISTORY - RECENT + 4  # numbers about the chunks before the recent ones

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
"""Fields of an `Observation` from which all features are made; an experience keeps them."""


@dataclass(frozen=True, slots=True)
class StateFeature:
    """One named part of what a model reads.

    Attributes:
        name: of the part.
        size: how many numbers it has.
        unit: of what is measured, before scaling.
        scale: what makes a number of about unit size of it.
        source: fields of an `Observation` that it depends on, and no others.
    """

    name: str
    size: int
    unit: str
    scale: str
    source: tuple[str, ...]


Layout = Mapping[Part, Sequence[StateFeature]]
"""The compiled parts of a layout in order, and the features that each of them fills."""


def features_of(layout: Layout) -> tuple[StateFeature, ...]:
    """All features of a layout, in order."""
    return tuple(feature for features in layout.values() for feature in features)


def program_of(layout: Layout) -> Ints:
    """(P, 3) what the compiled fillers follow: a part, its first number in the layout, and its end."""
    sizes = [n_numbers(features) for features in layout.values()]
    ends = np.cumsum(sizes)
    return np.stack([list(layout), ends - sizes, ends], axis=1)


_RATES = ("throughputs_mbps",)
_NEXT = ("next_sizes_mb", "n_left")
_KEPT = ("buffer_s", "throughputs_mbps", "next_sizes_mb")
_VIEWER = ("chunk_s", "buffer_cap_s", "rebuffer_weight", "change_weight")
_LAST = ("last_level", "bitrates_mbps")

SUMMARY_LAYOUT: Layout = {
    Part.LOG_RATES: [StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES)],
    Part.LOG_DELAYS: [StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",))],
    Part.RATE_SUMMARY: [
        StateFeature(
            "rates",
            8,
            "Mbit/s",
            "share that is there; logs of harmonic mean, last, min, max, mean; spread, trend",
            _RATES,
        )
    ],
    Part.BUFFER_SUMMARY: [
        StateFeature("buffer", 3, "s", "/ 10; log(1 + x); / cap", ("buffer_s", "buffer_cap_s"))
    ],
    Part.BUFFER_AFTER_POINTS: [
        StateFeature(
            "after",
            2 * POINTS,
            "s",
            "buffer after the next chunk at harmonic mean and last rate, / 10",
            _KEPT,
        )
    ],
    Part.CHUNKS_LEFT: [StateFeature("left", 2, "chunks", "/ 50 (at most 1); 1 / x", ("n_left",))],
    Part.VIEWER: [StateFeature("viewer", 4, "s, s, 1, 1", "/ 4, / 60, / 4.3, as it is", _VIEWER)],
    Part.LAST_RUNG: [
        StateFeature(
            "last", 3 + POINTS, "Mbit/s", "/ 2; log; position in the ladder, nearness to each point", _LAST
        )
    ],
    Part.LADDER: [StateFeature("ladder", POINTS, "Mbit/s", "log at each point", ("bitrates_mbps",))],
    Part.SIZES_AT_POINTS: [StateFeature("sizes", AHEAD * POINTS, "MB", "as they are, at each point", _NEXT)],
    Part.MEMORY: [
        StateFeature(
            "memory",
            N_MEMORY,
            "Mbit/s",
            "logs of the chunks before; share there, mean, spread, mean step of logs",
            _RATES,
        )
    ],
}
SUMMARY = features_of(SUMMARY_LAYOUT)

_DOWNLOAD = ("next_sizes_mb", "throughputs_mbps")
_DENSITY = ("next_sizes_mb", "bitrates_mbps", "chunk_s")
_COST = (*_KEPT, "rebuffer_weight")
_HELD = (*_KEPT, "n_left", "chunk_s")

RUNGS_LAYOUT: Layout = {
    Part.RUNG_BITRATES: [
        StateFeature("bitrate", 2, "Mbit/s", "/ 2; log", ("bitrates_mbps",)),
        StateFeature("position", 1, "1", "0 lowest .. 1 highest", ("bitrates_mbps",)),
        StateFeature("change", 1, "Mbit/s", "/ 2", _LAST),
        StateFeature("change_cost", 1, "QoE", "/ 2", (*_LAST, "change_weight")),
        StateFeature("is_last", 1, "1", "1 for the last rung", ("last_level",)),
    ],
    Part.RUNG_SIZES: [
        StateFeature("size", 2, "MB", "next chunk; mean of the next five", _NEXT),
        StateFeature("density", 1, "1", "log of size over bitrate times chunk length", _DENSITY),
    ],
    Part.RUNG_DOWNLOADS: [
        StateFeature("download", 3, "s", "log(1 + x) at harmonic mean, last and lowest rate", _DOWNLOAD),
        StateFeature("after", 3, "s", "buffer after it at these rates, / 10", _KEPT),
        StateFeature("stall_cost", 3, "QoE", "log(1 + x) at these rates", _COST),
    ],
    Part.RUNG_HELD: [
        StateFeature(
            "held",
            3,
            "s",
            "if the rung is kept: buffer at the end / 20, lowest / 10, log(1 + missing)",
            _HELD,
        )
    ],
    Part.RUNG_QOE: [
        StateFeature(
            "qoe", 1, "QoE", "of the next chunk at the harmonic mean, / 4", (*_COST, *_LAST, "change_weight")
        )
    ],
}
RUNGS = features_of(RUNGS_LAYOUT)


def vector_layout(n_levels: int) -> Layout:
    """The layout of `features.vector` for a ladder of that many rungs."""
    return {
        Part.LOG_RATES: [
            StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES)
        ],
        Part.LOG_DELAYS: [StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",))],
        Part.SIZES_OF_RUNGS: [
            StateFeature("sizes", AHEAD * n_levels, "MB", "as they are, for every rung", _NEXT)
        ],
        Part.ONE_HOT: [StateFeature("last", n_levels, "1", "one-hot", ("last_level",))],
        Part.BUFFER: [StateFeature("buffer", 1, "s", "/ 10", ("buffer_s",))],
        Part.LEFT: [StateFeature("left", 1, "chunks", "/ 24", ("n_left",))],
        Part.LOG_HARMONIC: [
            StateFeature("rate", 1, "Mbit/s", "log of the harmonic mean of the last five", _RATES)
        ],
        Part.BUFFER_AFTER_RUNGS: [
            StateFeature(
                "after",
                2 * n_levels,
                "s",
                "buffer after the next chunk at that mean and the last rate, / 10",
                _KEPT,
            )
        ],
        Part.LOG_SHAPE: [
            StateFeature("rates", 5, "Mbit/s", "min, max, mean, spread and trend of the logs", _RATES)
        ],
        Part.MEMORY: [StateFeature("memory", N_MEMORY, "Mbit/s", "as in the summary", _RATES)],
    }


def slices(table: Sequence[StateFeature]) -> Mapping[str, slice]:
    """Where each part of a table stands, by name."""
    return dict(_places(table))


def n_numbers(table: Sequence[StateFeature]) -> int:
    """How many numbers a table has."""
    return sum(feature.size for feature in table)


def _places(table: Sequence[StateFeature]) -> Iterator[tuple[str, slice]]:
    at = 0
    for feature in table:
        yield feature.name, slice(at, at + feature.size)
        at += feature.size
