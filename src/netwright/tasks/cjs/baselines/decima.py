"""Decima as a policy: a graph neural network chooses a stage, then a number of executors for its job.

Source: Mao et al., "Learning scheduling algorithms for data processing clusters", SIGCOMM 2019, with the weights
published in spark-sched-sim and NetLLM (retrained there with PPO). Both answers are drawn from their probabilities, in
tests too; `decima-greedy` takes the likeliest ones, which is worse with these weights.
"""

from __future__ import annotations

from pathlib import Path

from netwright.tasks.cjs.baselines import decima_compiled
from netwright.tasks.cjs.baselines.compiled_policy import CompiledPolicy
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork
from netwright.tasks.cjs.baselines.decima_weights import PUBLISHED, read_network
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.state import State


class Decima(CompiledPolicy):
    """Decima's network as a policy.

    Args:
        network: trained.
        greedy: whether the likeliest stage and number are taken; otherwise both are drawn.
    """

    def __init__(self, network: DecimaNetwork, *, greedy: bool = False) -> None:
        super().__init__()
        self.network, self.greedy = network, greedy
        self._parameters = decima_compiled.packed(network)

    def choose(self, obs: Observation) -> tuple[int, int]:
        """Place among the choices, number of executors."""
        found: tuple[int, int] = decima_compiled.choose(self._parameters, obs, self.greedy, self.memory)
        return found

    def play_state(self, state: State) -> None:
        """Play an episode that waits for a decision to its end."""
        decima_compiled.play(state, self._parameters, self.greedy, self.memory)


def load(path: Path = PUBLISHED, *, greedy: bool = False) -> Decima:
    """The policy with the parameters of a file (safetensors or npz); with the published ones if none is given."""
    return Decima(read_network(path), greedy=greedy)


def load_greedy(path: Path = PUBLISHED) -> Decima:
    """The same, taking the likeliest answers."""
    return load(path, greedy=True)


def published() -> Decima:
    """The policy with the published weights, whatever `load` gives by default."""
    return load(PUBLISHED)
