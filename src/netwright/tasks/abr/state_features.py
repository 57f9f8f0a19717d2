"""The features of a bitrate state by name: unit, scale, source and filler of every number that a model reads.

Two layouts are made from one `Observation`: `SUMMARY` (and `RUNGS`, a row for each rung) for adapted models, of one
size for every ladder; `vector_layout` for the small learned policies. Weights on disk depend on the order and the
numbers of both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray
from netwright.tasks.abr import state_parts as parts
from netwright.tasks.abr.observation import HISTORY, RECENT
from netwright.tasks.abr.state_parts import AHEAD, POINTS

Array = RawArray
Floats = NDArray[np.float32]

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


class State:
    """The fields of B states, and what several features have in common.

    Args:
        fields: (B, ..) by name, see `COLUMNS`.
    """

    def __init__(self, fields: Mapping[str, Array]) -> None:
        (
            self.throughputs,
            self.delays,
            self.buffer,
            self.last_level,
            self.n_left,
            self.sizes,
            self.bitrates,
            self.chunk_s,
            self.cap_s,
            self.rebuffer_weight,
            self.change_weight,
        ) = (np.ascontiguousarray(fields[name]) for name in COLUMNS)

    def __len__(self) -> int:
        return len(self.buffer)

    @cached_property
    def log_statistics(self) -> Array:
        """See `state_parts.log_statistics`."""
        return np.asarray(parts.log_statistics(self.throughputs))

    @cached_property
    def rate_statistics(self) -> tuple[Array, Array]:
        """See `state_parts.rate_statistics`."""
        rates, others = parts.rate_statistics(self.throughputs)
        return rates, others

    @property
    def rates(self) -> Array:
        """(B, 3) harmonic mean, last and lowest rate."""
        return self.rate_statistics[0]


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


@dataclass(frozen=True, slots=True)
class Group:
    """Features that are filled together.

    Attributes:
        fill: writes their numbers (B, .., n) of B states.
        features: in the order of the numbers.
    """

    fill: Callable[[State, Floats], None]
    features: tuple[StateFeature, ...]


Layout = Sequence[Group]


def filled(layout: Layout, state: State, out: Floats) -> Floats:
    """Write all features of a layout into `out` (B, .., F), which is zero; gives it back."""
    at = 0
    for group in layout:
        size = n_numbers(group.features)
        group.fill(state, out[..., at : at + size])
        at += size
    return out


def features_of(layout: Layout) -> tuple[StateFeature, ...]:
    """All features of a layout, in order."""
    return tuple(feature for group in layout for feature in group.features)


_RATES = ("throughputs_mbps",)
_NEXT = ("next_sizes_mb", "n_left")
_KEPT = ("buffer_s", "throughputs_mbps", "next_sizes_mb")
_VIEWER = ("chunk_s", "buffer_cap_s", "rebuffer_weight", "change_weight")
_LAST = ("last_level", "bitrates_mbps")

SUMMARY_LAYOUT: Layout = (
    Group(
        lambda s, out: parts.log_rates(s.throughputs, parts.LEAST_MBPS, out),
        (StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES),),
    ),
    Group(
        lambda s, out: parts.log_delays(s.delays, out),
        (StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",)),),
    ),
    Group(
        lambda s, out: parts.rate_summary(*s.rate_statistics, out),
        (
            StateFeature(
                "rates",
                8,
                "Mbit/s",
                "share that is there; logs of harmonic mean, last, min, max, mean; spread, trend",
                _RATES,
            ),
        ),
    ),
    Group(
        lambda s, out: parts.buffer_summary(s.buffer, s.cap_s, out),
        (StateFeature("buffer", 3, "s", "/ 10; log(1 + x); / cap", ("buffer_s", "buffer_cap_s")),),
    ),
    Group(
        lambda s, out: parts.buffer_after_points(s.rates, s.buffer, s.sizes, out),
        (
            StateFeature(
                "after",
                2 * POINTS,
                "s",
                "buffer after the next chunk at harmonic mean and last rate, / 10",
                _KEPT,
            ),
        ),
    ),
    Group(
        lambda s, out: parts.chunks_left(s.n_left, out),
        (StateFeature("left", 2, "chunks", "/ 50 (at most 1); 1 / x", ("n_left",)),),
    ),
    Group(
        lambda s, out: parts.viewer(s.chunk_s, s.cap_s, s.rebuffer_weight, s.change_weight, out),
        (StateFeature("viewer", 4, "s, s, 1, 1", "/ 4, / 60, / 4.3, as it is", _VIEWER),),
    ),
    Group(
        lambda s, out: parts.last_rung(s.last_level, s.bitrates, out),
        (
            StateFeature(
                "last",
                3 + POINTS,
                "Mbit/s",
                "/ 2; log; position in the ladder, nearness to each point",
                _LAST,
            ),
        ),
    ),
    Group(
        lambda s, out: parts.ladder(s.bitrates, out),
        (StateFeature("ladder", POINTS, "Mbit/s", "log at each point", ("bitrates_mbps",)),),
    ),
    Group(
        lambda s, out: parts.sizes_at_points(s.sizes, s.n_left, out),
        (StateFeature("sizes", AHEAD * POINTS, "MB", "as they are, at each point", _NEXT),),
    ),
    Group(
        lambda s, out: parts.memory(s.throughputs, out),
        (
            StateFeature(
                "memory",
                N_MEMORY,
                "Mbit/s",
                "logs of the chunks before; share there, mean, spread, mean step of logs",
                _RATES,
            ),
        ),
    ),
)
SUMMARY = features_of(SUMMARY_LAYOUT)

_DOWNLOAD = ("next_sizes_mb", "throughputs_mbps")
_DENSITY = ("next_sizes_mb", "bitrates_mbps", "chunk_s")
_COST = (*_KEPT, "rebuffer_weight")
_HELD = (*_KEPT, "n_left", "chunk_s")

RUNGS_LAYOUT: Layout = (
    Group(
        lambda s, out: parts.rung_bitrates(s.last_level, s.bitrates, s.change_weight, out),
        (
            StateFeature("bitrate", 2, "Mbit/s", "/ 2; log", ("bitrates_mbps",)),
            StateFeature("position", 1, "1", "0 lowest .. 1 highest", ("bitrates_mbps",)),
            StateFeature("change", 1, "Mbit/s", "/ 2", _LAST),
            StateFeature("change_cost", 1, "QoE", "/ 2", (*_LAST, "change_weight")),
            StateFeature("is_last", 1, "1", "1 for the last rung", ("last_level",)),
        ),
    ),
    Group(
        lambda s, out: parts.rung_sizes(s.sizes, s.n_left, s.bitrates, s.chunk_s, out),
        (
            StateFeature("size", 2, "MB", "next chunk; mean of the next five", _NEXT),
            StateFeature("density", 1, "1", "log of size over bitrate times chunk length", _DENSITY),
        ),
    ),
    Group(
        lambda s, out: parts.rung_downloads(s.rates, s.buffer, s.sizes, s.rebuffer_weight, out),
        (
            StateFeature("download", 3, "s", "log(1 + x) at harmonic mean, last and lowest rate", _DOWNLOAD),
            StateFeature("after", 3, "s", "buffer after it at these rates, / 10", _KEPT),
            StateFeature("stall_cost", 3, "QoE", "log(1 + x) at these rates", _COST),
        ),
    ),
    Group(
        lambda s, out: parts.rung_held(s.rates, s.buffer, s.sizes, s.n_left, s.chunk_s, out),
        (
            StateFeature(
                "held",
                3,
                "s",
                "if the rung is kept: buffer at the end / 20, lowest / 10, log(1 + missing)",
                _HELD,
            ),
        ),
    ),
    Group(
        lambda s, out: parts.rung_qoe(
            s.rates,
            s.buffer,
            s.sizes,
            s.last_level,
            s.bitrates,
            s.rebuffer_weight,
            s.change_weight,
            out,
        ),
        (
            StateFeature(
                "qoe",
                1,
                "QoE",
                "of the next chunk at the harmonic mean, / 4",
                (*_COST, *_LAST, "change_weight"),
            ),
        ),
    ),
)
RUNGS = features_of(RUNGS_LAYOUT)


def vector_layout(n_levels: int) -> Layout:
    """The layout of `features.vector` for a ladder of that many rungs."""
    return (
        Group(
            lambda s, out: parts.log_rates(s.throughputs, parts.LOWEST_MBPS, out),
            (StateFeature("throughputs", RECENT, "Mbit/s", "log, newest last, 0 where none", _RATES),),
        ),
        Group(
            lambda s, out: parts.log_delays(s.delays, out),
            (StateFeature("delays", RECENT, "s", "log(1 + x), newest last", ("delays_s",)),),
        ),
        Group(
            lambda s, out: parts.sizes_of_rungs(s.sizes, s.n_left, out),
            (StateFeature("sizes", AHEAD * n_levels, "MB", "as they are, for every rung", _NEXT),),
        ),
        Group(
            lambda s, out: parts.one_hot(s.last_level, out),
            (StateFeature("last", n_levels, "1", "one-hot", ("last_level",)),),
        ),
        Group(
            lambda s, out: parts.scaled(s.buffer, 10.0, out),
            (StateFeature("buffer", 1, "s", "/ 10", ("buffer_s",)),),
        ),
        Group(
            lambda s, out: parts.scaled(s.n_left, 24.0, out),
            (StateFeature("left", 1, "chunks", "/ 24", ("n_left",)),),
        ),
        Group(
            lambda s, out: parts.log_harmonic(s.log_statistics, out),
            (StateFeature("rate", 1, "Mbit/s", "log of the harmonic mean of the last five", _RATES),),
        ),
        Group(
            lambda s, out: parts.buffer_after_rungs(s.log_statistics, s.buffer, s.sizes, out),
            (
                StateFeature(
                    "after",
                    2 * n_levels,
                    "s",
                    "buffer after the next chunk at that mean and the last rate, / 10",
                    _KEPT,
                ),
            ),
        ),
        Group(
            lambda s, out: parts.log_shape(s.log_statistics, out),
            (StateFeature("rates", 5, "Mbit/s", "min, max, mean, spread and trend of the logs", _RATES),),
        ),
        Group(
            lambda s, out: parts.memory(s.throughputs, out),
            (StateFeature("memory", N_MEMORY, "Mbit/s", "as in the summary", _RATES),),
        ),
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
