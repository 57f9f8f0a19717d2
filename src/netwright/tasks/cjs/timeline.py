"""What happened when in one sequence: how many jobs were there, and what executors worked on for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from netwright.core.results import Details
from netwright.core.types import Json
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Floats

WINDOW_MS = 150_000.0
"""How long what executors did is kept: of the whole sequence it would be tens of thousands of spans."""


@dataclass(frozen=True, eq=False)
class Timeline:
    """One sequence of J jobs under one policy.

    Attributes:
        sequence: its name.
        n_executors: of the cluster.
        arrival_s, completion_s: of each job.
        window_s: the time for which `spans` are kept, that in which most jobs arrive.
        spans: executor, job, start and end (s) of tasks of one job without a gap.
    """

    sequence: str
    n_executors: int
    arrival_s: Floats  # (J,)
    completion_s: Floats  # (J,)
    window_s: tuple[float, float]
    spans: Floats  # (K, 4)

    @classmethod
    def of(cls, cluster: Cluster, sequence: str) -> Self:
        """That of a recorded cluster at its end."""
        arrival_ms, completion_ms = cluster.workload.arrival_ms, cluster.completion_ms
        from_ms = busiest(arrival_ms, WINDOW_MS)
        to_ms = from_ms + WINDOW_MS
        found = spans(cluster, from_ms, to_ms)
        found[:, 2:] /= 1000.0
        return cls(
            sequence,
            cluster.rules.n_executors,
            arrival_ms / 1000.0,
            completion_ms / 1000.0,
            (from_ms / 1000.0, to_ms / 1000.0),
            found,
        )

    def to_json(self) -> Json:
        """A document of plain types; times to milliseconds."""
        return {
            "sequence": self.sequence,
            "n_executors": self.n_executors,
            "arrival_s": np.round(self.arrival_s, 3).tolist(),
            "completion_s": np.round(self.completion_s, 3).tolist(),
            "window_s": list(self.window_s),
            "spans": np.round(self.spans, 3).tolist(),
        }

    @classmethod
    def from_json(cls, document: Details) -> Self:
        """What `to_json` gave."""
        low_s, high_s = document["window_s"]
        return cls(
            document["sequence"],
            document["n_executors"],
            np.array(document["arrival_s"]),
            np.array(document["completion_s"]),
            (low_s, high_s),
            np.array(document["spans"], dtype=np.float64).reshape(-1, 4),
        )

    def n_active(self) -> tuple[Floats, Floats]:
        """Times (2J,) in seconds, rising, and the number of jobs in the system from each on."""
        times = np.concatenate([self.arrival_s, self.completion_s])
        steps = np.repeat([1.0, -1.0], len(self.arrival_s))
        order = np.lexsort((-steps, times))
        return times[order], np.cumsum(steps[order])


def busiest(arrival_ms: Floats, width_ms: float) -> float:
    """When the window of that width begins in which most jobs arrive, the first of several; times (J,) that rise."""
    ends = np.searchsorted(arrival_ms, arrival_ms + width_ms, side="left")
    return float(arrival_ms[np.argmax(ends - np.arange(len(arrival_ms)))])


def spans(cluster: Cluster, from_ms: float, to_ms: float) -> Floats:
    """(K, 4) executor, job, start and end (ms) within a time, tasks of one job in a row as one.

    Args:
        cluster: recorded.
        from_ms, to_ms: spans are cut to this time.
    """
    log = cluster.launches
    log = log[(log[:, 3] > from_ms) & (log[:, 2] < to_ms)]
    log[:, 1] = cluster.state.stages["job"][log[:, 1].astype(np.int64)]
    log = log[np.lexsort((log[:, 2], log[:, 0]))]
    begins = np.ones(len(log), dtype=np.bool_)
    begins[1:] = (log[1:, :2] != log[:-1, :2]).any(axis=1) | (log[1:, 2] > log[:-1, 3])
    first = np.flatnonzero(begins)
    last = np.roll(first, -1) - 1  # -1 for the last span: the last row
    start, end = np.maximum(log[first, 2], from_ms), np.minimum(log[last, 3], to_ms)
    return np.column_stack([log[first, 0], log[first, 1], start, end])
