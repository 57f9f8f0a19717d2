"""The state as the small learned policies read it: one vector that holds what a good rule would compute."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from netwright.tasks.abr.media import Ints
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.state_features import COLUMNS, features_of, n_numbers, program_of, vector_layout
from netwright.tasks.abr.state_parts import fill_vector

Features = NDArray[np.float32]

PENSIEVE_ROWS, PENSIEVE_HISTORY = 6, 6


@cache
def size(n_levels: int) -> int:
    """Number of features F for a ladder of that many rungs."""
    return n_numbers(features_of(vector_layout(n_levels)))


@cache
def _program(n_levels: int) -> Ints:
    return program_of(vector_layout(n_levels))


def vector(observation: Observation) -> Features:
    """(B, F) features of B sessions, all of about unit size, in the order of `state_features.vector_layout`."""
    fields = tuple(np.ascontiguousarray(getattr(observation, name)) for name in COLUMNS[:6])
    out = np.zeros((observation.n, size(observation.n_levels)), dtype=np.float32)
    fill_vector(fields, _program(observation.n_levels), out)
    return out


def pensieve_state(observation: Observation) -> Features:
    """(B, 6, 6) Pensieve's state as published: rows as below, newest column last (Mao et al., SIGCOMM 2017, 4.2).

    Rows: last bitrate over the highest; buffer in 10 s; throughput in MB/s; download time in 10 s; sizes of the
    next chunk in MB, a column for each rung; share of the chunks that are left. Of the scalar rows only the last
    column is filled, since the network reads no other.
    """
    o = observation
    n, rows = np.arange(o.n), PENSIEVE_HISTORY
    out = np.zeros((o.n, PENSIEVE_ROWS, PENSIEVE_HISTORY), dtype=np.float32)
    out[:, 0, -1] = o.bitrates_mbps[n, o.last_level] / o.bitrates_mbps[:, -1]
    out[:, 1, -1] = o.buffer_s / 10.0
    out[:, 2] = o.throughputs_mbps[:, -rows:] / 8.0
    out[:, 3] = o.delays_s[:, -rows:] / 10.0
    out[:, 4, : o.n_levels] = o.next_sizes_mb[:, 0]
    out[:, 5, -1] = o.n_left / (o.n_left + o.chunk_index)
    return out
