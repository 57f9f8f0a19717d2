"""Cluster job scheduling: TPC-H job profiles and Decima's published weights, from NetLLM's repository."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from netwright.core.array_files import Arrays, RawArray
from netwright.core.errors import DataError, NetwrightError
from netwright.datasets.area import Area, Conversion, Finding
from netwright.datasets.plain_values import Named, plain_values
from netwright.datasets.sources import NETLLM
from netwright.tasks.cjs.data import FOLDER, JOBS
from netwright.tasks.cjs.originals import PARTS, arrays_of
from netwright.tasks.cjs.own_jobs import own_jobs, read_own
from netwright.tasks.cjs.tpch import N_QUERIES, SIZES, read_size

_PROFILE = re.compile(
    r"cluster_job_scheduling/(?:.*/)?(?P<file>\d+g/(?:adj_mat|task_duration|stage_id_to_node_idx_map)_\d+\.npy)"
)
_WEIGHTS = re.compile(r"cluster_job_scheduling/(?:.*/)?decima/model\.pt")


def pack_profiles(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """One npz per input size, from the original files by their names in the repository.

    Returns:
        `tpch_npz/<size>.npz` with, for each query q: `q{q}_adj` int8 (n, n), row = parent; `q{q}_num_tasks`
        int32 (n,); `q{q}_index` int32 (m, 5) rows of stage, wave, level, start, length;
        `q{q}_durations_ms` int32; `q{q}_spark_stage_id` int32 (n,).

    Raises:
        DataError: a file is missing or malformed.
    """
    originals = {match["file"]: data for name, data in files.items() if (match := _PROFILE.fullmatch(name))}
    made = {}
    for size in SIZES:
        arrays: Arrays = {}
        for query in range(1, N_QUERIES + 1):
            parts = (f"{size}/{part}_{query}.npy" for part in PARTS)
            try:
                for key, array in arrays_of(*((name, originals[name]) for name in parts)).items():
                    arrays[f"q{query}_{key}"] = array
            except (KeyError, TypeError, AttributeError, ValueError, StopIteration) as error:
                raise DataError(f"TPC-H query {query} of {size} is incomplete ({error}).") from None
        made[f"tpch_npz/{size}.npz"] = _npz(arrays)
    return made


def pack_weights(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`decima/decima_weights.npz` (float32 arrays by parameter name) from the torch file `model.pt`.

    Raises:
        DataError: it is not a torch file of contiguous float32 tensors.
    """
    name, content = next(iter(files.items()))
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            (listing,) = (n for n in archive.namelist() if n.endswith("/data.pkl"))
            found = plain_values(archive.read(listing), name)
            for key, tensor in (found.items if isinstance(found, Named) else found).items():
                storage, offset, shape, stride = tensor.arguments[:4]
                kind, cls, number = storage.arguments[:3]
                if (kind, cls.name) != ("storage", "torch FloatStorage"):
                    raise ValueError(f"{key} is a {cls.name}")
                values = np.frombuffer(
                    archive.read(listing.removesuffix("data.pkl") + f"data/{number}"), "<f4"
                )
                size = int(np.prod(shape))
                if stride != tuple(s // 4 for s in np.empty(shape, "<f4").strides):
                    raise ValueError(f"{key} is not contiguous")
                arrays[key] = values[offset : offset + size].reshape(shape)
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{name}: not a torch file of float32 tensors ({error}).") from None
    return {"decima/decima_weights.npz": _npz(arrays)}


def _npz(arrays: Mapping[str, RawArray]) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, allow_pickle=False, **arrays)
    return stream.getvalue()


def check(folder: Path) -> Iterator[Finding]:
    """What the readers refuse of job profiles and own jobs, each file on its own."""
    own = list(own_jobs(folder / JOBS).values())
    profiles = (
        [folder / FOLDER / f"{size}.npz" for size in SIZES] if (folder / FOLDER).is_dir() or not own else []
    )
    for path in [*profiles, *own]:
        try:
            (read_own if path in own else read_size)(path)
        except NetwrightError as error:
            place, _, what = str(error).partition(": ")
            yield Finding("error", place, what)


AREA = Area(
    name="cjs",
    title="cluster job scheduling: TPC-H job profiles, Decima weights",
    sources=(NETLLM,),
    conversions=(
        Conversion(tuple(f"tpch_npz/{size}.npz" for size in SIZES), NETLLM, _PROFILE, pack_profiles),
        Conversion(("decima/decima_weights.npz",), NETLLM, _WEIGHTS, pack_weights),
    ),
    not_public=(
        ("golden/*", "recorded from the reference simulators by the netwright developers"),
        ("tpch_checks.json", "computed from the profiles by the netwright developers"),
    ),
    check=lambda folder: tuple(check(folder)),
)
