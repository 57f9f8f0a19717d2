"""Vine rollouts: the advantage of every action, estimated by playing copies of the episode to the end.

Copies of one state meet the same future, so the difference of their returns is due to the action alone; the advantage
of an action is its return less the mean over the actions, weighted by their probabilities. On bitrates the errors of
the usual estimate, from one action and a critic, are a dozen times as large as the differences between actions.

Sources: "vine" estimates with common random numbers (Schulman et al. 2015, Trust Region Policy Optimization, 5.2); the
sum over all actions in place of a sampled one (Ciosek and Whiteson 2018, Expected Policy Gradients).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.rl.advantages import compress_rewards
from netwright.rl.environment import Environment

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class VineRollout:
    """Copies of episodes, each with a first action of its own, all at the same step.

    Attributes:
        gamma: discount.
        reward_threshold: rewards below it are compressed.
        copies: the copies, or None before the first.
        returns: (K,) discounted and compressed, of every copy since its first action.
        steps, rows, actions: (K,) where each began, and with which action; a list of parts.
    """

    gamma: float
    reward_threshold: float
    copies: Environment | None = None
    returns: Doubles = field(default_factory=lambda: np.zeros(0))
    factor: Doubles = field(default_factory=lambda: np.zeros(0))
    steps: list[Ints] = field(default_factory=list)
    rows: list[Ints] = field(default_factory=list)
    actions: list[Ints] = field(default_factory=list)

    def advance(self, actions: NDArray[Any]) -> None:
        """Take one action (K,) in every copy."""
        assert self.copies is not None
        self.returns += self.factor * compress_rewards(self.copies.step(actions)[0], self.reward_threshold)
        self.factor *= self.gamma

    def begin(self, environment: Environment, step: int, rows: Ints, actions: Ints) -> None:
        """Copy these episodes (R,) of an environment that is about to take that step, and take these actions."""
        copies = environment.fork(rows)
        reward = compress_rewards(copies.step(actions)[0], self.reward_threshold)
        self.copies = copies if self.copies is None else self.copies.concat(copies)
        self.returns = np.concatenate([self.returns, reward])
        self.factor = np.concatenate([self.factor, np.full(len(rows), self.gamma)])
        self.steps.append(np.full(len(rows), step))
        self.rows.append(rows)
        self.actions.append(actions)

    def advantages(self, logprobs: Doubles, limit: float) -> Doubles:
        """(B, T, N) return of each action that was tried less the mean in its state, clipped at plus and minus `limit`.

        Args:
            logprobs: (B, T, N); those of the actions that were tried weight the mean.
        """
        found = np.full(logprobs.shape, np.nan)
        if self.rows:
            where = tuple(np.concatenate(x) for x in (self.rows, self.steps, self.actions))
            found[where] = self.returns
        weight = np.where(np.isnan(found), 0.0, np.exp(logprobs))
        total = np.maximum(weight.sum(axis=-1, keepdims=True), 1e-12)
        mean = (weight * np.nan_to_num(found)).sum(axis=-1, keepdims=True) / total
        return np.asarray(np.clip(np.nan_to_num(found - mean), -limit, limit))
