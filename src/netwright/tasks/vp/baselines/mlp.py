"""A small residual network on all inputs of a recipe: the baseline of adapted models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from netwright.adaptation.saved_model import read_saved
from netwright.tasks.vp import features
from netwright.tasks.vp.adapter import AdaptedViewportPolicy
from netwright.tasks.vp.baselines import training
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON
from netwright.tasks.vp.recipes import VpRecipe
from netwright.training.run import Progress

NAME = "mlp"
WIDTH, DROPOUT = 512, 0.5
PLAIN_WIDTH, PLAIN_DROPOUT = 256, 0.1
_STEPS = {"motion": LONGEST_HISTORY, "crowd": len(features.CROSS_USER_STEPS)}


class ResidualMlp(nn.Module):
    """All modalities in one vector, two hidden layers, and changes against the last viewport; starts as last value."""

    def __init__(
        self, modalities: tuple[str, ...], n_image_features: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.names = (*modalities, *(["image"] if n_image_features else []))
        size = sum(features.SIZES[m] * _STEPS.get(m, 1) for m in modalities) + n_image_features
        last = nn.Linear(width, 3 * LONGEST_HORIZON)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(
            nn.Linear(size, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(dropout),
            last,
        )

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """(N, 90) changes in typical units, from the modalities by name."""
        answer: Tensor = self.layers(torch.cat([inputs[n].flatten(1) for n in self.names], dim=1))
        return answer


def train(
    data: VpData, *, recipe: str, out: Path, seed: int, progress: Progress, updates: int = 2400
) -> None:
    """Learn from the recipe's datasets and write the folder `out`; recipe "plain" is the plain small one."""
    chosen = training.recipe_named(recipe)
    plain = recipe == "plain"
    shape = {"width": PLAIN_WIDTH if plain else WIDTH, "dropout": PLAIN_DROPOUT if plain else DROPOUT}
    network = training.initialized(lambda: _network(chosen, shape), seed)
    settings = training.Settings(updates, 1e-3, max(1, updates // 12), weight_decay=0.05)
    trainer = training.residual_trainer(network, chosen, data, settings, seed=seed)
    training.Baseline(NAME, recipe, data, seed, shape).train(trainer, out, progress)


def load(folder: Path) -> AdaptedViewportPolicy:
    """The trained policy of a folder."""
    recipe = training.recipe_named(str(read_saved(folder).to_json()["recipe"]))
    model, description = training.load_baseline(
        folder, NAME, lambda shape: training.Residual(_network(recipe, shape))
    )
    return training.described(model.policy(recipe), description, folder)


def _network(recipe: VpRecipe, shape: training.Shape) -> ResidualMlp:
    return ResidualMlp(recipe.modalities, recipe.n_image_features, shape["width"], shape["dropout"])
