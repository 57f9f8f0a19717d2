"""The log of a training run: one JSON line per evaluation, and TensorBoard where that is installed."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from netwright.core.files import write_text, writing

LOG, BOARD = "training.jsonl", "tensorboard"

Write = Callable[[Mapping[str, float]], None]


@contextmanager
def logged(folder: Path, history: Sequence[Mapping[str, float]]) -> Iterator[Write]:
    """Inside, evaluations are appended to the log, which begins with those of `history`."""
    path = folder / LOG
    write_text(path, "".join(json.dumps(entry) + "\n" for entry in history))
    with _tensorboard(folder / BOARD) as board:

        def write(entry: Mapping[str, float]) -> None:
            with writing(path), path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
            board(entry)

        yield write


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Write]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda entry: None
        return
    writer: Any = SummaryWriter(folder)

    def write(entry: Mapping[str, float]) -> None:
        for key in ("loss", "validation", "learning_rate"):
            if key in entry:
                writer.add_scalar(key, entry[key], int(entry["step"]))

    try:
        yield write
    finally:
        writer.close()


def peak_rss_mib() -> float:
    """Largest resident memory of this process so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
