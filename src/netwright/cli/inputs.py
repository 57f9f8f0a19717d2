"""From the words of a command to what the library works on: data and folders."""

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
    """The task's data from a folder, or generated from the seed (and said so on stderr)."""
    return subjects.loaded_data(task, folder, seed, progress)


def output_folder(folder: Path, marker: str) -> Path:
    """The folder, if it may be written: absent, empty, or written by such a command before.

    Args:
        folder: that the user gave.
        marker: a file that every such folder holds.

    Raises:
        ConfigError: it is a file, or holds other things, which would be lost.
    """
    if folder.exists() and not folder.is_dir():
        raise ConfigError(f"{folder}: is a file; give --out a folder.")
    held = (
        [path for path in folder.iterdir() if not (is_lock(path) or is_temporary(path))]
        if folder.is_dir()
        else []
    )
    if held and not (folder / marker).exists():
        raise ConfigError(f"{folder}: holds files of another kind, which would be lost; give another --out.")
    return folder


def given(**options: Any) -> dict[str, Any]:
    """The options that the user gave: those that are not None."""
    return {name: value for name, value in options.items() if value is not None}
