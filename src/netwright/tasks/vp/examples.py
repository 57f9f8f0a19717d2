"""Training and validation examples for every learned model of viewport prediction, adapted or baseline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray
from netwright.tasks.vp import features
from netwright.tasks.vp.angles import Floats, wrapped_deg
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON, Arrays
from netwright.tasks.vp.images import image_features
from netwright.tasks.vp.recipes import VpRecipe
from netwright.tasks.vp.settings import SETTINGS, VpConfig
from netwright.tasks.vp.windows import Windows, windows

N_FOR_SCALE = 20_000
SHARE_OF_OTHER_HISTORIES = 0.1

Predict = Callable[[Arrays], NDArray[np.floating]]


class Examples:
    """Batches from the training split, and the metric on the validation split, of a recipe's datasets."""

    def __init__(self, recipe: VpRecipe, data: VpData) -> None:
        self.recipe = recipe
        self.data = data
        every = VpConfig(
            split="train",
            step=1,
            history=LONGEST_HISTORY,
            horizon=LONGEST_HORIZON,
            trim_head=LONGEST_HISTORY,
            trim_tail=LONGEST_HORIZON,
        )
        self.training = {name: self._windows(replace(every, dataset=name)) for name in recipe.datasets}

    def _windows(self, config: VpConfig) -> Windows:
        return windows(self.data, config, crowd="crowd" in self.recipe.modalities)

    @property
    def n_training(self) -> int:
        """Windows of the training split, over all datasets."""
        return sum(map(len, self.training.values()))

    @cached_property
    def validation(self) -> list[tuple[Windows, Arrays]]:
        """The validation windows of every setting of the recipe's datasets, with their inputs."""
        chosen = [
            self._windows(replace(s.config, split="valid"))
            for s in SETTINGS.values()
            if s.config.dataset in self.recipe.datasets
        ]
        return [(w, model_inputs(self.recipe, w)) for w in chosen]

    @cached_property
    def scale_deg(self) -> NDArray[np.float32]:
        """(30, 3) typical change of each axis by each step, in degrees: the unit of an answer."""
        rng = np.random.default_rng(0)
        share = N_FOR_SCALE // len(self.training)
        changes = [
            features.residual(w.take(rng.integers(0, len(w), share)), LONGEST_HORIZON)
            for w in self.training.values()
        ]
        scale: NDArray[np.float32] = np.abs(np.concatenate(changes)).mean(0).astype(np.float32)
        scale[scale == 0.0] = 1.0  # an angle that never changes, such as a roll that was not recorded
        return scale

    def batch(self, rng: np.random.Generator, size: int) -> tuple[Arrays, NDArray[np.float32]]:
        """`size` random examples: inputs, and changes against the last viewport in units of `scale_deg`.

        The datasets share a batch evenly. History is 10 or 20 samples (sometimes any number), half of the
        examples are mirrored, and the front is hidden in a share of them.
        """
        inputs, targets = [], []
        for part, chosen in zip(
            np.array_split(np.arange(size), len(self.training)), self.training.values(), strict=True
        ):
            n = len(part)
            some = chosen.take(rng.integers(0, len(chosen), n))
            mirrored = rng.random(n) < 0.5
            history = np.where(rng.random(n) < 0.5, LONGEST_HISTORY // 2, LONGEST_HISTORY)
            other = rng.random(n) < SHARE_OF_OTHER_HISTORIES
            history = np.where(other, rng.integers(2, LONGEST_HISTORY + 1, n), history)
            hidden = rng.random(n) < self.recipe.hide_front
            inputs.append(
                model_inputs(self.recipe, some, history=history, mirrored=mirrored, front_hidden=hidden)
            )
            targets.append(features.residual(some, LONGEST_HORIZON, mirrored) / self.scale_deg)
        joined = {k: np.concatenate([i[k] for i in inputs]) for k in inputs[0]}
        return joined, np.concatenate(targets).astype(np.float32)

    def validate(self, predict: Predict) -> float:
        """Mean over the validation settings of the mean absolute error, in degrees."""
        errors = []
        for chosen, inputs in self.validation:
            change = changes_deg(predict(inputs), self.scale_deg, chosen.horizon)
            errors.append(np.abs(wrapped_deg(change - features.residual(chosen, chosen.horizon))).mean())
        return float(np.mean(errors))


def model_inputs(recipe: VpRecipe, windows: Windows, **augmentation: RawArray) -> Arrays:
    """The recipe's modalities of some windows; `augmentation` as `features.observe` takes it.

    A recipe that always hides the front in training hides it here, too.
    """
    if recipe.hide_front >= 1.0:
        augmentation = {**augmentation, "front_hidden": np.ones(len(windows), dtype=np.bool_)}
    observed = features.observe(windows, recipe.modalities, **augmentation)
    return observed | image_features(recipe.n_image_features, windows)


def changes_deg(answer: NDArray[np.floating], scale_deg: NDArray[np.float32], horizon: int) -> Floats:
    """(N, horizon, 3) degrees from (N, 30, 3) units; beyond the last step that was answered the viewport stays."""
    n_answered = answer.shape[1]
    change = answer.astype(np.float64) * scale_deg[:n_answered]
    steps = np.minimum(np.arange(horizon), n_answered - 1)
    held: Floats = change[:, steps]
    return held
