"""A toy prediction task for tests of adaptation: the mean of a short series, from the series and its last value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel

from netwright.adaptation import api
from netwright.core.results import Evaluation
from netwright.core.task import Recipe, Setting, Task
from netwright.llm.backbones import llama_config
from netwright.llm.encoders import Scalars, TimeSeries
from netwright.llm.heads import BoundedRegression

LENGTH = 8


def examples(rng: np.random.Generator, size: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    series = rng.standard_normal((size, LENGTH, 1)).astype(np.float32)
    target = np.repeat(series.mean(1), 3, axis=1)[:, :, None].astype(np.float32)
    return {"series": series, "last": series[:, -1]}, target


class ToyPolicy:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def reset(self, rng: np.random.Generator) -> None:
        pass

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        return self.answer(obs)


class ToyAdapter:
    modalities = (TimeSeries("series", 1, LENGTH, patch=4, n_features=16), Scalars("last", 1, n_features=16))

    def __init__(self, recipe: str, poisoned: bool) -> None:
        self.n_steps = 3 if recipe == "steps" else 0
        self.head = BoundedRegression((1,) if self.n_steps else (3, 1), limit=5.0)
        self.poisoned = poisoned

    def batch(self, rng: np.random.Generator, size: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        inputs, target = examples(rng, size)
        return inputs, target * (np.nan if self.poisoned else 1.0)

    def loss(self, answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return (answer - target).abs().mean()

    def validate(self, answer: Any) -> float:
        inputs, target = examples(np.random.default_rng(1), 128)
        return float(np.abs(answer(inputs) - target).mean())

    def policy(self, answer: Any) -> ToyPolicy:
        return ToyPolicy(answer)

    def state(self) -> dict[str, Any]:
        return {"unit": 1.0}

    def provenance(self) -> dict[str, Any]:
        return {"source": "toy", "synthetic": True}


def adapter(recipe: str, data: Any, *, seed: int = 0, state: Mapping[str, Any] | None = None) -> ToyAdapter:
    assert data is not None or state == {"unit": 1.0}
    return ToyAdapter(recipe, poisoned=data == "poisoned")


def evaluate(policy: ToyPolicy, setting: Setting, data: Any, *, name: str) -> Evaluation:
    inputs, target = examples(np.random.default_rng(2), 64)
    error = np.abs(policy.act(inputs) - target).mean((1, 2))
    return Evaluation(
        "toy",
        setting.name,
        name,
        "mae",
        "units",
        tuple(error.tolist()),
        (1.0,) * 64,
        tuple(map(str, range(64))),
        0.0,
    )


TASK = Task(
    name="toy",
    title="toy",
    kind="prediction",
    metric="mae",
    unit="units",
    lower_is_better=True,
    settings={"default": Setting("default", "", None)},
    policies={},
    recipes={"once": Recipe("once", "", "once"), "steps": Recipe("steps", "", "steps")},
    load_data="",
    evaluate="tests.adaptation.toy:evaluate",
    adapter="tests.adaptation.toy:adapter",
    training_defaults={
        "iterations": 30,
        "batch_size": 16,
        "evaluate_every": 10,
        "rank": 4,
        "precision": "float32",
    },
)


def small_backbone(folder: Path) -> str:
    """A two-layer Llama of width 32 in a local folder, as a user's own model would lie there."""
    torch.manual_seed(7)
    AutoModel.from_config(llama_config(32, 2, 2, 48)).save_pretrained(folder)
    return str(folder)


def trusted(folder: Path) -> str | None:
    """The backbone that a saved model was adapted on, named again as its user would."""
    try:
        name = json.loads((folder / "netwright.json").read_text())["backbone"]["name"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return name if isinstance(name, str) else None


def load(folder: Path, task: Task | None = None) -> api.Adapted:
    """`api.load` by a user who names the backbone again."""
    return api.load(folder, task, backbone=trusted(folder))


def finetune_online(task: Task, data: Any, start: Path, **options: Any) -> api.Adapted:
    """`api.finetune_online` by a user who names the backbone again."""
    return api.finetune_online(task, data, start, backbone=trusted(start), **options)
