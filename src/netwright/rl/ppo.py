"""Proximal policy optimization: its options, objective and diagnostics, shared by all trainers.

Source: Schulman et al. 2017, "Proximal policy optimization algorithms", Eq. 7 and 9.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from netwright.core.errors import ConfigError, DataError
from netwright.rl.advantages import Doubles, explained_variance, normalize, ragged_gae, time_discounts
from netwright.rl.rollout import Rollout

RETURN_SCALE = 20.0  # a typical size of a discounted return: critics learn returns in this unit

POSITIVE = ("clip_range", "advantage_limit", "ent_coef", "final_ent_coef")
COUNTS = ("epochs", "minibatch_size")


class PpoOptions(Protocol):
    """Common options of PPO trainers; each trainer has its own defaults.

    Attributes:
        iterations: rollouts, each followed by updates.
        epochs, minibatch_size: passes over the rollout of an iteration, and rows (steps or episodes) of an update.
        gamma, gae_lambda: of the advantages.
        clip_range: how far the probability of an action may move in an iteration (epsilon).
        advantage_limit: normalized advantages are clipped there.
        max_grad_norm: norm at which gradients are clipped.
        ent_coef, final_ent_coef: weight of the entropy at the start and at the end, exponential in between.
        reward_threshold: rewards below it are compressed, see `compress_rewards`.
    """

    @property
    def iterations(self) -> int: ...
    @property
    def epochs(self) -> int: ...
    @property
    def minibatch_size(self) -> int: ...
    @property
    def gamma(self) -> float: ...
    @property
    def gae_lambda(self) -> float: ...
    @property
    def clip_range(self) -> float: ...
    @property
    def advantage_limit(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def ent_coef(self) -> float: ...
    @property
    def final_ent_coef(self) -> float: ...
    @property
    def reward_threshold(self) -> float: ...


def check_options(options: PpoOptions) -> None:
    """Refuse options outside of their range.

    Raises:
        ConfigError: names the first one.
    """
    kind = type(options).__name__
    for name in COUNTS:
        if getattr(options, name) < 1:
            raise ConfigError(f"{kind}.{name} must be at least 1, got {getattr(options, name)}.")
    for name in ("gamma", "gae_lambda"):
        if not 0.0 <= getattr(options, name) <= 1.0:
            raise ConfigError(f"{kind}.{name} must lie in [0, 1], got {getattr(options, name)}.")
    for name in POSITIVE:
        if not 0.0 < getattr(options, name) < math.inf:
            raise ConfigError(f"{kind}.{name} must be above 0 and finite, got {getattr(options, name)}.")
    if not -math.inf < options.reward_threshold < 0.0:
        raise ConfigError(
            f"{kind}.reward_threshold must be below 0 and finite, got {options.reward_threshold}."
        )


def entropy_coefficient(options: PpoOptions, iteration: int) -> float:
    """Weight of the entropy in that iteration, counted from 0."""
    share = iteration / max(1, options.iterations - 1)
    return float(options.ent_coef * (options.final_ent_coef / options.ent_coef) ** share)


@dataclass(frozen=True)
class Targets:
    """Training targets of a rollout.

    Attributes:
        advantages: (N,) normalized.
        returns: (N,) in units of the return scale, for the critic.
        explained_variance: share of the returns' variance that the critic explained.
    """

    advantages: Doubles
    returns: Doubles
    explained_variance: float


def targets(rollout: Rollout, values: Doubles, options: PpoOptions, return_scale: float) -> Targets:
    """Advantages and returns (N,) of a rollout's steps from its rewards and the critic's values (N,).

    Where the rollout has the times of its decisions, returns are discounted by the elapsed time.
    """
    order, offsets = rollout.order, rollout.offsets
    gamma: float | Doubles = options.gamma
    if rollout.times is not None:
        gamma = time_discounts(rollout.times[order], offsets, options.gamma)
    advantages = np.zeros(len(rollout))
    advantages[order] = ragged_gae(rollout.rewards[order], values[order], offsets, gamma, options.gae_lambda)
    return Targets(
        normalize(advantages, options.advantage_limit),
        (advantages + values) / return_scale,
        explained_variance(advantages, values),
    )


def clipped_objective(ratio: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    """Gain of actions whose probability changed by `ratio`, no more than within the clip range (PPO, Eq. 7)."""
    clipped = ratio.clamp(1.0 - clip_range, 1.0 + clip_range)
    return torch.minimum(ratio * advantages, clipped * advantages)


def entropy(logprobs: Tensor) -> Tensor:
    """Mean entropy of the actions (.., N); an action of probability 0 contributes nothing."""
    finite = torch.where(logprobs > -math.inf, logprobs, 0.0)  # before the product: its gradient would be NaN
    return -(logprobs.exp() * finite).sum(dim=-1).mean()


@dataclass(frozen=True)
class ActorLoss:
    """The actor's loss and the diagnostics of its minibatch."""

    loss: Tensor
    entropy: float
    approx_kl: float
    clip_fraction: float


def evaluate_actions(logits: Tensor, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities (..) of actions (..) under logits (.., N), and the mean entropy."""
    now = torch.log_softmax(logits, dim=-1)
    return now.gather(-1, actions[..., None])[..., 0], entropy(now)


def evaluate_parts(logits: Sequence[Tensor], actions: Tensor) -> tuple[Tensor, Tensor]:
    """As `evaluate_actions`, of actions (.., parts) with logits (.., N) of each part, given the parts before it."""
    found = [evaluate_actions(part, actions[..., i]) for i, part in enumerate(logits)]
    return torch.stack([f[0] for f in found]).sum(dim=0), torch.stack([f[1] for f in found]).sum()


def actor_loss(
    now: tuple[Tensor, Tensor],
    logprobs: Tensor,
    advantages: Tensor,
    options: PpoOptions,
    ent_coef: float,
) -> ActorLoss:
    """The clipped objective with its entropy bonus (PPO, Eq. 9 without the value term), to be minimized.

    Args:
        now: log-probabilities (..) of the actions under the actor as it is now, and its entropy.
        logprobs: (..) of the actions when they were sampled.
        advantages: (..) normalized.
        options: clip range.
        ent_coef: weight of the entropy.
    """
    logprobs_now, bonus = now
    log_ratio = logprobs_now - logprobs
    ratio = log_ratio.exp()
    loss = -clipped_objective(ratio, advantages, options.clip_range).mean() - ent_coef * bonus
    with torch.no_grad():
        approx_kl = (ratio - 1.0 - log_ratio).mean()  # Schulman 2020, the unbiased low-variance estimate
        clipped = ((ratio - 1.0).abs() > options.clip_range).float().mean()
    return ActorLoss(loss, float(bonus.detach()), float(approx_kl), float(clipped))


def diagnostics(losses: Sequence[ActorLoss], targets: Targets) -> dict[str, float]:
    """What a trainer logs of an iteration: entropy, approximate KL, clip fraction and explained variance."""
    found = {"explained_variance": targets.explained_variance}
    for name in ("entropy", "approx_kl", "clip_fraction"):
        found[name] = float(np.mean([getattr(loss, name) for loss in losses])) if losses else 0.0
    return found


def descend(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    groups: Sequence[Iterable[nn.Parameter]],
    max_norm: float,
    what: str,
) -> float:
    """One optimizer step, gradients of each group of parameters clipped by their own norm; the loss.

    Raises:
        DataError: the loss is not finite.
    """
    total = float(loss.detach())
    if not math.isfinite(total):
        raise DataError(
            f"{what} is not finite; check the data with `netwright data check`, or lower the learning rate."
        )
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    for group in groups:
        nn.utils.clip_grad_norm_(group, max_norm)
    optimizer.step()
    return total
