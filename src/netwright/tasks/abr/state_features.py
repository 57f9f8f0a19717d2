"""The features of a bitrate state by name: unit, scale and source of every number that a model is shown.

Two layouts are made from one `Observation`: `SUMMARY` (and `RUNGS`, a row for each rung) for adapted models, of one
size for every ladder, filled by `model_inputs`; `vector_features` for the small learned policies, filled by
`features`. Weights on disk depend on the order and the numbers of both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netwright.tasks.abr.observation import HISTORY, RECENT

POINTS = 6  # positions, from the lowest to the highest rung, at which a ladder of any size is read
AHEAD = 5  # chunks looked ahead
N_MEMORY = HISTORY - RECENT + 4  # numbers about the chunks before the recent ones


@dataclass(frozen=True, slots=True)
class StateFeature:
    """One named part of what a model is shown.

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


_RATES = ("throughputs_mbps",)
_NEXT = ("next_sizes_mb", "n_left")
_KEPT = ("buffer_s", "throughputs_mbps", "next_sizes_mb")
_VIEWER = ("chunk_s", "buffer_cap_s", "rebuffer_weight", "change_weight")
_LAST = ("last_level", "bitrates_mbps")

SUMMARY: tuple[StateFeature, ...] = (
    StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES),
    StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",)),
    StateFeature(
        "rates",
        8,
        "Mbit/s",
        "share that is there; logs of harmonic mean, last, min, max, mean; spread, trend",
        _RATES,
    ),
    StateFeature("buffer", 3, "s", "/ 10; log(1 + x); / cap", ("buffer_s", "buffer_cap_s")),
    StateFeature(
        "after", 2 * POINTS, "s", "buffer after the next chunk at harmonic mean and last rate, / 10", _KEPT
    ),
    StateFeature("left", 2, "chunks", "/ 50 (at most 1); 1 / x", ("n_left",)),
    StateFeature("viewer", 4, "s, s, 1, 1", "/ 4, / 60, / 4.3, as it is", _VIEWER),
    StateFeature(
        "last", 3 + POINTS, "Mbit/s", "/ 2; log; position in the ladder, nearness to each point", _LAST
    ),
    StateFeature("ladder", POINTS, "Mbit/s", "log at each point", ("bitrates_mbps",)),
    StateFeature("sizes", AHEAD * POINTS, "MB", "as they are, at each point", _NEXT),
    StateFeature(
        "memory",
        N_MEMORY,
        "Mbit/s",
        "logs of the chunks before; share there, mean, spread, mean step of logs",
        _RATES,
    ),
)

_DENSITY = ("next_sizes_mb", "bitrates_mbps", "chunk_s")
_DOWNLOAD = ("next_sizes_mb", "throughputs_mbps")
_COST = (*_KEPT, "rebuffer_weight")
_HELD = (*_KEPT, "n_left", "chunk_s")

RUNGS: tuple[StateFeature, ...] = (
    StateFeature("bitrate", 2, "Mbit/s", "/ 2; log", ("bitrates_mbps",)),
    StateFeature("position", 1, "1", "0 lowest .. 1 highest", ("bitrates_mbps",)),
    StateFeature("change", 1, "Mbit/s", "/ 2", _LAST),
    StateFeature("change_cost", 1, "QoE", "/ 2", (*_LAST, "change_weight")),
    StateFeature("is_last", 1, "1", "1 for the last rung", ("last_level",)),
    StateFeature("size", 2, "MB", "next chunk; mean of the next five", _NEXT),
    StateFeature(
        "density",
        1,
        "1",
        "log of size over bitrate times chunk length",
        ("next_sizes_mb", "bitrates_mbps", "chunk_s"),
    ),
    StateFeature(
        "download",
        3,
        "s",
        "log(1 + x) at harmonic mean, last and lowest rate",
        ("next_sizes_mb", "throughputs_mbps"),
    ),
    StateFeature("after", 3, "s", "buffer after it at these rates, / 10", _KEPT),
    StateFeature("stall_cost", 3, "QoE", "log(1 + x) at these rates", _COST),
    StateFeature(
        "held", 3, "s", "if the rung is kept: buffer at the end / 20, lowest / 10, log(1 + missing)", _HELD
    ),
    StateFeature(
        "qoe", 1, "QoE", "of the next chunk at the harmonic mean, / 4", (*_COST, *_LAST, "change_weight")
    ),
)


def vector_features(n_levels: int) -> tuple[StateFeature, ...]:
    """The parts of `features.vector` for a ladder of that many rungs."""
    return (
        StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES),
        StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",)),
        StateFeature("sizes", AHEAD * n_levels, "MB", "as they are, for every rung", _NEXT),
        StateFeature("last", n_levels, "1", "one-hot", ("last_level",)),
        StateFeature("buffer", 1, "s", "/ 10", ("buffer_s",)),
        StateFeature("left", 1, "chunks", "/ 24", ("n_left",)),
        StateFeature("rate", 1, "Mbit/s", "log of the harmonic mean of the last five", _RATES),
        StateFeature(
            "after",
            2 * n_levels,
            "s",
            "buffer after the next chunk at that mean and the last rate, / 10",
            _KEPT,
        ),
        StateFeature("rates", 5, "Mbit/s", "min, max, mean, spread and trend of the logs", _RATES),
        StateFeature("memory", N_MEMORY, "Mbit/s", "as in the summary", _RATES),
    )


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
