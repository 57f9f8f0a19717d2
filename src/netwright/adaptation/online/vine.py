"""The online phase with vine rollouts: each likely action of an uncertain state is tried.

Each is taken in a copy of the episode, which the model then plays on greedily (`netwright.rl.vine`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.inference import to_tensors
from netwright.adaptation.models.decision import FactoredDecisionModel
from netwright.adaptation.online.ppo import OnlineTraining, StepwiseModel
from netwright.adaptation.trainer import autocast_dtype
from netwright.core.errors import ConfigError
from netwright.rl.environment import Environment, running
from netwright.rl.ppo import clipped_objective, entropy, entropy_coefficient
from netwright.rl.rollout import Obs, concatenated, padded_rows
from netwright.rl.vine import VineRollout

Doubles = NDArray[np.float64]

CHUNK = 1024  # copies whose actions are computed at once


@dataclass(frozen=True)
class Explored:
    """N steps of episodes that were just played, ordered by episode, and the advantages of their actions.

    Attributes:
        obs: (N, ..) by name.
        offsets: (E + 1,) first step of each episode, and N.
        logprobs: (N, A) of the model that played; minus infinity for an action that could not be taken.
        advantages: (N, A) of the actions that were tried; 0 elsewhere.
        tried: (N,) whether actions were tried there.
    """

    obs: Obs
    offsets: NDArray[np.int64]
    logprobs: Tensor
    advantages: Tensor
    tried: Tensor


class VineTrainer(OnlineTraining):
    """A trainer whose update is one iteration of vine rollouts and learning."""

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates.

        Raises:
            ConfigError: actions have several parts.
        """
        if isinstance(self.model, FactoredDecisionModel):
            raise ConfigError("vine rollouts need actions of one part; set advantages to critic.")
        rng = self.begin(step)
        with self.playing() as n:
            explored = self._explore(rng, n)
        self.model.train()
        parts = self.minibatches(rng, len(explored.offsets) - 1, self.config.epochs)
        return float(np.mean([self._learn(step, explored, rows) for rows in parts]))

    def _explore(self, rng: np.random.Generator, n: int) -> Explored:
        """Play `n` fresh episodes with sampled actions, and try the likely actions of uncertain states."""
        config, stepwise = self.config, StepwiseModel(self.model.eval(), n)
        environment = self.adapter.environment(rng, n)
        vine = VineRollout(config.gamma, config.reward_threshold)
        obs: list[Obs] = []
        logprobs: list[Doubles] = []
        episodes: list[NDArray[np.int64]] = []
        with torch.inference_mode():
            while not environment.done:
                first = sum(map(len, episodes))
                episodes.append(running(environment))
                obs.append(self._read(environment))
                scores = torch.log_softmax(stepwise.scores(obs[-1], episodes[-1]), dim=-1).cpu().numpy()
                logprobs.append(scores.astype(np.float64))
                if vine.waiting:
                    vine.advance(self._greedy(vine))
                rows, actions = self._to_try(np.exp(logprobs[-1]))
                if len(rows):
                    vine.begin(environment, first + rows, rows, actions)
                environment.step((logprobs[-1] + rng.gumbel(size=scores.shape)).argmax(axis=1))
            while vine.waiting:
                vine.advance(self._greedy(vine))
        return self._explored(vine, obs, logprobs, np.concatenate(episodes))

    def _explored(
        self, vine: VineRollout, obs: list[Obs], logprobs: list[Doubles], episodes: NDArray[np.int64]
    ) -> Explored:
        """All steps in the order of their episodes; advantages in units of their standard deviation."""
        order = np.argsort(episodes, kind="stable")
        before = _padded(logprobs)
        advantages = vine.advantages(before, self.config.vine_limit)[order]
        size = float(advantages[advantages != 0.0].std()) if advantages.any() else 1.0
        rows = torch.from_numpy(order)
        # Concatenated outside of inference mode, so that gradients may be taken through what is made of them.
        return Explored(
            obs={name: concatenated([step[name] for step in obs])[rows] for name in obs[0]},
            offsets=np.concatenate([[0], np.cumsum(np.bincount(episodes))]).astype(np.int64),
            logprobs=self.tensor(before[order]),
            advantages=self.tensor(advantages / max(size, 1e-8)),
            tried=torch.from_numpy((advantages != 0.0).any(axis=-1)).to(self.device),
        )

    def _to_try(self, probabilities: Doubles) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows and actions (R,) that are likely enough, in states (B, N) where none is almost certain."""
        open_ = probabilities.max(axis=1) < self.config.vine_certain
        rows, actions = np.nonzero((probabilities > self.config.vine_least) & open_[:, None])
        return rows, actions

    def _greedy(self, vine: VineRollout) -> NDArray[np.int64]:
        """(R,) greedy actions of encoder and head alone; what the backbone adds cancels among copies of a state.

        In lower precision where that is faster, and in parts that fit the processor's cache: this is most of the cost.
        """
        assert vine.copies is not None
        model, read, n = self.model, self._read(vine.copies), len(running(vine.copies))
        lower = autocast_dtype(replace(self.config, precision="auto"), self.device)
        joined, model.joined = model.joined, False
        chosen = []
        with torch.autocast(self.device.type, dtype=lower, enabled=lower is not None):
            for rows in torch.split(torch.arange(n), CHUNK):
                part = {name: value[rows] for name, value in read.items()}
                chosen.append(model.next(part, None).argmax(dim=-1))
        model.joined = joined
        return np.asarray(torch.cat(chosen).cpu().numpy())

    def _read(self, environment: Environment) -> Obs:
        return to_tensors(self.adapter.inputs(environment.observe()), self.device)

    def _learn(self, step: int, explored: Explored, episodes: Tensor) -> float:
        """One step on the clipped objective, summed over all actions, and the entropy, where actions were tried."""
        config = self.config
        rows, real = (x.to(self.device) for x in padded_rows(explored.offsets, episodes))
        tried = explored.tried[rows] & real
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


def _padded(logprobs: list[Doubles]) -> Doubles:
    """(N, A) log-probabilities of all steps; minus infinity where a step had fewer than A actions."""
    width = max(part.shape[1] for part in logprobs)
    sides = [((0, 0), (0, width - part.shape[1])) for part in logprobs]
    return np.concatenate(
        [np.pad(p, s, constant_values=-np.inf) for p, s in zip(logprobs, sides, strict=True)]
    )
