"""One run on disk: its lock, its unfinished folder with log and checkpoint, and the loop that trains."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from netwright.core.errors import DataError
from netwright.core.identity import RunIdentity
from netwright.core.interrupts import deferred
from netwright.core.locks import locked
from netwright.training.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from netwright.training.log import Write, logged
from netwright.training.trainer import Trainer

Progress = Callable[[str], None]

SHOW_SECONDS = 5.0


class Run:
    """A run that becomes the folder `out`; while it is unfinished, it is in `partial`.

    Args:
        out: folder of the result.
        progress: called with one line from time to time.
        resume: continue from the checkpoint in `partial`, if there is one.
    """

    def __init__(self, out: Path, progress: Progress, *, resume: bool = True) -> None:
        self.out, self.progress, self.resume = out, progress, resume
        self.partial = partial_folder(out)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other process works on this run.

        Raises:
            BusyError: another process does.
        """
        with locked(self.partial):
            yield

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is an unfinished run to resume."""
        return (self.partial / CHECKPOINT).is_dir()

    def restore(self, trainer: Trainer, identity: RunIdentity) -> bool:
        """Continue from the checkpoint, if there is one and `resume` is set; whether there was.

        Raises:
            ConfigError: the checkpoint is of another run: settings, seed, data, experience, backbone, ..
            DataError: it is damaged.
        """
        if not (self.resume and self.has_checkpoint):
            return False
        remedy = "resume with the same, choose another --out, or delete that folder"
        trainer.state, tensors = read_checkpoint(self.partial / CHECKPOINT, identity, remedy)
        trainer.restore(tensors)
        self.progress(f"resuming {self.partial} from step {trainer.state.step}")
        return True

    def train(self, trainer: Trainer, identity: RunIdentity) -> None:
        """Train to the end, with checkpoints, and leave the kept weights in place.

        Raises:
            KeyboardInterrupt: Ctrl-C, SIGTERM or SIGHUP, after a checkpoint was written.
            DataError: the loss is not finite, or no evaluation was.
        """
        self.partial.mkdir(parents=True, exist_ok=True)
        with (
            torch.random.fork_rng(devices=[]),
            torch.enable_grad(),  # also where the caller works without gradients
            deferred() as interrupted,
            logged(self.partial, trainer.state.history) as write,
        ):
            _Loop(self, trainer, identity, interrupted, write).complete()
        if trainer.state.best_score == math.inf:
            raise DataError(
                "training did not converge to a finite error; check the data with `netwright data check`."
            )
        trainer.finish()

    def save(self, trainer: Trainer, identity: RunIdentity) -> None:
        """Write a checkpoint."""
        write_checkpoint(self.partial / CHECKPOINT, identity, trainer.state, trainer.tensors())

    def remove(self) -> None:
        """Remove the unfinished run, after its result was written."""
        shutil.rmtree(self.partial, ignore_errors=True)


def partial_folder(out: Path) -> Path:
    """Folder of an unfinished run."""
    return out.with_name(out.name + ".partial")


class _Loop:
    """The training loop of one session, and its clocks."""

    def __init__(
        self,
        run: Run,
        trainer: Trainer,
        identity: RunIdentity,
        interrupted: Callable[[], bool],
        write: Write,
    ) -> None:
        self.run, self.trainer, self.identity = run, trainer, identity
        self.interrupted, self.write = interrupted, write
        self.losses: list[float] = []
        self.saved = self.shown = time.monotonic()

    def complete(self) -> None:
        """Update until the trainer is finished."""
        trainer, state = self.trainer, self.trainer.state
        started, busy = time.monotonic() - state.seconds, time.process_time() - state.processor_seconds
        trainer.measure_pace()
        while not trainer.finished:
            self.losses.append(trainer.update(state.step))
            state.step += 1
            trainer.after_update()
            state.seconds, state.processor_seconds = time.monotonic() - started, time.process_time() - busy
            self._report()
            self._checkpoint()

    def _report(self) -> None:
        """Evaluate where that is due, and show progress."""
        now = time.monotonic()
        if self.trainer.evaluation_is_due:
            entry = self.trainer.evaluate(float(np.mean(self.losses)))
            self.losses = []
            self.write(entry)
        elif now - self.shown <= SHOW_SECONDS:
            return
        last = self.losses[-1] if self.losses else self.trainer.state.history[-1]["loss"]
        self.run.progress(self.trainer.progress_line(last))
        self.shown = now

    def _checkpoint(self) -> None:
        """Save where that is due; at an interruption save and end."""
        due = time.monotonic() - self.saved > self.trainer.schedule.checkpoint_seconds
        interrupted = self.interrupted()
        if interrupted or due:
            self.run.save(self.trainer, self.identity)
            self.saved = time.monotonic()
        if interrupted:
            raise KeyboardInterrupt
