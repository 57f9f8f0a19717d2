"""TPC-H job profiles: 22 queries on 7 input sizes, as measured on Spark for Decima (Mao et al. 2019).

`tpch_npz/<size>.npz` holds for each query q: `q{q}_adj` (n, n), row = parent; `q{q}_num_tasks` (n,); `q{q}_index`
(m, 5) rows of stage, wave, level, start, length into `q{q}_durations_ms`. The wave "first" there still contains the
durations of cold executors; `cleaned` takes them out, as the published simulators do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from netwright.core.array_files import RawArray, read_npz
from netwright.core.reading import decoding
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.workload import Durations, Profile

SIZES = ("2g", "5g", "10g", "20g", "50g", "80g", "100g")
N_QUERIES = 22
FILE_WAVES = ("first", "fresh", "rest")  # in the order of the numbers in `q{q}_index`
REMEDY = "run `netwright data fetch cjs`"


def profile_name(query: int, size: str) -> str:
    """Name of a profile, such as "q5-100g"."""
    return f"q{query}-{size}"


def read_size(path: Path) -> tuple[Profile, ...]:
    """The 22 profiles of one input size.

    Raises:
        DataError: the file is missing, damaged or of another form.
    """
    arrays = read_npz(path, remedy=REMEDY)
    return tuple(_profile(arrays, query, path) for query in range(1, N_QUERIES + 1))


def _profile(arrays: Mapping[str, RawArray], query: int, path: Path) -> Profile:
    prefix = f"q{query}_"
    own = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    return profile_of_arrays(own, query, path.stem, path)


def profile_of_arrays(arrays: Mapping[str, RawArray], query: int, size: str, where: Path) -> Profile:
    """A profile from the arrays `adj`, `num_tasks`, `index` and `durations_ms` of one query.

    Raises:
        DataError: they are no such profile.
    """
    with decoding(where, f"query {query} is not a job profile", REMEDY):
        adjacency, n_tasks, index, durations = (
            arrays[part] for part in ("adj", "num_tasks", "index", "durations_ms")
        )
        stages: list[dict[str, dict[int, list[float]]]] = [
            {wave: {} for wave in FILE_WAVES} for _ in range(len(n_tasks))
        ]
        for stage, wave, level, start, length in index.tolist():
            stages[stage][FILE_WAVES[wave]][level] = durations[start : start + length].tolist()
        edges = np.argwhere(adjacency != 0).astype(np.int64)
        return profile_of(profile_name(query, size), edges, n_tasks.astype(np.int64), stages)


def profile_of(
    name: str, edges: Ints, n_tasks: Ints, stages: list[dict[str, dict[int, list[float]]]]
) -> Profile:
    """A profile from lists of durations as they were measured, cleaned here."""
    lists = [cleaned(stage) for stage in stages]
    return Profile(name, edges, n_tasks, mean_durations(lists), Durations.of(lists, f"job {name!r}"))


def cleaned(stage: Mapping[str, Mapping[int, list[float]]]) -> dict[str, dict[int, list[float]]]:
    """The lists of a stage, each fresh duration taken once out of the first wave of its level.

    A level that then has no first wave inherits that of the next smaller one; the smallest may stay empty.
    """
    first: dict[int, list[float]] = {}
    for level, durations in stage["first"].items():
        cold = Counter(stage["fresh"].get(level, ()))
        first[level] = []
        for duration in durations:
            if cold[duration]:
                cold[duration] -= 1
            else:
                first[level].append(duration)
    inherited: list[float] = []
    for level in sorted(first):
        first[level] = inherited = first[level] or inherited
    return {
        "fresh": {level: list(found) for level, found in stage["fresh"].items()},
        "first": first,
        "rest": {level: list(found) for level, found in stage["rest"].items()},
    }


def mean_durations(lists: list[dict[str, dict[int, list[float]]]]) -> Floats:
    """(n,) mean over all cleaned lists of each stage, in ms: the estimate that a scheduler starts with."""
    return np.array(
        [
            np.mean(
                [
                    value
                    for wave in ("fresh", "first", "rest")
                    for found in stage[wave].values()
                    for value in found
                ]
            )
            for stage in lists
        ]
    )
