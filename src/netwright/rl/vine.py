"""Vine rollouts: the advantage of every action, estimated by playing copies of the episode to the end.

Copies of one state meet the same future, so the difference of their returns is due to the action alone; the advantage
of an action is its return less the mean over the actions, weighted by their probabilities. On bitrates the errors of
the usual estimate, from one action and a critic, are a dozen times as large as the differences between actions.

Sources: "vine" estimates with common random numbers (Schulman et al. 2015, Trust Region Policy Optimization, 5.2); the
sum over all actions in place of a sampled one (Ciosek and Whiteson 2018, Expected Policy Gradients).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray
from netwright.rl.advantages import compress_rewards
from netwright.rl.environment import Environment, running, times

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass
class VineRollout:
    """Copies of episodes, each with a first action of its own; they may end at different times.

    A copy whose next reward would count for less than `negligible` is played no further. Under a discount by time this
    bounds the length of copies of long episodes.

    Attributes:
        gamma: discount, of a step or, in a `TimedEnvironment`, of a unit of time.
        reward_threshold: rewards below it are compressed.
        copies: the copies, or None before the first.
        returns: (K,) discounted and compressed, of every copy since its first action.
        factor: (K,) discount of the next reward of every copy.
        decisions, columns: (K,) number of the decision at which each began, and the column of its first action in
            `advantages`; a list of parts.
        negligible: smallest discount at which a copy is still played.
    """

    gamma: float
    reward_threshold: float
    copies: Environment | None = None
    returns: Doubles = field(default_factory=lambda: np.zeros(0))
    factor: Doubles = field(default_factory=lambda: np.zeros(0))
    decisions: list[Ints] = field(default_factory=list)
    columns: list[Ints] = field(default_factory=list)
    negligible: float = 0.01
    _number: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def waiting(self) -> bool:
        """Whether a copy waits for an action."""
        return self.copies is not None and not self.copies.done

    def advance(self, actions: RawArray) -> None:
        """Take one action (R,) in every copy that still runs."""
        assert self.copies is not None
        numbers = self._number[running(self.copies)]
        rewards, discounts = self._step(self.copies, actions)
        self.returns[numbers] += self.factor[numbers] * rewards
        self.factor[numbers] *= discounts
        self._give_up()

    def _give_up(self) -> None:
        """Drop the copies whose future hardly counts."""
        assert self.copies is not None
        rows = running(self.copies)
        counting = self.factor[self._number[rows]] >= self.negligible
        if not counting.all():
            kept = np.flatnonzero(counting)
            self.copies = self.copies.fork(kept) if len(kept) else None
            self._number = self._number[rows][kept]

    def begin(
        self,
        environment: Environment,
        decisions: Ints,
        rows: Ints,
        actions: Ints,
        columns: Ints | None = None,
    ) -> None:
        """Copy episodes of an environment and take these actions in the copies.

        Args:
            environment: about to take a step.
            decisions: (R,) a number of each decision, by which `advantages` finds it.
            rows: (R,) of the environment's observation.
            actions: (R,) or (R, parts) the first action of each copy.
            columns: (R,) of these actions in `advantages`; by default the actions themselves.
        """
        copies = environment.fork(rows)
        rewards, discounts = self._step(copies, actions)
        numbers = np.arange(len(rows)) + len(self.returns)
        self._number = np.concatenate([self._number, numbers])
        self.copies = copies if self.copies is None else self.copies.concat(copies)
        self.returns = np.concatenate([self.returns, rewards])
        self.factor = np.concatenate([self.factor, discounts])
        self.decisions.append(decisions)
        self.columns.append(actions if columns is None else columns)

    def _step(self, environment: Environment, actions: RawArray) -> tuple[Doubles, Doubles]:
        """Compressed rewards (R,) of a step of the running episodes, and the discounts (R,) after it."""
        before, rows = times(environment), running(environment)
        rewards = compress_rewards(environment.step(actions)[0], self.reward_threshold)
        if before is None:
            return rewards, np.full(len(rows), self.gamma)
        discounts = np.ones(len(rows))
        after = times(environment)
        assert after is not None
        still = np.isin(rows, running(environment))
        discounts[still] = self.gamma ** (after - before[still])
        return rewards, discounts

    def advantages(self, logprobs: Doubles, limit: float) -> Doubles:
        """(N, A) return of each action that was tried less the mean in its state, clipped at plus and minus `limit`.

        Args:
            logprobs: (N, A) of the actions of every decision, by column; those that were tried weight the mean.
        """
        found = np.full(logprobs.shape, np.nan)
        if self.decisions:
            found[np.concatenate(self.decisions), np.concatenate(self.columns)] = self.returns
        weight = np.where(np.isnan(found), 0.0, np.exp(logprobs))
        total = np.maximum(weight.sum(axis=-1, keepdims=True), 1e-12)
        mean = (weight * np.nan_to_num(found)).sum(axis=-1, keepdims=True) / total
        return np.asarray(np.clip(np.nan_to_num(found - mean), -limit, limit))
