"""One adaptation on disk: the run, and the complete model that takes its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.saved_model import DESCRIPTION, REMEDY, SavedAdapted, read_saved, write_model
from netwright.adaptation.trainer import AdaptationTrainer
from netwright.core.documents import JsonObject, plain
from netwright.core.errors import ConfigError
from netwright.core.files import replacing
from netwright.core.identity import RunIdentity
from netwright.core.task import Task
from netwright.core.types import JsonView
from netwright.llm.backbone import Backbone
from netwright.training.log import BOARD, LOG, peak_rss_mib
from netwright.training.run import Run


class AdaptationRun(Run):
    """A `Run` whose result is an adapted model; it is resumed only on request."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Inside, no other process works on this run, and its folders may be written.

        Raises:
            BusyError: another process does.
            ConfigError: `out` is taken, or there is an unfinished run and `resume` is not set.
        """
        with super().locked():
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

    def trained(self, trainer: AdaptationTrainer, identity: RunIdentity) -> JsonObject:
        """Train to the end, from the checkpoint if there is one to resume; what it cost."""
        self.restore(trainer, identity)
        started = time.perf_counter()
        self.train(trainer, identity)
        return _cost(trainer, time.perf_counter() - started)

    def write(self, model: AdaptedModel, description: JsonView) -> None:
        """Put the complete model in place, with its log, and remove the unfinished run."""
        entries = {k: v for k, v in description.items() if k not in ("format_version", "files")}
        saved = SavedAdapted.of(plain(entries), self.out / DESCRIPTION, remedy=REMEDY)
        with replacing(self.out) as temporary:
            temporary.mkdir()
            shutil.copy(self.partial / LOG, temporary / LOG)
            write_model(temporary, model, saved)
            if (self.partial / BOARD).is_dir():
                shutil.copytree(self.partial / BOARD, temporary / BOARD)
        self.remove()

    def _check_free(self) -> None:
        if self.out.exists() and (not self.out.is_dir() or any(self.out.iterdir())):
            raise ConfigError(f"{self.out} exists already; choose another --out, or delete it first.")
        if self.resume:
            return
        if self.has_checkpoint:
            raise ConfigError(
                f"{self.partial} holds an unfinished run; add --resume to continue it, or delete it."
            )
        self.remove()


def llm_device(backbone: Backbone) -> torch.device:
    """Where a backbone's weights are; the CPU for one without any."""
    return next((p.device for p in backbone.parameters()), torch.device("cpu"))


def validation(task: Task, trainer: AdaptationTrainer) -> JsonObject:
    """The metric of the kept weights on validation data, and the best that was seen."""
    state, sign = trainer.state, trainer.sign
    return {
        "metric": task.metric,
        "kept": sign * state.kept_score,
        "step": state.kept_step,
        "best": sign * state.best_score,
    }


def _cost(trainer: AdaptationTrainer, seconds_here: float) -> JsonObject:
    state = trainer.state
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
