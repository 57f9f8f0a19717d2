"""A small specialist network trained in our simulator: the teacher of adapted models and the baseline to beat."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from netwright.tasks.abr import features
from netwright.tasks.abr.baselines import learned, training
from netwright.tasks.abr.baselines.learned import Design, LearnedPolicy, mlp
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig
from netwright.tasks.abr.dataset import AbrData
from netwright.training.run import Progress

NAME = "ppo"
WIDTH = 256
CONFIG = PpoConfig()


def _actor(n_levels: int) -> nn.Module:
    return mlp(features.size(n_levels), WIDTH, n_levels)


DESIGN = Design(NAME, features.vector, _actor)


def load(folder: Path | None = None, *, greedy: bool = True) -> LearnedPolicy:
    """The trained policy of a folder; the shipped one if none is given. Sampled if not greedy."""
    return learned.load(folder or learned.SHIPPED / NAME, DESIGN, greedy=greedy)


def load_sampled(folder: Path | None = None) -> LearnedPolicy:
    """The same, drawing from its probabilities."""
    return load(folder, greedy=False)


def train(
    data: AbrData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: PpoConfig = CONFIG,
    stages: training.Stages = (),
) -> None:
    """Train on the sessions of the recipe's training environment and write the folder `out`.

    Args:
        data: traces and videos.
        recipe: name of a recipe; its training environment says on which sessions.
        out: folder to write; `<out>.partial` holds a checkpoint meanwhile, from which a repeated call continues.
        seed: of weights and sessions.
        progress: called with one line from time to time.
        config: of the run.
        stages: names and shares of the run after which the policy is kept in `<out>-<name>`, too.
    """
    job = training.Job(DESIGN, data, recipe, out, seed, progress, config)
    training.train(job, training.Variation(stages=stages))
