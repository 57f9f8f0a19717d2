"""Past the teachers: proximal policy optimisation of an adapted model on fresh episodes of its own.

The paper avoids interaction because its simulators are slow; ours are not, and `seconds_interacting` beside `seconds`
says what share of the time it takes (Fig. 3, Wu et al. 2024). What learns is what always learns: low-rank
matrices, encoder and head. Beside them a critic learns that also sees what the environment tells in private; the
model never does.

Source: Schulman et al. 2017 (PPO), 2016 (generalised advantages).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from netwright.adaptation.advantages import Critic, gae, normalised, squashed
from netwright.adaptation.config import TrainingConfig
from netwright.adaptation.contract import DecisionAdapter, Inputs
from netwright.adaptation.models.decision import DecisionModel
from netwright.adaptation.trainer import Progress, Trainer, learning_rate_at, to_tensors
from netwright.core.errors import ConfigError, DataError, UnknownNameError
from netwright.core.seeding import derived_seed, generator
from netwright.llm.seeding import seeded

Advantages = Literal["critic", "branches"]

CRITIC = "critic."


@dataclass(frozen=True)
class OnlineConfig(TrainingConfig):
    """Settings of an online phase: those of any adaptation, with other defaults, and these.

    An iteration plays `batch_size` fresh episodes and learns from them in `epochs` passes. While the backbone is
    left out (`warm_start`) an iteration is cheap.

    Attributes:
        joined_batch_size: episodes of an iteration with the backbone.
        epochs, minibatch: passes over the episodes of an iteration, and how many episodes make one update.
        gamma, lam: of the advantages.
        ratio_clip: how far the probability of a choice may move in an iteration.
        advantage_limit: normalised advantages are cut to plus and minus so much.
        entropy_start, entropy_end: weight of the entropy, falling exponentially.
        knee: rewards below it are squashed, see `squashed`. Lower ones make long stalls count for more.
        critic_rate: the critic's learning rate at its peak.
        critic_warmup, critic_epochs: iterations at the start in which only the critic learns, and passes in each of
            them. Advantages of a critic that knows nothing yet are noise, which would spoil what was learned offline.
        return_scale: the critic learns returns in this unit; a typical size of a return.
        advantages: "critic": of the choice that was made, by a critic, as here; "branches": of every choice, by playing
            copies of the episode to the end, see `netwright.adaptation.online.vine`. The next are for the latter.
        branch_certain, branch_least: branches start where no choice is as likely as this, with choices that are
            likelier than that.
        branch_limit: differences of returns are cut at plus and minus so much.
    """

    iterations: int = 600
    batch_size: int = 512
    learning_rate: float = 3e-4
    warm_start: float = 0.97
    weight_decay: float = 0.0
    warmup: float = 0.01
    clip: float = 0.5
    lora_dropout: float = 0.0
    encoder_dropout: float = 0.0
    precision: Any = "float32"
    evaluate_every: int = 50
    average: float = 0.95
    joined_batch_size: int = 128
    epochs: int = 3
    minibatch: int = 88
    gamma: float = 0.99
    lam: float = 0.95
    ratio_clip: float = 0.2
    advantage_limit: float = 10.0
    entropy_start: float = 0.03
    entropy_end: float = 0.003
    knee: float = -40.0
    critic_rate: float = 1e-3
    critic_warmup: int = 20
    critic_epochs: int = 6
    return_scale: float = 20.0
    advantages: Advantages = "critic"
    branch_certain: float = 0.98
    branch_least: float = 0.01
    branch_limit: float = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("joined_batch_size", "epochs", "critic_epochs", "minibatch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be a whole number from 1, got {getattr(self, name)}.")
        for name in ("gamma", "lam"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1], got {getattr(self, name)}.")
        for name in (
            *("ratio_clip", "advantage_limit", "entropy_start", "entropy_end"),
            *("critic_rate", "return_scale", "branch_certain", "branch_least", "branch_limit"),
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be above 0 and finite, got {getattr(self, name)}.")
        if not -math.inf < self.knee < 0.0:
            raise ConfigError(f"knee must be below 0 and finite, got {self.knee}.")
        if self.advantages not in (kinds := get_args(Advantages)):
            raise UnknownNameError("kind of advantages", self.advantages, kinds)
        if self.encoder_dropout or self.lora_dropout:
            raise ConfigError(
                "the online phase needs encoder_dropout and lora_dropout 0: who plays is who learns."
            )

    def entropy_at(self, iteration: int) -> float:
        """Weight of the entropy in that iteration."""
        share = iteration / max(1, self.iterations - 1)
        return float(self.entropy_start * (self.entropy_end / self.entropy_start) ** share)


@dataclass(frozen=True)
class Played:
    """Episodes that were just played, (B, T, ..) each."""

    inputs: Mapping[str, Tensor]
    critic_inputs: Tensor
    actions: Tensor
    log_probabilities: Tensor
    rewards: NDArray[np.float64]  # squashed


class Interacting(Trainer):
    """What every online phase does in an update: play fresh episodes, then learn from them in a few passes."""

    adapter: DecisionAdapter
    config: OnlineConfig
    model: DecisionModel

    def begin(self, step: int) -> np.random.Generator:
        """Set the model and the rates for that iteration; gives the generator of all that it draws."""
        self.model.joined = step >= self.joins_at
        for group in self.optimiser.param_groups:
            rate = learning_rate_at(step, self.config, start=group["start"])
            group["lr"] = group.get("factor", 1.0) * rate
        torch.manual_seed(derived_seed(self.seed, step))
        return generator(self.seed, step)

    @contextmanager
    def interacting(self) -> Iterator[int]:
        """Inside, time counts as that of playing; gives the number of episodes to play."""
        config, began = self.config, time.monotonic()
        with_backbone = self.model.joined and self.model.gate is not None
        yield config.joined_batch_size if with_backbone else config.batch_size
        self.state.seconds_interacting += time.monotonic() - began

    def parts(self, rng: np.random.Generator, n: int, epochs: int) -> Iterator[Tensor]:
        """Rows of the `n` episodes, a minibatch at a time, in another order in each of the passes."""
        for _ in range(epochs):
            for rows in torch.split(torch.from_numpy(rng.permutation(n)), self.config.minibatch):
                yield rows.to(self.device)

    def step_on(self, loss: Tensor, step: int, *groups: Iterable[nn.Parameter]) -> float:
        """One optimiser step, gradients of each group of parameters cut by themselves; the loss.

        Raises:
            DataError: the loss is not finite.
        """
        loss.backward()  # type: ignore[no-untyped-call]
        total = float(loss.detach())
        if not math.isfinite(total):
            raise DataError(f"the loss at iteration {step} is not finite; lower the learning rate.")
        for group in groups:
            torch.nn.utils.clip_grad_norm_(group, self.config.clip)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        return total

    def clipped_gain(self, ratio: Tensor, advantages: Tensor) -> Tensor:
        """What choices gain whose probability has changed by that ratio, no more than within the clip (PPO, Eq. 7)."""
        clipped = ratio.clamp(1.0 - self.config.ratio_clip, 1.0 + self.config.ratio_clip)
        return torch.minimum(ratio * advantages, clipped * advantages)

    def tensor(self, values: NDArray[Any]) -> Tensor:
        """An array in single precision, on the model's device."""
        return torch.from_numpy(values.astype(np.float32)).to(self.device)

    def tensors(self, arrays: Inputs) -> dict[str, Tensor]:
        """What the model reads of one step (B, ..), on its device."""
        return to_tensors(arrays, self.device)


def entropy_of(log_probabilities: Tensor) -> Tensor:
    """Mean entropy of the choices (.., N); one that cannot be taken counts for nothing."""
    probabilities = log_probabilities.exp()
    return -torch.where(probabilities > 0, probabilities * log_probabilities, 0.0).sum(dim=-1).mean()


class OnlineTrainer(Interacting):
    """A `Trainer` whose update is one iteration of playing and learning, by a critic."""

    def __init__(
        self,
        model: DecisionModel,
        adapter: DecisionAdapter,
        config: OnlineConfig,
        *,
        seed: int,
        folder: Path,
        progress: Progress,
        origin: Mapping[str, Any] | None = None,
        lower_is_better: bool = False,
    ) -> None:
        probe = adapter.environment(generator(seed), 1)
        n_inputs = (
            adapter.critic_inputs(adapter.inputs(probe.observe())).shape[1] + probe.privileged().shape[1]
        )
        with seeded(seed):
            self.critic = Critic(n_inputs).to(model.device)
        super().__init__(
            model,
            adapter,
            config,
            seed=seed,
            folder=folder,
            progress=progress,
            origin=origin,
            lower_is_better=lower_is_better,
        )

    def learned(self) -> dict[str, nn.Parameter]:
        """What the model learns, and the critic's weights."""
        return super().learned() | {CRITIC + name: p for name, p in self.critic.named_parameters()}

    def update(self, step: int) -> float:
        """One iteration; the mean loss of its updates."""
        config, rng = self.config, self.begin(step)
        with self.interacting() as n:
            played = self._play(rng, n)
        advantages, returns = self._judged(played)
        self.model.train()
        epochs = config.epochs if step >= config.critic_warmup else config.critic_epochs
        losses = [
            self._learn(step, played, rows, advantages, returns)
            for rows in self.parts(rng, len(played.actions), epochs)
        ]
        return float(np.mean(losses))

    def _groups(self) -> list[dict[str, Any]]:
        """As of any run, with the critic apart, whose rate is its own."""
        critic = {id(p) for p in self.critic.parameters()}
        groups = []
        for group in super()._groups():
            for own in (False, True):
                params = [p for p in group["params"] if (id(p) in critic) == own]
                factor = self.config.critic_rate / self.config.learning_rate if own else 1.0
                groups.append({**group, "params": params, "factor": factor})
        return [group for group in groups if group["params"]]

    def _play(self, rng: np.random.Generator, n: int) -> Played:
        model, adapter = self.model.eval(), self.adapter
        environment = adapter.environment(rng, n)
        memory = model.memory(n)
        shown: list[dict[str, Tensor]] = []
        seen: list[Tensor] = []
        chosen: list[Tensor] = []
        logs: list[Tensor] = []
        rewards = []
        with torch.inference_mode():
            while not environment.done:
                arrays = adapter.inputs(environment.observe())
                shown.append(self.tensors(arrays))
                private = np.concatenate([adapter.critic_inputs(arrays), environment.privileged()], axis=1)
                seen.append(self.tensor(private))
                log_probabilities = torch.log_softmax(model.next(shown[-1], memory), dim=-1)
                noise = torch.from_numpy(rng.gumbel(size=log_probabilities.shape)).to(log_probabilities)
                chosen.append((log_probabilities + noise).argmax(dim=-1))
                logs.append(log_probabilities.gather(-1, chosen[-1][:, None])[:, 0])
                rewards.append(environment.step(chosen[-1].cpu().numpy())[0])
        # Stacked out of inference mode, so that gradients may be taken through what is made of them.
        return Played(
            inputs={name: torch.stack([step[name] for step in shown], dim=1) for name in shown[0]},
            critic_inputs=torch.stack(seen, dim=1),
            actions=torch.stack(chosen, dim=1),
            log_probabilities=torch.stack(logs, dim=1),
            rewards=squashed(np.stack(rewards, axis=1), self.config.knee),
        )

    def _judged(self, played: Played) -> tuple[Tensor, Tensor]:
        """Normalised advantages, and what the critic is to say, (B, T) each."""
        config = self.config
        with torch.inference_mode():
            values = self.critic(played.critic_inputs).cpu().numpy().astype(np.float64) * config.return_scale
        advantages = gae(played.rewards, values, config.gamma, config.lam)
        scores = normalised(advantages, config.advantage_limit)
        return self.tensor(scores), self.tensor((advantages + values) / config.return_scale)

    def _learn(self, step: int, played: Played, rows: Tensor, advantages: Tensor, returns: Tensor) -> float:
        config = self.config
        value_loss = nn.functional.mse_loss(self.critic(played.critic_inputs[rows]), returns[rows])
        loss = 0.5 * value_loss
        if step >= config.critic_warmup:
            scores = self.model({name: value[rows] for name, value in played.inputs.items()})
            log_probabilities = torch.log_softmax(scores, dim=-1)
            chosen = log_probabilities.gather(-1, played.actions[rows][..., None])[..., 0]
            ratio = torch.exp(chosen - played.log_probabilities[rows])
            gain = self.clipped_gain(ratio, advantages[rows]).mean()
            loss = loss - gain - config.entropy_at(step) * entropy_of(log_probabilities)
        own = [p for name, p in self.parameters.items() if not name.startswith(CRITIC)]
        return self.step_on(loss, step, own, self.critic.parameters())
