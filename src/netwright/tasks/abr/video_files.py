"""Video files: a size file for each rung, or Sabre's `movie.json`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.core.files import read_json
from netwright.core.reading import read_text
from netwright.tasks.abr.media import Video

BITRATES_KBPS = (300.0, 750.0, 1200.0, 1850.0, 2850.0, 4300.0)
CHUNK_S = 4.0
N_CHUNKS = 48
LARGEST_BYTES = 10**9  # of one chunk
OFF_BY = 3.0  # mean size of a rung over or under rate times chunk length

_DESCRIPTION, _MOVIE = "video.json", "movie.json"
_BYTES = {"bits": 0.125, "bytes": 1.0, "kB": 1e3, "KiB": 1024.0, "MB": 1e6}
_WHOLE = re.compile(r"[0-9]{1,15}")


def read_video(folder: Path) -> Video:
    """A video from `video_size_<rung>` files (size of one chunk a line), rung 0 lowest, or from `movie.json`.

    A file `video.json` with `bitrates_kbps`, `chunk_s`, `n_chunks` and `size_unit` (bytes, bits, kB, KiB, MB)
    describes another ladder than the published one of six rungs, 48 chunks of 4 s, sizes in bytes.
    `movie.json` is that of Sabre: `segment_duration_ms`, `bitrates_kbps`, `segment_sizes_bits`.

    Raises:
        DataError: rungs do not match, a size is not a whole number above 0, or sizes look like another unit or
            an order of rungs that is upside down; names file and line.
    """
    movie = folder / _MOVIE
    if movie.exists():
        return _movie(movie, folder.name)
    known = _description(folder / _DESCRIPTION)
    try:
        bitrates = tuple(float(rate) for rate in known["bitrates_kbps"])
        chunk_s, n_chunks = float(known["chunk_s"]), int(known["n_chunks"])
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{folder / _DESCRIPTION}: holds a value that is no number ({error}); correct it."
        ) from None
    files = sorted(folder.glob("video_size_*"))
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
    unit = known["size_unit"]
    sizes = np.array(rungs, dtype=np.float64) * _BYTES["bytes" if unit is None else unit]
    return _checked(folder, Video(folder.name, bitrates, chunk_s, _whole(sizes, folder), n_chunks), unit)


def _description(path: Path) -> dict[str, Any]:
    """The published ladder, or what `video.json` says of another."""
    known: dict[str, Any] = {
        "bitrates_kbps": BITRATES_KBPS,
        "chunk_s": CHUNK_S,
        "n_chunks": N_CHUNKS,
        "size_unit": None,
    }
    if path.exists():
        found = read_json(path)
        if not isinstance(found, dict) or not set(found) <= set(known):
            raise DataError(f"{path}: needs an object with {', '.join(known)}, and nothing else.")
        known |= found
    if known["size_unit"] not in (None, *_BYTES):
        raise DataError(f"{path}: size_unit is one of {', '.join(_BYTES)}, got {known['size_unit']!r}.")
    return known


def _movie(path: Path, name: str) -> Video:
    document = read_json(path)
    try:
        rates = tuple(float(rate) for rate in document["bitrates_kbps"])
        chunk_s = float(document["segment_duration_ms"]) / 1000.0
        bits = np.array(document["segment_sizes_bits"], dtype=np.float64)
        if bits.ndim != 2 or bits.shape[1] != len(rates):
            raise ValueError(f"sizes of shape {bits.shape} for {len(rates)} bitrates")
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{path}: not a movie of Sabre ({type(error).__name__}: {error}); it needs segment_duration_ms, "
            "bitrates_kbps, and in segment_sizes_bits a list of sizes for each segment."
        ) from None
    return _checked(path, Video(name, rates, chunk_s, _whole(bits.T / 8.0, path), len(bits)), "bits")


def _whole(sizes: NDArray[np.float64], place: Path) -> NDArray[np.int64]:
    """Sizes in whole bytes, rounded up."""
    if not (np.isfinite(sizes).all() and sizes.max(initial=0.0) <= LARGEST_BYTES):
        raise DataError(
            f"{place}: a chunk is larger than {LARGEST_BYTES:,} bytes; check the sizes and their unit."
        )
    return np.ceil(sizes).astype(np.int64)


def _checked(place: Path, video: Video, unit: str | None) -> Video:
    """The video, if its sizes rise with the rung and, where no unit is stated, fit its rates."""
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
    if unit is None and not 1.0 / OFF_BY <= ratio[level] <= OFF_BY:
        likely = min(_BYTES, key=lambda u: abs(float(np.log(ratio[level] * _BYTES[u]))))
        looks = f"they look like {likely}" if likely != "bytes" else "check the bitrates and chunk_s"
        raise DataError(
            f"{place}: sizes of rung {level} are {ratio[level]:.3g} times what {video.bitrates_kbps[level]:g} kbit/s "
            f"and chunks of {video.chunk_s:g} s make in bytes; {looks}. State size_unit in {_DESCRIPTION}."
        )
    return video


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
