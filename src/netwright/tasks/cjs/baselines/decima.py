"""Decima as a policy: a graph neural network chooses a stage, then a number of executors for its job.

Source: Mao et al., "Learning scheduling algorithms for data processing clusters", SIGCOMM 2019, with the weights
published in spark-sched-sim and NetLLM (retrained there with PPO). Both answers are drawn from their probabilities, in
tests too; `decima-greedy` takes the likeliest ones, which is worse with these weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from netwright.tasks.cjs.baselines import decima_compiled
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork
from netwright.tasks.cjs.baselines.decima_weights import PUBLISHED, read_network
from netwright.tasks.cjs.cluster import Cluster
from netwright.tasks.cjs.graphs import Ints
from netwright.tasks.cjs.observation import Observation

_LARGEST_SEED = 2**62


class Decima:
    """Decima's network as a `Scheduler`; `play` runs whole episodes in compiled code, with the same decisions.

    Args:
        network: trained.
        greedy: whether the likeliest stage and number are taken; otherwise both are drawn.
    """

    def __init__(self, network: DecimaNetwork, *, greedy: bool = False) -> None:
        self.network, self.greedy = network, greedy
        self._parameters = decima_compiled.packed(network)
        self._memory = np.zeros(2, dtype=np.int64)

    def reset(self, rng: np.random.Generator) -> None:
        """Begin again; draw all later randomness from `rng`."""
        self._memory[:] = rng.integers(_LARGEST_SEED), 0

    def act(self, obs: Sequence[Observation]) -> Ints:
        """(B, 2) place among the choices, number of executors."""
        made = np.empty((len(obs), 2), dtype=np.int64)
        for i, one in enumerate(obs):
            made[i] = decima_compiled.choose(self._parameters, one, self.greedy, self._memory)
        return made

    def play(self, cluster: Cluster) -> None:
        """Play a cluster to its end."""
        if not cluster.done:
            decima_compiled.play(cluster.state, self._parameters, self.greedy, self._memory)
            cluster.done = True


def load(path: Path = PUBLISHED, *, greedy: bool = False) -> Decima:
    """The policy with the parameters of a file (safetensors or npz); with the published ones if none is given."""
    return Decima(read_network(path), greedy=greedy)


def load_greedy(path: Path = PUBLISHED) -> Decima:
    """The same, taking the likeliest answers."""
    return load(path, greedy=True)


def published() -> Decima:
    """The policy with the published weights, whatever `load` gives by default."""
    return load(PUBLISHED)
