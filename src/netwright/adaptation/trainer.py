"""The one training loop: every update is a function of the weights, the optimiser's state and the step alone.

Batches and dropout are seeded by (seed, step), so that a run resumed after Ctrl-C or a kill ends with the very
weights of an uninterrupted one (on the same machine with the same number of threads).
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, JsonValue
from safetensors.torch import save_file
from torch import Tensor

from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import Adapter, Answer, Inputs
from netwright.adaptation.models.adapted import AdaptedModel
from netwright.adaptation.models.decision import Decider, DecisionModel, as_tensor
from netwright.core.documents import Count, Document, SavedFolder, read_folder, write_folder
from netwright.core.errors import DataError
from netwright.core.files import replacing, write_text
from netwright.core.identity import RunIdentity
from netwright.core.interrupts import deferred
from netwright.core.seeding import derived_seed, generator
from netwright.llm.tensors import read_tensors

Progress = Callable[[str], None]

ANSWER_CHUNK = 2048
CHECKPOINT, STATE, TENSORS = "checkpoint", "state.json", "tensors.safetensors"
LATE = ("backbone.", "gate")  # trained only when the backbone has joined
NEVER = 1e300  # stands for infinity, which JSON does not know


@dataclass
class RunState:
    """Where a run stands, besides its tensors: plain JSON. Scores are such that lower is better."""

    step: int = 0
    seconds: float = 0.0
    seconds_interacting: float = 0.0
    best_score: float = math.inf
    kept_score: float = math.inf
    kept_step: int = 0
    looks_since_best: int = 0
    history: list[dict[str, float]] = field(default_factory=list)


class SavedState(Document):
    """A `RunState` in a checkpoint; infinity is kept as `NEVER`."""

    step: Count
    seconds: Annotated[float, Field(ge=0)]
    seconds_interacting: Annotated[float, Field(ge=0)]
    best_score: float
    kept_score: float
    kept_step: Count
    looks_since_best: Count
    history: list[dict[str, float]]


class Checkpoint(SavedFolder):
    """`state.json` of a checkpoint: of which run it is, where that stands, and the hash of its tensors."""

    FORMAT_VERSION: ClassVar[int] = 2

    identity: RunIdentity
    state: SavedState


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
    """bfloat16 where asked for, or where it pays: on a GPU, or on a processor with bfloat16 instructions."""
    if config.precision == "bfloat16":
        return torch.bfloat16
    if config.precision == "float32":
        return None
    if device.type == "cuda":
        return torch.bfloat16
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.bfloat16 if supported() else None


def answerer(model: AdaptedModel) -> Answer:
    """The model as a function of arrays, in evaluation mode, without gradients, in bounded chunks."""
    device = model.device

    def answer(inputs: Inputs) -> np.ndarray[Any, np.dtype[np.float32]]:
        model.eval()
        n = len(next(iter(inputs.values())))
        with torch.inference_mode():
            parts = [
                model(to_tensors({k: v[i : i + ANSWER_CHUNK] for k, v in inputs.items()}, device))
                .float()
                .cpu()
                .numpy()
                for i in range(0, n, ANSWER_CHUNK)
            ]
        answered = np.concatenate(parts)
        if not np.isfinite(answered).all():
            raise DataError(
                "the model answered NaN or infinity: an input is not finite, or its weights are damaged; "
                "check the observation, or adapt again."
            )
        return answered

    return answer


def deployed(model: AdaptedModel) -> Any:
    """The model as its task's policy uses it: a `Decider`, or a function of arrays (`Answer`)."""
    return Decider(model) if isinstance(model, DecisionModel) else answerer(model)


def to_tensors(inputs: Inputs, device: torch.device) -> dict[str, Any]:
    """Arrays by name to tensors on a device, without a copy on the CPU; batches of graphs to that device."""
    return {name: as_tensor(value, device) for name, value in inputs.items()}


class Trainer:
    """Trains what `model.trainable()` names, with checkpoints in `folder`.

    Args:
        model: the adapted model; frozen parts are not touched.
        adapter: the task's batches, loss and validation metric.
        config: see `TrainingConfig`.
        seed: of batches and dropout.
        folder: where checkpoint and log live while the run is unfinished.
        progress: called with one line now and then.
        identity: of the run; a checkpoint of another one is refused.
        lower_is_better: in which sense the adapter's validation figure is read.
    """

    def __init__(
        self,
        model: AdaptedModel,
        adapter: Adapter,
        config: TrainingConfig,
        *,
        seed: int,
        folder: Path,
        progress: Progress,
        identity: RunIdentity,
        lower_is_better: bool = True,
    ) -> None:
        self.sign = 1.0 if lower_is_better else -1.0
        self.identity = identity
        self.model, self.adapter, self.config = model, adapter, config
        self.seed, self.folder, self.progress = seed, folder, progress
        # Only behind a gate that starts at zero is a model without its backbone the same model.
        self.joins_at = config.joins_at if model.gate_start == 0.0 else 0
        self.parameters = self.learned()
        self.device = model.device
        self.dtype = autocast_dtype(config, self.device)
        model.autocast = self.dtype
        self.optimiser = torch.optim.AdamW(self._groups(), lr=config.learning_rate)
        self.state = RunState()
        self.diagnostics: Mapping[str, float] = {}  # of the last update, where it has more than a loss
        self.kept: dict[str, Tensor] = {}
        self.averages = {n: p.detach().clone() for n, p in self.parameters.items()} if config.average else {}
        self._pace_from = (0, 0.0)  # step and seconds since when the time of a step is averaged

    def learned(self) -> dict[str, torch.nn.Parameter]:
        """What this run changes, by name."""
        return self.model.trainable()

    def run(self) -> RunState:
        """Train to the end (or go on from the checkpoint in `folder`) and leave the kept weights in the model.

        Raises:
            KeyboardInterrupt: Ctrl-C, after the checkpoint has been written.
            DataError: the loss is not finite.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        log = self.folder / "training.jsonl"
        write_text(log, "".join(json.dumps(line) + "\n" for line in self.state.history))
        started = saved = shown = time.monotonic()
        before = self.state.seconds
        self._pace_from = (self.state.step, before)
        with (
            deferred() as interrupted,
            log.open("a", encoding="utf-8") as stream,
            _tensorboard(self.folder) as board,
        ):
            losses: list[float] = []
            while self.state.step < self.config.iterations and not self._out_of_patience():
                if self.state.step == self.joins_at:
                    self._pace_from = (self.state.step, self.state.seconds)
                losses.append(self.update(self.state.step))
                self.state.step += 1
                self._average()
                now = time.monotonic()
                self.state.seconds = before + now - started
                if (
                    self.state.step % self.config.evaluate_every == 0
                    or self.state.step == self.config.iterations
                ):
                    line = self._look(float(np.mean(losses)))
                    losses = []
                    stream.write(json.dumps(line) + "\n")
                    stream.flush()
                    board(line)
                    self.progress(self._line(line["loss"]))
                    shown = time.monotonic()
                elif now - shown > 5.0:
                    self.progress(self._line(losses[-1]))
                    shown = now
                if interrupted():
                    self._save()
                    raise KeyboardInterrupt
                if now - saved > self.config.checkpoint_seconds:
                    self._save()
                    saved = time.monotonic()
        self.model.joined = True
        with torch.no_grad():
            for name, value in self.kept.items():
                self.parameters[name].copy_(value)
        return self.state

    def resume(self) -> None:
        """Take up the checkpoint in `folder`, if one was written before the run ended.

        Raises:
            ConfigError: the checkpoint is of another run: settings, seed, data, experience, backbone, ..
            DataError: it is damaged.
        """
        folder, remedy = self.folder / CHECKPOINT, f"delete {self.folder} to start again"
        if not folder.is_dir():
            return
        document = read_folder(folder, STATE, Checkpoint, remedy=remedy, needed=(TENSORS,))
        self.identity.check(
            document.identity,
            self.folder,
            "unfinished run",
            "resume with the same, choose another --out, or delete that folder",
        )
        state = document.state.model_dump()
        scores = {k: math.inf if state[k] == NEVER else state[k] for k in ("best_score", "kept_score")}
        self.state = RunState(**state | scores)
        tensors = read_tensors(folder / TENSORS, remedy=remedy)
        with torch.no_grad():
            for name, parameter in self.parameters.items():
                parameter.copy_(tensors[f"now/{name}"])
                if f"steps/{name}" in tensors:
                    self.optimiser.state[parameter] = {
                        "step": tensors[f"steps/{name}"],
                        "exp_avg": tensors[f"mean/{name}"].to(self.device),
                        "exp_avg_sq": tensors[f"square/{name}"].to(self.device),
                    }
        self.kept = {k.removeprefix("kept/"): v for k, v in tensors.items() if k.startswith("kept/")}
        for name, average in self.averages.items():
            average.copy_(tensors[f"average/{name}"])

    def update(self, step: int) -> float:
        """One parameter update on the batches of that step; the loss before it."""
        self.model.train()
        self.model.joined = step >= self.joins_at
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate_at(step, self.config, start=group["start"])
        torch.manual_seed(derived_seed(self.seed, step))
        total = 0.0
        for micro in range(self.config.accumulation):
            inputs, target = self.adapter.batch(generator(self.seed, step, micro), self.config.batch_size)
            target_tensor: Any = (
                to_tensors(target, self.device)
                if isinstance(target, Mapping)
                else as_tensor(target, self.device)
            )
            answer = self.model.training_answer(to_tensors(inputs, self.device), target_tensor)
            loss = self.adapter.loss(answer, target_tensor) / self.config.accumulation
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
        if not math.isfinite(total):
            raise DataError(
                f"the loss at step {step} is not finite; check the data with `netwright data check`, "
                "or lower the learning rate."
            )
        torch.nn.utils.clip_grad_norm_(self.parameters.values(), self.config.max_grad_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total

    def _groups(self) -> list[dict[str, Any]]:
        """Weight decay is for matrices; what belongs to the backbone starts when it joins."""
        groups = []
        for late in (False, True):
            for matrix in (False, True):
                chosen = [
                    p
                    for name, p in self.parameters.items()
                    if name.startswith(LATE) == late and (p.ndim >= 2) == matrix
                ]
                decay = self.config.weight_decay if matrix else 0.0
                start = self.joins_at if late else 0
                groups.append({"params": chosen, "weight_decay": decay, "start": start})
        return [g for g in groups if g["params"]]

    def _look(self, loss: float) -> dict[str, float]:
        """Validate, and keep the weights if they are the latest that are about the best."""
        state = self.state
        with self._averaged():
            figure = float(self.adapter.validate(deployed(self.model)))
            score = self.sign * figure
            better = score < state.best_score or state.step <= self.config.joins_at
            state.looks_since_best = 0 if better else state.looks_since_best + 1
            state.best_score = min(score, state.best_score)
            if score <= state.best_score * (1.0 + math.copysign(self.config.tolerance, state.best_score)):
                state.kept_score, state.kept_step = score, state.step
                self.kept = {n: p.detach().clone() for n, p in self.parameters.items()}
        line = {
            "step": state.step,
            "loss": loss,
            "validation": figure,
            "learning_rate": learning_rate_at(state.step - 1, self.config),
            "seconds": round(state.seconds, 3),
            "peak_rss_mib": round(peak_rss_mib(), 1),
            **self.diagnostics,
        }
        state.history.append(line)
        return line

    def _average(self) -> None:
        """Move the averages towards the weights; early ones move faster, or they would remember the start."""
        if self.averages:
            share = min(self.config.average, (1 + self.state.step) / (10 + self.state.step))
            for name, average in self.averages.items():
                average.lerp_(self.parameters[name].detach(), 1.0 - share)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Inside, the model has the averaged weights, if there are any."""
        own = {n: p.detach().clone() for n, p in self.parameters.items()} if self.averages else {}
        with torch.no_grad():
            for name, average in self.averages.items():
                self.parameters[name].copy_(average)
        try:
            yield
        finally:
            with torch.no_grad():
                for name, value in own.items():
                    self.parameters[name].copy_(value)

    def _out_of_patience(self) -> bool:
        return 0 < self.config.patience <= self.state.looks_since_best

    def _line(self, loss: float) -> str:
        """Progress; the time left is that until the backbone joins as long as it has not: then steps take longer."""
        state = self.state
        first, seconds = self._pace_from
        per_step = (state.seconds - seconds) / max(1, state.step - first)
        alone = state.step < self.joins_at
        end, until = (
            (self.joins_at, "until the backbone joins")
            if alone and self.model.gate is not None
            else (self.config.iterations, "left")
        )
        left = round(per_step * (end - state.step))
        seen = (
            f", validation {state.history[-1]['validation']:.3f} (best {self.sign * state.best_score:.3f})"
            if state.history
            else ""
        )
        return (
            f"step {state.step}/{self.config.iterations}: loss {loss:.4f}{seen}, "
            f"{1000 * per_step:.0f} ms/step, {left // 60}:{left % 60:02d} {until}"
        )

    def _save(self) -> None:
        tensors: dict[str, Tensor] = {}
        for name, parameter in self.parameters.items():
            tensors[f"now/{name}"] = parameter.detach()
            moments = self.optimiser.state.get(parameter)
            if moments:
                tensors[f"steps/{name}"] = moments["step"]
                tensors[f"mean/{name}"] = moments["exp_avg"]
                tensors[f"square/{name}"] = moments["exp_avg_sq"]
        tensors |= {f"kept/{name}": value for name, value in self.kept.items()}
        tensors |= {f"average/{name}": value for name, value in self.averages.items()}
        state = {k: NEVER if v == math.inf else v for k, v in asdict(self.state).items()}
        document = Checkpoint(identity=self.identity, state=SavedState.model_validate(state))
        with replacing(self.folder / CHECKPOINT) as temporary:
            temporary.mkdir()
            save_file({k: v.contiguous() for k, v in tensors.items()}, temporary / TENSORS)
            write_folder(temporary, STATE, document)


def peak_rss_mib() -> float:
    """Largest resident memory of this process so far, in MiB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


@contextmanager
def _tensorboard(folder: Path) -> Iterator[Callable[[Mapping[str, float]], None]]:
    """Writes each look to TensorBoard too, if it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        yield lambda line: None
        return
    writer: Any = SummaryWriter(folder / "tensorboard")

    def write(line: Mapping[str, float]) -> None:
        for key in ("loss", "validation", "learning_rate"):
            writer.add_scalar(key, line[key], int(line["step"]))

    try:
        yield write
    finally:
        writer.close()
