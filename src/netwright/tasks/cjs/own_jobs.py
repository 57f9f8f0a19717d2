"""The user's own jobs in `<data>/cjs/jobs`: JSON files (`job_files`) and Spark event logs (`history`)."""

from __future__ import annotations

from pathlib import Path

from netwright.tasks.cjs.event_log import is_event_log
from netwright.tasks.cjs.history import read_history
from netwright.tasks.cjs.job_files import read_jobs
from netwright.tasks.cjs.workload import Workload


def own_jobs(folder: Path) -> dict[str, Path]:
    """What a folder holds, by name: JSON files without their ending, event logs as they are called."""
    if not folder.is_dir():
        return {}
    paths = (path for path in sorted(folder.iterdir()) if not path.name.startswith("."))
    return {path.stem if path.suffix == ".json" else path.name: path for path in paths}


def read_own(path: Path) -> Workload:
    """The jobs of a file or folder; raises `NetwrightError` for one that is neither of jobs nor an event log."""
    return read_history(path) if is_event_log(path) else read_jobs(path)


def files_of(path: Path) -> list[Path]:
    """The files of which jobs may be read."""
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
