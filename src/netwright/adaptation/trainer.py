"""Training of an adapted model on its adapter's batches: gradual use of the backbone, learning rates, precision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import JsonValue
from torch import Tensor, nn

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Adapter
from netwright.adaptation.inference import to_tensors, validation_score
from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.models.decision import as_tensor
from netwright.core.seeding import generator
from netwright.training.trainer import Gradients, Schedule, SupervisedTrainer

LATE = ("backbone.", "gate")  # trained only from the step at which the backbone is used
ParameterGroup = dict[str, Any]
"""A group of an optimizer: `params`, `weight_decay`, `start` and perhaps `factor` (of the learning rate)."""

INTERACTING = "seconds_interacting"
"""Total of a run that plays episodes: the part of its time that simulators take."""


def machine(config: TrainingConfig, device: torch.device) -> dict[str, JsonValue]:
    """What of the machine changes the last digits of trained weights, and so the weights of a long run."""
    precision = str(autocast_dtype(config, device) or "float32").removeprefix("torch.")
    return {"threads": torch.get_num_threads(), "precision": precision, "device": device.type}


def learning_rate_at(step: int, config: TrainingConfig, *, start: int = 0) -> float:
    """Linear warm-up from `start`, then a cosine to zero at the end of the run; zero before. Steps count from 0."""
    step, length = step - start, config.iterations - start
    if step < 0:
        return 0.0
    warm = max(1, round(config.warmup * length))
    if step < warm:
        return config.learning_rate * (step + 1) / warm
    share = (step - warm) / max(1, length - warm)
    return config.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))


def autocast_dtype(config: TrainingConfig, device: torch.device) -> torch.dtype | None:
    """bfloat16 where requested, or where it is faster: on a GPU, or on a processor with bfloat16 instructions."""
    if config.precision == "bfloat16":
        return torch.bfloat16
    if config.precision == "float32":
        return None
    if device.type == "cuda":
        return torch.bfloat16
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.bfloat16 if supported() else None


class AdaptationTrainer(SupervisedTrainer):
    """Trains what `model.trainable()` names; frozen parts are not touched.

    Args:
        model: the adapted model.
        adapter: the task's batches, loss and validation metric.
        config: see `TrainingConfig`.
        seed: of batches and dropout.
        lower_is_better: in which sense the adapter's validation figure is read.
    """

    def __init__(
        self,
        model: AdaptedModel,
        adapter: Adapter,
        config: TrainingConfig,
        *,
        seed: int,
        lower_is_better: bool = True,
    ) -> None:
        self.model, self.adapter, self.config = model, adapter, config
        # Only behind a gate that starts at zero is a model without its backbone the same model.
        self.joins_at = config.joins_at if model.gate_start == 0.0 else 0
        self.device = model.device
        self.dtype = autocast_dtype(config, self.device)
        model.autocast = self.dtype
        parameters = self.trained_parameters()
        super().__init__(
            model,
            parameters,
            torch.optim.AdamW(self.parameter_groups(parameters), lr=config.learning_rate),
            schedule_of(config),
            seed=seed,
            gradients=Gradients(config.accumulation, config.max_grad_norm),
            lower_is_better=lower_is_better,
        )

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """What this run changes, by name."""
        return self.model.trainable()

    def parameter_groups(self, parameters: Mapping[str, nn.Parameter]) -> list[ParameterGroup]:
        """Weight decay is for matrices; parameters of the backbone start when it is used."""
        groups = []
        for late in (False, True):
            for matrix in (False, True):
                chosen = [
                    p
                    for name, p in parameters.items()
                    if name.startswith(LATE) == late and (p.ndim >= 2) == matrix
                ]
                decay = self.config.weight_decay if matrix else 0.0
                start = self.joins_at if late else 0
                groups.append({"params": chosen, "weight_decay": decay, "start": start})
        return [group for group in groups if group["params"]]

    def set_learning_rates(self, step: int) -> None:
        """See `learning_rate_at`; a group may have a factor of its own."""
        self.model.joined = step >= self.joins_at
        if step == self.joins_at:
            self.measure_pace()
        for group in self.optimizer.param_groups:
            rate = learning_rate_at(step, self.config, start=group["start"])
            group["lr"] = group.get("factor", 1.0) * rate

    def loss(self, step: int, batch: int) -> Tensor:
        """The adapter's loss of one batch."""
        inputs, target = self.adapter.batch(generator(self.seed, step, batch), self.config.batch_size)
        targets: Any = (
            to_tensors(target, self.device) if isinstance(target, Mapping) else as_tensor(target, self.device)
        )
        answer = self.model.training_answer(to_tensors(inputs, self.device), targets)
        return self.adapter.loss(answer, targets)

    def validate(self) -> float:
        """The adapter's figure."""
        return validation_score(self.adapter, self.model)

    def measurements(self) -> Mapping[str, float]:
        """With the learning rate of the last update."""
        return {"learning_rate": learning_rate_at(self.state.step - 1, self.config), **self.diagnostics}

    def next_milestone(self) -> tuple[int, str]:
        """The step at which the backbone joins, as long as it has not: steps take longer from there on."""
        if self.state.step < self.joins_at and self.model.gate is not None:
            return self.joins_at, "until the backbone joins"
        return super().next_milestone()

    def finish(self) -> None:
        """Put the kept weights in place, with the backbone in use."""
        self.model.joined = True
        super().finish()


def schedule_of(config: TrainingConfig) -> Schedule:
    """The part of a config that the training loop reads."""
    return Schedule(
        config.iterations,
        config.evaluate_every,
        tolerance=config.tolerance,
        patience=config.patience,
        patience_from=config.joins_at,
        average=config.average,
        checkpoint_seconds=config.checkpoint_seconds,
    )
