"""TRACK: recurrent encoders and decoders for position, content if there is any, and their fusion.

Source: Romero Rondon et al., arXiv 1911.11702, in the form that Wu et al. 2024 compare with (three angles, a change
against the previous position at each step). Departures from that published form, all of them corrections: the
decoder starts from the last known position rather than from the first future one; input and output are in the same
unit; the error wraps; the fusion decoder carries its state; yaw and saliency maps are relative to where the viewer
looks last, so that answers do not depend on a dataset's front. Without saliency the content branch is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.core.errors import ConfigError, DataError
from netwright.tasks.vp.angles import YAW, Floats, mirrored_deg, unwrapped_deg
from netwright.tasks.vp.baselines import training
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.examples import Examples
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON, residual
from netwright.tasks.vp.metrics import mae
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.settings import SETTINGS
from netwright.tasks.vp.windows import Windows, windows
from netwright.training.run import Progress

NAME = "track"
UNIT_DEG = 10.0  # with 30, velocities are too small to be learned in as many updates
HIDDEN = 256
BATCH = 64
VALIDATION_STRIDE = 4
ANSWER_CHUNK = 1024

Maps = NDArray[np.float32]
SaliencySource = Callable[[Windows], Maps]
"""Gives (N, history + horizon, height, width) equirectangular maps, columns from yaw -180 to 180 degrees."""


class Content(NamedTuple):
    """What the content branch reads: the source of the maps, and their height and width."""

    saliency: SaliencySource
    map_shape: tuple[int, int]


class Network(nn.Module):
    """Position, content and fusion as LSTM encoders and decoders; starts as last value.

    Args:
        hidden: size of every state (256 as published).
        map_size: pixels of a saliency map, 0 to leave the content branch out.
    """

    def __init__(self, hidden: int = HIDDEN, map_size: int = 0) -> None:
        super().__init__()
        n_branches = 2 if map_size else 1

        def pair(n_inputs: int) -> nn.ModuleDict:
            return nn.ModuleDict(
                {k: nn.LSTM(n_inputs, hidden, batch_first=True) for k in ("encode", "decode")}
            )

        self.position = pair(3)
        self.content = pair(map_size) if map_size else None
        self.fusion = pair(n_branches * hidden)
        self.head = nn.Sequential(nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 3))
        nn.init.zeros_(self.head[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.head[-1].bias)  # type: ignore[arg-type]

    def forward(self, inputs: tuple[Tensor, int, Tensor | None]) -> Tensor:
        """(N, horizon, 3) positions.

        Args:
            inputs: (N, history, 3) positions, the horizon, and (N, history + horizon, pixels) maps or None.
        """
        positions, horizon, maps = inputs
        history = positions.shape[1]
        seen, state = self.position["encode"](positions)
        content_states: list[Tensor] = []
        if self.content is not None:
            assert maps is not None
            content, content_state = self.content["encode"](maps[:, :history])
            seen = torch.cat([seen, content], dim=2)
            content_states = list(self.content["decode"](maps[:, history:], content_state)[0].split(1, dim=1))
        _, fusion_state = self.fusion["encode"](seen)
        position = positions[:, -1:]
        answers = []
        for step in range(horizon):
            out, state = self.position["decode"](position, state)
            out = torch.cat([out, content_states[step]], dim=2) if content_states else out
            out, fusion_state = self.fusion["decode"](out, fusion_state)
            position = position + self.head(out)
            answers.append(position)
        return torch.cat(answers, dim=1)


class Track(WindowPolicy):
    """TRACK as a viewport policy.

    Args:
        network: trained.
        saliency: maps of any windows, if the network has a content branch.
        map_shape: height and width of those maps, None without content.
    """

    def __init__(
        self,
        network: Network,
        saliency: SaliencySource | None = None,
        map_shape: tuple[int, int] | None = None,
    ) -> None:
        if (saliency is None) != (map_shape is None):
            raise ConfigError(
                "TRACK without saliency takes no maps; train it with content=..."
                if map_shape is None
                else "this TRACK was trained with saliency; give load() the source of its maps."
            )
        self.network, self.saliency, self.map_shape = network, saliency, map_shape

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) the last position and the changes that follow from it."""
        parts = [
            self._changes(windows.take(np.arange(i, min(i + ANSWER_CHUNK, len(windows)))))
            for i in range(0, len(windows), ANSWER_CHUNK)
        ]
        return windows.last_deg()[:, None] + np.concatenate(parts)

    def _changes(self, some: Windows) -> Floats:
        inputs = model_inputs(some, self.saliency, self.map_shape)
        with torch.inference_mode():
            answer = self.network(inputs) - inputs[0][:, -1:]
        changes: Floats = answer.numpy().astype(np.float64) * UNIT_DEG
        return changes


def model_inputs(
    windows: Windows,
    saliency: SaliencySource | None,
    map_shape: tuple[int, int] | None,
    mirrored: NDArray[np.bool_] | None = None,
) -> tuple[Tensor, int, Tensor | None]:
    """What the network is called with: positions seen from the last one, the horizon, and centered maps."""
    seen = unwrapped_deg(windows.seen_deg())
    seen[..., YAW] -= seen[:, -1:, YAW]
    if mirrored is not None:
        seen[mirrored] = mirrored_deg(seen[mirrored])
    positions = torch.from_numpy((seen / UNIT_DEG).astype(np.float32))
    if saliency is None or map_shape is None:
        return positions, windows.horizon, None
    maps = saliency(windows)
    expected = (len(windows), windows.history + windows.horizon, *map_shape)
    if maps.shape != expected:
        raise DataError(
            f"{windows.traces.name}: saliency maps of shape {maps.shape}, expected {expected}; "
            "give one map for each sample of history and horizon, of the size that TRACK was trained with."
        )
    maps = centered(maps, windows.last_deg()[:, YAW])
    if mirrored is not None:
        maps[mirrored] = maps[mirrored][..., ::-1]
    return positions, windows.horizon, torch.from_numpy(maps.reshape(*maps.shape[:2], -1).astype(np.float32))


def centered(maps: Maps, yaw_deg: Floats) -> Maps:
    """(N, T, height, width) maps rolled so that the column at each window's yaw is in the middle."""
    width = maps.shape[3]
    shift = np.rint(yaw_deg * width / 360.0).astype(np.int64)
    columns = (np.arange(width) + shift[:, None]) % width  # (N, width)
    turned: Maps = np.take_along_axis(maps, columns[:, None, None], axis=3)
    return turned


def wrapped_l1(answer: Tensor, target: Tensor) -> Tensor:
    """Mean absolute error of positions, wrapped at half a turn."""
    half = 180.0 / UNIT_DEG
    return (torch.remainder(answer - target + half, 2.0 * half) - half).abs().mean()


def train(
    data: VpData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    content: Content | None = None,
    hidden: int = HIDDEN,
    updates: int = 600,
) -> None:
    """Learn from the recipe's datasets (its other inputs are not used) and write the folder `out`.

    Args:
        data: the datasets.
        recipe: says which of them are learned from.
        out: folder to write.
        seed: of weights and batches.
        progress: called with one line at every evaluation.
        content: source and size of saliency maps; without them there is no content branch.
        hidden: size of the recurrent states.
        updates: optimizer steps of 64 windows each.
    """
    saliency, map_shape = content or (None, None)
    datasets = training.recipe_named(recipe).datasets
    examples = Examples(replace(training.recipe_named(recipe), modalities=("motion",)), data)
    shape = {"hidden": hidden, "map_shape": None if map_shape is None else list(map_shape)}
    network = training.initialized(lambda: _build(shape), seed)
    policy = Track(network, saliency, map_shape)

    def batch(rng: np.random.Generator) -> tuple[tuple[Tensor, int, Tensor | None], Tensor]:
        chosen = examples.training[datasets[rng.integers(len(datasets))]]
        history = LONGEST_HISTORY if rng.random() < 0.5 else LONGEST_HISTORY // 2
        some = replace(chosen.take(rng.integers(0, len(chosen), BATCH)), history=history)
        mirrored = rng.random(BATCH) < 0.5
        inputs = model_inputs(some, saliency, map_shape, mirrored)
        change = residual(some, LONGEST_HORIZON, mirrored) / UNIT_DEG
        return inputs, inputs[0][:, -1:] + torch.from_numpy(change.astype(np.float32))

    validation = _validation(data, datasets)

    def validate() -> float:
        return float(np.mean([mae(policy.predict(w), w.future_deg()) for w in validation]))

    settings = training.Settings(updates, 1e-3, max(1, updates // 6), batch_size=BATCH)
    trainer = training.BaselineTrainer(network, batch, wrapped_l1, validate, settings, seed=seed)
    training.Baseline(NAME, recipe, data, seed, shape).train(trainer, out, progress)


def load(folder: Path, saliency: SaliencySource | None = None) -> Track:
    """The trained policy of a folder; one that was trained with saliency needs its source again."""
    network, description = training.load_baseline(folder, NAME, _build)
    map_shape = description["shape"]["map_shape"]
    policy = Track(network, saliency, None if map_shape is None else (map_shape[0], map_shape[1]))
    return training.described(policy, description, folder)


def _build(shape: training.Shape) -> Network:
    height, width = shape["map_shape"] or (0, 0)
    return Network(shape["hidden"], height * width)


def _validation(data: VpData, datasets: tuple[str, ...]) -> list[Windows]:
    """Every fourth validation window of each setting of those datasets: enough to choose weights by."""
    configs = [replace(s.config, split="valid") for s in SETTINGS.values() if s.config.dataset in datasets]
    every = [windows(data, config) for config in configs]
    return [w.take(np.arange(0, len(w), VALIDATION_STRIDE)) for w in every]
