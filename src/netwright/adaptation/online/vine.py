"""The online phase with vine rollouts: in every state in which the model is not sure, each likely action is tried.

Each is taken in a copy of the episode, which the model then plays on greedily (`netwright.rl.vine`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.inference import to_tensors
from netwright.adaptation.online.ppo import OnlineTraining
from netwright.adaptation.trainer import autocast_dtype
from netwright.rl.environment import Environment
from netwright.rl.ppo import clipped_objective, entropy, entropy_coefficient
from netwright.rl.vine import VineRollout

Doubles = NDArray[np.float64]

CHUNK = 1024  # copies whose actions are computed at once


@dataclass(frozen=True)
class Explored:
    """Episodes that were just played, (B, T, ..) each, and the advantages of their actions.

    Attributes:
        logprobs: (B, T, N) of the model that played.
        advantages: (B, T, N) of the actions that were tried; 0 elsewhere.
        tried: (B, T) whether actions were tried there.
    """

    obs: Mapping[str, Tensor]
    logprobs: Tensor
    advantages: Tensor
    tried: Tensor


class VineTrainer(OnlineTraining):
    """A `Trainer` whose update is one iteration of vine rollouts and learning."""

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates."""
        rng = self.begin(step)
        with self.playing() as n:
            explored = self._explore(rng, n)
        self.model.train()
        parts = self.minibatches(rng, len(explored.tried), self.config.epochs)
        return float(np.mean([self._learn(step, explored, rows) for rows in parts]))

    def _explore(self, rng: np.random.Generator, n: int) -> Explored:
        """Play `n` fresh episodes with sampled actions, and try each likely action wherever the model is not sure."""
        config, model = self.config, self.model.eval()
        environment = self.adapter.environment(rng, n)
        memory = model.memory(n)
        vine = VineRollout(config.gamma, config.reward_threshold)
        obs: list[dict[str, Tensor]] = []
        logs: list[Doubles] = []
        with torch.inference_mode():
            while not environment.done:
                obs.append(self._read(environment))
                scores = torch.log_softmax(model.next(obs[-1], memory), dim=-1).cpu().numpy()
                logs.append(scores.astype(np.float64))
                if vine.copies is not None:
                    vine.advance(self._greedy(vine.copies))
                rows, actions = self._to_try(np.exp(logs[-1]))
                if len(rows):
                    vine.begin(environment, len(obs) - 1, rows, actions)
                environment.step((logs[-1] + rng.gumbel(size=scores.shape)).argmax(axis=1))
        logprobs = np.stack(logs, axis=1)
        advantages = vine.advantages(logprobs, config.vine_limit)
        size = float(advantages[advantages != 0.0].std()) if advantages.any() else 1.0
        # Stacked outside of inference mode, so that gradients may be taken through what is made of them.
        return Explored(
            obs={name: torch.stack([step[name] for step in obs], dim=1) for name in obs[0]},
            logprobs=self.tensor(logprobs),
            advantages=self.tensor(advantages / max(size, 1e-8)),
            tried=torch.from_numpy((advantages != 0.0).any(axis=-1)).to(self.device),
        )

    def _to_try(self, probabilities: Doubles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and actions (R,) that are likely enough, in states (B, N) where none is almost certain."""
        open_ = probabilities.max(axis=1) < self.config.vine_certain
        rows, actions = np.nonzero((probabilities > self.config.vine_least) & open_[:, None])
        return rows, actions

    def _greedy(self, environment: Environment) -> NDArray[np.int64]:
        """(K,) greedy actions of encoder and head alone; what the backbone adds cancels among copies of a state.

        In lower precision where that is faster, and in parts that fit the processor's cache: this is most of the cost.
        """
        model, read = self.model, self._read(environment)
        lower = autocast_dtype(replace(self.config, precision="auto"), self.device)
        joined, model.joined = model.joined, False
        chosen = []
        with torch.autocast(self.device.type, dtype=lower, enabled=lower is not None):
            for first in range(0, environment.n, CHUNK):
                part = {name: value[first : first + CHUNK] for name, value in read.items()}
                chosen.append(model.next(part, None).argmax(dim=-1))
        model.joined = joined
        return np.asarray(torch.cat(chosen).cpu().numpy())

    def _read(self, environment: Environment) -> dict[str, Tensor]:
        return to_tensors(self.adapter.inputs(environment.observe()), self.device)

    def _learn(self, step: int, explored: Explored, rows: Tensor) -> float:
        """One step on the clipped objective, summed over all actions, and the entropy, where actions were tried."""
        config = self.config
        tried = explored.tried[rows]
        if not tried.any():
            return 0.0
        scores = self.model({name: value[rows] for name, value in explored.obs.items()})
        now = torch.log_softmax(scores, dim=-1)[tried]
        before, advantages = explored.logprobs[rows][tried], explored.advantages[rows][tried]
        possible = before > -math.inf
        ratio = torch.where(possible, now - before, 0.0).exp()
        gain = (before.exp() * clipped_objective(ratio, advantages, config.clip_range)).sum(dim=-1).mean()
        loss = -gain - entropy_coefficient(config, step) * entropy(now)
        return self.descend(loss, step, self.parameters.values())
