"""`distilled`: a small network that imitates look-ahead at the price of a rule (`distilled_training` trains it).

It estimates what each candidate of a decision costs more than the evolved rule's choice, and takes the lowest.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import ConfigDict

from netwright.core.documents import SavedFolder, read_folder
from netwright.core.errors import FormatError
from netwright.llm.tensors import read_tensors
from netwright.tasks.cjs import rules, small_network
from netwright.tasks.cjs.baselines.compiled_policy import CompiledPolicy
from netwright.tasks.cjs.candidate_features import SIZE
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.small_network import Network
from netwright.tasks.cjs.state import State

NAME = "distilled"
DESCRIPTION = "netwright.json"
WEIGHTS = "model.safetensors"
SHIPPED = Path(__file__).parent / "weights" / NAME
REMEDY = "train the policy again"


class SavedNetwork(SavedFolder):
    """The document of a distilled network."""

    FORMAT_VERSION: ClassVar[int] = 2
    model_config = ConfigDict(extra="allow")

    task: str
    policy: str
    parameters: dict[str, float]  # of the evolved rule


class Distilled(CompiledPolicy):
    """Takes the candidate with the lowest answer of a network.

    Args:
        network: answers.
        parameters: of the evolved rule, whose choice is the first candidate.
    """

    def __init__(self, network: Network, parameters: Floats) -> None:
        super().__init__()
        self.network, self.parameters = network, parameters

    def choose(self, obs: Observation) -> tuple[int, int]:
        """Place among the choices, number of executors."""
        node, n = small_network.choose(obs, self.network, self.parameters)
        return int(obs.schedulable[:node].sum()), n

    def play_state(self, state: State) -> None:
        """Play an episode that waits for a decision to its end."""
        small_network.play(state, self.network, self.parameters)


def load(folder: Path | None = None) -> Distilled:
    """The policy of a folder; the shipped one if none is given.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: it is another policy, or its tensors have other shapes.
    """
    folder = folder or SHIPPED
    saved = read_folder(folder, DESCRIPTION, SavedNetwork, remedy=REMEDY, needed=(WEIGHTS,))
    if saved.task != "cjs" or saved.policy != NAME:
        raise FormatError(f"{folder}: holds {saved.policy}, not {NAME}; give another folder.")
    if set(saved.parameters) != set(rules.NAMES):
        raise FormatError(f"{folder}: the parameters must be {', '.join(rules.NAMES)}; {REMEDY}.")
    tensors = {k: v.numpy() for k, v in read_tensors(folder / WEIGHTS, remedy=REMEDY).items()}
    if set(tensors) != set(Network._fields):
        raise FormatError(f"{folder}: the tensors must be {', '.join(Network._fields)}; {REMEDY}.")
    network = Network(**tensors)
    shapes = tuple(array.shape for array in network)
    width, last = len(network.first_bias), len(network.second_bias)
    if shapes != ((SIZE, width), (width,), (width, last), (last,), (last,)):
        raise FormatError(f"{folder}: tensors of the shapes {shapes} make no network; {REMEDY}.")
    return Distilled(network, np.array([saved.parameters[name] for name in rules.NAMES]))
