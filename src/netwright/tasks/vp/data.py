"""Head-orientation traces: readers for the npz archives and the original CSV tree.

Units are degrees and seconds from here on. Columns are roll, pitch, yaw; yaw and roll wrap at +-180.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import read_npz
from netwright.core.errors import DataError
from netwright.core.files import plain_files, read_json, sha256_of_file
from netwright.core.identity import sha256_of
from netwright.core.lazy import LazyMapping
from netwright.core.reading import MissingFileError, check_rows, decimal_number, marked_first_line, read_text
from netwright.tasks.vp.angles import Floats
from netwright.tasks.vp.dataset import SPLITS, Split, TraceSet, VpData
from netwright.tasks.vp.generator import generate
from netwright.tasks.vp.units import (
    UNSTATED,
    Columns,
    Units,
    columns_of,
    converted,
    read_units,
    say_unused,
    settled,
)

_CSV_PLACE = re.compile(r"video(?P<video>[0-9]{1,9})/5Hz/simple_5Hz_user(?P<user>[0-9]{1,9})\.csv")
ARCHIVES = {"Jin2022": "jin2022_5hz.npz", "Wu2017": "wu2017_5hz.npz"}


def load(folder: Path | None, *, seed: int = 0) -> VpData:
    """Viewport data from `<folder>/vp` (archives or the original CSV tree), or generated if that is None.

    A dataset or a hash is read on first use, so that a bad file stops only what uses it. Reading
    raises `DataError` with file and place.

    Raises:
        DataError: `split.json` is missing or damaged.
    """
    if folder is None:
        return generate(seed=seed)
    place = folder / "vp" if (folder / "vp").is_dir() else folder
    splits = read_splits(place / "split.json")
    archives = any((place / archive).exists() for archive in ARCHIVES.values())
    files = [a for a in (*ARCHIVES.values(), "split.json") if (place / a).exists()]
    names = ["image_features", *([] if archives else splits)]
    folders = [f"{name}/" for name in names if (place / name).is_dir()]

    def read(name: str) -> TraceSet:
        found = read_archive(place / ARCHIVES[name], name) if archives else read_csv_tree(place / name, name)
        return replace(found, frames=read_frames(place / "image_features" / name))

    return VpData(
        sets=LazyMapping(ARCHIVES if archives else splits, read),
        splits=splits,
        source=str(place),
        hashes=LazyMapping([*files, *folders], lambda name: _sha256(place / name)),
    )


def _sha256(path: Path) -> str:
    """Of a file, or of all files of a folder with their paths in it."""
    if path.is_file():
        return sha256_of_file(path)
    return sha256_of({p.relative_to(path).as_posix(): sha256_of_file(p) for p in plain_files(path)})


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
    units = read_units(path.parent)
    values = converted(rows / 1e6, Columns(), units)
    values, offset = settled(values, offset.astype(np.int64), units, path)
    return TraceSet(
        name=name,
        angles_deg=np.ascontiguousarray(values[:, 1:]),
        time_s=np.ascontiguousarray(values[:, 0]),
        offset=offset,
        video=video.astype(np.int64),
        user=user.astype(np.int64),
    )


def read_csv(path: Path, units: Units = UNSTATED) -> Floats:
    """(rows, 4) time in s, roll, pitch, yaw in degrees of one original CSV file.

    Blank lines, a byte order mark and lines that begin with # are skipped. A line of titles may name the columns
    in another order, and their units: `time (ms)`, `yaw_rad`.

    Raises:
        DataError: names file and line of the first value that cannot be read.
    """
    return _table(path, units)[0]


def _table(path: Path, units: Units) -> tuple[Floats, tuple[str, ...]]:
    """What `read_csv` gives, and the titles of unused columns."""
    columns, lines = csv_lines(read_text(path), path)
    for number, fields in lines:
        if len(fields) != columns.n or not all(is_number(fields[i]) for i in columns.at):
            raise DataError(
                f"{path}:{number}: expected four numbers (time, roll, pitch, yaw), got {','.join(fields)[:60]!r}; "
                "correct or drop the row."
            )
    if not lines:
        raise DataError(f"{path}: holds no row; drop the file.")
    table = np.array([[fields[i] for i in columns.at] for _, fields in lines], dtype=np.float64)
    return converted(table, columns, units), columns.unused


def csv_lines(text: str, path: Path) -> tuple[Columns, list[tuple[int, list[str]]]]:
    """The columns of a CSV text, and number and fields of each line that holds values."""
    check_rows(text, path)
    numbered = [
        (n, line.strip())
        for n, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1)
        if line.strip()
    ]
    lines = [(n, line.split(",")) for n, line in numbered if not line.startswith("#")]
    if not lines or any(map(is_number, lines[0][1])):
        return _titles_behind_a_mark(text, path), lines
    number, titles = lines[0]
    return columns_of(titles, f"{path}:{number}"), lines[1:]


def _titles_behind_a_mark(text: str, path: Path) -> Columns:
    """The columns that a first line behind `#` names, those of the original layout where it names none."""
    number, titles = marked_first_line(text.splitlines()) or (0, "")
    try:
        return columns_of(titles.split(","), f"{path}:{number}") if titles else Columns()
    except DataError:  # a comment
        return Columns()


def read_csv_tree(folder: Path, name: str) -> TraceSet:
    """One dataset from the original layout `video<v>/5Hz/simple_5Hz_user<u>.csv`, in (video, user) order."""
    found = ((_CSV_PLACE.fullmatch(p.relative_to(folder).as_posix()), p) for p in folder.rglob("*.csv"))
    files = sorted((int(m["video"]), int(m["user"]), p) for m, p in found if m)
    if not files:
        raise DataError(f"{folder}: no video<v>/5Hz/simple_5Hz_user<u>.csv below it; check --data.")
    units = read_units(folder)
    tables, unused = zip(*(_table(path, units) for _, _, path in files), strict=True)
    say_unused(itertools.chain(*unused), folder)
    offset = np.concatenate([[0], np.cumsum([len(t) for t in tables])]).astype(np.int64)
    rows, offset = settled(np.concatenate(tables), offset, units, folder)
    return TraceSet(
        name=name,
        angles_deg=np.ascontiguousarray(rows[:, 1:]),
        time_s=np.ascontiguousarray(rows[:, 0]),
        offset=offset,
        video=np.array([v for v, _, _ in files], dtype=np.int64),
        user=np.array([u for _, u, _ in files], dtype=np.int64),
    )


def is_number(field_: str) -> bool:
    """Whether a field is a number."""
    return decimal_number(field_.strip()) is not None
