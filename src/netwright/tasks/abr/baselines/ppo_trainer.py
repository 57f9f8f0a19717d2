"""Proximal policy optimisation (Schulman et al. 2017) on many sessions in lock step.

What makes it work here, each measured in `docs/tasks/abr.md`: stalls are squashed, because the reward of a single
chunk can be -100 and then drowns all else; much entropy at first; and a critic that sees the bandwidth to come, which
takes most of the noise out of the advantages. The critic is used in training only, the actor never sees that.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from netwright.adaptation.advantages import gae, normalised, squashed
from netwright.core.errors import ConfigError, DataError
from netwright.core.files import read_json, replacing, write_text
from netwright.core.seeding import derived_seed, generator
from netwright.tasks.abr import features
from netwright.tasks.abr.baselines.learned import RETURN_SCALE, Critic, Design
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.media import Floats
from netwright.tasks.abr.training_set import NOISY_RULES, SCALE_RANGE, SCALED

Sampler = Callable[[np.random.Generator, int], Sessions]
"""Draws that many sessions to train on."""

VALUE_CHUNK = 4096
PROGRESS = ("iteration", "n_decisions", "seconds", "processor_seconds")


@dataclass(frozen=True)
class PpoConfig:
    """Options of a training run.

    Attributes:
        iterations: rounds of collecting and learning.
        n_sessions: played in lock step in each.
        epochs, minibatch: passes over a round's decisions, and how many decisions are in an update.
        learning_rate, final_rate: of Adam at the start, and the share of it at the end; linear in between.
        discount, trace_decay: gamma and lambda of generalised advantage estimation.
        clip: of the probability ratio (epsilon).
        entropy, final_entropy: weight of the entropy at the start and at the end; exponential in between.
        largest_advantage: normalised advantages are cut there.
        largest_gradient: norm at which gradients of actor and critic are cut, each.
        squash_below: rewards below this count by the logarithm, see `squashed`.
        average: decay, per iteration, of the running average of the actor's weights, which is what is kept.
        scaled, scale_range: share of the sessions whose bandwidth is multiplied by exp(uniform(-range, range)).
        noise: each delay is multiplied by a factor from [1 - noise, 1 + noise]. Both keep the network from
            knowing the few hours of measured traces by heart.
    """

    iterations: int = 480
    n_sessions: int = 512
    epochs: int = 3
    minibatch: int = 4096
    learning_rate: float = 6e-4
    final_rate: float = 0.03
    discount: float = 0.99
    trace_decay: float = 0.95
    clip: float = 0.2
    entropy: float = 0.40
    final_entropy: float = 0.005
    largest_advantage: float = 10.0
    largest_gradient: float = 0.5
    squash_below: float = -40.0
    average: float = 0.96
    scaled: float = SCALED
    scale_range: float = SCALE_RANGE
    noise: float = NOISY_RULES.noise

    def __post_init__(self) -> None:
        for name in ("iterations", "n_sessions", "epochs", "minibatch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"PpoConfig.{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("discount", "trace_decay", "average", "scaled", "noise"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"PpoConfig.{name} must lie in 0..1, got {getattr(self, name)}.")
        for name in ("learning_rate", "final_rate", "entropy", "final_entropy", "clip"):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"PpoConfig.{name} must be above 0, got {getattr(self, name)}.")
        if not self.squash_below < 0.0:
            raise ConfigError(f"PpoConfig.squash_below must be below 0, got {self.squash_below}.")

    def learning_rate_at(self, iteration: int) -> float:
        """Of that iteration, counted from 0."""
        return self.learning_rate * (1.0 - (1.0 - self.final_rate) * self._share(iteration))

    def entropy_at(self, iteration: int) -> float:
        """Weight of the entropy in that iteration, counted from 0."""
        weight: float = self.entropy * (self.final_entropy / self.entropy) ** self._share(iteration)
        return weight

    def _share(self, iteration: int) -> float:
        return iteration / max(1, self.iterations - 1)


@dataclass(frozen=True)
class Decisions:
    """What B sessions of T decisions gave, flattened to N = T * B rows, time first."""

    inputs: Tensor  # (N, ..) what the actor saw
    seen: Tensor  # (N, F) features
    future: Tensor  # (N, 12) log bandwidth ahead, for the critic
    choices: Tensor  # (N,)
    log_probabilities: Tensor  # (N,) of those choices when they were made
    rewards: Floats  # (T, B) squashed

    def __len__(self) -> int:
        return len(self.choices)


class Learner:
    """An actor and its critic in training; plain state, so that a run can be stopped and taken up.

    Args:
        design: what the actor is.
        n_levels: rungs of the ladder.
        config: of the run.
        seed: of the initial weights and of all that is drawn.
        actor: to go on from; a new one if None.
    """

    def __init__(
        self, design: Design, n_levels: int, config: PpoConfig, *, seed: int, actor: nn.Module | None = None
    ) -> None:
        self.design, self.n_levels, self.config, self.seed = design, n_levels, config, seed
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derived_seed(seed))
            self.actor = design.actor(n_levels)
            self.critic = Critic(n_levels)
        if actor is not None:
            self.actor.load_state_dict(actor.state_dict())
        self.actor.requires_grad_(True)
        self.average = copy.deepcopy(self.actor).requires_grad_(False).eval()
        self.optimisers = {
            "actor": torch.optim.Adam(self.actor.parameters(), lr=config.learning_rate, fused=True),
            "critic": torch.optim.Adam(self.critic.parameters(), lr=config.learning_rate, fused=True),
        }
        self.iteration = self.n_decisions = 0
        self.seconds = self.processor_seconds = 0.0
        # Half the time on processors that have these instructions; weights and log-probabilities stay in float32.
        self.half = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())

    def iterate(self, sample: Sampler) -> dict[str, float]:
        """Play one round of sessions and learn from it; figures worth showing."""
        config = self.config
        began, busy = time.perf_counter(), time.process_time()
        rng = generator(self.seed, self.iteration)
        played = self._play(sample(rng, config.n_sessions), rng)
        shape = played.rewards.shape
        values = self._values(played).reshape(shape)
        gained = gae(played.rewards.T, values.T, config.discount, config.trace_decay).T
        returns = torch.from_numpy(((gained + values) / RETURN_SCALE).astype(np.float32).ravel())
        normal = normalised(gained, config.largest_advantage)
        scores = torch.from_numpy(normal.astype(np.float32).ravel())
        rate = config.learning_rate_at(self.iteration)
        for optimiser in self.optimisers.values():
            optimiser.param_groups[0]["lr"] = rate
        entropy_weight = config.entropy_at(self.iteration)
        entropies = []
        for _ in range(config.epochs):
            order = torch.from_numpy(rng.permutation(len(played)))
            for rows in torch.split(order, config.minibatch):
                entropies.append(self._update_actor(played, scores, rows, entropy_weight))
                self._update_critic(played, returns, rows)
        with torch.no_grad():
            for kept, now in zip(self.average.parameters(), self.actor.parameters(), strict=True):
                kept.lerp_(now, 1.0 - config.average)
        self.iteration += 1
        self.n_decisions += len(played)
        self.seconds += time.perf_counter() - began
        self.processor_seconds += time.process_time() - busy
        spread = float(np.var(gained + values))
        return {
            "reward": float(played.rewards.mean()),
            "entropy": float(np.mean(entropies)),
            "explained": 1.0 - float(np.var(gained)) / max(spread, 1e-12),
        }

    def _play(self, sessions: Sessions, rng: np.random.Generator) -> Decisions:
        columns: dict[str, list[NDArray[np.generic]]] = {
            name: [] for name in ("inputs", "seen", "future", "choices", "log_probabilities")
        }
        rewards = []
        while not sessions.done:
            observation = sessions.observe()
            seen = features.vector(observation)
            inputs = seen if self.design.inputs is features.vector else self.design.inputs(observation)
            with torch.inference_mode():
                scores = torch.log_softmax(self.actor(torch.from_numpy(inputs)), dim=1).numpy()
            # The largest of scores plus Gumbel noise is a draw from their softmax.
            choices = (scores + rng.gumbel(size=scores.shape)).argmax(axis=1)
            columns["inputs"].append(inputs)
            columns["seen"].append(seen)
            columns["future"].append(sessions.future_log_bandwidth().astype(np.float32))
            columns["choices"].append(choices)
            columns["log_probabilities"].append(scores[np.arange(len(choices)), choices])
            outcome = sessions.step(self.design.levels(choices, observation.last_level, self.n_levels))
            rewards.append(squashed(outcome.qoe, self.config.squash_below))
        joined = {k: torch.from_numpy(np.concatenate(v)) for k, v in columns.items()}
        return Decisions(rewards=np.array(rewards), **joined)

    def _values(self, played: Decisions) -> Floats:
        parts = []
        with torch.inference_mode():
            for seen, future in zip(
                torch.split(played.seen, VALUE_CHUNK), torch.split(played.future, VALUE_CHUNK), strict=True
            ):
                parts.append(self.critic(seen, future))
        values: Floats = torch.cat(parts).numpy().astype(np.float64) * RETURN_SCALE
        return values

    def _update_actor(self, played: Decisions, scores: Tensor, rows: Tensor, entropy_weight: float) -> float:
        """One step on the clipped objective (Schulman et al. 2017, Eq. 7); the mean entropy before it."""
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            answer = self.actor(played.inputs[rows])
        logs = torch.log_softmax(answer.float(), dim=1)
        chosen = logs.gather(1, played.choices[rows, None]).squeeze(1)
        ratio = (chosen - played.log_probabilities[rows]).exp()
        score = scores[rows]
        cut = ratio.clamp(1.0 - self.config.clip, 1.0 + self.config.clip)
        entropy = -(logs.exp() * logs).sum(dim=1).mean()
        loss = -torch.minimum(ratio * score, cut * score).mean() - entropy_weight * entropy
        self._step("actor", self.actor, loss)
        return float(entropy.detach())

    def _update_critic(self, played: Decisions, returns: Tensor, rows: Tensor) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            value = self.critic(played.seen[rows], played.future[rows])
        self._step("critic", self.critic, nn.functional.mse_loss(value.float(), returns[rows]))

    def _step(self, name: str, network: nn.Module, loss: Tensor) -> None:
        if not math.isfinite(loss.item()):
            raise DataError(
                f"the {name}'s loss in iteration {self.iteration} is not finite; check the data with "
                "`netwright data check`, or lower the learning rate."
            )
        optimiser = self.optimisers[name]
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), self.config.largest_gradient)
        optimiser.step()

    def save(self, folder: Path, origin: Mapping[str, object]) -> None:
        """Write a checkpoint in one step."""
        tensors: dict[str, Tensor] = {}
        for part, module in self._modules().items():
            tensors |= {f"{part}/{k}": v for k, v in module.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{name}.adam/{index}/{k}": v for k, v in state.items()}
        with replacing(folder) as temporary:
            temporary.mkdir()
            save_file(
                {k: v.detach().contiguous() for k, v in tensors.items()}, temporary / "tensors.safetensors"
            )
            document = {"origin": origin} | {name: getattr(self, name) for name in PROGRESS}
            write_text(temporary / "state.json", json.dumps(document))

    def resume(self, folder: Path, origin: Mapping[str, object]) -> None:
        """Take up a checkpoint.

        Raises:
            ConfigError: it is of a run with other settings, seed or data.
        """
        document = read_json(folder / "state.json")
        if document["origin"] != json.loads(json.dumps(origin)):
            raise ConfigError(
                f"{folder.parent}: holds an unfinished run with other settings, seed or data; delete that folder, or "
                "give another --out."
            )
        for name in PROGRESS:
            setattr(self, name, document[name])
        tensors = load_file(folder / "tensors.safetensors")
        for part, module in self._modules().items():
            module.load_state_dict({k: tensors[f"{part}/{k}"] for k in module.state_dict()})
        for name, optimiser in self.optimisers.items():
            state: dict[int, dict[str, Tensor]] = {}
            for key, value in tensors.items():
                if key.startswith(f"{name}.adam/"):
                    _, index, field = key.split("/")
                    state.setdefault(int(index), {})[field] = value
            optimiser.load_state_dict(
                {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
            )

    def _modules(self) -> dict[str, nn.Module]:
        return {"actor": self.actor, "critic": self.critic, "average": self.average}
