"""One run on disk: its lock, the unfinished folder, and the complete model that takes its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.saved_model import DESCRIPTION, REMEDY, SavedAdapted, read_saved, write_model
from netwright.adaptation.trainer import CHECKPOINT, RunState, Trainer, peak_rss_mib
from netwright.core.documents import plain
from netwright.core.errors import ConfigError
from netwright.core.files import replacing
from netwright.core.identity import RunIdentity
from netwright.core.locks import locked
from netwright.core.task import Task
from netwright.llm.backbone import Backbone

LOG = "training.jsonl"


class Run:
    """A run that becomes the folder `out`; unfinished, it lives in `partial`.

    Args:
        out: folder of the complete model.
        resume: whether to go on with what stands there.
        progress: called with one line now and then.
    """

    def __init__(self, out: Path, resume: bool, progress: Callable[[str], None]) -> None:
        self.out, self.resume, self.progress = out, resume, progress
        self.partial = out.with_name(out.name + ".partial")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other process is at work on this run; what stands there may be replaced.

        Raises:
            BusyError: another process is.
            ConfigError: `out` is taken, or an unfinished run stands there and `resume` is not set.
        """
        with locked(self.partial):
            if not (self.resume and (self.out / DESCRIPTION).is_file()):
                self._check_free()
            yield

    def is_complete(self, identity: RunIdentity) -> bool:
        """Whether `out` holds the complete model of this very run.

        Raises:
            ConfigError: it holds that of another run, or does not say of which.
        """
        if not (self.resume and (self.out / DESCRIPTION).is_file()):
            return False
        kept = read_saved(self.out).identity
        if kept is None:
            raise ConfigError(
                f"{self.out} is complete, but does not say what it was made with; choose another --out, "
                "or delete it first."
            )
        identity.check(
            kept, self.out, "complete run", "choose another --out, or delete it first", notes=False
        )
        self.progress(f"{self.out} is complete; nothing to resume")
        return True

    def trained(self, trainer: Trainer) -> dict[str, Any]:
        """Train to the end, from the checkpoint if there is one to resume; what it cost."""
        if self.resume:
            trainer.resume()
        started = time.perf_counter()
        state = trainer.run()
        return _cost(trainer, state, time.perf_counter() - started)

    def write(self, model: AdaptedModel, description: Mapping[str, Any]) -> None:
        """Put the complete model in place, with its log, and remove the unfinished run."""
        entries = {k: v for k, v in description.items() if k not in ("format_version", "files")}
        saved = SavedAdapted.of(plain(entries), self.out / DESCRIPTION, remedy=REMEDY)
        with replacing(self.out) as temporary:
            temporary.mkdir()
            shutil.copy(self.partial / LOG, temporary / LOG)
            write_model(temporary, model, saved)
            if (self.partial / "tensorboard").is_dir():
                shutil.copytree(self.partial / "tensorboard", temporary / "tensorboard")
        shutil.rmtree(self.partial)

    def _check_free(self) -> None:
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise ConfigError(f"{self.out} exists already; choose another --out, or delete it first.")
        if self.resume:
            return
        if (self.partial / CHECKPOINT).exists():
            raise ConfigError(
                f"{self.partial} holds an unfinished run; add --resume to go on with it, or delete it."
            )
        shutil.rmtree(self.partial, ignore_errors=True)


def llm_device(backbone: Backbone) -> torch.device:
    """Where a backbone's weights are; the CPU for one without any."""
    return next((p.device for p in backbone.parameters()), torch.device("cpu"))


def validation(task: Task, trainer: Trainer) -> dict[str, Any]:
    """The metric of the kept weights on validation data, and the best that was seen."""
    state, sign = trainer.state, trainer.sign
    return {
        "metric": task.metric,
        "kept": sign * state.kept_score,
        "step": state.kept_step,
        "best": sign * state.best_score,
    }


def _cost(trainer: Trainer, state: RunState, seconds_here: float) -> dict[str, Any]:
    n_trainable = sum(p.numel() for p in trainer.model.trainable().values())
    n_total = sum(p.numel() for p in trainer.model.parameters())
    return {
        "trainable_parameters": n_trainable,
        "parameters": n_total,
        "trainable_fraction": n_trainable / n_total,
        "seconds": round(state.seconds, 3),
        "seconds_here": round(seconds_here, 3),
        "steps": state.step,
        "seconds_per_step": state.seconds / max(1, state.step),
        "peak_rss_mib": round(peak_rss_mib(), 1),
        "precision": str(trainer.dtype or "float32").removeprefix("torch."),
    }
