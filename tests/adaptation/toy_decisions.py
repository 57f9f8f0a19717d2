"""A toy task of decisions: three doors, each with a number on it; what lies behind is that number, or its negative."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netwright.adaptation.contract import Inputs
from netwright.adaptation.guard import FeatureBounds
from netwright.adaptation.models.decision import CANDIDATES, StepwiseInference, choice_loss
from netwright.adaptation.offline.experience import OBSERVATION, Experience
from netwright.adaptation.offline.imitation import imitation_targets
from netwright.adaptation.offline.return_conditioning import ReturnConditioning
from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Recipe, Setting, Task
from netwright.llm.encoders import Scalars
from netwright.llm.heads import Candidates

STEPS, DOORS = 6, 3


class Doors:
    """Episodes in lock step: in half of them the numbers are to be read as negative, and a sign says so."""

    def __init__(self, rng: np.random.Generator, n: int, doors: int = DOORS) -> None:
        self.n, self.time = n, 0
        self.sign = rng.choice([-1.0, 1.0], size=n)
        self.numbers = rng.normal(size=(n, STEPS, doors))

    @property
    def done(self) -> bool:
        return self.time >= STEPS

    def observe(self) -> dict[str, np.ndarray]:
        left = np.full(self.n, STEPS - self.time)
        return {"sign": self.sign[:, None], "numbers": self.numbers[:, self.time], "left": left}

    def privileged(self) -> np.ndarray:
        ahead = self.numbers[:, self.time :].max(axis=2).sum(axis=1)
        return (ahead * self.sign)[:, None]

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        number = self.numbers[np.arange(self.n), self.time, actions]
        self.time += 1
        return number * self.sign, np.stack([number, self.sign], axis=1)

    def fork(self, rows: np.ndarray) -> Doors:
        other = copy(self)
        other.n, other.sign, other.numbers = len(rows), self.sign[rows], self.numbers[rows]
        return other

    def concat(self, other: Doors) -> Doors:
        both = copy(self)
        both.n = self.n + other.n
        both.sign = np.concatenate([self.sign, other.sign])
        both.numbers = np.concatenate([self.numbers, other.numbers])
        return both


class DoorsCollector:
    components = ("number", "sign")
    training_environments: Mapping[str, str] = {"house": "all doors", "garden": "all doors too"}

    def environment(self, name: str, rng: np.random.Generator, n: int) -> Doors:
        return Doors(rng, n)

    def columns(self, observation: Any) -> dict[str, np.ndarray]:
        return {k: np.asarray(v, dtype=np.float32) for k, v in observation.items()}

    def random_actions(self, observation: Any, rng: np.random.Generator) -> np.ndarray:
        return rng.integers(0, observation["numbers"].shape[1], len(observation["numbers"]))

    def provenance(self) -> dict[str, Any]:
        return {"source": "toy", "synthetic": True}


class Rule:
    """Takes the best door, or by mistake the worst; may draw."""

    def __init__(self, good: bool) -> None:
        self.good, self.greedy = good, True

    def reset(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def log_probabilities(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        value = obs["numbers"] * obs["sign"] * (3.0 if self.good else -3.0)
        value = value - value.max(axis=1, keepdims=True)
        return value - np.log(np.exp(value).sum(axis=1, keepdims=True))

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        value = self.log_probabilities(obs)
        return (value if self.greedy else value + self.rng.gumbel(size=value.shape)).argmax(axis=1)


def good() -> Rule:
    return Rule(True)


def bad() -> Rule:
    return Rule(False)


class DoorsPolicy:
    def __init__(self, adapter: DoorsAdapter, inference: StepwiseInference) -> None:
        self.adapter, self.inference = adapter, inference
        self.asked: Any = None

    def reset(self, rng: np.random.Generator) -> None:
        self.inference.reset()
        self.asked = None

    def act(self, obs: Mapping[str, np.ndarray]) -> np.ndarray:
        n = len(obs["sign"])
        if self.asked is None:
            self.asked = self.adapter.conditioning.start(n, self.adapter.recipe["target"])
        weights = np.ones((n, 2))
        inputs = self.adapter.read(obs, self.asked.now(obs["left"], weights))
        self._far = self.adapter.feature_bounds.outside(inputs["numbers"])
        return self.inference.scores(inputs).argmax(axis=1)

    def out_of_distribution(self) -> np.ndarray:
        return self._far


class DoorsAdapter:
    """Two tokens a step: the sign with the condition, and how large the numbers are."""

    def __init__(
        self, recipe: Mapping[str, Any], data: Any, state: Any, experience: Experience | None, seed: int
    ):
        self.recipe, self.window = recipe, recipe["window"]
        self.experience = experience
        if experience is not None:
            self.imitation_targets = imitation_targets(
                recipe["method"],
                experience,
                critic_inputs=experience.columns[OBSERVATION + "numbers"],
                n_choices=DOORS,
                temperature=0.5,
                seed=seed,
            )
            self.conditioning = self.imitation_targets.conditioning
            self.feature_bounds = FeatureBounds.of(experience.columns[OBSERVATION + "numbers"])
        else:
            self.conditioning = ReturnConditioning(**state["conditioning"])
            self.feature_bounds = FeatureBounds.from_json(state["ranges"])
        self.head = Candidates(1, n_hidden=16)
        self.modalities = (
            Scalars("sign", 1 + self.conditioning.size, n_features=8),
            Scalars("numbers", DOORS, n_features=8),
        )

    def read(self, obs: Mapping[str, np.ndarray], condition: np.ndarray) -> dict[str, np.ndarray]:
        numbers = np.asarray(obs["numbers"], dtype=np.float32)
        sign = np.concatenate([np.asarray(obs["sign"], dtype=np.float32), condition], axis=-1)
        return {"sign": sign, "numbers": numbers[..., :DOORS], CANDIDATES: numbers[..., None]}

    def batch(self, rng: np.random.Generator, size: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        rows, real = self.imitation_targets.draw(rng, size)
        columns = self.imitation_targets.experience.columns
        obs = {name: columns[OBSERVATION + name][rows] for name in ("sign", "numbers")}
        return self.read(obs, self.imitation_targets.condition[rows]), self.imitation_targets.target(
            rows, real
        )

    def loss(self, answer: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return choice_loss(answer, target)

    def validate(self, answer: StepwiseInference) -> float:
        return play(self.policy(answer), 1)

    def policy(self, answer: StepwiseInference) -> DoorsPolicy:
        return DoorsPolicy(self, answer)

    def state(self) -> dict[str, Any]:
        c = self.conditioning
        conditioning = {"kind": c.kind, "size": c.size, "fitted": dict(c.fitted)}
        return {"conditioning": conditioning, "ranges": self.feature_bounds.to_json()}

    def provenance(self) -> dict[str, Any]:
        assert self.experience is not None
        return {"source": "toy", "synthetic": True, "experience": self.experience.provenance()}

    def environment(self, rng: np.random.Generator, n: int) -> Doors:
        return Doors(rng, n)

    def inputs(self, observation: Any) -> dict[str, np.ndarray]:
        return self.read(observation, np.zeros((len(observation["sign"]), 0), dtype=np.float32))

    def critic_inputs(self, inputs: Inputs) -> np.ndarray:
        return np.asarray(inputs["numbers"])


def adapter(
    recipe: Mapping[str, Any],
    data: Any,
    *,
    seed: int = 0,
    state: Any = None,
    experience: Experience | None = None,
) -> DoorsAdapter:
    return DoorsAdapter(recipe, data, state, experience, seed)


def collector(data: Any) -> DoorsCollector:
    return DoorsCollector()


def load_data(folder: Path | None, *, seed: int) -> object:
    return "toy"


def play(policy: Any, seed: int, n: int = 200) -> float:
    environment = Doors(np.random.default_rng(seed), n)
    policy.reset(np.random.default_rng(0))
    total = 0.0
    while not environment.done:
        total += environment.step(policy.act(environment.observe()))[0].mean()
    return total / STEPS


def evaluate(policy: Any, setting: Setting, data: Any, *, name: str) -> Evaluation:
    value = play(policy, 2)
    return Evaluation("doors", setting.name, name, "reward", "points", (value,), (1.0,), ("all",), 0.0)


def recipe(method: str, **more: Any) -> Recipe:
    return Recipe(method, "", {"method": method, "window": 3, "target": 1.0} | more)


METHODS = ("advantage", "clone", "distill", "returns", "returns-published", "regret", "vector-returns")

TASK = Task(
    name="doors",
    title="doors",
    kind="decision",
    metric="reward",
    unit="points",
    lower_is_better=False,
    settings={"default": Setting("default", "", None)},
    policies={
        "good": PolicySpec("good", "", "tests.adaptation.toy_decisions:good"),
        "bad": PolicySpec("bad", "", "tests.adaptation.toy_decisions:bad"),
    },
    recipes={m: recipe(m) for m in METHODS},
    load_data="tests.adaptation.toy_decisions:load_data",
    evaluate="tests.adaptation.toy_decisions:evaluate",
    adapter="tests.adaptation.toy_decisions:adapter",
    collector="tests.adaptation.toy_decisions:collector",
    training_defaults={
        "iterations": 60,
        "batch_size": 32,
        "evaluate_every": 20,
        "rank": 4,
        "learning_rate": 5e-3,
        "encoder_dropout": 0.0,
        "precision": "float32",
    },
    online_defaults={
        "iterations": 6,
        "batch_size": 64,
        "joined_batch_size": 32,
        "evaluate_every": 2,
        "minibatch_size": 16,
    },
)
