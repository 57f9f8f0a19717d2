"""A task so small that every command runs on it in milliseconds: guess the numbers of a data set."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from netwright.core import files
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Recipe, Setting, Task


@dataclass(frozen=True)
class ToyConfig:
    offset: float = 0.0
    count: int = 4
    side: Literal["left", "right"] = "left"
    flip: bool = False
    scales: tuple[int, ...] = (1,)

    def __post_init__(self) -> None:
        if self.count < 1:
            raise ConfigError(f"ToyConfig.count must be at least 1, got {self.count}; raise it.")


@dataclass(frozen=True)
class ToyData:
    values: np.ndarray
    source: str
    synthetic: bool = False
    hashes: dict[str, str] = field(default_factory=dict)


class Constant:
    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def reset(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, obs: float) -> float:
        return self.value


def one() -> Constant:
    return Constant(1.0)


def load_data(folder: Path | None, *, seed: int) -> ToyData:
    if folder is None:
        return ToyData(np.random.default_rng(seed).normal(size=8), f"synthetic (seed {seed})", synthetic=True)
    return ToyData(np.array(files.read_json(folder / "values.json")), str(folder))


def evaluate(policy: Any, setting: Setting, data: ToyData, *, name: str) -> Evaluation:
    values = data.values[: setting.config.count] + setting.config.offset
    errors = tuple(float(abs(policy.act(v) - v)) for v in values)
    return Evaluation(
        task="toy",
        setting=setting.name,
        policy=name,
        metric="error",
        unit="points",
        per_episode=errors,
        weights=(1.0,) * len(errors),
        episodes=tuple(f"value{i}" for i in range(len(errors))),
        seconds=0.25,
        config={"count": setting.config.count},
        detail={"worst": max(errors), "list": [1, 2]},
    )


def train(data: ToyData, *, recipe: str, out: Path, seed: int, progress: Any) -> None:
    progress("learning the mean")
    with files.replacing(out) as folder:
        folder.mkdir()
        document = {"format_version": 1, "mean": float(data.values.mean()), "recipe": recipe, "seed": seed}
        (folder / "netwright.json").write_text(json.dumps(document))


def trained(folder: Path) -> Constant:
    return Constant(files.read_json(folder / "netwright.json")["mean"])


HERE = __name__
TOY = Task(
    name="toy",
    title="Guess a number",
    kind="prediction",
    metric="error",
    unit="points",
    lower_is_better=True,
    settings={
        "default": Setting("default", "as they are", ToyConfig()),
        "shifted": Setting("shifted", "all one higher", ToyConfig(offset=1.0)),
    },
    policies={
        "zero": PolicySpec("zero", "always 0", f"{HERE}:Constant"),
        "one": PolicySpec("one", "always 1", f"{HERE}:one"),
        "mean": PolicySpec("mean", "the mean of the training data", f"{HERE}:trained", train=f"{HERE}:train"),
    },
    recipes={"plain": Recipe("plain", "nothing else", 1), "rich": Recipe("rich", "all there is", 2)},
    load_data=f"{HERE}:load_data",
    evaluate=f"{HERE}:evaluate",
    adapter=f"{HERE}:Constant",
    reference_policy="zero",
)
