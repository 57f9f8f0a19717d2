"""A small network that weighs candidates, compiled: what each costs more than the evolved rule's choice."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from netwright.tasks.cjs.candidate_features import SIZE, Singles, describe
from netwright.tasks.cjs.candidates import CANDIDATE, MOST, propose
from netwright.tasks.cjs.compiled import compiled, kernel
from netwright.tasks.cjs.graphs import Floats
from netwright.tasks.cjs.kernels import decide
from netwright.tasks.cjs.observation import Observation
from netwright.tasks.cjs.rules import Load
from netwright.tasks.cjs.state import Records, State
from netwright.tasks.cjs.views import VIEW, bids, view_observation, view_state


class Network(NamedTuple):
    """Two hidden layers with rectifiers: weights (inputs, outputs) and biases."""

    first: Singles  # (SIZE, H)
    first_bias: Singles  # (H,)
    second: Singles  # (H, K)
    second_bias: Singles  # (K,)
    third: Singles  # (K,)


def zero() -> Network:
    """A network that answers 0, with which the evolved rule decides."""
    one = np.zeros(1, dtype=np.float32)
    return Network(np.zeros((SIZE, 1), dtype=np.float32), one, np.zeros((1, 1), dtype=np.float32), one, one)


class Scratch(NamedTuple):
    """Room for one decision."""

    views: Records  # (J,)
    found: Records  # (MOST,)
    features: Singles  # (MOST, SIZE)
    hidden: Singles  # (H,)
    last: Singles  # (K,)


@compiled
def scratch(n_jobs: int, network: Network) -> Scratch:
    """Room for decisions among that many jobs."""
    return Scratch(
        np.empty(n_jobs, VIEW),
        np.empty(MOST, CANDIDATE),
        np.empty((MOST, SIZE), dtype=np.float32),
        np.empty(len(network.first_bias), dtype=np.float32),
        np.empty(len(network.second_bias), dtype=np.float32),
    )


@kernel
def difference(network: Network, x: Singles, hidden: Singles, last: Singles) -> float:
    """The network's answer to the features of one candidate; hidden values are overwritten."""
    rectified(x, network.first, network.first_bias, hidden)
    rectified(hidden, network.second, network.second_bias, last)
    total = 0.0
    for i in range(len(last)):
        total += last[i] * network.third[i]
    return total


@kernel
def rectified(x: Singles, weight: Singles, bias: Singles, out: Singles) -> None:
    """`out = max(x @ weight + bias, 0)`."""
    for j in range(len(bias)):
        out[j] = bias[j]
    for i in range(len(x)):
        value = x[i]
        if value != 0.0:
            for j in range(len(bias)):
                out[j] += value * weight[i, j]
    for j in range(len(bias)):
        out[j] = max(out[j], np.float32(0.0))


@kernel
def considered(load: Load, parameters: Floats, room: Scratch) -> int:
    """Write candidates and their features into `room`, whose views hold the jobs; gives their number."""
    n = propose(room.views, load, bids(room.views, load, parameters), room.found)
    describe(room.views, load, room.found, n, room.features)
    return n


@kernel
def lowest(network: Network, room: Scratch, n: int) -> int:
    """The candidate with the lowest answer; 0 (the rule's choice) where no answer is below 0."""
    chosen, least = 0, 0.0
    for c in range(1, n):
        found = difference(network, room.features[c], room.hidden, room.last)
        if found < least:
            chosen, least = c, found
    return chosen


@compiled
def choose(obs: Observation, network: Network, parameters: Floats) -> tuple[int, int]:
    """Node and number of executors for an observation."""
    room = scratch(len(obs.job), network)
    n = considered(view_observation(obs, room.views), parameters, room)
    one = room.found[lowest(network, room, n)]
    return one.stage, one.n


@compiled
def play(s: State, network: Network, parameters: Floats) -> None:
    """Play an episode that waits for a decision to its end."""
    room = scratch(len(s.jobs), network)
    going = True
    while going:
        n = considered(view_state(s, room.views), parameters, room)
        one = room.found[lowest(network, room, n)]
        going = decide(s, one.stage, one.n)
