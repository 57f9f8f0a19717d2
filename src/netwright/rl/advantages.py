"""Rewards and advantages (generalized advantage estimation), robust to single long stalls."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]

REWARD_THRESHOLD = -5.0
CENTER_REACH = 4.0  # robust units beyond which an advantage moves the center no further


def compress_rewards(rewards: NDArray[np.floating], threshold: float = REWARD_THRESHOLD) -> Doubles:
    """Rewards with those below the threshold k replaced by k + k log(1 + (k - r) / -k).

    The order of rewards is kept; one very low reward (a stall of a minute) no longer dominates a mean.
    """
    values = rewards.astype(np.float64)
    below = np.maximum(threshold - values, 0.0)
    return np.where(values < threshold, threshold + threshold * np.log1p(below / -threshold), values)


def gae(rewards: Doubles, values: Doubles, gamma: float | Doubles, gae_lambda: float) -> Doubles:
    """Generalized advantages of whole episodes of one length (Schulman et al. 2016, Eq. 16).

    Args:
        rewards, values: (B, T) reward of each action and the critic's value of the state before it. The value after
            the last action is 0.
        gamma: discount, or (B, T) that from each step to the next.
        gae_lambda: decay of the temporal-difference errors' weights.
    """
    advantages = np.zeros_like(values)
    following = np.zeros(len(values))
    next_value = np.zeros(len(values))
    for step in range(values.shape[1] - 1, -1, -1):
        discount = gamma[:, step] if isinstance(gamma, np.ndarray) else gamma
        error = rewards[:, step] + discount * next_value - values[:, step]
        following = error + discount * gae_lambda * following
        advantages[:, step] = following
        next_value = values[:, step]
    return advantages


def ragged_gae(
    rewards: Doubles, values: Doubles, offsets: Ints, gamma: float | Doubles, gae_lambda: float
) -> Doubles:
    """`gae` of episodes of any length, stored one after the other.

    Args:
        rewards, values: (N,) of all episodes' steps.
        offsets: (E + 1,) first row of each episode, and N.
        gamma: discount, or (N,) that from each step to the next.
    """
    advantages = np.zeros(len(rewards))
    lengths = np.diff(offsets)
    for length in np.unique(lengths):
        rows = offsets[:-1][lengths == length][:, None] + np.arange(length)
        discount = gamma[rows] if isinstance(gamma, np.ndarray) else gamma
        advantages[rows] = gae(rewards[rows], values[rows], discount, gae_lambda)
    return advantages


def time_discounts(times: Doubles, offsets: Ints, gamma: float) -> Doubles:
    """(N,) discount from each step to the next of its episode, gamma to the power of the elapsed time.

    Args:
        times: (N,) of each decision, episode by episode, in the unit of time that gamma is for.
        offsets: (E + 1,) first row of each episode, and N. The discount after an episode's last step is 1.
    """
    elapsed = np.diff(times, append=times[-1:])
    elapsed[offsets[1:] - 1] = 0.0
    return np.asarray(gamma**elapsed)


def normalize(advantages: Doubles, limit: float) -> Doubles:
    """Advantages around 0 in robust units, clipped at plus and minus `limit`.

    The unit is half the distance from the 16th to the 84th percentile: the standard deviation of a normal
    distribution, which a few long stalls do not inflate.
    """
    low, high = np.percentile(advantages, (16.0, 84.0))
    unit = max(float(high - low) / 2.0, 1e-8)
    center = np.clip(advantages, low - CENTER_REACH * unit, high + CENTER_REACH * unit).mean()
    return np.asarray(np.clip((advantages - center) / unit, -limit, limit))


def explained_variance(advantages: Doubles, values: Doubles) -> float:
    """Share of the returns' variance that the critic explains; advantages are those of `gae`, before normalizing."""
    return 1.0 - float(np.var(advantages)) / max(float(np.var(advantages + values)), 1e-12)
