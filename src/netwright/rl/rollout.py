"""Rollouts: fresh episodes played with sampled actions, as tensors to learn from; episodes may be of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.llm.encoders import GraphBatch, Inputs, Value
from netwright.rl.advantages import Doubles, Ints

Obs = Inputs

Actor = Callable[[Obs, Ints, np.random.Generator], tuple[Tensor, Tensor]]
"""Observations (R, ..) of the running episodes, their numbers (R,) and a generator, to actions (R,) or (R, parts) and
their log-probabilities (R,)."""


class Episodes(Protocol):
    """E episodes, their observations already tensors; wraps an `Environment` for one learner.

    Observations, actions and rewards are those of the R episodes that still run, in order.
    """

    @property
    def done(self) -> bool:
        """Whether all episodes have ended."""
        ...

    def running(self) -> Ints:
        """(R,) numbers of the episodes that wait for an action, rising."""
        ...

    def times(self) -> Doubles | None:
        """(R,) times of these decisions, see `TimedEnvironment`; None where every step counts as one."""
        ...

    def observe(self) -> tuple[Obs, Tensor]:
        """What the actor observes (R, ..) by name, and what the critic does (R, F)."""
        ...

    def step(self, actions: NDArray[np.int64]) -> Doubles:
        """Take one action in each (R,) or (R, parts); gives the rewards (R,) as they are learned from."""
        ...


@dataclass(frozen=True)
class Rollout:
    """N steps of E episodes, in the order in which they were played: step by step, then episode by episode.

    Attributes:
        obs: (N, ..) by name, what the actor observed.
        critic_obs: (N, F) what the critic observes.
        actions: (N,) or (N, parts) what was done.
        logprobs: (N,) of those actions when they were sampled.
        rewards: (N,) compressed.
        episodes: (N,) number of each step's episode; every number from 0 to E - 1 occurs.
        times: (N,) of each decision; None where every step counts as one unit of time.
    """

    obs: Obs
    critic_obs: Tensor
    actions: Tensor
    logprobs: Tensor
    rewards: Doubles
    episodes: Ints
    times: Doubles | None = None

    def __len__(self) -> int:
        return len(self.rewards)

    @property
    def offsets(self) -> Ints:
        """(E + 1,) first row of each episode, and N, once the steps are ordered by episode."""
        return np.concatenate([[0], np.cumsum(np.bincount(self.episodes))]).astype(np.int64)

    @property
    def order(self) -> Ints:
        """(N,) rows, ordered by episode and then by time."""
        return np.argsort(self.episodes, kind="stable")

    def by_episode(self) -> Rollout:
        """The same steps, ordered by episode and then by time."""
        order = self.order
        rows = torch.from_numpy(order)
        return Rollout(
            obs={name: value[rows] for name, value in self.obs.items()},
            critic_obs=self.critic_obs[rows],
            actions=self.actions[rows],
            logprobs=self.logprobs[rows],
            rewards=self.rewards[order],
            episodes=self.episodes[order],
            times=None if self.times is None else self.times[order],
        )


def padded_rows(offsets: Ints, episodes: Tensor) -> tuple[Tensor, Tensor]:
    """Rows (b, T) of these episodes (b,) in a rollout ordered by episode, and where they are real.

    A shorter episode is padded by its last row.
    """
    chosen = episodes.cpu().numpy()
    lengths = np.diff(offsets)[chosen]
    within = np.arange(lengths.max())
    rows = offsets[:-1][chosen][:, None] + np.minimum(within, lengths[:, None] - 1)
    return torch.from_numpy(rows), torch.from_numpy(within < lengths[:, None])


def roll_out(episodes: Episodes, actor: Actor, rng: np.random.Generator) -> Rollout:
    """Play episodes to their end.

    Args:
        episodes: fresh ones.
        actor: samples the actions.
        rng: draws the actions.
    """
    obs: list[Obs] = []
    critic_obs, actions, logprobs, rewards, numbers, times = [], [], [], [], [], []
    with torch.inference_mode():
        while not episodes.done:
            numbers.append(episodes.running())
            now = episodes.times()
            if now is not None:
                times.append(now)
            actor_obs, privileged = episodes.observe()
            chosen, logprob = actor(actor_obs, numbers[-1], rng)
            obs.append(actor_obs)
            critic_obs.append(privileged)
            actions.append(chosen)
            logprobs.append(logprob)
            rewards.append(episodes.step(chosen.cpu().numpy()))
    # Concatenated outside of inference mode, so that gradients may be taken through what is made of them.
    return Rollout(
        obs={name: concatenated([step[name] for step in obs]) for name in obs[0]},
        critic_obs=torch.cat(critic_obs),
        actions=torch.cat(actions),
        logprobs=torch.cat(logprobs),
        rewards=np.concatenate(rewards),
        episodes=np.concatenate(numbers),
        times=np.concatenate(times) if times else None,
    )


def concatenated(values: Sequence[Value]) -> Value:
    """Values of several steps as one; sets of different sizes are padded: integers by -1, all else by 0 (or False)."""
    graphs = [value for value in values if isinstance(value, GraphBatch)]
    if graphs:
        return GraphBatch.concatenated(graphs)
    tensors = [value for value in values if isinstance(value, Tensor)]
    shape = [max(sizes) for sizes in zip(*(tensor.shape[1:] for tensor in tensors), strict=True)]
    return torch.cat([_widened(tensor, shape) for tensor in tensors])


def _widened(value: Tensor, shape: Sequence[int]) -> Tensor:
    if list(value.shape[1:]) == list(shape):
        return value
    integer = not value.is_floating_point() and value.dtype != torch.bool
    missing = [width - size for width, size in zip(shape, value.shape[1:], strict=True)]
    sides = [side for width in reversed(missing) for side in (0, width)]
    return nn.functional.pad(value, sides, value=-1 if integer else 0)


def sampling(logits: Callable[[Obs], Tensor]) -> Actor:
    """An actor that samples from the softmax of the logits (R, N); minus infinity excludes an action."""

    def act(obs: Obs, episodes: Ints, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        scores = torch.log_softmax(logits(obs), dim=-1)
        actions = sample(scores, rng)
        return actions, scores.gather(-1, actions[:, None])[:, 0]

    return act


def sample(logprobs: Tensor, rng: np.random.Generator) -> Tensor:
    """(B,) actions drawn from (B, N) log-probabilities: the largest of them plus Gumbel noise."""
    noise = torch.from_numpy(rng.gumbel(size=logprobs.shape))
    return (logprobs + noise.to(logprobs.device)).argmax(dim=-1)


def minibatches(rng: np.random.Generator, n: int, size: int, epochs: int) -> Iterator[Tensor]:
    """Rows of `n`, a minibatch at a time, in another order in each epoch."""
    for _ in range(epochs):
        yield from torch.split(torch.from_numpy(rng.permutation(n)), size)
