"""Golden transitions: sessions recorded from the published simulator, replayed through the pure core.

Format: JSON lines; a header with `columns`, then a session a line with `trace_set`, `trace`, `video`,
`start_ptr`, `noise` (and the `numpy_seed` that drew it) and `rows`, one for each chunk, in those columns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from netwright.core.errors import DataError
from netwright.core.reading import read_json_lines
from netwright.core.verification import Verification
from netwright.tasks.abr import sim
from netwright.tasks.abr.data import FOLDERS
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.media import Rules, Trace, Video

COLUMNS = (
    "quality",
    "delay_ms",
    "sleep_ms",
    "buffer_s",
    "rebuffer_s",
    "chunk_bytes",
    "end_of_video",
    "next_chunk_bytes",
    "chunks_remaining",
)
TOLERANCE = 1e-9
_NOISE = 0.1  # factors from [0.9, 1.1] in the published code


def verify(path: Path, data: AbrData) -> Verification:
    """Replay one file; the largest difference of each field to what was recorded.

    Raises:
        DataError: the file is of another form, or a trace or video of it is not in the data.
    """
    largest = dict.fromkeys(COLUMNS, 0.0)
    n_sessions = n_rows = 0
    for number, session in _sessions(path):
        where = f"{path}:{number}"
        try:
            recorded = session["rows"]
            replayed = _replay(session, data, where)
            for want, got in zip(recorded, replayed, strict=True):
                for name, a, b in zip(COLUMNS, want, got, strict=True):
                    largest[name] = max(largest[name], _difference(a, b))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise DataError(
                f"{where}: not a session of golden transitions ({type(error).__name__}: {error}); restore the file."
            ) from None
        n_sessions, n_rows = n_sessions + 1, n_rows + len(recorded)
    return Verification(
        path=path, largest=largest, tolerance=TOLERANCE, counts={"sessions": n_sessions, "rows": n_rows}
    )


Session = dict[str, Any]
"""One recorded session."""

Cells = Sequence[float | list[float]]
"""One row of a session, in the order of `COLUMNS`."""


def _sessions(path: Path) -> Iterator[tuple[int, Session]]:
    """Line number and content of each session of a file, whose header is checked."""
    n_lines = 0
    for number, document in read_json_lines(path):
        n_lines += 1
        if not isinstance(document, dict):
            raise DataError(f"{path}:{number}: not a JSON object; restore the file.")
        if n_lines > 1:
            yield number, document
        elif document.get("columns") != list(COLUMNS):
            raise DataError(f"{path}:1: the header must name the columns {', '.join(COLUMNS)}.")
    if n_lines < 2:
        raise DataError(f"{path}: holds no session; give a file of golden transitions.")


def _replay(session: Session, data: AbrData, where: str) -> Iterator[Cells]:
    names: dict[str, str] = {folder: name for name, folder in FOLDERS.items()}
    recorded: str = session["trace_set"]
    traces = data.traces(names.get(recorded, recorded))
    trace = next((t for t in traces if t.name == session["trace"]), None)
    if trace is None:
        raise DataError(f"{where}: there is no trace {session['trace']!r} in {data.source}; check --data.")
    video = data.video(session["video"])
    levels = [int(row[0]) for row in session["rows"]]
    yield from _play(trace, video, int(session["start_ptr"]), levels, _factors(session))


def _play(
    trace: Trace, video: Video, row: int, levels: Sequence[int], factors: Sequence[float]
) -> Iterator[Cells]:
    state = sim.start(trace, row)
    for level, factor in zip(levels, factors, strict=True):
        state, seen = sim.step(state, level, video, trace, Rules(), factor)
        following = 0 if seen.end_of_video else state.chunk
        yield (
            level,
            seen.delay_ms,
            seen.sleep_ms,
            seen.buffer_s,
            seen.rebuffer_s,
            seen.chunk_bytes,
            int(seen.end_of_video),
            video.sizes_bytes[:, following].tolist(),
            float(video.n_chunks - state.chunk),
        )


def _factors(session: Session) -> list[float]:
    n_rows = len(session["rows"])
    if not session["noise"]:
        return [1.0] * n_rows
    drawn = np.random.RandomState(session["numpy_seed"])  # numpy's old stream, which the recording used
    return [float(drawn.uniform(1.0 - _NOISE, 1.0 + _NOISE)) for _ in range(n_rows)]


def _difference(want: Any, got: Any) -> float:
    """Largest difference of two numbers or lists of numbers; infinite if one is no number."""
    a, b = np.asarray(want, dtype=np.float64), np.asarray(got, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"{want!r} where {got!r} is expected")
    largest = float(np.abs(a - b).max())
    return largest if math.isfinite(largest) else math.inf
