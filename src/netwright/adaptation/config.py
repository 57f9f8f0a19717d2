"""How a model is adapted: all settings of a run, with the defaults of the supervised half."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal, Self, get_args

from netwright.core.documents import options_of
from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.types import Json, JsonView

Method = Literal["lora", "full"]
Precision = Literal["auto", "float32", "bfloat16"]


ANY_BATCH = 4096  # a batch size that is never refused: batches are drawn with replacement
LARGEST_BATCH = 1_000_000
LARGEST_RANK = 10_000  # of low-rank matrices: above the width of every model, and far below what fills memory


@dataclass(frozen=True)
class TrainingConfig:
    """Settings of one adaptation.

    Attributes:
        iterations: parameter updates.
        batch_size: examples in one forward pass.
        accumulation: passes whose gradients make one update.
        learning_rate: at its peak; warms up linearly over the share `warmup` of the run, then falls as a cosine.
        warm_start: share of the run in which the backbone is bypassed, so that encoder and head train cheaply at
            first; what belongs to the backbone warms up and falls over the rest of the run. The
            autoregressive mode, which needs its backbone for every answer, trains with it from the start.
        weight_decay: of AdamW, on matrices only.
        max_grad_norm: norm at which gradients are clipped.
        method: "lora" trains encoder, head and low-rank matrices (DD-LRNA); "full" trains the backbone too.
        rank, alpha, lora_dropout, targets: of the low-rank matrices; alpha None stands for the rank (scale 1).
        encoder_dropout: of features before their projection.
        precision: of the backbone's passes in training; "auto" takes bfloat16 where the processor computes in it.
        gradient_checkpointing: recompute activations instead of keeping them; saves memory, costs time.
        max_layers: keep only so many layers of the backbone.
        evaluate_every: updates between two evaluations on the validation data.
        tolerance: the latest weights whose validation metric is within this share of the best are kept. The end of
            the cosine is preferred to an earlier, noisier minimum, unless the score is worse by more than that.
        patience: stop after so many evaluations without an improvement, once the backbone has joined; 0: never.
        average: validate and keep a moving average of the weights in place of the last ones: the share of the old
            average that an update leaves; 0 for none.
        checkpoint_seconds: seconds between two checkpoints, the most that a kill can lose.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"clip": "max_grad_norm"}  # earlier names, which are still read

    iterations: int = 1000
    batch_size: int = 256
    accumulation: int = 1
    learning_rate: float = 1e-3
    warm_start: float = 0.0
    weight_decay: float = 0.05
    warmup: float = 0.05
    max_grad_norm: float = 1.0
    method: Method = "lora"
    rank: int = 32
    alpha: float | None = None
    lora_dropout: float = 0.05
    targets: Literal["query-value", "attention", "all-linear"] = "query-value"
    encoder_dropout: float = 0.3
    precision: Precision = "auto"
    gradient_checkpointing: bool = False
    max_layers: int | None = None
    evaluate_every: int = 100
    tolerance: float = 0.005
    patience: int = 0
    average: float = 0.0
    checkpoint_seconds: float = 20.0

    def __post_init__(self) -> None:
        for name in ("iterations", "batch_size", "accumulation", "rank", "evaluate_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number from 1, got {getattr(self, name)}.")
        for name in ("learning_rate", "max_grad_norm"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be above 0 and finite, got {getattr(self, name)}.")
        for name in ("warmup", "warm_start", "lora_dropout", "encoder_dropout", "tolerance", "average"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must lie in [0, 1), got {getattr(self, name)}.")
        for name in ("weight_decay", "patience", "checkpoint_seconds"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} must be 0 or more, got {getattr(self, name)}.")
        if self.rank > LARGEST_RANK:
            raise ConfigError(f"rank must be at most {LARGEST_RANK}, got {self.rank}.")
        if self.batch_size > LARGEST_BATCH:
            raise ConfigError(f"batch_size must be at most {LARGEST_BATCH}, got {self.batch_size}.")
        if self.alpha is not None and not 0 < self.alpha < float("inf"):
            raise ConfigError(f"alpha must be above 0 and finite, got {self.alpha}.")
        if self.max_layers is not None and self.max_layers < 1:
            raise ConfigError(f"max_layers must be a whole number from 1, got {self.max_layers}.")
        for name, choices in (("method", get_args(Method)), ("precision", get_args(Precision))):
            if getattr(self, name) not in choices:
                raise UnknownNameError(name, getattr(self, name), choices)
        if self.targets not in ("query-value", "attention", "all-linear"):
            raise UnknownNameError("targets", self.targets, ("query-value", "attention", "all-linear"))

    def check_batch(self, n_examples: int) -> None:
        """Refuse a batch of more examples than the training data hold (and more than `ANY_BATCH`)."""
        if self.batch_size > max(n_examples, ANY_BATCH):
            raise ConfigError(
                f"batch_size must be at most {max(n_examples, ANY_BATCH)}, because the training data hold {n_examples} "
                f"examples, got {self.batch_size}."
            )

    @property
    def joins_at(self) -> int:
        """The first update with the backbone."""
        return round(self.warm_start * self.iterations)

    @classmethod
    def renamed(cls, options: JsonView) -> Json:
        """Options under their present names, where some have earlier ones."""
        return {cls.RENAMED.get(name, name): value for name, value in options.items()}

    @classmethod
    def from_options(cls, *layers: JsonView) -> Self:
        """The defaults with each layer of options over the last; an unknown option raises `UnknownNameError`."""
        known = {f.name for f in fields(cls)}
        merged: dict[str, Any] = {}
        for layer in layers:
            if not isinstance(layer, Mapping):
                raise ConfigError(f"options must be a mapping of names to values, got {layer!r:.60}.")
            for name, value in cls.renamed(layer).items():
                if name not in known:
                    raise UnknownNameError("training option", name, known)
                merged[name] = value
        with contextlib.suppress(TypeError):  # of a wrong type, which is refused below
            cls(**merged)
        return options_of(cls, merged, "options")
