"""A critic with privileged observations, and its fit to logged episodes."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.llm.seeding import seeded
from netwright.rl.advantages import Doubles, Ints, ragged_gae

Floats = NDArray[np.float32]

ROUNDS, EPOCHS, BATCH_SIZE = 4, 2, 4096  # of the fit to logged episodes


class Critic(nn.Module):
    """Value of a state from `critic_obs`: the observation and privileged information, used in training only."""

    def __init__(self, n_inputs: int, n_hidden: tuple[int, int] = (256, 128)) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_inputs, n_hidden[0]),
            nn.ReLU(),
            nn.Linear(n_hidden[0], n_hidden[1]),
            nn.ReLU(),
            nn.Linear(n_hidden[1], 1),
        )

    def forward(self, critic_obs: Tensor) -> Tensor:
        """(.., n_inputs) to values (..)."""
        value: Tensor = self.layers(critic_obs).squeeze(-1)
        return value


def fitted_advantages(
    offsets: Ints,
    critic_obs: Floats,
    rewards: Doubles,
    *,
    seed: int,
    gamma: float = 0.99,
    gae_lambda: float = 0.9,
) -> Floats:
    """(N,) advantages of logged actions under a critic fitted to them (TD(lambda), in rounds).

    Args:
        offsets: (E + 1,) first row of each episode, and N.
        critic_obs: (N, F) observations of the critic.
        rewards: (N,) compressed.
        seed: of the critic's weights and batches.
    """
    rng = np.random.default_rng(seed)
    with seeded(seed):
        critic = Critic(critic_obs.shape[1])
    obs = torch.from_numpy(critic_obs)
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)
    n_updates = ROUNDS * EPOCHS * -(-len(critic_obs) // BATCH_SIZE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_updates, eta_min=3e-5)
    values = np.zeros(len(critic_obs))
    for _ in range(ROUNDS):
        returns = values + ragged_gae(rewards, values, offsets, gamma, gae_lambda)
        target = torch.from_numpy(returns.astype(np.float32))
        for _ in range(EPOCHS):
            for rows in torch.split(torch.from_numpy(rng.permutation(len(critic_obs))), BATCH_SIZE):
                loss = nn.functional.smooth_l1_loss(critic(obs[rows]), target[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
        with torch.inference_mode():
            values = torch.cat([critic(part) for part in torch.split(obs, 65536)]).numpy().astype(np.float64)
    return ragged_gae(rewards, values, offsets, gamma, gae_lambda).astype(np.float32)
