"""The published files of TPC-H job profiles, `<size>/adj_mat_<q>.npy` and their like, read without unpickling.

Two of the three files of a query are pickles (object arrays). Their streams are parsed for plain numbers, lists and
dictionaries; nothing in them is imported or called (`netwright.datasets.plain_values`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from netwright.core.array_files import Arrays, npy_of_bytes
from netwright.core.reading import decoding, read_bytes
from netwright.datasets.plain_values import object_of_npy
from netwright.tasks.cjs.tpch import N_QUERIES, SIZES, profile_of_arrays
from netwright.tasks.cjs.workload import Profile

PARTS = ("adj_mat", "task_duration", "stage_id_to_node_idx_map")
WAVES = ("first_wave", "fresh_durations", "rest_wave")
MAX_BYTES = 64 << 20
REMEDY = "restore the file, or run `netwright data fetch cjs`, which converts the published ones"


def is_tree(folder: Path) -> bool:
    """Whether a folder holds published files: a folder of an input size with an adjacency matrix."""
    return any((folder / size / f"{PARTS[0]}_1.npy").is_file() for size in SIZES)


def read_tree(folder: Path) -> Iterator[Profile]:
    """The profiles of a folder with the published files of all sizes and queries.

    Raises:
        DataError: a file is missing, or holds other than plain values.
    """
    for size in SIZES:
        for query in range(1, N_QUERIES + 1):
            paths = [folder / size / f"{part}_{query}.npy" for part in PARTS]
            parts = [(str(path), read_bytes(path, limit=MAX_BYTES, remedy=REMEDY)) for path in paths]
            with decoding(paths[1], "not a job profile", REMEDY):
                arrays = arrays_of(*parts)
            yield profile_of_arrays(arrays, query, size, paths[1])


def arrays_of(adjacency: tuple[str, bytes], durations: tuple[str, bytes], nodes: tuple[str, bytes]) -> Arrays:
    """The arrays of one query, from the names and contents of its three files."""
    matrix = npy_of_bytes(adjacency[1], adjacency[0], remedy="fetch it again")
    stages = object_of_npy(durations[1], durations[0])
    node_of_stage = object_of_npy(nodes[1], nodes[0])
    index: list[tuple[int, int, int, int, int]] = []
    flat: list[int] = []
    for stage, waves in stages.items():
        for wave, levels in waves.items():
            for level, values in levels.items():
                index.append((stage, WAVES.index(wave), level, len(flat), len(values)))
                flat += values
    n_tasks = []
    for stage in range(len(stages)):
        first, rest = stages[stage]["first_wave"], stages[stage]["rest_wave"]
        level = next(iter(first))  # in the file's order, which the published simulator takes
        n_tasks.append(len(first[level]) + len(rest[level]))
    spark_stage = sorted(node_of_stage, key=node_of_stage.__getitem__)
    return {
        "adj": matrix.astype(np.int8),
        "num_tasks": np.array(n_tasks, dtype=np.int32),
        "index": np.array(index, dtype=np.int32),
        "durations_ms": np.array(flat, dtype=np.int32),
        "spark_stage_id": np.array(spark_stage, dtype=np.int32),
    }
