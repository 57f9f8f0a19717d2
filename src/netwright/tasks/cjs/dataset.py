"""What the data of cluster scheduling are: job profiles by name, and how job sequences are drawn from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from netwright.core.errors import ConfigError, DataError, UnknownNameError
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.tpch import N_QUERIES, SIZES, profile_name
from netwright.tasks.cjs.workload import Profile, ProfileTable, Workload

MEAN_GAP_MS = 25_000.0
"""Mean time between two arrivals in the paper's settings: 4e-5 jobs per ms."""


@dataclass(frozen=True, eq=False)
class CjsData:
    """Job profiles by name, and where they come from.

    Attributes:
        sequences: jobs of the user's own by the name of their file, read when they are first asked for.
        hashes: SHA-256 of the files by path; empty if generated.
    """

    profiles: Mapping[str, Profile]
    source: str
    synthetic: bool = False
    sequences: Mapping[str, Workload] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)

    def profile(self, name: str) -> Profile:
        """The profile of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.profiles:
            raise UnknownNameError("job profile", name, self.profiles)
        return self.profiles[name]

    def sequence(self, name: str) -> Workload:
        """The user's own jobs of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.sequences:
            raise UnknownNameError("file of jobs", name, self.sequences)
        return self.sequences[name]

    @cached_property
    def table(self) -> ProfileTable:
        """All profiles in arrays."""
        return ProfileTable.of(tuple(self.profiles.values()))

    @cached_property
    def _tpch(self) -> Ints | None:
        """(7, 22) index of each TPC-H profile, by size and query; None if these are other profiles."""
        index = {name: i for i, name in enumerate(self.profiles)}
        names = [[profile_name(query, size) for query in range(1, N_QUERIES + 1)] for size in SIZES]
        if set(index) != {name for row in names for name in row}:
            return None
        return np.array([[index[name] for name in row] for row in names], dtype=np.int64)

    def workload(self, rng: np.random.Generator, n_jobs: int, mean_gap_ms: float = MEAN_GAP_MS) -> Workload:
        """A sequence of jobs, each of a profile drawn uniformly; the first arrives at 0, gaps are exponential.

        TPC-H profiles are drawn as the published simulators draw them (query, size, gap to the next job), so that
        `np.random.default_rng(seed)` gives the jobs of their episode with that seed.

        Raises:
            ConfigError: no job, or a gap that is not above 0.
            DataError: there are no profiles.
        """
        if not self.profiles:
            raise DataError(
                f"{self.source}: holds no job profiles to draw from; choose jobs of your own with --set jobs=NAME, or "
                "run `netwright data fetch cjs`."
            )
        if n_jobs < 1 or not 0.0 < mean_gap_ms < float("inf"):
            raise ConfigError(
                f"a workload needs jobs and a mean gap above 0 ms, got {n_jobs} and {mean_gap_ms}."
            )
        chosen = np.zeros(n_jobs, dtype=np.int64)
        gaps_ms = np.zeros(n_jobs)
        for job in range(n_jobs):
            if self._tpch is not None:
                query = int(rng.integers(N_QUERIES))
                chosen[job] = self._tpch[int(rng.integers(len(SIZES))), query]
            else:
                chosen[job] = rng.integers(len(self.profiles))
            gaps_ms[job] = rng.exponential(mean_gap_ms)
        arrival_ms = np.concatenate([[0.0], np.cumsum(gaps_ms[:-1])])
        return Workload.of(self.table, chosen, arrival_ms)
