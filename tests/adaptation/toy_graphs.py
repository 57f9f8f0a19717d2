"""A toy task of graphs and two-part actions: run jobs of chained stages; episodes end at different times.

Each node has a size and a number of workers that suits it. The best action takes the candidate with the largest size
and its own number of workers. Which nodes are candidates changes from decision to decision.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import torch

from netwright.adaptation.models.decision import ACTION as PART
from netwright.adaptation.models.decision import StepwiseInference, parts_loss
from netwright.adaptation.offline.experience import ACTION, OBSERVATION, Experience
from netwright.adaptation.offline.ragged import Ragged
from netwright.core.results import Evaluation
from netwright.core.task import PolicySpec, Recipe, Setting, Task
from netwright.llm.encoders import Graph, GraphBatch, Scalars
from netwright.llm.heads import CategoricalChoice, Factored, Pointer

WORKERS, LONGEST, LARGEST = 3, 5, 6
PARTS = ("stage", "workers")


class Jobs:
    """B episodes of 1 to 5 decisions; the reward is the chosen stage's size, less 0.5 with the wrong workers."""

    def __init__(self, rng: np.random.Generator, n: int) -> None:
        self.n, self.time = n, 0
        self.lengths = rng.integers(1, LONGEST + 1, n)
        self.episodes = [[_graph(rng) for _ in range(length)] for length in self.lengths]

    @property
    def graphs(self) -> list[dict[str, np.ndarray]]:
        return [self.episodes[i][self.time] for i in self.running()]

    @property
    def done(self) -> bool:
        return not len(self.running())

    def running(self) -> np.ndarray:
        return np.flatnonzero(self.lengths > self.time)

    def fork(self, rows: np.ndarray) -> Jobs:
        other, chosen = copy(self), self.running()[rows]
        other.n, other.lengths = len(chosen), self.lengths[chosen]
        other.episodes = [self.episodes[i] for i in chosen]
        return other

    def concat(self, other: Jobs) -> Jobs:
        assert self.time == other.time
        both = copy(self)
        both.n, both.lengths = self.n + other.n, np.concatenate([self.lengths, other.lengths])
        both.episodes = self.episodes + other.episodes
        return both

    def observe(self) -> dict[str, Any]:
        columns = {name: Ragged.of([g[name] for g in self.graphs]) for name in self.graphs[0]}
        return columns | {"clock": np.full(len(self.graphs), float(self.time))}

    def privileged(self) -> np.ndarray:
        return np.zeros((len(self.graphs), 0))

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        chosen = [g["nodes"][g["candidates"][a]] for g, a in zip(self.graphs, actions[:, 0], strict=True)]
        size = np.array([node[0] for node in chosen], dtype=float)
        right = np.array([node[1] for node in chosen]) == actions[:, 1]
        rewards = size - 0.5 * ~right
        self.time += 1
        return rewards, np.stack([size, right], axis=1)


def _graph(rng: np.random.Generator) -> dict[str, np.ndarray]:
    n = int(rng.integers(1, LARGEST + 1))
    nodes = np.stack([rng.normal(size=n), rng.integers(0, WORKERS, n)], axis=1)
    candidates = np.sort(rng.permutation(n)[: rng.integers(1, n + 1)])
    return {
        "nodes": nodes.astype(np.float32),
        "edges": np.stack([np.arange(n - 1), np.arange(1, n)], axis=1),
        "candidates": candidates.astype(np.int64),
    }


class Stages(Jobs):
    """The same with actions of one part: the stage, which always gets its own number of workers."""

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        workers = [g["nodes"][g["candidates"][a], 1] for g, a in zip(self.graphs, actions, strict=True)]
        return super().step(np.stack([actions, np.array(workers, dtype=int)], axis=1))


class TimedStages(Stages):
    """Decisions are as far apart as there are nodes in the graph."""

    def times(self) -> np.ndarray:
        before = [self.episodes[i][: self.time] for i in self.running()]
        return np.array([float(sum(len(g["nodes"]) for g in graphs)) for graphs in before])


class Collector:
    components = ("size", "right")
    training_environments: Mapping[str, str] = {"training": "all jobs"}

    def environment(self, name: str, rng: np.random.Generator, n: int) -> Jobs:
        return Jobs(rng, n)

    def columns(self, observation: Any) -> dict[str, Any]:
        return dict(observation)

    def random_actions(self, observation: Any, rng: np.random.Generator) -> np.ndarray:
        n = observation["candidates"].lengths
        return np.stack([rng.integers(0, n), rng.integers(0, WORKERS, len(n))], axis=1)

    def provenance(self) -> dict[str, Any]:
        return {"source": "toy", "synthetic": True}


class Largest:
    """Takes the candidate with the largest size, with its own number of workers."""

    def reset(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def act(self, obs: Mapping[str, Any]) -> np.ndarray:
        return np.array(
            [self._one(obs["nodes"].row(i), obs["candidates"].row(i)) for i in range(len(obs["nodes"]))]
        )

    def _one(self, nodes: np.ndarray, candidates: np.ndarray) -> tuple[int, int]:
        place = int(nodes[candidates, 0].argmax())
        return place, int(nodes[candidates[place], 1])


class Anything(Largest):
    def act(self, obs: Mapping[str, Any]) -> np.ndarray:
        return Collector().random_actions(obs, self.rng)


def read(columns: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Columns of decisions in a batch of that shape to what the model reads."""
    nodes, edges, candidates = (columns[name] for name in ("nodes", "edges", "candidates"))
    graphs = [(_nodes(nodes.row(i)), edges.row(i).T) for i in range(len(nodes))]
    padded = candidates.padded(-1)
    return {
        "graph": GraphBatch.of(graphs, shape),
        "clock": np.asarray(columns["clock"], dtype=np.float32).reshape(*shape, 1),
        "candidate_nodes": padded.reshape(*shape, -1),
    }


def _nodes(nodes: np.ndarray) -> np.ndarray:
    return np.concatenate([nodes[:, :1], np.eye(WORKERS)[nodes[:, 1].astype(int)]], axis=1)


class Adapter:
    modalities = (Graph("graph", 1 + WORKERS, rounds=1, n_features=16), Scalars("clock", 1, n_features=8))
    head = Factored(
        {"stage": Pointer("graph", 16, n_hidden=32), "workers": CategoricalChoice(WORKERS, n_hidden=32)},
        {"workers": "stage"},
    )
    window = 3

    def __init__(self, recipe: Any, data: Any, *, seed: int = 0, state: Any = None, experience: Any = None):
        self.experience: Experience | None = experience

    def batch(self, rng: np.random.Generator, size: int) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        experience = self.experience
        assert experience is not None
        best = np.flatnonzero(experience.of_policy("largest"))
        chosen = best[rng.integers(0, len(best), size)]
        lengths = experience.lengths[chosen]
        within = np.arange(lengths.max())
        rows = experience.offsets[:-1][chosen][:, None] + np.minimum(within, lengths[:, None] - 1)
        real = within < lengths[:, None]
        names = ("nodes", "edges", "candidates", "clock")
        inputs = read({n: experience.columns[OBSERVATION + n][rows.reshape(-1)] for n in names}, rows.shape)
        made = experience.array(ACTION)[rows]
        widths = (inputs["candidate_nodes"].shape[-1], WORKERS)
        targets = {
            part: ((made[..., i, None] == np.arange(widths[i])) * real[..., None]).astype(np.float32)
            for i, part in enumerate(PARTS)
        }
        return inputs | {PART + part: made[..., i].astype(np.int64) for i, part in enumerate(PARTS)}, targets

    def loss(self, answer: Any, target: Any) -> torch.Tensor:
        return parts_loss(answer, target)

    def validate(self, answer: StepwiseInference) -> float:
        return play(self.policy(answer), 1)

    def policy(self, answer: StepwiseInference) -> AdaptedJobs:
        return AdaptedJobs(answer)

    def state(self) -> dict[str, Any]:
        return {}

    def provenance(self) -> dict[str, Any]:
        assert self.experience is not None
        return {"source": "toy", "synthetic": True, "experience": self.experience.provenance()}

    def environment(self, rng: np.random.Generator, n: int) -> Jobs:
        return Jobs(rng, n)

    def inputs(self, observation: Mapping[str, Any]) -> dict[str, Any]:
        return read(observation, (len(observation["nodes"]),))

    def critic_inputs(self, inputs: Mapping[str, Any]) -> np.ndarray:
        return np.asarray(inputs["clock"])


class StageAdapter(Adapter):
    """Chooses a stage only."""

    head = Pointer("graph", 16, n_hidden=32)

    def environment(self, rng: np.random.Generator, n: int) -> Stages:
        return Stages(rng, n)


class AdaptedJobs:
    """Plays episodes one at a time, so that each has a memory of its own."""

    def __init__(self, inference: StepwiseInference) -> None:
        self.inference = inference

    def reset(self, rng: np.random.Generator) -> None:
        self.inference.reset()

    def act(self, obs: Mapping[str, Any]) -> np.ndarray:
        chosen = self.inference.decide(read(obs, (len(obs["nodes"]),)))
        return np.stack([chosen[part] for part in PARTS], axis=1)


def play(policy: Any, seed: int, n: int = 40) -> float:
    """Mean reward of a decision over episodes played one by one."""
    rewards = []
    for episode in range(n):
        jobs = Jobs(np.random.default_rng((seed, episode)), 1)
        policy.reset(np.random.default_rng(episode))
        while not jobs.done:
            rewards.append(float(jobs.step(policy.act(jobs.observe()))[0][0]))
    return float(np.mean(rewards))


class Data(str):
    source, synthetic = "toy", True


def load_data(folder: Path | None, *, seed: int) -> Data:
    return Data("toy")


def collector(data: Any) -> Collector:
    return Collector()


def evaluate(policy: Any, setting: Setting, data: Any, *, name: str) -> Evaluation:
    values = tuple(play(policy, seed) for seed in (2, 3))
    return Evaluation("jobs", setting.name, name, "reward", "points", values, (1.0, 1.0), ("a", "b"), 0.0)


TASK = Task(
    name="jobs",
    title="jobs",
    kind="decision",
    metric="reward",
    unit="points",
    lower_is_better=False,
    settings={"default": Setting("default", "", None)},
    policies={
        "largest": PolicySpec("largest", "", "tests.adaptation.toy_graphs:Largest"),
        "anything": PolicySpec("anything", "", "tests.adaptation.toy_graphs:Anything"),
    },
    recipes={"clone": Recipe("clone", "", None)},
    load_data="tests.adaptation.toy_graphs:load_data",
    evaluate="tests.adaptation.toy_graphs:evaluate",
    adapter="tests.adaptation.toy_graphs:Adapter",
    collector="tests.adaptation.toy_graphs:collector",
    reference_policy="anything",
    training_defaults={
        "iterations": 120,
        "batch_size": 32,
        "evaluate_every": 60,
        "rank": 4,
        "learning_rate": 5e-3,
        "encoder_dropout": 0.0,
        "precision": "float32",
    },
)
