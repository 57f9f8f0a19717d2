"""Long work in chunks: run in parallel, with each result stored on disk, so that it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from netwright.core.array_files import RawArray, read_npz
from netwright.core.errors import DataError
from netwright.core.files import replacing
from netwright.execution import Executor, SerialExecutor

Item = TypeVar("Item")
Arrays = Mapping[str, RawArray]


def _silent(message: str) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """How to process chunks.

    Attributes:
        folder: stores results of chunks until all are complete; None stores none.
        progress: called after every chunk.
        time_limit_s: limit of each solve; an unfinished solve ends the work with an error.
    """

    executor: Executor = field(default_factory=SerialExecutor)
    folder: Path | None = None
    progress: Callable[[str], None] = _silent
    time_limit_s: float = float("inf")

    def map(self, label: str, function: Callable[[Item], Arrays], items: Sequence[Item]) -> list[Arrays]:
        """`function` over `items`, in order; chunks already on disk are reused.

        The folder's name must identify the items, because results are found by label and number.
        """
        jobs = [(item, self._place(label, i)) for i, item in enumerate(items)]
        found: list[Arrays] = []
        for arrays in self._results(partial(_kept, function), jobs):
            found.append(arrays)
            self.progress(f"{label}: {len(found)} of {len(items)}")
        return found

    def _results(
        self, function: Callable[[tuple[Item, Path | None]], Arrays], jobs: Sequence[tuple[Item, Path | None]]
    ) -> Iterator[Arrays]:
        return iter(self.executor.map(function, jobs))

    def _place(self, label: str, number: int) -> Path | None:
        return None if self.folder is None else self.folder / f"{label}-{number:04d}.npz"


def _kept(function: Callable[[Item], Arrays], job: tuple[Item, Path | None]) -> Arrays:
    """In a worker: the chunk from disk, or computed now and stored."""
    item, path = job
    if path is None:
        return function(item)
    try:
        return read_npz(path, remedy="it will be computed again", finite=False)
    except DataError:  # missing, or truncated by a kill
        pass
    arrays = function(item)
    with replacing(path) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    return arrays
