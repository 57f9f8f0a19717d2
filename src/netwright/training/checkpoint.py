"""Checkpoints: the progress of a run as one typed document, and its tensors beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from netwright.core.documents import Count, Document, SavedFolder, read_folder, write_folder
from netwright.core.files import replacing
from netwright.core.identity import RunIdentity
from netwright.llm.tensors import read_tensors

CHECKPOINT, STATE, TENSORS = "checkpoint", "state.json", "tensors.safetensors"
SCORES = ("best_score", "kept_score")
_MOMENTS = {
    "step": "steps",
    "exp_avg": "mean",
    "exp_avg_sq": "square",
}  # of Adam, by their prefix in a checkpoint

Seconds = Annotated[float, Field(ge=0)]


@dataclass
class RunState:
    """The progress of a run, besides its tensors.

    Attributes:
        step: updates made.
        seconds, processor_seconds: spent in training, over all sessions of the run.
        best_score: lowest score of an evaluation; lower is better. Infinite before the first.
        kept_score, kept_step: of the weights that are kept.
        evaluations_since_best: number of evaluations since the best one.
        totals: what a trainer adds up over the run, by name.
        history: one entry per evaluation.
    """

    step: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    best_score: float = math.inf
    kept_score: float = math.inf
    kept_step: int = 0
    evaluations_since_best: int = 0
    totals: dict[str, float] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)

    def add(self, name: str, value: float) -> None:
        """Add to one of the totals."""
        self.totals[name] = self.totals.get(name, 0.0) + value


class SavedRunState(Document):
    """A `RunState` on disk. JSON has no infinity: a score before the first evaluation is null."""

    step: Count
    seconds: Seconds
    processor_seconds: Seconds
    best_score: float | None
    kept_score: float | None
    kept_step: Count
    evaluations_since_best: Count
    totals: dict[str, float]
    history: list[dict[str, float]]

    @classmethod
    def made(cls, state: RunState) -> SavedRunState:
        """The document of a state."""
        scores = {name: value if math.isfinite(value) else None for name, value in _scores(state).items()}
        return cls.model_validate(asdict(state) | scores)

    def restored(self) -> RunState:
        """The state again."""
        scores = {name: math.inf for name in SCORES if getattr(self, name) is None}
        return RunState(**self.model_dump() | scores)


def _scores(state: RunState) -> dict[str, float]:
    return {name: getattr(state, name) for name in SCORES}


class Checkpoint(SavedFolder):
    """`state.json` of a checkpoint: the run it belongs to, its progress, and the hash of its tensors."""

    FORMAT_VERSION: ClassVar[int] = 3

    identity: RunIdentity
    state: SavedRunState


def write_checkpoint(
    folder: Path, identity: RunIdentity, state: RunState, tensors: Mapping[str, Tensor]
) -> None:
    """Write a checkpoint in one step, replacing an earlier one."""
    document = Checkpoint(identity=identity, state=SavedRunState.made(state))
    with replacing(folder) as temporary:
        temporary.mkdir()
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary / TENSORS)
        write_folder(temporary, STATE, document)


def read_checkpoint(folder: Path, identity: RunIdentity, remedy: str) -> tuple[RunState, dict[str, Tensor]]:
    """Progress and tensors of a checkpoint.

    Args:
        folder: of the checkpoint, inside of the folder of its run.
        identity: of the run that is to be resumed.
        remedy: what the user can do about a checkpoint of another run, the end of the sentence.

    Raises:
        ConfigError: the checkpoint is of another run: settings, seed, data, experience, backbone, ..
        DataError: it is damaged.
        FormatError: it was written by another version.
    """
    again = f"delete {folder.parent} to start again"
    document = read_folder(folder, STATE, Checkpoint, remedy=again, needed=(TENSORS,))
    identity.check(document.identity, folder.parent, "unfinished run", remedy)
    return document.state.restored(), read_tensors(folder / TENSORS, remedy=again)


def optimizer_tensors(
    optimizers: Iterable[torch.optim.Optimizer], parameters: Mapping[str, nn.Parameter]
) -> dict[str, Tensor]:
    """Adam's moments of named parameters, as tensors of a checkpoint."""
    return {
        f"{prefix}/{name}": optimizer.state[parameter][key]
        for optimizer in optimizers
        for name, parameter in parameters.items()
        if parameter in optimizer.state
        for key, prefix in _MOMENTS.items()
    }


def restore_optimizers(
    optimizers: Iterable[torch.optim.Optimizer],
    parameters: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Put the moments that `optimizer_tensors` gave back."""
    for optimizer in optimizers:
        held = {id(p) for group in optimizer.param_groups for p in group["params"]}
        for name, parameter in parameters.items():
            if id(parameter) in held and f"steps/{name}" in tensors:
                optimizer.state[parameter] = {
                    key: tensors[f"{prefix}/{name}"].to("cpu" if key == "step" else parameter.device)
                    for key, prefix in _MOMENTS.items()
                }
