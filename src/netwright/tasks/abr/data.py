"""The traces and videos of adaptive bitrate streaming, from a folder of the documented layout or generated."""

from __future__ import annotations

from pathlib import Path

from netwright.core.errors import DataError
from netwright.core.files import read_json, sha256_of_file
from netwright.core.lazy import LazyMapping
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.formats import read_trace_folder
from netwright.tasks.abr.generator import generate
from netwright.tasks.abr.media import Trace
from netwright.tasks.abr.video_files import read_video

FOLDERS = {
    "fcc-train": "netllm-fcc-train",
    "fcc-test": "netllm-fcc-test",
    "fcc-extra": "genet-fcc-test-extra",
    "norway-train": "genet-norway-train",
    "norway-test": "genet-norway-test",
    "synthetic-test": "genet-synthetic-test",
}
"""Names of the published sets here, and the folders that hold them; other folders are sets of their own name."""

START_ROWS_SUFFIX = ".start_ptr.json"


def load(folder: Path | None, *, seed: int = 0) -> AbrData:
    """ABR data from `<folder>/abr` (`traces/<set>/`, `videos/<name>/`), or generated if that is None.

    Only names are listed here: a set, a video or a hash is read on first use, so that a bad file
    stops only what uses it. Reading raises `DataError` with file and line.

    Raises:
        DataError: there is no such folder.
    """
    if folder is None:
        return generate(seed=seed)
    place = folder / "abr"
    traces, videos = place / "traces", place / "videos"
    if not traces.is_dir() or not videos.is_dir():
        raise DataError(f"{place}: needs the folders traces and videos; run `netwright data fetch abr`.")
    names = {folder_name: name for name, folder_name in FOLDERS.items()}
    sets = {names.get(p.name, p.name): p for p in _folders(traces)}
    ladders = {p.name: p for p in _folders(videos)}
    starts = {
        names.get(stem, stem): file
        for file in sorted(traces.glob(f"*{START_ROWS_SUFFIX}"))
        for stem in [file.name.removesuffix(START_ROWS_SUFFIX)]
    }
    read = LazyMapping(sets, lambda name: read_trace_folder(sets[name]))
    return AbrData(
        sets=read,
        videos=LazyMapping(ladders, lambda name: read_video(ladders[name])),
        start_rows=LazyMapping(starts, lambda name: read_start_rows(starts[name], read.get(name, ()))),
        source=str(place),
        hashes=LazyMapping(_files(place), lambda path: sha256_of_file(place / path)),
    )


def _folders(place: Path) -> list[Path]:
    """Folders in the order of their names, but those whose names begin with a dot."""
    return sorted(p for p in place.iterdir() if p.is_dir() and not p.name.startswith("."))


def _files(place: Path) -> list[str]:
    """Paths of all files of traces and videos but those whose names begin with a dot: unfinished or hidden ones."""
    found = [p for kind in ("traces", "videos") for p in sorted((place / kind).rglob("*")) if p.is_file()]
    paths = [p.relative_to(place) for p in found]
    return [p.as_posix() for p in paths if not any(part.startswith(".") for part in p.parts)]


def read_start_rows(path: Path, traces: tuple[Trace, ...]) -> dict[str, int]:
    """Published start rows by trace name, checked against the traces that are there.

    Raises:
        DataError: the file is of another form, or names a row that a trace does not have.
    """
    document = read_json(path)
    rows = document.get("start_ptr") if isinstance(document, dict) else None
    if not isinstance(rows, dict) or not all(isinstance(row, int) for row in rows.values()):
        raise DataError(
            f"{path}: needs an object `start_ptr` of whole numbers by trace name; fetch it again."
        )
    for trace in traces:
        if not 1 <= rows.get(trace.name, 1) < trace.n_rows:
            raise DataError(
                f"{path}: {trace.name} starts at row {rows[trace.name]}, the trace has rows 1..{trace.n_rows - 1}."
            )
    return dict(rows)
