"""How much better a decision was than what usually follows, by a critic that sees the future."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.adaptation.offline.experience import Experience
from netwright.llm.seeding import seeded

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

KNEE = -5.0
CENTRE_REACH = 4.0  # usual sizes beyond which an advantage moves the centre no further


def squashed(rewards: NDArray[np.floating], knee: float = KNEE) -> Doubles:
    """Rewards, those below the knee k brought nearer: k + k log(1 + (k - r) / -k); no moment may drown the rest."""
    values = rewards.astype(np.float64)
    below = np.maximum(knee - values, 0.0)
    return np.where(values < knee, knee + knee * np.log1p(below / -knee), values)


def gae(rewards: Doubles, values: Doubles, gamma: float, lam: float) -> Doubles:
    """Generalised advantages of whole episodes (Schulman et al. 2016, Eq. 16); nothing follows the last decision.

    Args:
        rewards, values: (B, T) reward of each decision and the critic's value of the state before it.
        gamma, lam: discount, and how far a surprise reaches back.
    """
    advantages = np.zeros_like(values)
    following = np.zeros(len(values))
    next_value = np.zeros(len(values))
    for step in range(values.shape[1] - 1, -1, -1):
        surprise = rewards[:, step] + gamma * next_value - values[:, step]
        following = surprise + gamma * lam * following
        advantages[:, step] = following
        next_value = values[:, step]
    return advantages


def normalised(advantages: Doubles, limit: float) -> Doubles:
    """Advantages around 0 in units of their usual size, cut at plus and minus `limit`.

    The usual size is half the distance from the 16th to the 84th percentile, which is the standard deviation of a
    normal distribution but does not grow with a few long stalls: these would make all else look small.
    """
    low, high = np.percentile(advantages, (16.0, 84.0))
    size = max(float(high - low) / 2.0, 1e-8)
    middle = np.clip(advantages, low - CENTRE_REACH * size, high + CENTRE_REACH * size).mean()
    return np.asarray(np.clip((advantages - middle) / size, -limit, limit))


class Critic(nn.Module):
    """The value of a state, seen together with what nobody who decides can see."""

    def __init__(self, n_inputs: int, n_hidden: tuple[int, int] = (256, 128)) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, n_hidden[0]),
            nn.ReLU(),
            nn.Linear(n_hidden[0], n_hidden[1]),
            nn.ReLU(),
            nn.Linear(n_hidden[1], 1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """(.., n_inputs) to values (..)."""
        value: Tensor = self.layers(inputs).squeeze(-1)
        return value


def advantages_of(
    experience: Experience,
    inputs: Floats,
    rewards: Doubles,
    *,
    seed: int,
    gamma: float = 0.99,
    lam: float = 0.9,
    rounds: int = 4,
    epochs: int = 2,
    batch_size: int = 4096,
) -> Floats:
    """(N,) advantages of an experience's decisions under a critic fitted to it (TD(lambda), in rounds).

    Args:
        experience: episodes.
        inputs: (N, F) what the critic sees.
        rewards: (N,) squashed.
        seed: of the critic's weights and batches.
    """
    rng = np.random.default_rng(seed)
    with seeded(seed):
        critic = Critic(inputs.shape[1])
    seen = torch.from_numpy(inputs)
    optimiser = torch.optim.Adam(critic.parameters(), lr=1e-3)
    n_updates = rounds * epochs * -(-len(inputs) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, n_updates, eta_min=3e-5)
    values = np.zeros(len(inputs))
    for _ in range(rounds):
        target = torch.from_numpy(
            (values + _advantages(experience, rewards, values, gamma, lam)).astype(np.float32)
        )
        for _ in range(epochs):
            for rows in torch.split(torch.from_numpy(rng.permutation(len(inputs))), batch_size):
                loss = nn.functional.smooth_l1_loss(critic(seen[rows]), target[rows])
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                schedule.step()
        with torch.inference_mode():
            values = torch.cat([critic(part) for part in torch.split(seen, 65536)]).numpy().astype(np.float64)
    return _advantages(experience, rewards, values, gamma, lam).astype(np.float32)


def _advantages(
    experience: Experience, rewards: Doubles, values: Doubles, gamma: float, lam: float
) -> Doubles:
    """`gae` for episodes of any length, those of one length together."""
    found = np.zeros(len(rewards))
    for length in np.unique(experience.lengths):
        rows = experience.offsets[:-1][experience.lengths == length][:, None] + np.arange(length)
        found[rows] = gae(rewards[rows], values[rows], gamma, lam)
    return found
