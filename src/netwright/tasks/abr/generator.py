"""SynthTrace and SynthVideo: bandwidth and chunk sizes made from a seed, for tests, training and unseen settings.

SynthTrace is Pensieve's method (a Markov chain over bandwidth levels, held for a while, with noise), with a
larger range and faster changes than the FCC traces have (Table 3, Wu et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.seeding import derived_seed, generator
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.media import Floats, Ints, Trace, Video
from netwright.tasks.abr.video_files import BITRATES_KBPS, CHUNK_S, N_CHUNKS

N_STATES = 10
FLOOR_MBPS = 0.1


@dataclass(frozen=True, slots=True)
class SynthRange:
    """From where the parameters of each trace are drawn, uniformly unless said.

    Attributes:
        low_mbps, high_mbps: the chain's lowest and highest level (the highest log-uniformly).
        hold_s: mean time at one level (log-uniformly).
        noise: standard deviation over level.
        noise_s: how long one draw of the noise stays.
        n_rows: rows of 1 s.
    """

    low_mbps: tuple[float, float] = (0.2, 1.5)
    high_mbps: tuple[float, float] = (2.0, 10.0)
    hold_s: tuple[float, float] = (1.0, 30.0)
    noise: tuple[float, float] = (0.02, 0.40)
    noise_s: tuple[int, int] = (1, 5)
    n_rows: int = 400

    def __post_init__(self) -> None:
        for name in ("low_mbps", "high_mbps", "hold_s", "noise", "noise_s"):
            low, high = getattr(self, name)
            if not 0.0 <= low <= high:
                raise ConfigError(f"SynthRange.{name} needs 0 <= low <= high, got {low}, {high}.")
        if min(self.low_mbps[0], self.high_mbps[0]) <= 0.0 or self.hold_s[0] < 1.0 or self.noise_s[0] < 1:
            raise ConfigError(
                "SynthRange needs levels above 0 Mbit/s, and levels and noise held for 1 s or more; got "
                f"{self.low_mbps}, {self.high_mbps}, {self.hold_s}, {self.noise_s}."
            )
        if self.n_rows < 2:
            raise ConfigError(f"SynthRange.n_rows must be at least 2, got {self.n_rows}.")


FAST = SynthRange()
SLOW = SynthRange(low_mbps=(0.2, 1.2), high_mbps=(1.0, 4.0), hold_s=(10.0, 60.0), noise=(0.02, 0.25))
ROUGH = SynthRange(low_mbps=(0.1, 0.5), high_mbps=(1.0, 5.0), hold_s=(5.0, 30.0), noise=(0.1, 0.5))


def synth_trace(name: str, rng: np.random.Generator, ranges: SynthRange = FAST) -> Trace:
    """One trace: a Markov chain over ten levels, spaced evenly or geometrically, with Gaussian noise."""
    low = rng.uniform(*ranges.low_mbps)
    high = max(1.2 * low, _log_uniform(rng, ranges.high_mbps))
    space = np.linspace if rng.random() < 0.5 else np.geomspace
    levels = space(low, high, N_STATES)
    stay = 1.0 - 1.0 / _log_uniform(rng, ranges.hold_s)
    reach = _log_uniform(rng, (0.7, 2.0 * N_STATES))  # how far a jump goes, in levels
    states = _chain(rng, ranges.n_rows, stay, reach)
    spread = rng.uniform(*ranges.noise)
    held = int(rng.integers(ranges.noise_s[0], ranges.noise_s[1] + 1))
    noise = np.repeat(rng.standard_normal(-(-ranges.n_rows // held)), held)[: ranges.n_rows]
    bandwidths = np.maximum(levels[states] * (1.0 + spread * noise), FLOOR_MBPS)
    return Trace(name, np.arange(ranges.n_rows, dtype=np.float64), bandwidths)


def synth_traces(prefix: str, n: int, *, seed: int, ranges: SynthRange = FAST) -> tuple[Trace, ...]:
    """`n` traces named `<prefix>-<i>`; trace i depends on the seed and i alone."""
    return tuple(synth_trace(f"{prefix}-{i}", generator(seed, i), ranges) for i in range(n))


def synth_video(
    name: str,
    rng: np.random.Generator,
    *,
    bitrates_kbps: tuple[float, ...] = BITRATES_KBPS,
    chunk_s: float = CHUNK_S,
    n_chunks: int = N_CHUNKS,
    scale: float = 1.0,
) -> Video:
    """A video whose scenes are harder or easier to encode: chunk sizes vary together over the rungs.

    Args:
        name: of the video.
        rng: draws the scenes.
        bitrates_kbps, chunk_s, n_chunks: its ladder.
        scale: mean size over nominal size; the published second video has 1.2.
    """
    scenes = np.exp(0.22 * rng.standard_normal(n_chunks // 3 + 2)).repeat(3)[: n_chunks + 1]
    own = np.exp(0.05 * rng.standard_normal((len(bitrates_kbps), n_chunks + 1)))
    shape = scenes * own
    shape *= scale / shape[:, :n_chunks].mean(axis=1, keepdims=True)
    nominal_bytes = np.array(bitrates_kbps)[:, None] * 1000.0 / 8.0 * chunk_s
    sizes = np.maximum(1, np.rint(nominal_bytes * shape)).astype(np.int64)
    return Video(name, bitrates_kbps, chunk_s, sizes, n_chunks)


SETS = (
    ("fcc-train", 60, SLOW),
    ("fcc-test", 30, SLOW),
    ("norway-train", 40, ROUGH),
    ("norway-test", 30, ROUGH),
    ("synthetic-test", 30, FAST),
)
"""Name, number of traces and ranges of each set; its position is its seed."""


def generate(*, seed: int) -> AbrData:
    """Synthetic sets and videos under the names of the real ones; the same seed gives the same data.

    FCC's stand-in is slow and steady, Norway's low and rough, the synthetic test set fast; all have their own
    seeds, so that none overlaps another.
    """
    sets = {
        name: synth_traces(f"made-{name}", n, seed=derived_seed(seed, index), ranges=ranges)
        for index, (name, n, ranges) in enumerate(SETS)
    }
    videos = {
        name: synth_video(name, generator(seed, 100 + index), scale=scale)
        for index, (name, scale) in enumerate((("video1", 1.0), ("video2", 1.2)))
    }
    return AbrData(sets=sets, videos=videos, start_rows={}, source=f"synthetic (seed {seed})", synthetic=True)


def _chain(rng: np.random.Generator, n_rows: int, stay: float, reach: float) -> Ints:
    """(n_rows,) states of a chain that stays with probability `stay`, otherwise jumps about `reach` levels far."""
    apart = np.abs(np.subtract.outer(np.arange(N_STATES), np.arange(N_STATES)))
    jump: Floats = np.exp(-apart / reach) * (apart > 0)
    cumulated = (jump / jump.sum(axis=1, keepdims=True)).cumsum(axis=1)
    stays, drawn = rng.random(n_rows) < stay, rng.random(n_rows)
    states = np.empty(n_rows, dtype=np.int64)
    state = int(rng.integers(N_STATES))
    for row in range(n_rows):
        if not stays[row]:
            state = min(int(np.searchsorted(cumulated[state], drawn[row])), N_STATES - 1)
        states[row] = state
    return states


def _log_uniform(rng: np.random.Generator, bounds: tuple[float, float]) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))
