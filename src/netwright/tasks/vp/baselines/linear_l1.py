"""A linear map from the last two seconds of motion to the next six, trained with L1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor, nn

from netwright.tasks.vp.adapter import AdaptedViewportPolicy
from netwright.tasks.vp.baselines import training
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.features import LONGEST_HORIZON
from netwright.tasks.vp.recipes import VpRecipe
from netwright.training.run import Progress

NAME = "linear-l1"
STEPS = 9  # between ten samples
VELOCITY, LEVEL = slice(0, 3), slice(6, 8)  # columns of the modality `motion`


class Linear(nn.Module):
    """Displacements of the last ten samples against each other, and the last roll and pitch, to 30 x 3 changes.

    They are given step by step: that spans the same maps as displacements from the last sample, and is learned
    in fewer updates. A shorter history counts as standing still before it. Starts as last value.
    """

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(3 * STEPS + 2, 3 * LONGEST_HORIZON)
        nn.init.zeros_(self.map.weight)
        nn.init.zeros_(self.map.bias)

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(N, 90) changes, from `motion` (N, 20, 13)."""
        motion = inputs["motion"][:, -STEPS:]
        moved = motion[:, :, VELOCITY].flatten(1)
        answer: Tensor = self.map(torch.cat([moved, motion[:, -1, LEVEL]], dim=1))
        return answer


def train(
    data: VpData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    updates: int = 2000,
) -> None:
    """Learn from the recipe's datasets (its other inputs are not used) and write the folder `out`."""
    network = training.initialized(Linear, seed)
    settings = training.Settings(updates, 3e-3, max(1, updates // 4))
    trainer = training.residual_trainer(network, _recipe(recipe), data, settings, seed=seed)
    training.Baseline(NAME, recipe, data, seed, {}).train(trainer, out, progress)


def load(folder: Path) -> AdaptedViewportPolicy:
    """The trained policy of a folder."""
    model, description = training.load_baseline(folder, NAME, lambda shape: training.Residual(Linear()))
    return training.described(model.policy(_recipe(description["recipe"])), description, folder)


def _recipe(name: str) -> VpRecipe:
    return replace(training.recipe_named(name), modalities=("motion",), n_image_features=0)
