"""The online phase with vine rollouts: each likely action of an uncertain state is tried.

Each is taken in a copy of the episode, which the model then plays on greedily (`netwright.rl.vine`). Of actions of
several parts, the likeliest are tried (`joint`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.adaptation.inference import to_tensors
from netwright.adaptation.models.decision import FactoredDecisionModel
from netwright.adaptation.online import joint
from netwright.adaptation.online.ppo import OnlineTraining, StepwiseModel
from netwright.adaptation.trainer import autocast_dtype
from netwright.rl.environment import Environment, running
from netwright.rl.ppo import clipped_objective, entropy, entropy_coefficient
from netwright.rl.rollout import Obs, concatenated, padded_rows, sample
from netwright.rl.vine import VineRollout

Doubles = NDArray[np.float64]

Ints = NDArray[np.int64]

CHUNK = 1024  # copies whose actions are computed at once


class Alternatives(NamedTuple):
    """Actions that could be tried in R states, and the one that is taken in each."""

    actions: Ints  # (R, A) or (R, A, parts)
    logprobs: Doubles  # (R, A), minus infinity for an action that cannot be taken
    drawn: Ints  # (R,) or (R, parts)


@dataclass(frozen=True)
class Explored:
    """N steps of episodes that were just played, ordered by episode, and the advantages of their actions.

    Attributes:
        obs: (N, ..) by name.
        offsets: (E + 1,) first step of each episode, and N.
        logprobs: (N, A) of the model that played; minus infinity for an action that could not be taken.
        advantages: (N, A) of the actions that were tried; 0 elsewhere.
        tried: (N,) whether actions were tried there.
        actions: (N, A, parts) where they have several parts; otherwise an action is its column.
    """

    obs: Obs
    offsets: NDArray[np.int64]
    logprobs: Tensor
    advantages: Tensor
    tried: Tensor
    actions: Tensor | None = None


class VineTrainer(OnlineTraining):
    """A trainer whose update is one iteration of vine rollouts and learning."""

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates."""
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
        alternatives: list[Alternatives] = []
        episodes: list[Ints] = []
        with torch.inference_mode():
            while not environment.done:
                first = sum(map(len, episodes))
                episodes.append(running(environment))
                obs.append(self._read(environment))
                alternatives.append(found := self._alternatives(stepwise, obs[-1], episodes[-1], rng))
                if vine.waiting:
                    vine.advance(self._greedy(vine))
                rows, columns = self._to_try(np.exp(found.logprobs), rng)
                if len(rows):
                    vine.begin(environment, first + rows, rows, found.actions[rows, columns], columns)
                environment.step(found.drawn)
            while vine.waiting:
                vine.advance(self._greedy(vine))
        return self._explored(vine, obs, alternatives, np.concatenate(episodes))

    def _alternatives(
        self, stepwise: StepwiseModel, obs: Obs, episodes: Ints, rng: np.random.Generator
    ) -> Alternatives:
        """Of the running episodes (R,): all actions, or the likeliest of those of several parts."""
        if not isinstance(self.model, FactoredDecisionModel):
            scores = torch.log_softmax(stepwise.scores(obs, episodes), dim=-1).cpu().numpy()
            logprobs = scores.astype(np.float64)
            every = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
            return Alternatives(every, logprobs, (logprobs + rng.gumbel(size=scores.shape)).argmax(axis=1))
        head, (hidden, read) = self.model.head, stepwise.read(obs, episodes)
        actions, likely = joint.likeliest(head, hidden, read, self.config.vine_most)
        parts = head.decide(hidden, read, lambda scores: sample(torch.log_softmax(scores, dim=-1), rng))[1]
        return Alternatives(actions.cpu().numpy(), likely.cpu().numpy(), _joined(head.parts, parts))

    def _explored(
        self, vine: VineRollout, obs: list[Obs], alternatives: list[Alternatives], episodes: Ints
    ) -> Explored:
        """All steps in the order of their episodes; advantages in units of their standard deviation."""
        order = np.argsort(episodes, kind="stable")
        before = _padded([step.logprobs for step in alternatives])
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
            actions=self._actions([step.actions for step in alternatives], before.shape[1], order),
        )

    def _actions(self, actions: list[Ints], width: int, order: Ints) -> Tensor | None:
        """(N, A, parts) of all steps; None for actions of one part."""
        if actions[0].ndim < 3:
            return None
        sides = [((0, 0), (0, width - step.shape[1]), (0, 0)) for step in actions]
        padded = [np.pad(step, side, mode="edge") for step, side in zip(actions, sides, strict=True)]
        return torch.from_numpy(np.concatenate(padded)[order]).to(self.device)

    def _to_try(self, probabilities: Doubles, rng: np.random.Generator) -> tuple[Ints, Ints]:
        """Rows and columns (R,) of likely actions, in a share of the states (B, N) where none is almost certain."""
        open_ = probabilities.max(axis=1) < self.config.vine_certain
        if self.config.vine_share < 1.0:
            open_ &= rng.random(len(open_)) < self.config.vine_share
        rows, columns = np.nonzero((probabilities > self.config.vine_least) & open_[:, None])
        return rows, columns

    def _greedy(self, vine: VineRollout) -> Ints:
        """(R,) or (R, parts) greedy actions of encoder and head alone.

        What the backbone adds cancels among copies of a state. In lower precision where that is faster, and in parts
        that fit the processor's cache: this is most of the cost.
        """
        assert vine.copies is not None
        model, read, n = self.model, self._read(vine.copies), len(running(vine.copies))
        lower = autocast_dtype(replace(self.config, precision="auto"), self.device)
        joined, model.joined = model.joined, False
        chosen: list[Ints] = []
        with torch.autocast(self.device.type, dtype=lower, enabled=lower is not None):
            for rows in torch.split(torch.arange(n), CHUNK):
                part = {name: value[rows] for name, value in read.items()}
                if isinstance(model, FactoredDecisionModel):
                    chosen.append(_joined(model.head.parts, model.next_parts(part, None)[1]))
                else:
                    chosen.append(model.next(part, None).argmax(dim=-1).cpu().numpy())
        model.joined = joined
        return np.concatenate(chosen)

    def _read(self, environment: Environment) -> Obs:
        return to_tensors(self.adapter.inputs(environment.observe()), self.device)

    def _learn(self, step: int, explored: Explored, episodes: Tensor) -> float:
        """One step on the clipped objective, summed over all actions, and the entropy, where actions were tried."""
        config = self.config
        rows, real = (x.to(self.device) for x in padded_rows(explored.offsets, episodes))
        tried = explored.tried[rows] & real
        if not tried.any():
            return 0.0
        now, bonus = self._evaluate(explored, rows, tried)
        before, advantages = explored.logprobs[rows][tried], explored.advantages[rows][tried]
        possible = before > -math.inf
        ratio = torch.where(possible, now - before, 0.0).exp()
        gain = (before.exp() * clipped_objective(ratio, advantages, config.clip_range)).sum(dim=-1).mean()
        loss = -gain - entropy_coefficient(config, step) * bonus
        return self.descend(loss, step, self.parameters.values())

    def _evaluate(self, explored: Explored, rows: Tensor, tried: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities (R, A) under the model as it is at the steps `tried` (B, T) of `rows`, and its entropy."""
        inputs = {name: value[rows] for name, value in explored.obs.items()}
        if not isinstance(self.model, FactoredDecisionModel):
            now = torch.log_softmax(self.model(inputs), dim=-1)[tried]
            return now, entropy(now)
        assert explored.actions is not None
        hidden, read = self.model.read(inputs)
        return joint.log_probabilities(self.model.head, hidden, read, explored.actions[rows], tried)


def _joined(names: Iterable[str], parts: Mapping[str, Tensor]) -> Ints:
    """(R, parts) an action from its parts (R,)."""
    return np.stack([parts[name].cpu().numpy() for name in names], axis=1)


def _padded(logprobs: list[Doubles]) -> Doubles:
    """(N, A) log-probabilities of all steps; minus infinity where a step had fewer than A actions."""
    width = max(part.shape[1] for part in logprobs)
    sides = [((0, 0), (0, width - part.shape[1])) for part in logprobs]
    return np.concatenate(
        [np.pad(p, s, constant_values=-np.inf) for p, s in zip(logprobs, sides, strict=True)]
    )
