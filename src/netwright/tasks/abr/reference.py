"""The offline optimum of a setting's sessions, computed once and kept: the scale of every result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from dataclasses import astuple
from pathlib import Path

import numpy as np

from netwright import __version__
from netwright.core.errors import DataError
from netwright.core.files import read_json, write_json
from netwright.tasks.abr.baselines.offline_optimum import BUCKET_S, optimal_levels
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.media import Floats


def optimum_qoe(sessions: Sessions) -> Floats:
    """(B,) mean QoE per decision of the offline optimum of fresh sessions, at noise-free delays planned.

    Kept below the folder that the variable NETWRIGHT_CACHE names, otherwise `~/.cache/netwright`, by content.
    """
    root = Path(os.environ.get("NETWRIGHT_CACHE") or Path.home() / ".cache" / "netwright")
    path = root / "abr-optimum" / f"{_fingerprint(sessions)[:32]}.json"
    known = _known(path, sessions.n)
    if known is not None:
        return known
    levels, played = optimal_levels(sessions), sessions.copy()
    total = np.zeros(sessions.n)
    for column in levels.T:
        total += played.step(column).qoe
    found: Floats = total / levels.shape[1]
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, no result
        write_json(path, {"bucket_s": BUCKET_S, "version": __version__, "qoe": found.tolist()})
    return found


def _known(path: Path, n: int) -> Floats | None:
    """What the cache holds, if it is whole."""
    if not path.exists():
        return None
    try:
        values = np.array(read_json(path)["qoe"], dtype=np.float64)
    except (DataError, KeyError, TypeError, ValueError):
        return None
    return values if values.shape == (n,) and np.isfinite(values).all() else None


def _fingerprint(sessions: Sessions) -> str:
    """SHA-256 of all that the optimum depends on."""
    digest = hashlib.sha256(json.dumps([__version__, BUCKET_S, astuple(sessions.rules)]).encode())
    digest.update(json.dumps([sessions.qoe.rebuffer, sessions.qoe.change, sessions.chunk]).encode())
    videos, traces = sessions.videos, sessions.traces
    for array in (
        traces.times_s,
        traces.bandwidths_mbps,
        traces.offset,
        videos.sizes_bytes,
        videos.bitrates_kbps,
        videos.chunk_s,
        np.array([videos.n_chunks]),
        sessions.trace_of,
        sessions.video_of,
        sessions.start_rows,
        sessions.scale,
    ):
        digest.update(f"{array.dtype} {array.shape};".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
