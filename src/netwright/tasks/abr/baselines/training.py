"""A training run of a learned baseline, from the data to its folder; an interrupted one goes on where it stopped."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from netwright.core.errors import UnknownNameError
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.locks import locked
from netwright.core.trained_for import to_json
from netwright.tasks.abr.baselines import learned
from netwright.tasks.abr.baselines.learned import Design, LearnedPolicy
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig, PpoTrainer, Sampler
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.environment import AbrCollector
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.media import QoE, Rules
from netwright.tasks.abr.recipes import RECIPES
from netwright.tasks.abr.trained_for import of_videos
from netwright.tasks.abr.training_set import TrainingSet

__all__ = ["PpoConfig", "PpoTrainer", "Progress", "Stages", "partial_folder", "train", "training_set"]

Progress = Callable[[str], None]
Stages = Sequence[tuple[str, float]]
"""Names, and shares of the run after which the policy is kept beside the finished one, too."""

CHECKPOINT = "checkpoint"
CHECKPOINT_SECONDS = 20.0
SHOW_SECONDS = 10.0
N_LOOKS = 10


def training_set(data: AbrData, recipe: str) -> TrainingSet:
    """The sessions of a recipe's place; an unknown recipe raises `UnknownNameError`.

    Nothing else of a recipe concerns these policies.
    """
    if recipe not in RECIPES:
        raise UnknownNameError("abr recipe", recipe, RECIPES)
    return AbrCollector(data).training_set(RECIPES[recipe].config.place)


def partial_folder(out: Path) -> Path:
    """Where an unfinished run lives."""
    return out.with_name(out.name + ".partial")


def qoe(design: Design, actor: nn.Module, n_levels: int, sessions: Sequence[Sessions]) -> float:
    """Mean QoE per chunk of an actor, greedy, over batches of sessions that count alike."""
    policy = LearnedPolicy(design, actor, n_levels)
    rng = np.random.default_rng(0)
    return float(np.mean([rollout(policy, batch.copy(), rng).qoe.mean() for batch in sessions]))


def train(
    design: Design,
    data: AbrData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: PpoConfig,
    stages: Stages = (),
    sampler: Callable[[Sampler], Sampler] = lambda sample: sample,
    resumed: Callable[[PpoTrainer], None] = lambda trainer: None,
    after_iteration: Callable[[PpoTrainer], None] = lambda trainer: None,
    more: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Train a policy and write the folder `out`: actor, critic and what they learned from.

    The kept weights are the running average at the end of the run: validation is shown, nothing is chosen by it.

    Args:
        design: of the policy.
        data: traces and videos.
        recipe: name of a recipe; its place says on which sessions.
        out: folder to write; `<out>.partial` holds a checkpoint meanwhile, from which a repeated call goes on.
        seed: of weights and sessions.
        progress: told about the run.
        config: of the run.
        stages: names and shares of the run after which the policy is kept in `<out>-<name>`, too.
        sampler: given what draws from the recipe's training set, gives what draws instead.
        resumed: called with the trainer before the first iteration, where a checkpoint may have been taken up.
        after_iteration: called after every iteration.
        more: entries for the description, asked for at the end.

    Raises:
        ConfigError: `<out>.partial` holds a run with other settings, seed or data.
        KeyboardInterrupt: Ctrl-C; the same call goes on from the last checkpoint.
    """
    with locked(partial_folder(out)):
        sessions = training_set(data, recipe)
        trainer = PpoTrainer(design, sessions.videos.bitrates_kbps.shape[1], config, seed=seed)
        unfinished = partial_folder(out)
        about_sessions = {
            k: v for k, v in sessions.provenance().items() if k != "data"
        }  # a folder may be moved
        identity = RunIdentity.made(
            kind="train",
            task="abr",
            method=f"{design.name}:{recipe}",
            config=asdict(config),
            seed=seed,
            data=data_sha256(data),
            machine={
                "threads": torch.get_num_threads(),
                "precision": "bfloat16" if trainer.half else "float32",
            },
        )
        origin = {"policy": design.name, "recipe": recipe, "seed": seed, "config": asdict(config)}
        if (unfinished / CHECKPOINT).is_dir():
            trainer.resume(unfinished / CHECKPOINT, identity)
            progress(f"going on with {unfinished} from iteration {trainer.iteration}")
        resumed(trainer)
        sample = sampler(
            partial(
                sessions.sample,
                rules=Rules(noise=config.noise),
                scaled=config.scaled,
                scale_range=config.scale_range,
            )
        )
        validation = sessions.validation()
        marks = {max(1, round(share * config.iterations)): name for name, share in stages}
        every = max(1, config.iterations // N_LOOKS)

        def description() -> dict[str, Any]:
            return origin | {
                "name": _full_name(design.name, recipe),
                "n_levels": trainer.n_levels,
                "trained_for": to_json(of_videos(sessions.videos.videos, Rules(), QoE())),
                "qoe": asdict(QoE()),
                "data": {"synthetic": data.synthetic, "sha256": _digest(data), "sessions": about_sessions},
                "validation": {"metric": "qoe", "kept": look()},
                "cost": {
                    "decisions": trainer.n_decisions,
                    "seconds": round(trainer.seconds, 1),
                    "processor_seconds": round(trainer.processor_seconds, 1),
                },
                "identity": identity.model_dump(),
                **more(),
            }

        def look() -> float:
            return qoe(design, trainer.average, trainer.n_levels, validation)

        shown = saved = time.monotonic()
        while trainer.iteration < config.iterations:
            figures = trainer.iterate(sample)
            after_iteration(trainer)
            done, now = trainer.iteration, time.monotonic()
            if done in marks:
                folder = out.with_name(f"{out.name}-{marks[done]}")
                learned.save(folder, design, trainer.average, trainer.critic, description())
            if done % every == 0 or done == config.iterations:
                progress(f"{_line(trainer, figures)}, validation {look():.4f}")
                shown = now
            elif now - shown > SHOW_SECONDS:
                progress(_line(trainer, figures))
                shown = now
            if now - saved > CHECKPOINT_SECONDS:
                trainer.save(unfinished / CHECKPOINT, identity)
                saved = now
        learned.save(out, design, trainer.average, trainer.critic, description())
        shutil.rmtree(unfinished, ignore_errors=True)


def _digest(data: AbrData) -> str | None:
    """One SHA-256 of all files; None for generated data."""
    lines = "".join(f"{path} {digest}\n" for path, digest in sorted(data.hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest() if lines else None


def _full_name(policy: str, recipe: str) -> str:
    """As it stands in reports: the recipe behind the name unless it is the task's first."""
    return policy if recipe == next(iter(RECIPES)) else f"{policy}:{recipe}"


def _line(trainer: PpoTrainer, figures: Mapping[str, float]) -> str:
    left = round(trainer.seconds / trainer.iteration * (trainer.config.iterations - trainer.iteration))
    return (
        f"iteration {trainer.iteration}/{trainer.config.iterations}, {trainer.n_decisions / 1e6:.2f} M decisions: "
        f"reward {figures['reward']:.3f}, entropy {figures['entropy']:.2f}, KL {figures['approx_kl']:.4f}, "
        f"clipped {100 * figures['clip_fraction']:.0f} %, explained {100 * figures['explained_variance']:.0f} %, "
        f"{left // 60}:{left % 60:02d} left"
    )
