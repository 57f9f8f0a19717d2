"""Where training sessions come from: traces cleared of all that the tests hold, and synthetic ones.

The published training set holds 81 of the 100 test traces' logs. Here every window that a test set holds too
is cut out of the training traces, whose parts become traces of their own; validation gets whole logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.seeding import derived_seed
from netwright.core.types import Json
from netwright.tasks.abr.batch import Sessions, Starts, TraceTable, VideoTable
from netwright.tasks.abr.dataset import AbrData, is_norway, log_of
from netwright.tasks.abr.generator import FAST, SynthRange, synth_traces
from netwright.tasks.abr.media import PUBLISHED_QOE, PUBLISHED_RULES, Ints, QoE, Rules, Trace
from netwright.tasks.abr.overlap import connected

SHARES = {"fcc": 0.35, "norway": 0.25, "synthetic": 0.40}
"""How often a session comes from each source; rescaled where one is missing."""

VALIDATION_SHARE = 0.15
"""Of each source's rows, at most."""

N_SYNTHETIC, N_SYNTHETIC_VALIDATION = 540, 60
N_VALIDATION = 60
"""Validation sessions of each source and video."""

SCALED, SCALE_RANGE = 0.8, 0.7
"""Share of the sessions whose bandwidth is multiplied by exp(uniform(-range, range))."""

NOISY_RULES = replace(PUBLISHED_RULES, noise=0.1)
"""Each delay is multiplied by a factor from 0.9 to 1.1: with the scaling, it keeps models from knowing the few
hours of measured traces by heart."""

_SPLIT_SEED, _SYNTHETIC_SEED = 0, 7


@dataclass(frozen=True, eq=False)
class _Source:
    name: str
    train: tuple[Trace, ...]
    validation: tuple[Trace, ...]


class TrainingSet:
    """Training and validation sessions that no test trace has anything to do with.

    Args:
        data: traces and videos.
        videos: names of the videos that are played.
        synthetic: whether SynthTrace is among the sources.
        extra: whether the further FCC traces of Genet's repository are (other cuts, partly of logs that the tests
            hold too).
        published: the published split instead: all of fcc-train as it is, which overlaps the test set; validation
            is a part of it.
        ranges: of SynthTrace.
    """

    def __init__(
        self,
        data: AbrData,
        *,
        videos: Sequence[str] = ("video1", "video2"),
        synthetic: bool = True,
        extra: bool = False,
        published: bool = False,
        ranges: SynthRange = FAST,
    ) -> None:
        self.videos = VideoTable.of([data.video(name) for name in videos])
        self._options = {
            "videos": list(videos),
            "synthetic": synthetic,
            "extra": extra,
            "published": published,
        }
        self._origin = {"data": data.source, "synthetic_data": data.synthetic}
        if published:
            valid = data.sets.get("netllm-fcc-valid", data.traces("fcc-train"))
            self._sources = [_Source("fcc", data.traces("fcc-train"), valid)]
        else:
            self._sources = _measured_sources(data, extra)
        if synthetic:
            self._sources.append(_synthetic_source(ranges))
        if not self._sources:
            raise ConfigError(
                f"{data.source}: holds no training traces (fcc-train, norway-train); allow synthetic."
            )
        self.traces = TraceTable.of([trace for source in self._sources for trace in source.train])
        n_rows = [sum(trace.n_rows for trace in source.train) for source in self._sources]
        self._row_bounds = np.cumsum([0, *n_rows])
        shares = np.array([SHARES[source.name] for source in self._sources])
        self._shares = shares / shares.sum()

    @property
    def generated_only(self) -> bool:
        """Whether there are no measured traces."""
        return all(source.name == "synthetic" for source in self._sources)

    def sample(
        self,
        rng: np.random.Generator,
        n: int,
        *,
        rules: Rules = PUBLISHED_RULES,
        qoe: QoE = PUBLISHED_QOE,
        scaled: float = SCALED,
        scale_range: float = SCALE_RANGE,
    ) -> Sessions:
        """`n` sessions: a random row of a random source to start at, a random video, bandwidth partly rescaled.

        Args:
            rng: draws them, and the delays' noise if the rules have any.
            n: number of sessions.
            rules, qoe: of all of them.
            scaled, scale_range: share of the sessions whose bandwidth is multiplied by exp(uniform(-range, range)).
        """
        source = rng.choice(len(self._sources), size=n, p=self._shares)
        low, high = self._row_bounds[source], self._row_bounds[source + 1]
        row = low + (rng.random(n) * (high - low)).astype(np.int64)
        trace_of = np.searchsorted(self.traces.offset, row, side="right") - 1
        scale = np.exp(rng.uniform(-scale_range, scale_range, n) * (rng.random(n) < scaled))
        return Sessions(
            self.traces,
            self.videos,
            Starts(
                trace_of=trace_of,
                video_of=rng.integers(len(self.videos.videos), size=n),
                start_rows=np.maximum(1, row - self.traces.offset[trace_of]),
                scale=scale,
            ),
            rules=rules,
            qoe=qoe,
            rng=rng if rules.noise > 0.0 else None,
        )

    def validation(self) -> list[Sessions]:
        """The same fresh sessions every time, a batch for each source; in all videos, bandwidth as measured."""
        return [self._validation(source) for source in self._sources]

    def provenance(self) -> Json:
        """Where the sessions come from, as plain JSON types."""
        return (
            self._origin
            | self._options
            | {
                "sources": {
                    source.name: {
                        "share": float(share),
                        "train_traces": len(source.train),
                        "train_rows": sum(t.n_rows for t in source.train),
                        "validation_traces": len(source.validation),
                        "validation_rows": sum(t.n_rows for t in source.validation),
                    }
                    for source, share in zip(self._sources, self._shares, strict=True)
                }
            }
        )

    def _validation(self, source: _Source) -> Sessions:
        table = TraceTable.of(source.validation)
        n_videos = len(self.videos.videos)
        row = np.linspace(0, table.offset[-1], N_VALIDATION, endpoint=False).astype(np.int64)
        trace_of = np.searchsorted(table.offset, row, side="right") - 1
        start_rows = np.maximum(1, row - table.offset[trace_of])
        return Sessions(
            table,
            self.videos,
            Starts(
                trace_of=np.repeat(trace_of, n_videos),
                video_of=np.tile(np.arange(n_videos), N_VALIDATION),
                start_rows=np.repeat(start_rows, n_videos),
            ),
        )


def _measured_sources(data: AbrData, extra: bool) -> list[_Source]:
    """FCC and Norway, cleared of the tests and split by connected logs."""
    kept: list[tuple[str, str, Trace]] = []  # source, log, piece
    for name in ("fcc-train", "norway-train", *(("fcc-extra",) if extra else ())):
        for trace, pieces in zip(data.sets.get(name, ()), data.leak_free.get(name, ()), strict=True):
            norway = name == "norway-train" or is_norway(trace.name)
            kept += [("norway" if norway else "fcc", log_of(trace.name), piece) for piece in pieces]
    if not kept:
        return []
    component = connected([piece for _, _, piece in kept], [log for _, log, _ in kept])
    held_out = _held_out(component, kept)
    parts = [(source, c in held_out, p) for (source, _, p), c in zip(kept, component, strict=True)]
    return [
        _Source(
            name,
            train=tuple(p for s, out, p in parts if s == name and not out),
            validation=tuple(p for s, out, p in parts if s == name and out),
        )
        for name in SHARES
        if any(source == name for source, _, _ in kept)
    ]


def _held_out(component: Ints, kept: Sequence[tuple[str, str, Trace]]) -> set[int]:
    """Components for validation: in random order, each that leaves every source most of its rows."""
    n_rows: dict[int, Counter[str]] = {}
    total: Counter[str] = Counter()
    for (source, _, piece), label in zip(kept, component.tolist(), strict=True):
        n_rows.setdefault(label, Counter())[source] += piece.n_rows
        total[source] += piece.n_rows
    chosen: set[int] = set()
    held: Counter[str] = Counter()
    for label in np.random.default_rng(_SPLIT_SEED).permutation(sorted(n_rows)).tolist():
        if all(held[s] + rows <= VALIDATION_SHARE * total[s] for s, rows in n_rows[label].items()):
            chosen.add(label)
            held += n_rows[label]
    without = [source for source in total if not held[source]]
    if without:
        raise ConfigError(
            f"the training traces of {', '.join(without)} are too few or too similar to keep a share of "
            f"{VALIDATION_SHARE} for validation; add traces of other logs."
        )
    return chosen


def _synthetic_source(ranges: SynthRange) -> _Source:
    return _Source(
        "synthetic",
        train=synth_traces("synth-train", N_SYNTHETIC, seed=derived_seed(_SYNTHETIC_SEED, 0), ranges=ranges),
        validation=synth_traces(
            "synth-validation", N_SYNTHETIC_VALIDATION, seed=derived_seed(_SYNTHETIC_SEED, 1), ranges=ranges
        ),
    )
