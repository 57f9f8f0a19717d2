"""What a run trains: one update, one evaluation, and which weights are kept.

Every update is a function of the weights, the optimizer's state and the step alone, so that a run resumed after Ctrl-C
or a kill ends with the very weights of an uninterrupted one (on the same machine with the same number of threads).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netwright.core.errors import DataError
from netwright.core.seeding import derived_seed
from netwright.training.checkpoint import RunState, optimizer_tensors, restore_optimizers
from netwright.training.log import peak_rss_mib

CHECKPOINT_SECONDS = 20.0


@dataclass(frozen=True)
class Schedule:
    """When a run evaluates, which weights it keeps, and when it stops.

    Attributes:
        iterations: updates.
        evaluate_every: updates between two evaluations; there is one at the end, too.
        tolerance: the latest weights whose score is within this share of the best are kept.
        patience: stop after so many evaluations without an improvement; 0: never.
        patience_from: evaluations up to this step do not count.
        average: evaluate and keep a moving average of the weights in place of the last ones: the share of the old
            average that an update leaves; 0 for none.
        checkpoint_seconds: seconds between two checkpoints.
    """

    iterations: int
    evaluate_every: int
    tolerance: float = 0.005
    patience: int = 0
    patience_from: int = 0
    average: float = 0.0
    checkpoint_seconds: float = CHECKPOINT_SECONDS


class Trainer(ABC):
    """Base of all trainers; a `Run` drives it.

    Args:
        parameters: what is trained, by name.
        optimizers: of these parameters; Adam or AdamW.
        schedule: of the run.
        lower_is_better: in which sense `validate` is read.

    Attributes:
        state: progress so far.
        kept: the weights that the run ends with, by name.
        diagnostics: of the last update; logged with the next evaluation.
    """

    def __init__(
        self,
        parameters: dict[str, nn.Parameter],
        optimizers: Sequence[torch.optim.Optimizer],
        schedule: Schedule,
        *,
        lower_is_better: bool = True,
    ) -> None:
        self.parameters, self.optimizers, self.schedule = parameters, optimizers, schedule
        self.sign = 1.0 if lower_is_better else -1.0
        self.state = RunState()
        self.diagnostics: Mapping[str, float] = {}
        self.kept: dict[str, Tensor] = {}
        self.averages = copies(parameters) if schedule.average else {}
        self._pace_from = (0, 0.0)

    @abstractmethod
    def update(self, step: int) -> float:
        """One update, or one iteration of several; the loss."""

    @abstractmethod
    def validate(self) -> float:
        """The figure on validation data by which weights are compared."""

    def after_update(self) -> None:
        """Called after every update, before an evaluation or a checkpoint."""
        if self.averages:
            # Early averages move faster, otherwise they would keep the initial weights.
            share = min(self.schedule.average, (1 + self.state.step) / (10 + self.state.step))
            for name, average in self.averages.items():
                average.lerp_(self.parameters[name].detach(), 1.0 - share)

    def keep(self) -> None:
        """Keep the weights as they are now."""
        self.kept = copies(self.parameters)

    def finish(self) -> None:
        """Put the kept weights in place, at the end of a run."""
        assign(self.parameters, self.kept)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors of a checkpoint."""
        found = {f"now/{name}": p.detach() for name, p in self.parameters.items()}
        found |= optimizer_tensors(self.optimizers, self.parameters)
        found |= {f"kept/{name}": value for name, value in self.kept.items()}
        return found | {f"average/{name}": value for name, value in self.averages.items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put the tensors of a checkpoint in place."""
        assign(self.parameters, {name: tensors[f"now/{name}"] for name in self.parameters})
        restore_optimizers(self.optimizers, self.parameters, tensors)
        self.kept = {k.removeprefix("kept/"): v for k, v in tensors.items() if k.startswith("kept/")}
        for name, average in self.averages.items():
            average.copy_(tensors[f"average/{name}"])

    @property
    def finished(self) -> bool:
        """Whether all updates are made, or patience has run out."""
        patience = self.schedule.patience
        out_of_patience = 0 < patience <= self.state.evaluations_since_best
        return self.state.step >= self.schedule.iterations or out_of_patience

    @property
    def evaluation_is_due(self) -> bool:
        """Whether the weights of this step are evaluated."""
        step, schedule = self.state.step, self.schedule
        return step % schedule.evaluate_every == 0 or step == schedule.iterations

    def evaluate(self, loss: float) -> dict[str, float]:
        """Validate, and keep the weights if they are the latest within the tolerance of the best; a line of the log."""
        state, schedule = self.state, self.schedule
        with self._averaged():
            figure = float(self.validate())
            score = self.sign * figure
            better = score < state.best_score or state.step <= schedule.patience_from
            state.evaluations_since_best = 0 if better else state.evaluations_since_best + 1
            state.best_score = min(state.best_score, score)  # NaN is never the best
            if score <= state.best_score * (1.0 + math.copysign(schedule.tolerance, state.best_score)):
                state.kept_score, state.kept_step = score, state.step
                self.keep()
        entry = {
            "step": state.step,
            "loss": loss,
            "validation": figure,
            "seconds": round(state.seconds, 3),
            "peak_rss_mib": round(peak_rss_mib(), 1),
            **self.measurements(),
        }
        state.history.append(entry)
        return entry

    def measurements(self) -> Mapping[str, float]:
        """What an evaluation logs besides loss and validation figure."""
        return self.diagnostics

    def measure_pace(self) -> None:
        """Average the time of a step from here on."""
        self._pace_from = (self.state.step, self.state.seconds)

    def next_milestone(self) -> tuple[int, str]:
        """The step up to which the remaining time is estimated, and its name in a line of progress."""
        return self.schedule.iterations, "left"

    def progress_line(self, loss: float) -> str:
        """Progress, last validation figure and remaining time."""
        state = self.state
        first, seconds = self._pace_from
        per_step = (state.seconds - seconds) / max(1, state.step - first)
        end, until = self.next_milestone()
        left = round(per_step * (end - state.step))
        best = self.sign * state.best_score
        figure = (
            f", validation {state.history[-1]['validation']:.3f} (best {best:.3f})" if state.history else ""
        )
        return (
            f"step {state.step}/{self.schedule.iterations}: loss {loss:.4f}{figure}, "
            f"{1000 * per_step:.0f} ms/step, {left // 60}:{left % 60:02d} {until}"
        )

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Inside, the parameters are the averaged ones, if there are any."""
        own = copies(self.parameters) if self.averages else {}
        assign(self.parameters, self.averages)
        try:
            yield
        finally:
            assign(self.parameters, own)


@dataclass(frozen=True)
class Gradients:
    """How the gradients of an update are formed.

    Attributes:
        accumulation: batches whose mean gradient makes one update.
        max_norm: norm at which gradients are clipped; infinite for none.
    """

    accumulation: int = 1
    max_norm: float = math.inf


PLAIN_GRADIENTS = Gradients()


class SupervisedTrainer(Trainer):
    """One update: gradients of one or several batches, clipped, and a step of the optimizer.

    Batches and dropout are seeded by seed and step.

    Args:
        model: set to training mode in an update.
        parameters: those of the model that are trained, by name.
        optimizer: of these parameters.
        schedule: of the run.
        seed: of batches and dropout.
        gradients: how those of an update are formed.
        lower_is_better: in which sense `validate` is read.
    """

    def __init__(
        self,
        model: nn.Module,
        parameters: dict[str, nn.Parameter],
        optimizer: torch.optim.Optimizer,
        schedule: Schedule,
        *,
        seed: int,
        gradients: Gradients = PLAIN_GRADIENTS,
        lower_is_better: bool = True,
    ) -> None:
        super().__init__(parameters, [optimizer], schedule, lower_is_better=lower_is_better)
        self.network, self.optimizer, self.seed = model, optimizer, seed
        self.gradients = gradients

    @abstractmethod
    def loss(self, step: int, batch: int) -> Tensor:
        """The scalar loss of one batch: the `batch`-th of that step."""

    @abstractmethod
    def set_learning_rates(self, step: int) -> None:
        """Set the learning rate of every group of the optimizer for that step."""

    def update(self, step: int) -> float:
        """One update on the batches of that step; the loss before it.

        Raises:
            DataError: the loss is not finite.
        """
        self.network.train()
        self.set_learning_rates(step)
        torch.manual_seed(derived_seed(self.seed, step))
        total = 0.0
        for batch in range(self.gradients.accumulation):
            loss = self.loss(step, batch) / self.gradients.accumulation
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise DataError(
                f"the loss at step {step} is not finite; check the data with `netwright data check`, "
                "or lower the learning rate."
            )
        if self.gradients.max_norm < math.inf:
            nn.utils.clip_grad_norm_(self.parameters.values(), self.gradients.max_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total


def copies(parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Copies of the values of parameters, by name."""
    return {name: p.detach().clone() for name, p in parameters.items()}


@torch.no_grad()
def assign(parameters: Mapping[str, nn.Parameter], values: Mapping[str, Tensor]) -> None:
    """Set parameters to values of the same names."""
    for name, value in values.items():
        parameters[name].copy_(value)
