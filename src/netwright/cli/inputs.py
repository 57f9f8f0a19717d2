"""Conversion of command arguments: data, folders and given options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from netwright.cli.output import progress
from netwright.core.errors import ConfigError
from netwright.core.files import is_temporary
from netwright.core.locks import is_lock
from netwright.core.task import Task
from netwright.evaluation import subjects
from netwright.evaluation.subjects import provenance

__all__ = ["given", "load_data", "output_folder", "provenance"]


def load_data(task: Task, folder: Path | None, seed: int) -> Any:
    """The task's data from a folder, or generated from the seed (with a message on stderr)."""
    return subjects.loaded_data(task, folder, seed, progress)


def output_folder(folder: Path, marker: str, *, fresh: bool = False) -> Path:
    """Check that an output folder is absent, empty, or was written by such a command before.

    Args:
        folder: the folder given by the user.
        marker: name of a file in every such folder.
        fresh: refuse a folder that such a command wrote, whose content would be lost.

    Raises:
        ConfigError: it is a file, or contains files which would be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give --out a folder.")
    held = (
        [path for path in folder.iterdir() if not (is_lock(path) or is_temporary(path))]
        if folder.is_dir()
        else []
    )
    if fresh and (folder / marker).exists():
        raise ConfigError(f"{folder} exists already; choose another --out, or delete it first.")
    if held and not (folder / marker).exists():
        raise ConfigError(f"{folder}: contains other files, which would be lost; choose another --out.")
    return folder


def given(**options: Any) -> dict[str, Any]:
    """The options given by the user: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
