"""Video files: a size file for each rung, or Sabre's `movie.json`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict, Field

from netwright.core.documents import Document
from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.core.notes import note
from netwright.core.reading import read_text
from netwright.tasks.abr.media import Video

BITRATES_KBPS = (300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0)
CHUNK_S = 4.0
N_CHUNKS = 48
LARGEST_BYTES = 10**9  # of one chunk
MOST_RUNGS, MOST_CHUNKS = 64, 10_000  # of which the offline optimum is still found in seconds
OFF_BY = 3.0  # mean size of a rung over or under rate times chunk length
LIKELY_WITHIN = 2.0  # likewise, in a unit that is named as the likely one

_DESCRIPTION, _MOVIE = "video.json", "movie.json"
_BYTES = {"bits": 0.125, "kbit": 125.0, "Mbit": 125e3, "bytes": 1.0, "kB": 1e3, "KiB": 1024.0, "MB": 1e6}
_WHOLE = re.compile(r"[0-9]{1,15}")


def read_video(folder: Path) -> Video:
    """A video from `video_size_<rung>` files (size of one chunk a line), rung 0 lowest, or from `movie.json`.

    A file `video.json` with `bitrates_kbps`, `chunk_s`, `n_chunks` and `size_unit` (bytes, bits, kbit, Mbit, kB, KiB,
    MB) describes another ladder than the published one of six rungs, 48 chunks of 4 s, sizes in bytes.
    `movie.json` is that of Sabre: `segment_duration_ms`, `bitrates_kbps`, `segment_sizes_bits`.

    Raises:
        DataError: rungs do not match, a size is not a whole number above 0, or sizes look like another unit or
            an order of rungs that is upside down; names file and line.
    """
    movie = folder / _MOVIE
    files = sorted(folder.glob("video_size_*"))
    if movie.exists():
        if files or (folder / _DESCRIPTION).exists():
            raise DataError(
                f"{folder}: holds {_MOVIE} and another description of the video; keep one of them."
            )
        return _movie(movie, folder.name)
    known = _description(folder / _DESCRIPTION)
    bitrates, n_chunks, unit = known.bitrates_kbps, known.n_chunks, known.size_unit
    if {f.name for f in files} != {f"video_size_{level}" for level in range(len(bitrates))}:
        raise DataError(
            f"{folder}: {len(bitrates)} bitrates need video_size_0..{len(bitrates) - 1}, found "
            f"{', '.join(f.name for f in files) or 'none'}; add the missing ones or describe the ladder in video.json."
        )
    rungs = [_sizes(folder / f"video_size_{level}") for level in range(len(bitrates))]
    for level, rung in enumerate(rungs):
        if len(rung) != len(rungs[0]) or len(rung) < n_chunks:
            raise DataError(
                f"{folder / f'video_size_{level}'}:{len(rung)}: ends after {len(rung)} chunks; every rung needs "
                f"as many lines as video_size_0 ({len(rungs[0])}), at least {n_chunks}."
            )
    sizes = np.array(rungs, dtype=np.float64) * _BYTES["bytes" if unit is None else unit]
    return _checked(
        folder, Video(folder.name, bitrates, known.chunk_s, _whole(sizes, folder), n_chunks), unit
    )


_Rates = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1, max_length=MOST_RUNGS)]


class _Ladder(Document):
    """`video.json`."""

    bitrates_kbps: _Rates = BITRATES_KBPS
    chunk_s: Annotated[float, Field(gt=0)] = CHUNK_S
    n_chunks: Annotated[int, Field(ge=1, le=MOST_CHUNKS)] = N_CHUNKS
    size_unit: Literal["bits", "kbit", "Mbit", "bytes", "kB", "KiB", "MB"] | None = None


class _Movie(Document):
    """Sabre's `movie.json`."""

    model_config = ConfigDict(extra="ignore")

    bitrates_kbps: _Rates
    segment_duration_ms: Annotated[float, Field(gt=0)]
    segment_sizes_bits: Annotated[tuple[tuple[float, ...], ...], Field(min_length=1, max_length=MOST_CHUNKS)]


def _description(path: Path) -> _Ladder:
    """The published ladder, or what `video.json` says of another."""
    return _Ladder.of(read_json(path), path, remedy="correct it") if path.exists() else _Ladder()


def _movie(path: Path, name: str) -> Video:
    movie = _Movie.of(read_json(path), path, remedy="a movie of Sabre is needed here")
    rates = movie.bitrates_kbps
    if any(len(sizes) != len(rates) for sizes in movie.segment_sizes_bits):
        raise DataError(f"{path}: every segment needs {len(rates)} sizes, one for each bitrate; correct it.")
    bits = np.array(movie.segment_sizes_bits)
    chunk_s = movie.segment_duration_ms / 1000.0
    return _checked(path, Video(name, rates, chunk_s, _whole(bits.T / 8.0, path), len(bits)), None)


def _whole(sizes: NDArray[np.float64], place: Path) -> NDArray[np.int64]:
    """Sizes in whole bytes, rounded up."""
    if not (np.isfinite(sizes).all() and sizes.max(initial=0.0) <= LARGEST_BYTES):
        raise DataError(
            f"{place}: a chunk is larger than {LARGEST_BYTES:,} bytes; check the sizes and their unit."
        )
    return np.ceil(sizes).astype(np.int64)


def _checked(place: Path, video: Video, unit: str | None) -> Video:
    """The video, if its sizes rise with the rung and fit its rates; a note where a stated unit does not fit."""
    mean_bytes = video.sizes_bytes[:, : video.n_chunks].mean(axis=1)
    fall = np.flatnonzero(np.diff(mean_bytes) <= 0.0)
    if fall.size:
        low, high = int(fall[0]), int(fall[0]) + 1
        raise DataError(
            f"{place}: the mean chunk of rung {high} ({mean_bytes[high]:,.0f} bytes) is not larger than that of "
            f"rung {low} ({mean_bytes[low]:,.0f}); is the ladder upside down? Rung 0 is the lowest."
        )
    nominal = np.array(video.bitrates_kbps) * 125.0 * video.chunk_s
    ratio = mean_bytes / nominal
    level = int(np.argmax(np.abs(np.log(ratio))))
    if 1.0 / OFF_BY <= ratio[level] <= OFF_BY:
        return video
    doubt = (
        f"{place}: sizes of rung {level} are {ratio[level]:.3g} times what {video.bitrates_kbps[level]:g} kbit/s "
        f"and chunks of {video.chunk_s:g} s make"
    )
    if unit is not None:
        note(
            f"{doubt}; taken as {unit}, as stated, but check the bitrates (kbit/s) and chunk_s (seconds) as well"
        )
        return video
    likely = [
        u for u, size in _BYTES.items() if abs(float(np.log(ratio[level] * size))) < np.log(LIKELY_WITHIN)
    ]
    if likely and place.name != _MOVIE:
        raise DataError(
            f"{doubt} in bytes; they look like {likely[0]}. State size_unit in {_DESCRIPTION}, or "
            "correct the bitrates (kbit/s) and chunk_s (seconds)."
        )
    raise DataError(f"{doubt}; check the sizes, the bitrates (kbit/s) and the length of a chunk.")


def _sizes(path: Path) -> Sequence[int]:
    sizes = []
    text = read_text(path)
    for number, line in enumerate(text.splitlines(), start=1):
        word = line.partition("#")[0].strip()
        if not word:
            continue
        if not _WHOLE.fullmatch(word) or int(word) == 0:
            raise DataError(
                f"{path}:{number}: expected a chunk's size in whole bytes, above 0, got {line[:60]!r}; correct it."
            )
        sizes.append(int(word))
    return sizes
