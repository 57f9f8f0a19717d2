"""Common parts of the learned baselines: networks that choose a rung, the policy around them, saving and loading."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from safetensors.torch import save_file
from torch import Tensor, nn

from netwright.adaptation.saved_model import BASELINE, DESCRIPTION, REMEDY, SavedBaseline, read_saved
from netwright.core.documents import plain, write_folder
from netwright.core.errors import ConfigError, DataError, FormatError, NotApplicableError
from netwright.core.files import replacing
from netwright.core.reading import MissingFileError
from netwright.core.results import versions
from netwright.core.trained_for import Conditions
from netwright.core.types import JsonView
from netwright.llm.tensors import read_tensors
from netwright.rl.ppo import RETURN_SCALE
from netwright.tasks.abr import features
from netwright.tasks.abr.features import Features
from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.observation import Observation, check_finite

WEIGHTS = BASELINE
SHIPPED = Path(__file__).parent / "weights"
MOST_LEVELS = 1000
N_STEPS = 3  # down, keep, up
N_FUTURE = 12  # windows of the bandwidth ahead that a critic observes

Module = TypeVar("Module", bound=nn.Module)


class SavedPolicy(SavedBaseline):
    """The document of a learned policy.

    Attributes:
        n_levels: rungs of the ladder that it was trained for.
    """

    n_levels: Annotated[int, Field(ge=1, le=MOST_LEVELS)]


@dataclass(frozen=True)
class Design:
    """A kind of learned policy: its inputs, its network, and the meaning of its outputs.

    Attributes:
        name: of the policy.
        inputs: gives the network's inputs (B, ..) from an observation.
        actor: makes the network for a ladder of that many rungs.
        relative: the network chooses between down, keep and up instead of between the rungs.
    """

    name: str
    inputs: Callable[[Observation], Features]
    actor: Callable[[int], nn.Module]
    relative: bool = False

    def n_choices(self, n_levels: int) -> int:
        """Number of the network's answers."""
        return N_STEPS if self.relative else n_levels

    def levels(self, choices: Ints, last_level: Ints, n_levels: int) -> Ints:
        """(B,) the rungs that the choices mean."""
        return np.clip(last_level + choices - 1, 0, n_levels - 1) if self.relative else choices


class Critic(nn.Module):
    """Expected return, for training only: it observes the features and the bandwidth to come."""

    def __init__(self, n_levels: int, width: int = 256) -> None:
        super().__init__()
        self.layers = mlp(features.size(n_levels) + N_FUTURE, width, 1)

    def forward(self, critic_obs: Tensor) -> Tensor:
        """(B,) returns in units of `rl.ppo.RETURN_SCALE`, from (B, F + 12): features and log bandwidths."""
        value: Tensor = self.layers(critic_obs).squeeze(1)
        return value


def mlp(n_inputs: int, width: int, n_outputs: int) -> nn.Sequential:
    """Two hidden layers, the second half as wide; a small last layer, so that outputs are nearly equal at first."""
    last = nn.Linear(width // 2, n_outputs)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_inputs, width), nn.ReLU(), nn.Linear(width, width // 2), nn.ReLU(), last)


class LearnedPolicy:
    """A network that chooses rungs, for any number of sessions in lock step.

    Args:
        design: its inputs and the meaning of its outputs.
        actor: the network, trained.
        n_levels: rungs of the ladder that it was trained for.
        critic: its critic, if available (a folder that `train` wrote has it, shipped weights do not).
        greedy: whether the likeliest rung is chosen; otherwise one is drawn.
        trained_for: see `TrainedPolicy`.
    """

    def __init__(
        self,
        design: Design,
        actor: nn.Module,
        n_levels: int,
        critic: Critic | None = None,
        *,
        greedy: bool = True,
        trained_for: Conditions | None = None,
    ) -> None:
        self.design, self.actor, self.n_levels, self.critic = design, actor, n_levels, critic
        self.greedy = greedy
        self.trained_for: Conditions = trained_for or {}
        self._rng = np.random.default_rng(0)

    @property
    def name(self) -> str:
        """Its name in reports."""
        return self.design.name if self.greedy else f"{self.design.name}-sampled"

    def reset(self, rng: np.random.Generator) -> None:
        """Draw all later randomness from `rng`; there is no memory of a session to forget."""
        self._rng = rng

    def act(self, obs: Observation) -> Ints:
        """(B,) rungs."""
        scores = self.log_probabilities(obs)
        if not self.greedy:
            scores = scores + self._rng.gumbel(size=scores.shape)
        levels: Ints = scores.argmax(axis=1).astype(np.int64)
        return levels

    def log_probabilities(self, obs: Observation) -> Floats:
        """(B, L) of each rung; minus infinity for one that cannot be chosen from where the player is."""
        check_finite(obs)
        self._check(obs)
        with torch.inference_mode():
            answer = torch.log_softmax(self.actor(torch.from_numpy(self.design.inputs(obs))), dim=1)
        found: Floats = answer.numpy().astype(np.float64)
        return _of_levels(found, obs.last_level, self.n_levels) if self.design.relative else found

    def value(self, obs: Observation, future_log_bandwidth: NDArray[np.floating]) -> Floats:
        """(B,) expected discounted return (compressed rewards, see `ppo_trainer`) under this policy.

        Args:
            obs: of the players.
            future_log_bandwidth: (B, 12) privileged, see `Sessions.future_log_bandwidth`.

        Raises:
            ConfigError: there is no critic.
        """
        if self.critic is None:
            raise ConfigError(
                f"the shipped {self.design.name} has no critic; train one with `netwright train abr --policy "
                f"{self.design.name}` and load its folder."
            )
        check_finite(obs)
        self._check(obs)
        critic_obs = np.hstack([features.vector(obs), future_log_bandwidth.astype(np.float32)])
        with torch.inference_mode():
            found = self.critic(torch.from_numpy(critic_obs))
        value: Floats = found.numpy().astype(np.float64) * RETURN_SCALE
        return value

    def _check(self, obs: Observation) -> None:
        if obs.n_levels != self.n_levels:
            raise NotApplicableError(
                f"policy {self.name!r} was trained for {self.n_levels} rungs and cannot choose among "
                f"{obs.n_levels}; train one on that ladder, or use bba, mpc or an adapted model."
            )


def _of_levels(steps: Floats, last_level: Ints, n_levels: int) -> Floats:
    """(B, L) log-probabilities of rungs, from (B, 3) those of down, keep and up; the ladder's ends are not left."""
    out = np.zeros((len(steps), n_levels))
    rows = np.arange(len(steps))
    for step in range(N_STEPS):
        np.add.at(out, (rows, np.clip(last_level + step - 1, 0, n_levels - 1)), np.exp(steps[:, step]))
    with np.errstate(divide="ignore"):
        return np.log(out)


def save(
    folder: Path, design: Design, actor: nn.Module, critic: nn.Module | None, description: JsonView
) -> None:
    """Write a learned policy in one step: the tensors of actor and critic, and what it is.

    Args:
        folder: replaced if it exists.
        design, actor, critic: the policy; without a critic the folder serves for acting only.
        description: `n_levels` and whatever else is worth knowing, as plain JSON types.
    """
    tensors = {f"actor.{k}": v for k, v in actor.state_dict().items()}
    if critic is not None:
        tensors |= {f"critic.{k}": v for k, v in critic.state_dict().items()}
    about = {
        "task": "abr",
        "kind": "baseline",
        "role": "baseline",
        "seed": 0,
        "policy": design.name,
        "name": design.name,
        **description,
        "versions": versions(),
    }
    with replacing(folder) as temporary:
        temporary.mkdir()
        save_file({k: v.detach().contiguous() for k, v in tensors.items()}, temporary / WEIGHTS)
        saved = SavedPolicy.of(plain(about), folder / DESCRIPTION, remedy=REMEDY)
        write_folder(temporary, DESCRIPTION, saved)


def load(folder: Path, design: Design, *, greedy: bool = True) -> LearnedPolicy:
    """A learned policy from its folder.

    Raises:
        DataError: a file is missing or damaged.
        FormatError: it is another policy, format or shape.
    """
    saved = read_saved(folder, needed=(WEIGHTS,))
    found = saved.policy if isinstance(saved, SavedBaseline) else "an adapted model"
    if saved.task != "abr" or found != design.name:
        raise FormatError(f"{folder}: holds {found}, not {design.name}; give another folder.")
    described = SavedPolicy.of(saved.to_json(), folder / DESCRIPTION, remedy=REMEDY)
    try:
        tensors = read_tensors(folder / WEIGHTS, remedy="train the policy again")
        n_levels = described.n_levels
        has_critic = any(k.startswith("critic.") for k in tensors)
        with torch.random.fork_rng(devices=[]):  # building draws weights, which are replaced at once
            actor = _filled(design.actor(n_levels), "actor.", tensors)
            critic = _filled(Critic(n_levels), "critic.", tensors) if has_critic else None
    except MissingFileError:
        raise DataError(f"{folder / WEIGHTS}: missing; the policy is not whole, train it again.") from None
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise FormatError(
            f"{folder}: weights and description do not fit ({reason}); train the policy again."
        ) from None
    return LearnedPolicy(design, actor, n_levels, critic, greedy=greedy, trained_for=described.trained_for)


def _filled(module: Module, prefix: str, tensors: Mapping[str, Tensor]) -> Module:
    module.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    return module.requires_grad_(False).eval()
