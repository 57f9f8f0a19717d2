"""The online phase by PPO: an adapted model trained further on fresh episodes of its own.

The paper avoids interaction because its simulators are slow; ours are fast, and `seconds_interacting` beside `seconds`
records the share of the time that it takes (Fig. 3, Wu et al. 2024). The trained parts are those of the offline phase:
low-rank matrices, encoder and head. Only the critic observes the environment's privileged information.

Source: Schulman et al. 2017 (PPO), 2016 (generalized advantages).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.adaptation.config import Precision, TrainingConfig
from netwright.adaptation.contract import OnlineAdapter
from netwright.adaptation.inference import to_tensors
from netwright.adaptation.models.decision import DecisionModel, FactoredDecisionModel
from netwright.adaptation.trainer import INTERACTING, AdaptationTrainer, ParameterGroup
from netwright.core.array_files import RawArray
from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import derived_seed, generator
from netwright.core.types import Json, JsonView
from netwright.llm.seeding import seeded
from netwright.rl import ppo, rollout
from netwright.rl.advantages import compress_rewards
from netwright.rl.critic import Critic
from netwright.rl.environment import Environment, running, times
from netwright.rl.rollout import Obs, Rollout, padded_rows, roll_out, sampling

Advantages = Literal["critic", "vine"]

CRITIC = "critic."
VINE_NUMBERS = ("vine_certain", "vine_least", "vine_limit", "vine_share")


@dataclass(frozen=True)
class OnlineConfig(TrainingConfig):
    """Settings of an online phase: those of any adaptation, with other defaults, those of PPO (`rl.ppo.PpoOptions`)
    and these.

    An iteration plays `batch_size` fresh episodes and learns from them in `epochs` passes. While the backbone is
    bypassed (`warm_start`) an iteration is cheap.

    Attributes:
        joined_batch_size: episodes of an iteration with the backbone.
        minibatch_size: episodes of one update.
        critic_learning_rate: at its peak.
        critic_warmup, critic_epochs: iterations at the start in which only the critic learns, and passes in each of
            them. Advantages of an untrained critic are noise and would degrade the offline model.
        return_scale: the critic learns returns in this unit; a typical size of a return.
        advantages: "critic": of the sampled action, by a critic; "vine": of every action, by playing copies of the
            episode to the end (`netwright.rl.vine`). The next are for the latter.
        vine_certain, vine_least: actions are tried in states where none is as likely as `vine_certain`, those that are
            likelier than `vine_least`.
        vine_limit: differences of returns are clipped at plus and minus so much.
        vine_share: share of these states in which actions are tried; for episodes of very many decisions.
        vine_most: of actions of several parts, so many are tried at most, the likeliest.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {
        **TrainingConfig.RENAMED,
        "minibatch": "minibatch_size",
        "lam": "gae_lambda",
        "ratio_clip": "clip_range",
        "entropy_start": "ent_coef",
        "entropy_end": "final_ent_coef",
        "knee": "reward_threshold",
        "critic_rate": "critic_learning_rate",
        "branch_certain": "vine_certain",
        "branch_least": "vine_least",
        "branch_limit": "vine_limit",
    }

    iterations: int = 600
    batch_size: int = 512
    learning_rate: float = 3e-4
    warm_start: float = 0.97
    weight_decay: float = 0.0
    warmup: float = 0.01
    max_grad_norm: float = 0.5
    lora_dropout: float = 0.0
    encoder_dropout: float = 0.0
    precision: Precision = "float32"
    evaluate_every: int = 50
    average: float = 0.95
    joined_batch_size: int = 128
    epochs: int = 3
    minibatch_size: int = 88
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    advantage_limit: float = 10.0
    ent_coef: float = 0.03
    final_ent_coef: float = 0.003
    reward_threshold: float = -40.0
    critic_learning_rate: float = 1e-3
    critic_warmup: int = 20
    critic_epochs: int = 6
    return_scale: float = ppo.RETURN_SCALE
    advantages: Advantages = "critic"
    vine_certain: float = 0.98
    vine_least: float = 0.01
    vine_limit: float = 5.0
    vine_share: float = 1.0
    vine_most: int = 8

    def __post_init__(self) -> None:
        super().__post_init__()
        ppo.check_options(self)
        for name in ("joined_batch_size", "critic_epochs", "vine_most"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number from 1, got {getattr(self, name)}.")
        positive = ("critic_learning_rate", "return_scale", *VINE_NUMBERS)
        for name in positive:
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be above 0 and finite, got {getattr(self, name)}.")
        if self.advantages not in (kinds := get_args(Advantages)):
            raise UnknownNameError("kind of advantages", self.advantages, kinds)
        if self.encoder_dropout or self.lora_dropout:
            raise ConfigError(
                "PPO needs the same network in rollout and update; set encoder_dropout and lora_dropout to 0."
            )

    @classmethod
    def renamed(cls, options: JsonView) -> Json:
        """Options under their present names; `advantages: branches` is `vine`."""
        found = super().renamed(options)
        return found | {"advantages": "vine"} if found.get("advantages") == "branches" else found


class OnlineTraining(AdaptationTrainer):
    """Common part of the online phases: an update plays fresh episodes and makes a few passes over them."""

    adapter: OnlineAdapter
    config: OnlineConfig
    model: DecisionModel

    def begin(self, step: int) -> np.random.Generator:
        """Set the model and the rates for that iteration; gives the generator of all that it draws."""
        self.set_learning_rates(step)
        torch.manual_seed(derived_seed(self.seed, step))
        return generator(self.seed, step)

    @contextmanager
    def playing(self) -> Iterator[int]:
        """Inside, time counts as that of interaction; gives the number of episodes to play."""
        config, began = self.config, time.monotonic()
        with_backbone = self.model.joined and self.model.gate is not None
        yield config.joined_batch_size if with_backbone else config.batch_size
        self.state.add(INTERACTING, time.monotonic() - began)

    def minibatches(self, rng: np.random.Generator, n: int, epochs: int) -> Iterator[Tensor]:
        """Rows of the `n` episodes, a minibatch at a time."""
        for rows in rollout.minibatches(rng, n, self.config.minibatch_size, epochs):
            yield rows.to(self.device)

    def descend(self, loss: Tensor, step: int, *groups: Iterable[nn.Parameter]) -> float:
        """One optimizer step, see `rl.ppo.descend`."""
        what = f"the loss at iteration {step}"
        return ppo.descend(loss, self.optimizer, groups, self.config.max_grad_norm, what)

    def tensor(self, values: RawArray) -> Tensor:
        """An array in single precision, on the model's device."""
        return torch.from_numpy(values.astype(np.float32)).to(self.device)


@dataclass(frozen=True)
class AdapterEpisodes:
    """Episodes of a task as its adapter and the critic observe them; implements `rl.rollout.Episodes`."""

    environment: Environment
    adapter: OnlineAdapter
    device: torch.device
    reward_threshold: float

    @property
    def done(self) -> bool:
        """Whether all episodes have ended."""
        return self.environment.done

    def running(self) -> NDArray[np.int64]:
        """(R,) numbers of the episodes that wait for an action."""
        return running(self.environment)

    def times(self) -> NDArray[np.float64] | None:
        """(R,) times of these decisions, where the environment knows them."""
        return times(self.environment)

    def observe(self) -> tuple[Obs, Tensor]:
        """The model's inputs of this step, and the critic's."""
        inputs = self.adapter.inputs(self.environment.observe())
        seen = [self.adapter.critic_inputs(inputs), self.environment.privileged()]
        critic_obs = np.concatenate(seen, axis=1).astype(np.float32)
        return to_tensors(inputs, self.device), torch.from_numpy(critic_obs).to(self.device)

    def step(self, actions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compressed rewards (R,)."""
        return compress_rewards(self.environment.step(actions)[0], self.reward_threshold)


class StepwiseModel:
    """A model that scores one step after the other of episodes, and drops the windows of those that have ended.

    Args:
        model: of decisions.
        n: number of episodes.
    """

    def __init__(self, model: DecisionModel, n: int) -> None:
        self.model, self.memory = model, model.memory(n)
        self._episodes = np.arange(n)

    def scores(self, obs: Obs, episodes: NDArray[np.int64]) -> Tensor:
        """(R, N) scores of the candidates of the running episodes (R,)."""
        self._forget_ended(episodes)
        return self.model.next(obs, self.memory)

    def read(self, obs: Obs, episodes: NDArray[np.int64]) -> tuple[Tensor, Obs]:
        """What the head reads of the running episodes (R,), see `DecisionModel.read_next`."""
        self._forget_ended(episodes)
        return self.model.read_next(obs, self.memory)

    def act(self, obs: Obs, episodes: NDArray[np.int64], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Sampled actions and their log-probabilities, see `rl.rollout.Actor`."""
        if not isinstance(self.model, FactoredDecisionModel):
            return sampling(lambda obs: self.scores(obs, episodes))(obs, episodes, rng)
        self._forget_ended(episodes)
        scores, chosen = self.model.next_parts(
            obs, self.memory, lambda scores: rollout.sample(torch.log_softmax(scores, dim=-1), rng)
        )
        actions = torch.stack([chosen[part] for part in self.model.head.parts], dim=-1)
        logprobs, _ = ppo.evaluate_parts([scores[part] for part in self.model.head.parts], actions)
        return actions, logprobs

    def _forget_ended(self, episodes: NDArray[np.int64]) -> None:
        if len(episodes) == len(self._episodes):
            return
        if self.memory is not None:
            self.memory.select(torch.from_numpy(np.flatnonzero(np.isin(self._episodes, episodes))))
        self._episodes = episodes


class OnlineTrainer(OnlineTraining):
    """A `Trainer` whose update is one iteration of PPO with a critic."""

    def __init__(
        self,
        model: DecisionModel,
        adapter: OnlineAdapter,
        config: OnlineConfig,
        *,
        seed: int,
        lower_is_better: bool = False,
    ) -> None:
        probe = AdapterEpisodes(adapter.environment(generator(seed), 1), adapter, model.device, -1.0)
        with seeded(seed):
            self.critic = Critic(probe.observe()[1].shape[1]).to(model.device)
        super().__init__(model, adapter, config, seed=seed, lower_is_better=lower_is_better)

    def trained_parameters(self) -> dict[str, nn.Parameter]:
        """The model's trainable parameters, and the critic's."""
        return super().trained_parameters() | {CRITIC + name: p for name, p in self.critic.named_parameters()}

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates."""
        config, rng = self.config, self.begin(step)
        with self.playing() as n:
            played = self._play(rng, n)
        targets = self._targets(played)
        advantages, returns = self.tensor(targets.advantages), self.tensor(targets.returns)
        self.model.train()
        epochs = config.epochs if step >= config.critic_warmup else config.critic_epochs
        offsets = played.offsets
        losses: list[float] = []
        actor_losses: list[ppo.ActorLoss] = []
        for episodes in self.minibatches(rng, len(offsets) - 1, epochs):
            rows, real = (x.to(self.device) for x in padded_rows(offsets, episodes))
            chosen = rows[real]
            critic_loss = nn.functional.mse_loss(self.critic(played.critic_obs[chosen]), returns[chosen])
            loss = 0.5 * critic_loss
            if step >= config.critic_warmup:
                now = self._evaluate(played, rows, real)
                actor_losses.append(self._actor_loss(step, now, played.logprobs[chosen], advantages[chosen]))
                loss = loss + actor_losses[-1].loss
            losses.append(self.descend(loss, step, *self._own()))
        self.diagnostics = ppo.diagnostics(actor_losses, targets)
        return float(np.mean(losses))

    def _own(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        """Parameters of the model and of the critic, whose gradients are clipped apart."""
        model = [p for name, p in self.parameters.items() if not name.startswith(CRITIC)]
        return model, list(self.critic.parameters())

    def parameter_groups(self, parameters: Mapping[str, nn.Parameter]) -> list[ParameterGroup]:
        """As of any run, with the critic apart, which has a learning rate of its own."""
        critic = {id(p) for p in self.critic.parameters()}
        groups = []
        for group in super().parameter_groups(parameters):
            for own in (False, True):
                params = [p for p in group["params"] if (id(p) in critic) == own]
                factor = self.config.critic_learning_rate / self.config.learning_rate if own else 1.0
                groups.append({**group, "params": params, "factor": factor})
        return [group for group in groups if group["params"]]

    def _play(self, rng: np.random.Generator, n: int) -> Rollout:
        model, adapter = self.model.eval(), self.adapter
        environment = adapter.environment(rng, n)
        episodes = AdapterEpisodes(environment, adapter, self.device, self.config.reward_threshold)
        return roll_out(episodes, StepwiseModel(model, n).act, rng).by_episode()

    def _targets(self, played: Rollout) -> ppo.Targets:
        config = self.config
        with torch.inference_mode():
            values = self.critic(played.critic_obs).cpu().numpy().astype(np.float64) * config.return_scale
        return ppo.targets(played, values, config, config.return_scale)

    def _evaluate(self, played: Rollout, rows: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the real steps' actions under the model as it is, and its entropy; rows (b, T)."""
        inputs = {name: value[rows] for name, value in played.obs.items()}
        actions = played.actions[rows]
        if not isinstance(self.model, FactoredDecisionModel):
            return ppo.evaluate_actions(self.model(inputs)[real], actions[real])
        parts = {name: actions[..., i] for i, name in enumerate(self.model.head.parts)}
        scores = self.model.parts(inputs, parts)
        return ppo.evaluate_parts([scores[name][real] for name in parts], actions[real])

    def _actor_loss(
        self, step: int, now: tuple[Tensor, Tensor], logprobs: Tensor, advantages: Tensor
    ) -> ppo.ActorLoss:
        ent_coef = ppo.entropy_coefficient(self.config, step)
        return ppo.actor_loss(now, logprobs, advantages, self.config, ent_coef)
