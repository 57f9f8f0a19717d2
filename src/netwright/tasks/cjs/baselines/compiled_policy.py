"""What policies have in common whose decisions are compiled functions of one observation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from netwright.tasks.cjs.cluster import N_SEEDS, Cluster
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.state import State


class CompiledPolicy(ABC):
    """A `Scheduler`; `play` runs whole episodes in compiled code, with the decisions that `act` makes one by one."""

    def __init__(self) -> None:
        self.memory = np.zeros(2, dtype=np.int64)  # a seed, and the number of decisions so far

    @abstractmethod
    def choose(self, obs: Observation) -> tuple[int, int]:
        """Place among the choices, or `DECLINE`; number of executors."""

    @abstractmethod
    def play_state(self, state: State) -> None:
        """Play an episode that waits for a decision to its end."""

    def reset(self, rng: np.random.Generator) -> None:
        """Begin again; draw all later randomness from `rng`."""
        self.memory[:] = rng.integers(N_SEEDS), 0

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) place among the choices, number of executors."""
        return np.array([self.choose(one) for one in obs], dtype=np.int64).reshape(-1, 2)

    def play(self, cluster: Cluster) -> None:
        """Play a cluster to its end."""
        if not cluster.done:
            self.play_state(cluster.state)
            cluster.done = True
