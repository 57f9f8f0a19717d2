"""Pensieve: the published state, network and actions, trained by us like `ppo`.

Source: Mao, Netravali, Alizadeh, "Neural adaptive video streaming with Pensieve", SIGCOMM 2017, section 4.2. As the
published code computes it, a convolution over a history is a dense layer on all of it. Departures: it is trained by
PPO with compressed rewards and a critic of our own (`training`) instead of A3C, which makes it stronger.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from netwright.tasks.abr import features
from netwright.tasks.abr.baselines import learned, training
from netwright.tasks.abr.baselines.learned import Design, LearnedPolicy
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig
from netwright.tasks.abr.dataset import AbrData
from netwright.training.run import Progress

NAME = "pensieve"
WIDTH = 128
SCALAR_ROWS = (0, 1, 5)  # last bitrate, buffer, chunks left
HISTORY_ROWS = (2, 3, 4)  # throughputs, download times, next sizes
CONFIG = PpoConfig(iterations=80)


class Network(nn.Module):
    """A dense layer for each row of the state, joined by another one."""

    def __init__(self, n_answers: int) -> None:
        super().__init__()
        self.scalars = nn.ModuleList(nn.Linear(1, WIDTH) for _ in SCALAR_ROWS)
        self.histories = nn.ModuleList(nn.Linear(features.PENSIEVE_HISTORY, WIDTH) for _ in HISTORY_ROWS)
        self.join = nn.Linear((len(SCALAR_ROWS) + len(HISTORY_ROWS)) * WIDTH, WIDTH)
        self.last = nn.Linear(WIDTH, n_answers)
        nn.init.normal_(self.last.weight, std=0.01)
        nn.init.zeros_(self.last.bias)

    def forward(self, state: Tensor) -> Tensor:
        """(B, answers) logits from (B, 6, 6) states."""
        parts = [layer(state[:, row, -1:]) for row, layer in zip(SCALAR_ROWS, self.scalars, strict=True)]
        parts += [layer(state[:, row]) for row, layer in zip(HISTORY_ROWS, self.histories, strict=True)]
        joined = self.join(torch.relu(torch.cat(parts, dim=1)))
        answer: Tensor = self.last(torch.relu(joined))
        return answer


DESIGN = Design(NAME, features.pensieve_state, Network)


def load(folder: Path | None = None, *, greedy: bool = True) -> LearnedPolicy:
    """The trained policy of a folder; the shipped one if none is given. Sampled if not greedy."""
    return learned.load(folder or learned.SHIPPED / NAME, DESIGN, greedy=greedy)


def load_sampled(folder: Path | None = None) -> LearnedPolicy:
    """The same, drawing from its probabilities."""
    return load(folder, greedy=False)


def train(
    data: AbrData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: PpoConfig = CONFIG,
) -> None:
    """Train on the sessions of the recipe's training environment and write the folder `out`; see `ppo.train`."""
    training.train(training.Job(DESIGN, data, recipe, out, seed, progress, config))
