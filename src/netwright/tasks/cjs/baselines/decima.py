"""Decima as a policy: a graph neural network chooses a stage, then a number of executors for its job.

Source: Mao et al., "Learning scheduling algorithms for data processing clusters", SIGCOMM 2019. The weights are ours
(`decima_training`), or those published in spark-sched-sim and NetLLM (retrained there with PPO). Both answers are drawn
from their probabilities, in tests too; `decima-greedy` takes the likeliest ones, which is worse with either.
"""

from __future__ import annotations

from pathlib import Path

from netwright.tasks.cjs.baselines import decima_compiled
from netwright.tasks.cjs.baselines.compiled_policy import CompiledPolicy
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork
from netwright.tasks.cjs.baselines.decima_weights import PUBLISHED, SHIPPED, read_network
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
        choice, n, _ = decima_compiled.choose(self._parameters, obs, self.greedy, self.memory)
        return choice, n

    def play_state(self, state: State) -> None:
        """Play an episode that waits for a decision to its end."""
        decima_compiled.play(state, self._parameters, self.greedy, self.memory)


def load(path: Path | None = None, *, greedy: bool = False) -> Decima:
    """The policy with the parameters of a folder or file; with those that we trained if none is given."""
    return Decima(read_network(path or SHIPPED), greedy=greedy)


def load_greedy(path: Path | None = None) -> Decima:
    """The same, taking the likeliest answers."""
    return load(path, greedy=True)


def published(*, greedy: bool = False) -> Decima:
    """The policy with the published weights."""
    return load(PUBLISHED, greedy=greedy)
