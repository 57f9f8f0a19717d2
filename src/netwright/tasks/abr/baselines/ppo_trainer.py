"""PPO on many bitrate sessions in lock step (`netwright.rl`).

What makes it work here, each measured in `docs/tasks/abr.md`: rewards of long stalls are compressed, because the reward
of a single chunk can be -100 and then dominates all else; much entropy at first; and a critic that observes the
bandwidth to come, which removes most of the noise of the advantages. The critic is used in training only.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.core.seeding import derived_seed, generator
from netwright.llm.seeding import seeded
from netwright.rl import ppo
from netwright.rl.advantages import compress_rewards
from netwright.rl.averages import update_average
from netwright.rl.rollout import Obs, Rollout, minibatches, roll_out, sampling
from netwright.tasks.abr import features
from netwright.tasks.abr.baselines.learned import Critic, Design, LearnedPolicy
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.training_set import NOISY_RULES, SCALE_RANGE, SCALED
from netwright.training.trainer import CHECKPOINT_SECONDS, Schedule, Trainer

Sampler = Callable[[np.random.Generator, int], Sessions]
"""Draws that many sessions to train on."""

OBS = "obs"
VALUE_CHUNK = 4096
N_EVALUATIONS = 10


@dataclass(frozen=True)
class PpoConfig:
    """Options of a training run; those of every PPO trainer are described at `rl.ppo.PpoOptions`.

    Attributes:
        n_sessions: played in parallel in each iteration.
        learning_rate, final_rate: of Adam at the start, and the share of it at the end; linear in between.
        average: decay, per iteration, of the running average of the actor's weights, which is what is kept.
        scaled, scale_range: share of the sessions whose bandwidth is multiplied by exp(uniform(-range, range)).
        noise: each delay is multiplied by a factor from [1 - noise, 1 + noise]. Both keep the network from
            memorizing the few hours of measured traces.
    """

    iterations: int = 480
    n_sessions: int = 512
    epochs: int = 3
    minibatch_size: int = 4096
    learning_rate: float = 6e-4
    final_rate: float = 0.03
    gamma: float = 0.99
    gae_lambda: float = 0.95
    clip_range: float = 0.2
    ent_coef: float = 0.40
    final_ent_coef: float = 0.005
    advantage_limit: float = 10.0
    max_grad_norm: float = 0.5
    reward_threshold: float = -40.0
    average: float = 0.96
    scaled: float = SCALED
    scale_range: float = SCALE_RANGE
    noise: float = NOISY_RULES.noise

    def __post_init__(self) -> None:
        ppo.check_options(self)
        for name in ("iterations", "n_sessions"):
            if getattr(self, name) < 1:
                raise ConfigError(f"PpoConfig.{name} must be at least 1, got {getattr(self, name)}.")
        for name in ("average", "scaled", "noise"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"PpoConfig.{name} must lie in [0, 1], got {getattr(self, name)}.")
        for name in ("learning_rate", "final_rate", "max_grad_norm"):
            if not getattr(self, name) > 0.0:
                raise ConfigError(f"PpoConfig.{name} must be above 0, got {getattr(self, name)}.")

    def learning_rate_at(self, iteration: int) -> float:
        """Of that iteration, counted from 0."""
        share = iteration / max(1, self.iterations - 1)
        return self.learning_rate * (1.0 - (1.0 - self.final_rate) * share)


class SessionEpisodes:
    """Bitrate sessions as a network of this design and its critic observe them; implements `rl.rollout.Episodes`."""

    def __init__(self, sessions: Sessions, design: Design, n_levels: int, reward_threshold: float) -> None:
        self.sessions, self.design, self.n_levels = sessions, design, n_levels
        self.reward_threshold = reward_threshold
        self._observation: Observation | None = None

    @property
    def done(self) -> bool:
        """Whether all chunks have been played."""
        return self.sessions.done

    def running(self) -> NDArray[np.int64]:
        """All sessions: they end together."""
        return np.arange(self.sessions.n)

    def times(self) -> None:
        """None: every chunk counts as one unit of time."""

    def observe(self) -> tuple[Obs, Tensor]:
        """The network's inputs (B, ..), and features with the bandwidth to come (B, F + 12)."""
        self._observation = observation = self.sessions.observe()
        seen = features.vector(observation)
        inputs = seen if self.design.inputs is features.vector else self.design.inputs(observation)
        critic_obs = np.hstack([seen, self.sessions.future_log_bandwidth().astype(np.float32)])
        return {OBS: torch.from_numpy(inputs)}, torch.from_numpy(critic_obs)

    def step(self, actions: NDArray[np.int64]) -> NDArray[np.float64]:
        """Compressed QoE (B,) of the chunk that these answers of the network choose."""
        assert self._observation is not None
        levels = self.design.levels(actions, self._observation.last_level, self.n_levels)
        return compress_rewards(self.sessions.step(levels).qoe, self.reward_threshold)


class PpoTrainer(Trainer):
    """An actor and its critic in training; an update is one iteration: a round of sessions, and passes over it.

    The result is the running average of the actor's weights at the end: validation is only reported.

    Args:
        design: what the actor is.
        n_levels: rungs of the ladder.
        config: of the run.
        seed: of the initial weights and of all that is drawn.
        actor: whose weights to start from; new ones if None.

    Attributes:
        sample: draws the sessions of an iteration.
        validation: batches of sessions for `validate`.
        hooks: called after every iteration.
    """

    sample: Sampler

    def __init__(
        self, design: Design, n_levels: int, config: PpoConfig, *, seed: int, actor: nn.Module | None = None
    ) -> None:
        self.design, self.n_levels, self.config, self.seed = design, n_levels, config, seed
        with seeded(derived_seed(seed)):
            self.actor = design.actor(n_levels)
            self.critic = Critic(n_levels)
        if actor is not None:
            self.actor.load_state_dict(actor.state_dict())
        self.actor.requires_grad_(True)
        self.average = copy.deepcopy(self.actor).requires_grad_(False).eval()
        networks = {"actor": self.actor, "critic": self.critic}
        self.optimizers_of = {
            name: torch.optim.Adam(network.parameters(), lr=config.learning_rate, fused=True)
            for name, network in networks.items()
        }
        # Half the time on processors that have these instructions; weights and log-probabilities stay in float32.
        self.half = bool(getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)())
        self.validation: Sequence[Sessions] = ()
        self.hooks: list[Callable[[], None]] = []
        super().__init__(
            {f"{part}.{k}": p for part, network in networks.items() for k, p in network.named_parameters()},
            list(self.optimizers_of.values()),
            Schedule(
                config.iterations,
                max(1, config.iterations // N_EVALUATIONS),
                checkpoint_seconds=CHECKPOINT_SECONDS,
            ),
            lower_is_better=False,
        )

    @property
    def n_decisions(self) -> int:
        """Decisions taken so far."""
        return round(self.state.totals.get("decisions", 0.0))

    def update(self, step: int) -> float:
        """One iteration; the mean loss of the actor."""
        rng = generator(self.seed, step)
        rewards, losses, targets = self._round(self.sample(rng, self.config.n_sessions), rng, step)
        update_average(
            dict(self.average.named_parameters()), dict(self.actor.named_parameters()), self.config.average
        )
        self.state.add("decisions", rewards.size)
        self.diagnostics = {"reward": float(rewards.mean())} | ppo.diagnostics(losses, targets)
        return float(np.mean([float(loss.loss.detach()) for loss in losses]))

    def after_update(self) -> None:
        """Call the hooks."""
        for hook in self.hooks:
            hook()

    def validate(self) -> float:
        """Mean QoE per chunk of the averaged actor, greedy, over batches of sessions that count alike."""
        policy = LearnedPolicy(self.design, self.average, self.n_levels)
        rng = np.random.default_rng(0)
        return float(np.mean([rollout(policy, batch.copy(), rng).qoe.mean() for batch in self.validation]))

    def keep(self) -> None:
        """No effect: the average of all weights is the result."""

    def tensors(self) -> dict[str, Tensor]:
        """As of any trainer, with the averaged actor."""
        return super().tensors() | {f"average/{k}": v for k, v in self.average.state_dict().items()}

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Put the tensors of a checkpoint in place."""
        super().restore(tensors)
        self.average.load_state_dict({k: tensors[f"average/{k}"] for k in self.average.state_dict()})

    def progress_line(self, loss: float) -> str:
        """Reward and diagnostics of the last iteration, last validation figure, remaining time."""
        figures, state, n = self.diagnostics, self.state, self.config.iterations
        left = round(state.seconds / state.step * (n - state.step))
        validation = f"validation {state.history[-1]['validation']:.4f}, " if state.history else ""
        return (
            f"iteration {state.step}/{n}, {self.n_decisions / 1e6:.2f} M decisions: "
            f"reward {figures['reward']:.3f}, entropy {figures['entropy']:.2f}, KL {figures['approx_kl']:.4f}, "
            f"clipped {100 * figures['clip_fraction']:.0f} %, "
            f"explained {100 * figures['explained_variance']:.0f} %, {validation}{left // 60}:{left % 60:02d} left"
        )

    def _round(
        self, sessions: Sessions, rng: np.random.Generator, step: int
    ) -> tuple[NDArray[np.float64], list[ppo.ActorLoss], ppo.Targets]:
        config = self.config
        played = self.play(sessions, rng)
        targets = ppo.targets(played, self.values(played), config, ppo.RETURN_SCALE)
        advantages, returns = (
            torch.from_numpy(x.astype(np.float32)) for x in (targets.advantages, targets.returns)
        )
        for optimizer in self.optimizers:
            optimizer.param_groups[0]["lr"] = config.learning_rate_at(step)
        losses = []
        for rows in minibatches(rng, len(played), config.minibatch_size, config.epochs):
            losses.append(self._update_actor(played, advantages, rows))
            self._update_critic(played, returns, rows)
        return played.rewards, losses, targets

    def play(self, sessions: Sessions, rng: np.random.Generator) -> Rollout:
        """The decisions of these sessions, played by the actor with sampled actions."""
        episodes = SessionEpisodes(sessions, self.design, self.n_levels, self.config.reward_threshold)
        return roll_out(episodes, sampling(lambda obs: self.actor(obs[OBS])), rng)

    def values(self, played: Rollout) -> NDArray[np.float64]:
        """(N,) the critic's values of a rollout's steps, in units of the reward."""
        with torch.inference_mode():
            parts = [self.critic(part) for part in torch.split(played.critic_obs, VALUE_CHUNK)]
        values: NDArray[np.float64] = torch.cat(parts).numpy().astype(np.float64) * ppo.RETURN_SCALE
        return values

    def _update_actor(self, played: Rollout, advantages: Tensor, rows: Tensor) -> ppo.ActorLoss:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            logits = self.actor(played.obs[OBS][rows])
        loss = ppo.actor_loss(
            ppo.evaluate_actions(logits.float(), played.actions[rows]),
            played.logprobs[rows],
            advantages[rows],
            self.config,
            ppo.entropy_coefficient(self.config, self.state.step),
        )
        self._descend("actor", self.actor, loss.loss)
        return loss

    def _update_critic(self, played: Rollout, returns: Tensor, rows: Tensor) -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.half):
            value = self.critic(played.critic_obs[rows])
        self._descend("critic", self.critic, nn.functional.mse_loss(value.float(), returns[rows]))

    def _descend(self, name: str, network: nn.Module, loss: Tensor) -> None:
        what = f"the {name}'s loss in iteration {self.state.step}"
        ppo.descend(loss, self.optimizers_of[name], [network.parameters()], self.config.max_grad_norm, what)
