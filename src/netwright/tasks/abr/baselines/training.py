"""Training of a learned baseline, from the data to its folder; an interrupted run is resumed by the same call."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from pathlib import Path

import torch

from netwright.core.errors import UnknownNameError
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.trained_for import to_json
from netwright.core.types import Json, JsonView
from netwright.tasks.abr.baselines import learned
from netwright.tasks.abr.baselines.learned import Design
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig, PpoTrainer
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.environment import AbrCollector
from netwright.tasks.abr.media import QoE, Rules
from netwright.tasks.abr.recipes import RECIPES
from netwright.tasks.abr.trained_for import of_videos
from netwright.tasks.abr.training_set import TrainingSet
from netwright.training.run import Progress, Run

Stages = Sequence[tuple[str, float]]
"""Names, and shares of the run after which the policy is kept beside the finished one, too."""


def training_set(data: AbrData, recipe: str) -> TrainingSet:
    """The sessions of a recipe's training environment; an unknown recipe raises `UnknownNameError`.

    Other fields of a recipe do not apply to these policies.
    """
    if recipe not in RECIPES:
        raise UnknownNameError("abr recipe", recipe, RECIPES)
    return AbrCollector(data).training_set(RECIPES[recipe].config.place)


@dataclass(frozen=True)
class Job:
    """A learned policy that is to be trained: what, from which sessions, and where it is written.

    Attributes:
        design: of the policy.
        data: traces and videos.
        recipe: name of a recipe; its training environment says on which sessions.
        out: folder to write; `<out>.partial` holds a checkpoint meanwhile, from which a repeated call continues.
        seed: of weights and sessions.
        progress: called with one line from time to time.
        config: of the run.
    """

    design: Design
    data: AbrData
    recipe: str
    out: Path
    seed: int
    progress: Progress
    config: PpoConfig

    @cached_property
    def sessions(self) -> TrainingSet:
        """The recipe's training sessions."""
        return training_set(self.data, self.recipe)

    def trainer(self) -> PpoTrainer:
        """A new trainer on the recipe's sessions."""
        n_levels = self.sessions.videos.bitrates_kbps.shape[1]
        trainer = PpoTrainer(self.design, n_levels, self.config, seed=self.seed)
        trainer.validation = self.sessions.validation()
        trainer.sample = partial(
            self.sessions.sample,
            rules=Rules(noise=self.config.noise),
            scaled=self.config.scaled,
            scale_range=self.config.scale_range,
        )
        return trainer

    def identity(self, trainer: PpoTrainer) -> RunIdentity:
        """What the run's numbers depend on."""
        return RunIdentity.made(
            kind="train",
            task="abr",
            method=f"{self.design.name}:{self.recipe}",
            config=asdict(self.config),
            seed=self.seed,
            data=data_sha256(self.data),
            machine={
                "threads": torch.get_num_threads(),
                "precision": "bfloat16" if trainer.half else "float32",
            },
        )

    def write(self, trainer: PpoTrainer, out: Path, more: JsonView) -> None:
        """Write actor, critic and what they learned from as the folder `out`; `more` entries are added."""
        description = {**self._description(trainer), **more}
        learned.save(out, self.design, trainer.average, trainer.critic, description)

    def _description(self, trainer: PpoTrainer) -> Json:
        made_of = {k: v for k, v in self.sessions.provenance().items() if k != "data"}  # folders move
        state = trainer.state
        return {
            "policy": self.design.name,
            "recipe": self.recipe,
            "seed": self.seed,
            "config": asdict(self.config),
            "name": _full_name(self.design.name, self.recipe),
            "n_levels": trainer.n_levels,
            "trained_for": to_json(of_videos(self.sessions.videos.videos, Rules(), QoE())),
            "qoe": asdict(QoE()),
            "data": {"synthetic": self.data.synthetic, "sha256": _digest(self.data), "sessions": made_of},
            "validation": {"metric": "qoe", "kept": trainer.validate()},
            "cost": {
                "decisions": trainer.n_decisions,
                "seconds": round(state.seconds, 1),
                "processor_seconds": round(state.processor_seconds, 1),
            },
            "identity": self.identity(trainer).model_dump(),
        }


@dataclass
class Variation:
    """What a policy adds to the common training.

    Attributes:
        begin: called with the trainer before the first iteration, after a checkpoint was restored.
        after_iteration: called with the trainer after every iteration.
        more: gives further entries of the description when it is written.
        stages: names and shares of the run after which the policy is kept in `<out>-<name>`, too.
    """

    begin: Callable[[PpoTrainer], None] = lambda trainer: None
    after_iteration: Callable[[PpoTrainer], None] = lambda trainer: None
    more: Callable[[], JsonView] = dict
    stages: Stages = ()


def train(job: Job, variation: Variation | None = None) -> None:
    """Train a policy and write its folder: actor, critic and what they learned from.

    Raises:
        BusyError: another process trains there.
        ConfigError: `<out>.partial` holds a run with other settings, seed or data.
        KeyboardInterrupt: Ctrl-C; the same call continues from the last checkpoint.
    """
    variation = variation or Variation()
    run = Run(job.out, job.progress)
    with run.locked():
        trainer = job.trainer()
        identity = job.identity(trainer)
        run.restore(trainer, identity)
        variation.begin(trainer)
        marks = {max(1, round(share * job.config.iterations)): name for name, share in variation.stages}

        def keep_stage() -> None:
            name = marks.get(trainer.state.step)
            if name is not None:
                job.write(trainer, job.out.with_name(f"{job.out.name}-{name}"), variation.more())

        trainer.hooks += [lambda: variation.after_iteration(trainer), keep_stage]
        run.train(trainer, identity)
        job.write(trainer, job.out, variation.more())
        run.remove()


def _digest(data: AbrData) -> str | None:
    """One SHA-256 of all files; None for generated data."""
    lines = "".join(f"{path} {digest}\n" for path, digest in sorted(data.hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest() if lines else None


def _full_name(policy: str, recipe: str) -> str:
    """Its name in reports: the recipe behind the name unless it is the task's first."""
    return policy if recipe == next(iter(RECIPES)) else f"{policy}:{recipe}"
