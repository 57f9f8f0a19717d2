"""Viewport prediction: the Jin2022 and Wu2017 head-orientation traces, from NetLLM's repository."""

from __future__ import annotations

import ast
import io
import json
import re
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import DataError
from netwright.datasets.area import Area, Conversion
from netwright.datasets.sources import NETLLM
from netwright.tasks.vp.checks import check
from netwright.tasks.vp.data import ARCHIVES
from netwright.tasks.vp.dataset import SPLITS

MICRO = 1e6  # stored integers per second or degree: the CSV files have six decimals
HELD_OUT_VIDEOS = (4, 8, 14, 18, 24, 25)
HELD_OUT_USERS = (35, 44, 53)
LAST_VIDEO = {"Jin2022": 27, "Wu2017": 9}

_CSV = re.compile(
    r"viewport_prediction/data/viewports/(?P<set>Jin2022|Wu2017)"
    r"/video(?P<video>\d+)/5Hz/simple_5Hz_user(?P<user>\d+)\.csv"
)
_CONFIG = re.compile(r"viewport_prediction/config\.py")


def left_out(name: str, video: int, user: int) -> bool:
    """Whether the data folder leaves a published trace out: other videos, and 18 held-out test traces."""
    held_out = name == "Jin2022" and video in HELD_OUT_VIDEOS and user in HELD_OUT_USERS
    return held_out or video > LAST_VIDEO[name]


def pack(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Archives of all traces, from the original CSV files by their names in the repository.

    Returns:
        For each dataset an npz: `rows` int32 (n, 4) of time, roll, pitch, yaw times 1e6; `video`, `user`
        int32 (traces,) in their order; `offset` int64 (traces + 1,).

    Raises:
        DataError: names a file that does not hold four columns of numbers.
    """
    traces: dict[str, list[tuple[int, int, str]]] = {name: [] for name in ARCHIVES}
    for path in files:
        match = _CSV.fullmatch(path)
        if match and not left_out(match["set"], int(match["video"]), int(match["user"])):
            traces[match["set"]].append((int(match["video"]), int(match["user"]), path))
    made = {}
    for name, found in traces.items():
        if not found:
            raise DataError(f"{NETLLM.repository} holds no trace of {name} at {NETLLM.commit[:7]}.")
        found.sort()
        tables = [_micro_units(path, files[path]) for _, _, path in found]
        stream = io.BytesIO()
        np.savez_compressed(
            stream,
            rows=np.concatenate(tables),
            video=np.array([v for v, _, _ in found], dtype=np.int32),
            user=np.array([u for _, u, _ in found], dtype=np.int32),
            offset=np.concatenate([[0], np.cumsum([len(t) for t in tables])]).astype(np.int64),
        )
        made[ARCHIVES[name]] = stream.getvalue()
    return made


def _micro_units(path: str, content: bytes) -> NDArray[np.int32]:
    try:
        if not content.strip():
            raise ValueError
        table = np.loadtxt(io.BytesIO(content), delimiter=",", comments=None, ndmin=2)
        if table.shape[1] != 4 or not np.isfinite(table).all():
            raise ValueError
    except ValueError:
        raise DataError(
            f"{path}: does not hold four columns of numbers; the public archive is damaged."
        ) from None
    return np.rint(table * MICRO).astype(np.int32)


def split_document(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """`split.json` from the two dictionaries of NetLLM's `config.py`, less the held-out test viewers.

    The file is parsed, not run.
    """
    (source,) = files.values()
    found: dict[str, dict[str, dict[str, list[int]]]] = {}
    try:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                part = {"dataset_video_split_360": "videos", "dataset_user_split_360": "users"}.get(
                    node.targets[0].id
                )
                if part is not None:
                    found[part] = ast.literal_eval(node.value)
        document = {
            name: {part: {s: list(found[part][name][s]) for s in SPLITS} for part in ("videos", "users")}
            for name in ARCHIVES
        }
    except (SyntaxError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"NetLLM's config.py no longer holds the splits ({type(error).__name__}: {error})."
        ) from None
    users = document["Jin2022"]["users"]
    users["test"] = [u for u in users["test"] if u not in HELD_OUT_USERS]
    return {"split.json": (json.dumps(document, indent=0) + "\n").encode()}


AREA = Area(
    name="vp",
    title="viewport prediction: head-orientation traces of Jin2022 and Wu2017",
    sources=(NETLLM,),
    conversions=(
        Conversion(tuple(ARCHIVES.values()), NETLLM, _CSV, pack),
        Conversion(("split.json",), NETLLM, _CONFIG, split_document),
    ),
    check=check,
)
