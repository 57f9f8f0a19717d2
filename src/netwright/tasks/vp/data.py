"""Head-orientation traces: readers for the npz archives and the original CSV tree.

Units are degrees and seconds from here on. Columns are roll, pitch, yaw; yaw and roll wrap at +-180.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import read_npz
from netwright.core.errors import DataError, UnknownNameError
from netwright.core.files import read_json, sha256_of_file
from netwright.core.reading import MissingFileError, read_text

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROLL, PITCH, YAW = 0, 1, 2
AXES = ("roll", "pitch", "yaw")
LIMITS_DEG = (180.0, 90.0, 180.0)
SPLITS = ("train", "valid", "test")
_CSV_PLACE = re.compile(r"video(?P<video>\d+)/5Hz/simple_5Hz_user(?P<user>\d+)\.csv")
ARCHIVES = {"Jin2022": "jin2022_5hz.npz", "Wu2017": "wu2017_5hz.npz"}


@dataclass(frozen=True, eq=False)
class TraceSet:
    """All traces of one dataset, end to end in one array; equal only to itself.

    Trace i is `angles_deg[offset[i]:offset[i + 1]]`, watched by viewer `user[i]` of video `video[i]`.
    `frames` holds cached image features by video, (samples, F), where there are any.
    """

    name: str
    angles_deg: Floats  # (rows, 3) roll, pitch, yaw
    time_s: Floats  # (rows,)
    offset: Ints  # (traces + 1,)
    video: Ints  # (traces,)
    user: Ints  # (traces,)
    frames: Mapping[int, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def n_traces(self) -> int:
        """Number of traces."""
        return len(self.video)

    @cached_property
    def lengths(self) -> Ints:
        """(traces,) rows of each trace."""
        return np.diff(self.offset)

    def trace(self, index: int) -> Floats:
        """(rows, 3) angles of one trace in degrees."""
        return self.angles_deg[self.offset[index] : self.offset[index + 1]]

    def label(self, index: int) -> str:
        """A name for one trace, such as "Jin2022/video4/user83"."""
        return f"{self.name}/video{self.video[index]}/user{self.user[index]}"


@dataclass(frozen=True)
class Split:
    """Which videos and viewers belong to train, valid and test: a split is (its videos) x (its viewers)."""

    videos: Mapping[str, tuple[int, ...]]
    users: Mapping[str, tuple[int, ...]]

    def traces(self, traces: TraceSet, split: str) -> Ints:
        """Indices of the traces of one split, in the order of the archive."""
        if split not in SPLITS:
            raise UnknownNameError("split", split, SPLITS)
        inside = np.isin(traces.video, self.videos[split]) & np.isin(traces.user, self.users[split])
        return np.flatnonzero(inside).astype(np.int64)


@dataclass(frozen=True)
class VpData:
    """The datasets of viewport prediction with their splits, and where they come from."""

    sets: Mapping[str, TraceSet]
    splits: Mapping[str, Split]
    source: str
    synthetic: bool = False
    hashes: Mapping[str, str] = field(default_factory=dict)

    def traces(self, name: str) -> TraceSet:
        """The dataset of that name; an unknown one raises `UnknownNameError`."""
        if name not in self.sets:
            raise UnknownNameError("dataset", name, self.sets)
        return self.sets[name]


def load(folder: Path | None, *, seed: int = 0) -> VpData:
    """Viewport data from `<folder>/vp` (archives or the original CSV tree), or generated if that is None.

    Raises:
        DataError: a file is missing, damaged, or holds a value that cannot be; names file and place.
    """
    if folder is None:
        from netwright.tasks.vp.generator import generate

        return generate(seed=seed)
    place = folder / "vp" if (folder / "vp").is_dir() else folder
    splits = read_splits(place / "split.json")
    if any((place / archive).exists() for archive in ARCHIVES.values()):
        sets = {name: read_archive(place / archive, name) for name, archive in ARCHIVES.items()}
    else:
        sets = {name: read_csv_tree(place / name, name) for name in splits}
    sets = {name: replace(s, frames=read_frames(place / "image_features" / name)) for name, s in sets.items()}
    files = {a: sha256_of_file(place / a) for a in (*ARCHIVES.values(), "split.json") if (place / a).exists()}
    return VpData(sets=sets, splits=splits, source=str(place), hashes=files)


def read_frames(folder: Path) -> dict[int, NDArray[np.float32]]:
    """Image features by video from `video<v>.npz` (array `features`, a row a sample); none if no folder."""
    found = {}
    for path in sorted(folder.glob("video*.npz")):
        try:
            number = int(path.stem.removeprefix("video"))
            found[number] = read_npz(path, remedy="compute it again")["features"].astype(np.float32)
        except (ValueError, KeyError) as error:
            raise DataError(
                f"{path}: not an archive with an array `features` ({error}); compute it again."
            ) from None
    return found


def read_splits(path: Path) -> dict[str, Split]:
    """Splits from `split.json`: `{dataset: {"videos": {split: [ids]}, "users": {split: [ids]}}}`."""
    try:
        document: Any = read_json(path)
        return {
            name: Split(
                videos={s: tuple(int(i) for i in parts["videos"][s]) for s in SPLITS},
                users={s: tuple(int(i) for i in parts["users"][s]) for s in SPLITS},
            )
            for name, parts in document.items()
        }
    except MissingFileError:
        raise DataError(f"{path}: no such file; point --data at a folder that holds vp/split.json.") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DataError(
            f"{path}: not a split file ({type(error).__name__}: {error}); it needs, for each dataset, "
            "lists of whole numbers under videos and users for train, valid and test."
        ) from None


def read_archive(path: Path, name: str) -> TraceSet:
    """One dataset from an npz archive (`rows` int32 of micro-units, `video`, `user`, `offset`; no pickle).

    Raises:
        DataError: the archive is missing, cut short, or its arrays do not fit each other.
    """
    try:
        archive = read_npz(path, remedy="fetch it again", fault="damaged or not a trace archive")
        rows, video, user, offset = (archive[key] for key in ("rows", "video", "user", "offset"))
    except MissingFileError:
        raise DataError(f"{path}: no such file; run `netwright data fetch` or check --data.") from None
    except KeyError as error:
        raise DataError(f"{path}: damaged or not a trace archive ({error}); fetch it again.") from None
    if (
        rows.ndim != 2
        or rows.shape[1] != 4
        or len(offset) != len(video) + 1
        or len(user) != len(video)
        or offset[0] != 0
        or offset[-1] != len(rows)
        or (np.diff(offset) < 0).any()
    ):
        raise DataError(f"{path}: arrays rows, video, user and offset do not fit each other; fetch it again.")
    values = rows / 1e6
    return TraceSet(
        name=name,
        angles_deg=np.ascontiguousarray(values[:, 1:]),
        time_s=np.ascontiguousarray(values[:, 0]),
        offset=offset.astype(np.int64),
        video=video.astype(np.int64),
        user=user.astype(np.int64),
    )


def read_csv(path: Path) -> Floats:
    """(rows, 4) time, roll, pitch, yaw of one original CSV file (no header).

    Raises:
        DataError: names file and line of the first value that cannot be read.
    """
    text = read_text(path)
    try:
        table = np.array([line.split(",") for line in text.splitlines() if line], dtype=np.float64)
        if table.ndim != 2 or table.shape[1] != 4:
            raise ValueError
    except ValueError:
        for number, line in enumerate(text.splitlines(), start=1):
            fields = line.split(",")
            if line and (len(fields) != 4 or not all(map(_is_number, fields))):
                raise DataError(
                    f"{path}:{number}: expected four numbers (time, roll, pitch, yaw), got {line[:60]!r}; "
                    "mend or drop the row."
                ) from None
        raise DataError(f"{path}: holds no row; drop the file.") from None
    return table


def read_csv_tree(folder: Path, name: str) -> TraceSet:
    """One dataset from the original layout `video<v>/5Hz/simple_5Hz_user<u>.csv`, in (video, user) order."""
    found = ((_CSV_PLACE.fullmatch(p.relative_to(folder).as_posix()), p) for p in folder.rglob("*.csv"))
    files = sorted((int(m["video"]), int(m["user"]), p) for m, p in found if m)
    if not files:
        raise DataError(f"{folder}: no video<v>/5Hz/simple_5Hz_user<u>.csv below it; check --data.")
    tables = [read_csv(path) for _, _, path in files]
    rows = np.concatenate(tables)
    return TraceSet(
        name=name,
        angles_deg=np.ascontiguousarray(rows[:, 1:]),
        time_s=np.ascontiguousarray(rows[:, 0]),
        offset=np.concatenate([[0], np.cumsum([len(t) for t in tables])]).astype(np.int64),
        video=np.array([v for v, _, _ in files], dtype=np.int64),
        user=np.array([u for _, u, _ in files], dtype=np.int64),
    )


def _is_number(field_: str) -> bool:
    try:
        float(field_)
    except ValueError:
        return False
    return True
