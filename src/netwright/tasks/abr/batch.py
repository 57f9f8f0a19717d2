"""Many sessions in lock step: the simulator as policies, training and tests use it."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from netwright.core.errors import ConfigError
from netwright.tasks.abr import kernels
from netwright.tasks.abr.media import PUBLISHED_QOE, PUBLISHED_RULES, Floats, Ints, QoE, Rules, Trace, Video
from netwright.tasks.abr.observation import HISTORY, Observation
from netwright.tasks.abr.sim import State


@dataclass(frozen=True, eq=False)
class TraceTable:
    """Traces end to end in flat arrays, made once for any number of sessions."""

    traces: tuple[Trace, ...]
    times_s: Floats  # (rows,)
    bandwidths_mbps: Floats  # (rows,)
    offset: Ints  # (traces + 1,)

    @classmethod
    def of(cls, traces: Sequence[Trace]) -> TraceTable:
        """A table of these traces."""
        if not traces:
            raise ConfigError("sessions need at least one trace, got none; check the setting or the data.")
        return cls(
            traces=tuple(traces),
            times_s=np.concatenate([t.times_s for t in traces]),
            bandwidths_mbps=np.concatenate([t.bandwidths_mbps for t in traces]),
            offset=np.cumsum([0, *(t.n_rows for t in traces)], dtype=np.int64),
        )

    @property
    def n_rows(self) -> Ints:
        """(traces,) rows of each trace."""
        return np.diff(self.offset)


@dataclass(frozen=True, eq=False)
class VideoTable:
    """Videos with ladders of one size and one number of chunks, in arrays."""

    videos: tuple[Video, ...]
    sizes_bytes: Ints  # (videos, lines, L)
    bitrates_kbps: Floats  # (videos, L)
    chunk_s: Floats  # (videos,)
    n_chunks: int

    @classmethod
    def of(cls, videos: Sequence[Video]) -> VideoTable:
        """A table of these videos."""
        if len({(v.n_levels, v.n_chunks) for v in videos}) != 1:
            found = ", ".join(f"{v.name} {v.n_levels} x {v.n_chunks}" for v in videos) or "none"
            raise ConfigError(
                "the videos of a batch need the same number of rungs and of chunks, got "
                f"{found}; make a batch for each."
            )
        n_lines = min(v.sizes_bytes.shape[1] for v in videos)
        return cls(
            videos=tuple(videos),
            sizes_bytes=np.ascontiguousarray(np.stack([v.sizes_bytes[:, :n_lines].T for v in videos])),
            bitrates_kbps=np.array([v.bitrates_kbps for v in videos]),
            chunk_s=np.array([v.chunk_s for v in videos]),
            n_chunks=videos[0].n_chunks,
        )


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Outcome of one chunk for B players, (B,) each; see `sim.Outcome`. `qoe` is per chunk."""

    delay_ms: Floats
    sleep_ms: Floats
    buffer_s: Floats
    rebuffer_s: Floats
    chunk_bytes: Floats
    throughput_mbps: Floats
    bitrate_mbps: Floats
    change_mbps: Floats
    qoe: Floats


REBUFFER_S, QOE = (list(Outcomes.__annotations__).index(name) for name in ("rebuffer_s", "qoe"))
_GIVEN = ("trace_of", "video_of", "start_rows", "scale")
_STATE = ("_row", "_clock_s", "_buffer_ms", "_starved_s", "_last_level", "_throughputs_mbps", "_delays_s")


@dataclass(frozen=True, eq=False)
class Starts:
    """Where B sessions start.

    Attributes:
        trace_of, video_of: (B,) index of each session's trace and video.
        start_rows: (B,) row at which each session starts, 1..rows-1.
        scale: (B,) factor on each session's bandwidth; 1 if None.
    """

    trace_of: ArrayLike
    video_of: ArrayLike
    start_rows: ArrayLike
    scale: ArrayLike | None = None


class Sessions:
    """B sessions in lock step, each a video played over a trace.

    Args:
        traces, videos: what sessions choose from.
        starts: where each session starts.
        rules: of all players.
        qoe: the weights of all viewers.
        rng: draws the delays' noise; needed if `rules.noise` is above 0.
        first_level: rung of the first chunk, which is downloaded at once; None leaves it to the policy.

    Attributes:
        first: what the first chunk gave, if it has been downloaded.

    Raises:
        ConfigError: a trace, video, row or scale that cannot be; videos with ladders of several sizes.
    """

    def __init__(
        self,
        traces: Sequence[Trace] | TraceTable,
        videos: Sequence[Video] | VideoTable,
        starts: Starts,
        *,
        rules: Rules = PUBLISHED_RULES,
        qoe: QoE = PUBLISHED_QOE,
        rng: np.random.Generator | None = None,
        first_level: int | None = 0,
    ) -> None:
        self.traces = traces if isinstance(traces, TraceTable) else TraceTable.of(traces)
        self.videos = videos if isinstance(videos, VideoTable) else VideoTable.of(videos)
        self.trace_of, self.video_of, self.start_rows = (
            np.array(values, dtype=np.int64, ndmin=1)
            for values in (starts.trace_of, starts.video_of, starts.start_rows)
        )
        self.n = len(self.trace_of)
        self.scale = np.array(
            np.ones(self.n) if starts.scale is None else starts.scale, dtype=np.float64, ndmin=1
        )
        self.rules, self.qoe, self.rng = rules, qoe, rng
        self._check()
        self.n_levels = self.videos.bitrates_kbps.shape[1]
        self.chunk = 0
        self._row = self.traces.offset[self.trace_of] + self.start_rows
        self._clock_s = self.traces.times_s[self._row - 1]
        self._buffer_ms = np.zeros(self.n)
        self._starved_s = np.zeros(self.n)  # stalls since the last chunk while a decision was waited for
        self._last_level = np.zeros(self.n, dtype=np.int64)
        self._throughputs_mbps = np.zeros((self.n, HISTORY))
        self._delays_s = np.zeros((self.n, HISTORY))
        self.n_decisions = self.videos.n_chunks - (first_level is not None)
        self.first = None if first_level is None else self.step(np.full(self.n, first_level))

    def _check(self) -> None:
        if not len(self.video_of) == len(self.start_rows) == len(self.scale) == self.n > 0:
            raise ConfigError(
                "sessions need one trace, video, start row and scale each (and at least one session), got "
                f"{self.n}, {len(self.video_of)}, {len(self.start_rows)}, {len(self.scale)}."
            )
        for what, index, count in (
            ("trace", self.trace_of, len(self.traces.traces)),
            ("video", self.video_of, len(self.videos.videos)),
        ):
            if index.min() < 0 or index.max() >= count:
                raise ConfigError(f"sessions name {what} {index.min()}..{index.max()}, there are {count}.")
        self._check_rows()
        if not (np.isfinite(self.scale).all() and self.scale.min() > 0.0):
            raise ConfigError("a session's scale must be above 0; check what was passed.")
        if self.rules.noise > 0.0 and self.rng is None:
            raise ConfigError(f"Rules.noise is {self.rules.noise}: sessions need an rng to draw it from.")

    def _check_rows(self) -> None:
        bad = np.flatnonzero((self.start_rows < 1) | (self.start_rows >= self.traces.n_rows[self.trace_of]))
        if bad.size:
            trace = self.traces.traces[self.trace_of[bad[0]]]
            raise ConfigError(
                f"trace {trace.name!r}: a session starts at row 1..{trace.n_rows - 1}, got "
                f"{self.start_rows[bad[0]]}; choose another."
            )

    @property
    def done(self) -> bool:
        """Whether all chunks have been played."""
        return self.chunk >= self.videos.n_chunks

    def observe(self) -> Observation:
        """The players' observation now; arrays of its own, which later steps do not change."""
        chosen = self.video_of
        return Observation(
            throughputs_mbps=self._throughputs_mbps.copy(),
            delays_s=self._delays_s.copy(),
            buffer_s=self._buffer_ms / 1000.0,
            last_level=self._last_level.copy(),
            chunk_index=np.full(self.n, self.chunk),
            n_left=np.full(self.n, self.videos.n_chunks - self.chunk),
            next_sizes_mb=kernels.next_sizes(self.videos.sizes_bytes, chosen, self.chunk),
            bitrates_mbps=self.videos.bitrates_kbps[chosen] / 1000.0,
            chunk_s=self.videos.chunk_s[chosen],
            buffer_cap_s=np.full(self.n, self.rules.buffer_cap_s),
            rebuffer_weight=np.full(self.n, self.qoe.rebuffer),
            change_weight=np.full(self.n, self.qoe.change),
        )

    def step(self, levels: ArrayLike) -> Outcomes:
        """Download each session's next chunk at the rung that was chosen for it.

        Args:
            levels: (B,) rungs, 0..L-1.

        Raises:
            ConfigError: not one valid rung for each session, or the videos have ended.
        """
        chosen = np.asarray(levels)
        if self.done:
            raise ConfigError(f"the videos ended after {self.videos.n_chunks} chunks; start new sessions.")
        if chosen.shape != (self.n,) or chosen.dtype.kind not in "iu":
            raise ConfigError(
                f"{self.n} sessions need {self.n} rungs (whole numbers), got {chosen.dtype} of shape "
                f"{chosen.shape}; correct the policy."
            )
        if chosen.min() < 0 or chosen.max() >= self.n_levels:
            bad = int(np.flatnonzero((chosen < 0) | (chosen >= self.n_levels))[0])
            raise ConfigError(
                f"session {bad}: rungs are 0..{self.n_levels - 1}, got {chosen[bad]}; correct the policy."
            )
        rules = self.rules
        out = np.empty((9, self.n))
        kernels.step_all(
            self.traces.times_s,
            self.traces.bandwidths_mbps,
            self.traces.offset,
            self.videos.sizes_bytes,
            self.videos.bitrates_kbps,
            self.videos.chunk_s,
            self.trace_of,
            self.video_of,
            self.scale,
            (float(rules.rtt_ms), float(rules.payload), float(rules.buffer_cap_s), float(rules.drain_ms)),
            (float(self.qoe.rebuffer), float(self.qoe.change)),
            self.chunk,
            chosen.astype(np.int64, copy=False),
            self._noise(),
            self._row,
            self._clock_s,
            self._buffer_ms,
            self._last_level,
            self._throughputs_mbps,
            self._delays_s,
            out,
        )
        self.chunk += 1
        if self._starved_s.any():
            out[REBUFFER_S] += self._starved_s
            out[QOE] -= self.qoe.rebuffer * self._starved_s
            self._starved_s[:] = 0.0
        return Outcomes(*out)

    def wait(self, seconds: Floats) -> None:
        """Let time pass before the next chunk is requested: what a decision took.

        Args:
            seconds: (B,) from 0. Where the buffer runs out meanwhile, the next chunk's stall is longer by as much.

        Raises:
            ConfigError: a time that is not finite or below 0.
        """
        if seconds.shape != (self.n,) or not np.isfinite(seconds).all() or seconds.min() < 0.0:
            raise ConfigError(f"{self.n} sessions need {self.n} finite times from 0, got {seconds}.")
        kernels.wait_all(
            self.traces.times_s,
            self.traces.offset,
            self.trace_of,
            seconds.astype(np.float64),
            self._row,
            self._clock_s,
            self._buffer_ms,
            self._starved_s,
        )

    def future_log_bandwidth(self) -> Floats:
        """(B, 12) log of the mean bandwidth (Mbit/s) in windows up to 128 s ahead of each session's clock.

        For a critic during training only: it is in no `Observation`.
        """
        found: Floats = kernels.future_log_bandwidth(
            self.traces.times_s,
            self.traces.bandwidths_mbps,
            self.traces.offset,
            self.trace_of,
            self.scale,
            self._row,
            self._clock_s,
            kernels.WINDOW_EDGES_S,
        )
        return found

    def copy(self) -> Sessions:
        """Sessions in the same state that go their own way; traces and videos are shared."""
        other = copy.copy(self)
        for name in _STATE:
            setattr(other, name, getattr(self, name).copy())
        other.rng = copy.deepcopy(self.rng)
        return other

    def state(self, index: int) -> State:
        """The state of one session, as the pure core has it."""
        return State(
            row=int(self._row[index] - self.traces.offset[self.trace_of[index]]),
            clock_s=float(self._clock_s[index]),
            buffer_ms=float(self._buffer_ms[index]),
            last_level=int(self._last_level[index]),
            chunk=self.chunk,
        )

    def only(self, index: int) -> Sessions:
        """The session of that index alone, in the same state; it draws its noise from the same `rng`."""
        return self.fork(np.array([index]))

    def fork(self, rows: Ints, *, noise: bool = True) -> Sessions:
        """Copies of the sessions of these rows (R,), in the same state; noise, if wanted, is from the same `rng`."""
        other = copy.copy(self)
        other.n = len(rows)
        for name in (*_GIVEN, *_STATE):
            setattr(other, name, getattr(self, name)[rows])
        if not noise:
            other.rules, other.rng = replace(self.rules, noise=0.0), None
        return other

    def concat(self, more: Sessions) -> Sessions:
        """These sessions and, behind them, more of the same traces, videos and rules that are at the same chunk.

        Raises:
            ConfigError: they are not.
        """
        same = (more.traces is self.traces, more.videos is self.videos, more.rules == self.rules)
        if not all(same) or more.qoe != self.qoe or more.chunk != self.chunk:
            raise ConfigError(
                "sessions are concatenated only over the same traces, videos and rules, at one chunk."
            )
        other = copy.copy(self)
        other.n = self.n + more.n
        for name in (*_GIVEN, *_STATE):
            setattr(other, name, np.concatenate([getattr(self, name), getattr(more, name)]))
        return other

    def _noise(self) -> Floats:
        if self.rng is None or self.rules.noise == 0.0:
            return np.ones(self.n)
        return self.rng.uniform(1.0 - self.rules.noise, 1.0 + self.rules.noise, self.n)
