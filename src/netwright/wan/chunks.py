"""Long work cut into chunks: run in parallel, each result kept on disk, so that a stopped run goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from netwright.core.array_files import read_npz
from netwright.core.errors import DataError
from netwright.core.files import replacing
from netwright.execution import Executor, SerialExecutor

Item = TypeVar("Item")
Arrays = Mapping[str, npt.NDArray[Any]]


def _silent(message: str) -> None:
    pass


@dataclass(frozen=True)
class Work:
    """Where and how chunks are worked on.

    Attributes:
        folder: where results of chunks are kept until the whole is done; None keeps none.
        progress: told after every chunk how far the work is.
        time_limit_s: for each solve on its own; what is not solved by then ends the work with a sentence.
    """

    executor: Executor = field(default_factory=SerialExecutor)
    folder: Path | None = None
    progress: Callable[[str], None] = _silent
    time_limit_s: float = float("inf")

    def map(self, label: str, function: Callable[[Item], Arrays], items: Sequence[Item]) -> list[Arrays]:
        """`function` over `items`, in their order; chunks already on disk are not worked on again.

        What the items are must follow from the folder's name: a result is found again by label and number.
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
    """In a worker: the chunk from disk, or worked on now and kept."""
    item, path = job
    if path is None:
        return function(item)
    try:
        return read_npz(path, remedy="it is worked out again", finite=False)
    except DataError:  # absent, or cut short by a kill
        pass
    arrays = function(item)
    with replacing(path) as temporary, temporary.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    return arrays
