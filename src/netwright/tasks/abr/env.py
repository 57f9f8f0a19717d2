"""The simulator as a Gymnasium environment and vector environment, `netwright/ABR-v0`.

    gymnasium.make("netwright.tasks.abr.env:netwright/ABR-v0")
    gymnasium.make_vec("netwright.tasks.abr.env:netwright/ABR-v0", num_envs=64, vectorization_mode="vector_entry_point")

An episode is a session: its first chunk is downloaded at the lowest rung, each later one at the action's rung;
the reward is the chunk's QoE.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from netwright.core.array_files import Arrays, RawArray
from netwright.core.types import Json
from netwright.tasks.abr.batch import Outcomes, Sessions
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.generator import generate
from netwright.tasks.abr.media import PUBLISHED_QOE, PUBLISHED_RULES, QoE, Rules
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.training_set import TrainingSet

ENV_ID = "netwright/ABR-v0"
LARGEST = 1e6  # bound of every observed number, in its own unit

Draw = Callable[[np.random.Generator, int], Sessions]
Seen = dict[str, NDArray[np.float32]]


def training_sessions(
    data: AbrData | None = None, rules: Rules = PUBLISHED_RULES, qoe: QoE = PUBLISHED_QOE
) -> Draw:
    """Draws sessions of the leak-free training set of these data (generated ones if None)."""
    training = TrainingSet(generate(seed=0) if data is None else data)
    return lambda rng, n: training.sample(rng, n, rules=rules, qoe=qoe)


def observation_space(sessions: Sessions) -> Any:
    """The fields of one session's `Observation`, as a space."""
    return spaces.Dict(
        {
            name: spaces.Box(0.0, LARGEST, shape=values.shape[1:], dtype=np.float32)
            for name, values in _seen(sessions.observe()).items()
        }
    )


class AbrEnv(gymnasium.Env[Seen, np.int64]):
    """One player.

    Args:
        draw: gives the sessions that are played, `training_sessions()` by default.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (as Gymnasium has it)

    def __init__(self, draw: Draw | None = None) -> None:
        self.draw = training_sessions() if draw is None else draw
        self._sessions = self.draw(np.random.default_rng(0), 1)
        self.observation_space = observation_space(self._sessions)
        self.action_space = spaces.Discrete(self._sessions.n_levels)

    def reset(self, *, seed: int | None = None, options: Json | None = None) -> tuple[Seen, Json]:
        """Start a session; a seed decides all later ones too."""
        super().reset(seed=seed)
        self._sessions = self.draw(self.np_random, 1)
        return _one(_seen(self._sessions.observe())), {}

    def step(self, action: np.int64) -> tuple[Seen, float, bool, bool, Json]:
        """Download the next chunk at rung `action`."""
        seen = self._sessions.step(np.array([action], dtype=np.int64))
        info: Json = {name: float(values[0]) for name, values in _info(seen).items()}
        return _one(_seen(self._sessions.observe())), float(seen.qoe[0]), self._sessions.done, False, info


class AbrVectorEnv(VectorEnv[Seen, NDArray[np.int64], RawArray]):
    """Many players in lock step; all sessions end together, and the step after that starts new ones.

    Args:
        num_envs: players.
        draw: as for `AbrEnv`.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, num_envs: int = 1, draw: Draw | None = None) -> None:
        self.num_envs = num_envs
        self.draw = training_sessions() if draw is None else draw
        self._sessions = self.draw(np.random.default_rng(0), num_envs)
        self.single_observation_space = observation_space(self._sessions)
        self.single_action_space = spaces.Discrete(self._sessions.n_levels)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(self, *, seed: int | None = None, options: Json | None = None) -> tuple[Seen, Json]:
        """Start all sessions; a seed decides all later ones too."""
        super().reset(seed=seed)
        self._sessions = self.draw(self.np_random, self.num_envs)
        return _seen(self._sessions.observe()), {}

    def step(self, actions: NDArray[np.int64]) -> tuple[Seen, RawArray, RawArray, RawArray, Json]:
        """Download the next chunk of every session; where the sessions had ended, start new ones instead."""
        never = np.zeros(self.num_envs, dtype=np.bool_)
        if self._sessions.done:
            self._sessions = self.draw(self.np_random, self.num_envs)
            return _seen(self._sessions.observe()), np.zeros(self.num_envs), never, never, {}
        seen = self._sessions.step(actions)
        ended = np.full(self.num_envs, self._sessions.done)
        return _seen(self._sessions.observe()), seen.qoe, ended, never, {**_info(seen)}


def _seen(observation: Observation) -> Seen:
    return {
        f.name: np.minimum(getattr(observation, f.name), LARGEST).astype(np.float32)
        for f in fields(Observation)
    }


def _one(seen: Seen) -> Seen:
    return {name: np.asarray(values[0]) for name, values in seen.items()}


def _info(seen: Outcomes) -> Arrays:
    return {f.name: getattr(seen, f.name) for f in fields(Outcomes)}


gymnasium.register(
    ENV_ID,
    entry_point="netwright.tasks.abr.env:AbrEnv",
    vector_entry_point="netwright.tasks.abr.env:AbrVectorEnv",
)
