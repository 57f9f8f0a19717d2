"""Rollouts: fresh episodes played with sampled actions, as tensors to learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netwright.rl.advantages import Doubles

Obs = Mapping[str, Tensor]


class Episodes(Protocol):
    """B episodes in lock step, their observations already tensors; wraps an `Environment` for one learner."""

    @property
    def done(self) -> bool:
        """Whether all episodes have ended."""
        ...

    def observe(self) -> tuple[Obs, Tensor]:
        """What the actor observes (B, ..) by name, and what the critic does (B, F)."""
        ...

    def step(self, actions: NDArray[np.int64]) -> Doubles:
        """Take one action in each (B,); gives the rewards (B,) as they are learned from."""
        ...


@dataclass(frozen=True)
class Rollout:
    """B episodes of T steps.

    Attributes:
        obs: (B, T, ..) by name, what the actor observed.
        critic_obs: (B, T, F) what the critic observes.
        actions: (B, T) what was done.
        logprobs: (B, T) of those actions when they were sampled.
        rewards: (B, T) compressed.
    """

    obs: Obs
    critic_obs: Tensor
    actions: Tensor
    logprobs: Tensor
    rewards: Doubles

    def __len__(self) -> int:
        return self.actions.numel()

    def steps(self) -> Rollout:
        """The same as N = T * B single steps, time first, for an actor without memory; rewards stay (B, T)."""
        return Rollout(
            obs={name: _by_time(value) for name, value in self.obs.items()},
            critic_obs=_by_time(self.critic_obs),
            actions=_by_time(self.actions),
            logprobs=_by_time(self.logprobs),
            rewards=self.rewards,
        )


def roll_out(episodes: Episodes, logits: Callable[[Obs], Tensor], rng: np.random.Generator) -> Rollout:
    """Play episodes to their end, actions sampled from the actor's softmax.

    Args:
        episodes: fresh ones.
        logits: (B, N) of the next step of every episode; minus infinity for an action that cannot be taken.
        rng: draws the actions.
    """
    obs: list[Obs] = []
    critic_obs, actions, logprobs, rewards = [], [], [], []
    with torch.inference_mode():
        while not episodes.done:
            seen, privileged = episodes.observe()
            scores = torch.log_softmax(logits(seen), dim=-1)
            chosen = sample(scores, rng)
            obs.append(seen)
            critic_obs.append(privileged)
            actions.append(chosen)
            logprobs.append(scores.gather(-1, chosen[:, None])[:, 0])
            rewards.append(episodes.step(chosen.cpu().numpy()))
    # Stacked outside of inference mode, so that gradients may be taken through what is made of them.
    return Rollout(
        obs={name: torch.stack([step[name] for step in obs], dim=1) for name in obs[0]},
        critic_obs=torch.stack(critic_obs, dim=1),
        actions=torch.stack(actions, dim=1),
        logprobs=torch.stack(logprobs, dim=1),
        rewards=np.stack(rewards, axis=1),
    )


def sample(logprobs: Tensor, rng: np.random.Generator) -> Tensor:
    """(B,) actions drawn from (B, N) log-probabilities: the largest of them plus Gumbel noise."""
    noise = torch.from_numpy(rng.gumbel(size=logprobs.shape))
    return (logprobs + noise.to(logprobs.device)).argmax(dim=-1)


def minibatches(rng: np.random.Generator, n: int, size: int, epochs: int) -> Iterator[Tensor]:
    """Rows of `n`, a minibatch at a time, in another order in each epoch."""
    for _ in range(epochs):
        yield from torch.split(torch.from_numpy(rng.permutation(n)), size)


def _by_time(value: Tensor) -> Tensor:
    return value.transpose(0, 1).reshape(-1, *value.shape[2:])
