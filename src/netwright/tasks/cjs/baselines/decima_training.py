"""Training Decima in our simulator: imitation of `es-rule` at first, then PPO (`netwright.rl`).

It differs from the published training (Mao et al., SIGCOMM 2019, section 5.3, and PPO in spark-sched-sim) in that it
begins by imitating a rule, that the critic knows the jobs to come, and that clusters of many sizes are trained on.
Returns are discounted by time, as there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.core.errors import ConfigError
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.seeding import derived_seed, generator
from netwright.llm.seeding import seeded
from netwright.rl import ppo
from netwright.rl.critic import Critic
from netwright.rl.rollout import Obs, Rollout, minibatches, roll_out
from netwright.tasks.cjs.baselines import decima_compiled, decima_weights, es_rule
from netwright.tasks.cjs.baselines.decima import Decima
from netwright.tasks.cjs.baselines.decima_learning import N_CRITIC, critic_features, evaluate_decisions
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork
from netwright.tasks.cjs.baselines.description import described
from netwright.tasks.cjs.baselines.relative_jct import RelativeJct
from netwright.tasks.cjs.baselines.ruled import fair_plus_c
from netwright.tasks.cjs.cluster import N_SEEDS, Cluster
from netwright.tasks.cjs.dataset import CjsData
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.observation import DECLINE, Observation
from netwright.tasks.cjs.sequences import Range, drawn_sequence, sequence
from netwright.tasks.cjs.settings import VALIDATION_SEEDS
from netwright.training.run import Progress, Run
from netwright.training.trainer import CHECKPOINT_SECONDS, Schedule, Trainer

ROW = "row"
RETURN_SCALE_S = 1000.0  # a typical discounted job time
CRITIC_RATE, CRITIC_BATCH, CRITIC_EPOCHS = 1e-3, 1024, 4
N_VALIDATION, VALIDATION_JOBS = 6, 100
EVALUATE_EVERY = 10
TEMPERATURES = (1.0, 0.7, 0.5, 0.35)


@dataclass(frozen=True)
class DecimaConfig:
    """Options of a training run; those of every PPO trainer are described at `rl.ppo.PpoOptions`.

    Attributes:
        imitation_rounds: updates before the iterations of PPO, each of `imitation_batches` of `imitation_batch_size`
            decisions of `es-rule`; a rate of `imitation_rate` that falls to a tenth.
        imitation_decisions: so many decisions of the rule are collected.
        n_sequences, n_rollouts: job sequences of an iteration, and how often each is played.
        n_jobs, n_executors: ranges from which those of a sequence are drawn.
        critic_only: first iterations, in which only the critic learns.
        decisions: of an iteration that the network learns from, drawn from all.
        gamma: discount of a second.
        learning_rate, final_rate: of Adam at the start, and the share of it at the end; linear in between.
        average: decay, per update, of the running average of the weights, which is what is tested and kept.
    """

    imitation_rounds: int = 160
    imitation_batches: int = 25
    imitation_batch_size: int = 256
    imitation_rate: float = 2e-3
    imitation_decisions: int = 40_000
    iterations: int = 30
    n_sequences: int = 6
    n_rollouts: int = 4
    n_jobs: Range = (30, 90)
    n_executors: Range = (30, 50)
    critic_only: int = 3
    decisions: int = 20_000
    epochs: int = 2
    minibatch_size: int = 2048
    learning_rate: float = 4e-4
    final_rate: float = 0.05
    gamma: float = 0.995
    gae_lambda: float = 0.98
    clip_range: float = 0.2
    ent_coef: float = 0.01
    final_ent_coef: float = 0.001
    advantage_limit: float = 6.0
    max_grad_norm: float = 0.5
    reward_threshold: float = -1e9  # no reward of a cluster is compressed
    average: float = 0.9

    def __post_init__(self) -> None:
        ppo.check_options(self)
        counts = (
            "imitation_batches",
            "imitation_batch_size",
            "iterations",
            "n_sequences",
            "n_rollouts",
            "decisions",
        )
        for name in counts:
            if getattr(self, name) < 1:
                raise ConfigError(f"DecimaConfig.{name} must be at least 1, got {getattr(self, name)}.")

    def learning_rate_at(self, iteration: int) -> float:
        """Of that iteration of PPO, counted from 0."""
        share = iteration / max(1, self.iterations - 1)
        return self.learning_rate * (1.0 - (1.0 - self.final_rate) * share)


class ClusterEpisodes:
    """Clusters as Decima and its critic observe them; implements `rl.rollout.Episodes`.

    A graph has no fixed size: the tensor of an observation is its row in `seen`.
    """

    def __init__(self, clusters: Sequence[Cluster]) -> None:
        self.environment = ClusterEnvironment(clusters)
        self.seen: list[Observation] = []

    @property
    def done(self) -> bool:
        """Whether all clusters have ended."""
        return self.environment.done

    def running(self) -> Ints:
        """(R,) numbers of the clusters that wait for a decision."""
        return self.environment.running()

    def times(self) -> Floats:
        """(R,) seconds since the beginning."""
        return self.environment.times()

    def observe(self) -> tuple[Obs, Tensor]:
        """(R,) rows in `seen`, and what the critic observes (R, F)."""
        first = len(self.seen)
        self.seen += self.environment.observe()
        features = np.array([critic_features(self.environment.clusters[i]) for i in self.running()])
        return {ROW: torch.arange(first, len(self.seen))}, torch.from_numpy(features.astype(np.float32))

    def step(self, actions: NDArray[np.int64]) -> Floats:
        """(R,) minus the job time in seconds after decisions (R, 2): a choice, a number of executors less 1."""
        rewards, _ = self.environment.step(actions + np.array([0, 1]))
        return rewards


class DecimaTrainer(Trainer):
    """Decima's network and its critic in training: rounds of imitation, then iterations of PPO.

    Args:
        data: job profiles.
        config: of the run.
        seed: of the initial weights and of all that is drawn.
    """

    def __init__(self, data: CjsData, config: DecimaConfig, *, seed: int) -> None:
        self.data, self.config, self.seed = data, config, seed
        with seeded(derived_seed(seed)):
            self.actor, self.critic = DecimaNetwork(), Critic(N_CRITIC, (128, 64))
        self.taught: tuple[list[Observation], Tensor] | None = None
        networks = {"actor": self.actor, "critic": self.critic}
        self.optimizers_of = {
            k: torch.optim.Adam(one.parameters(), lr=CRITIC_RATE) for k, one in networks.items()
        }
        super().__init__(
            {f"{part}.{k}": p for part, network in networks.items() for k, p in network.named_parameters()},
            list(self.optimizers_of.values()),
            Schedule(
                config.imitation_rounds + config.iterations,
                EVALUATE_EVERY,
                average=config.average,
                checkpoint_seconds=CHECKPOINT_SECONDS,
            ),
        )

    def update(self, step: int) -> float:
        """A round of imitation, or an iteration of PPO; the mean loss of the network."""
        rng = generator(self.seed, step)
        if step < self.config.imitation_rounds:
            return self._imitate(rng, step)
        return self._iterate(self.sample(rng), rng, step - self.config.imitation_rounds)

    def validate(self) -> float:
        """Mean logarithm of JCT over that of `fair-plus-c` on validation sequences."""
        return self.validation.loss(Decima(self.actor))

    @cached_property
    def validation(self) -> RelativeJct:
        """The loss on validation sequences, each on 50 and on 30 executors."""
        clusters = [
            sequence(self.data, seed, VALIDATION_JOBS, n_executors)
            for seed in VALIDATION_SEEDS[:N_VALIDATION]
            for n_executors in (50, 30)
        ]
        return RelativeJct(clusters, fair_plus_c())

    def sample(self, rng: np.random.Generator) -> list[Cluster]:
        """The clusters of an iteration: each sequence several times, with the same jobs and durations."""
        config = self.config
        drawn = [
            drawn_sequence(self.data, rng, config.n_jobs, config.n_executors)
            for _ in range(config.n_sequences)
        ]
        return [cluster.copy() for cluster in drawn for _ in range(config.n_rollouts)]

    def play(
        self, clusters: Sequence[Cluster], rng: np.random.Generator
    ) -> tuple[Rollout, list[Observation]]:
        """Play clusters to their end with sampled decisions; also the observations, in the order of the rollout."""
        episodes = ClusterEpisodes(clusters)
        parameters, memory = decima_compiled.packed(self.actor), np.array([rng.integers(N_SEEDS), 0])

        def act(obs: Obs, numbers: Ints, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            now = episodes.seen[-len(numbers) :]
            answers = [decima_compiled.choose(parameters, one, False, memory) for one in now]
            actions = torch.tensor([(choice, n - 1) for choice, n, _ in answers])
            return actions, torch.tensor([logprob for *_, logprob in answers], dtype=torch.float32)

        return roll_out(episodes, act, rng), episodes.seen

    def progress_line(self, loss: float) -> str:
        """What is done, last figures, remaining time."""
        state = self.state
        left = round(state.seconds / max(1, state.step) * (self.schedule.iterations - state.step))
        figures = ", ".join(f"{name} {value:.3f}" for name, value in self.diagnostics.items())
        validation = f", validation {100 * state.history[-1]['validation']:+.1f} %" if state.history else ""
        return f"step {state.step}/{self.schedule.iterations}: {figures}{validation}, {left // 60}:{left % 60:02d} left"

    def _imitate(self, rng: np.random.Generator, step: int) -> float:
        config = self.config
        if self.taught is None:
            self.taught = decisions_of_rule(self.data, generator(self.seed, 2**30), config)
        observations, actions = self.taught
        self._set_rate(config.imitation_rate * (1.0 - 0.9 * step / config.imitation_rounds))
        losses = []
        for _ in range(config.imitation_batches):
            rows = rng.integers(len(observations), size=config.imitation_batch_size)
            stages, numbers, _ = evaluate_decisions(
                self.actor, [observations[i] for i in rows], actions[rows]
            )
            losses.append(self._descend("actor", self.actor, -(stages + numbers).mean()))
        self.diagnostics = {"cross entropy": float(np.mean(losses))}
        return self.diagnostics["cross entropy"]

    def _iterate(self, clusters: Sequence[Cluster], rng: np.random.Generator, iteration: int) -> float:
        config = self.config
        played, seen = self.play(clusters, rng)
        with torch.inference_mode():
            values = self.critic(played.critic_obs).numpy().astype(np.float64) * RETURN_SCALE_S
        targets = ppo.targets(played, values, config, RETURN_SCALE_S)
        for rows in minibatches(rng, len(played), CRITIC_BATCH, CRITIC_EPOCHS):
            returns = torch.from_numpy(targets.returns[rows]).float()
            loss = nn.functional.smooth_l1_loss(self.critic(played.critic_obs[rows]), returns)
            self._descend("critic", self.critic, loss)
        losses: list[ppo.ActorLoss] = []
        if iteration >= config.critic_only:
            self._set_rate(config.learning_rate_at(iteration))
            kept = torch.from_numpy(rng.permutation(len(played))[: config.decisions])
            coefficient = ppo.entropy_coefficient(config, iteration)
            batches = minibatches(rng, len(kept), config.minibatch_size, config.epochs)
            losses = [self._update_actor(played, seen, targets, kept[rows], coefficient) for rows in batches]
        self.state.add("decisions", len(played))
        self.diagnostics = {"JCT": mean_jct_s(clusters)} | ppo.diagnostics(losses, targets)
        return float(np.mean([float(loss.loss.detach()) for loss in losses])) if losses else 0.0

    def _update_actor(
        self,
        played: Rollout,
        seen: Sequence[Observation],
        targets: ppo.Targets,
        rows: Tensor,
        coefficient: float,
    ) -> ppo.ActorLoss:
        stages, numbers, entropy = evaluate_decisions(
            self.actor, [seen[i] for i in rows], played.actions[rows]
        )
        advantages = torch.from_numpy(targets.advantages[rows]).float()
        now = (stages + numbers, entropy)
        loss = ppo.actor_loss(now, played.logprobs[rows], advantages, self.config, coefficient)
        self._descend("actor", self.actor, loss.loss)
        return loss

    def _set_rate(self, rate: float) -> None:
        self.optimizers_of["actor"].param_groups[0]["lr"] = rate

    def _descend(self, name: str, network: nn.Module, loss: Tensor) -> float:
        what = f"the {name}'s loss in step {self.state.step}"
        return ppo.descend(
            loss, self.optimizers_of[name], [network.parameters()], self.config.max_grad_norm, what
        )


def train(
    data: CjsData,
    *,
    recipe: str,
    out: Path,
    seed: int,
    progress: Progress,
    config: DecimaConfig | None = None,
) -> None:
    """Train Decima and write the folder `out`.

    Args:
        data: job profiles.
        recipe: not used.
        out: folder to write; `<out>.partial` holds a checkpoint meanwhile, from which a repeated call continues.
        seed: of weights, job sequences and decisions.
        progress: called with one line from time to time.
        config: of the run.

    Raises:
        BusyError: another process trains there.
        ConfigError: `<out>.partial` holds a run with other options, seed or data.
        KeyboardInterrupt: Ctrl-C; the same call continues from the last checkpoint.
    """
    config = config or DecimaConfig()
    run = Run(out, progress)
    with run.locked():
        trainer = DecimaTrainer(data, config, seed=seed)
        identity = RunIdentity.made(
            kind="train",
            task="cjs",
            method="decima",
            config=asdict(config),
            seed=seed,
            data=data_sha256(data),
            machine={"threads": torch.get_num_threads()},
        )
        run.restore(trainer, identity)
        run.train(trainer, identity)
        temperature, loss = sharpen(trainer.actor, trainer.validation.loss)
        reached = {
            "validation": {
                "metric": "log of JCT over that of fair-plus-c",
                "kept": round(loss, 5),
                "step": trainer.state.kept_step,
                "temperature": temperature,
            },
            "cost": {
                "decisions": round(trainer.state.totals.get("decisions", 0.0)),
                "seconds": round(trainer.state.seconds, 1),
                "processor_seconds": round(trainer.state.processor_seconds, 1),
            },
            "identity": identity.model_dump(),
        }
        about = described(decima_weights.NAME, data, asdict(config), seed, reached)
        decima_weights.save(out, trainer.actor, about)
        run.remove()


def sharpen(network: DecimaNetwork, loss: Callable[[Decima], float]) -> tuple[float, float]:
    """Divide the logits of both answers by the temperature with the lowest loss; that one, and its loss.

    PPO needs answers that vary; a policy is better with less of that, and worse with none.
    """
    losses = {t: loss(Decima(at_temperature(network, t))) for t in TEMPERATURES}
    best = min(losses, key=losses.__getitem__)
    network.load_state_dict(at_temperature(network, best).state_dict())
    return best, losses[best]


@torch.no_grad()
def at_temperature(network: DecimaNetwork, temperature: float) -> DecimaNetwork:
    """A copy of the network whose logits are divided by the temperature."""
    made = copy.deepcopy(network)
    for part in (made.stage_policy_network, made.exec_policy_network):
        for parameter in part.mlp_score[-1].parameters():
            parameter.div_(temperature)
    return made


def decisions_of_rule(
    data: CjsData, rng: np.random.Generator, config: DecimaConfig
) -> tuple[list[Observation], Tensor]:
    """Observations and decisions (N, 2) of `es-rule`: choice, number of executors less 1; declines are left out."""
    rule = es_rule.load()
    observations: list[Observation] = []
    actions: list[tuple[int, int]] = []
    while len(actions) < config.imitation_decisions:
        cluster = drawn_sequence(data, rng, config.n_jobs, config.n_executors)
        while not cluster.done:
            obs = cluster.observe()
            choice, n = rule.choose(obs)
            if choice != DECLINE:
                observations.append(obs)
                actions.append((choice, n - 1))
            cluster.step(choice, n)
    return observations, torch.tensor(actions)


def mean_jct_s(clusters: Sequence[Cluster]) -> float:
    """Mean completion time of all jobs of clusters whose episodes have ended, each cluster counting alike."""
    return float(np.mean([cluster.jct_ms.mean() for cluster in clusters])) / 1000.0
