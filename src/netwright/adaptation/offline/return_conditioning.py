"""Return conditioning: the return to go that a decision is conditioned on (Eq. 2), in several forms.

Each kind computes a condition for every decision of an experience, and the target at test time:

- `none`: nothing (imitation and advantage weighting).
- `returns`: the return to go per remaining decision, rewards cut at -10, scaled by the 5th and 95th percentile.
  The target is a quantile of the episodes' means, reduced by every reward received.
- `returns-published`: rewards scaled by their minimum and maximum, summed to the end and divided by 1000; the
  target is the highest return of an episode, reduced by every scaled reward. One outlier compresses all returns
  into a narrow band.
- `regret`: the episode's return against those of the other policies in the same session, in standard
  deviations, cut to [-2, 3]; constant over the episode. The target is a number of deviations.
- `vector-returns`: as `regret`, for each component of the reward by itself. The target is what the policy that is
  best under the requested weights reached: one model for any weights.

Departure from the paper, whose returns are `returns-published`: see the forms above, and docs/adaptation.md for
the results of each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from netwright.adaptation.offline.experience import COMPONENTS, REWARD, Experience
from netwright.core.array_files import RawArray
from netwright.core.results import Details

Kind = Literal["none", "returns", "returns-published", "regret", "vector-returns"]
KINDS: tuple[Kind, ...] = get_args(Kind)

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]

LOWEST_REWARD = -10.0
PERCENTILES = (5.0, 95.0)
MARGIN = 0.5  # a scaled return may lie so far outside of 0..1
DEVIATIONS = (-2.0, 3.0)
PUBLISHED_SCALE = 1000.0


@dataclass(frozen=True)
class ReturnConditioning:
    """One kind of condition, fitted to an experience.

    Attributes:
        kind: see above.
        size: numbers for each decision.
        fitted: scales, as plain JSON types.
    """

    kind: Kind
    size: int
    fitted: Details

    def start(self, n: int, target: float) -> TargetReturn:
        """The target return of `n` new episodes: `target` is a quantile, a share or a number of deviations."""
        return TargetReturn(self, n, target)


def fit(kind: Kind, experience: Experience) -> tuple[ReturnConditioning, Floats]:
    """The condition of that kind, and its value at every decision of the experience, (N, size)."""
    rewards = experience.array(REWARD).astype(np.float64)
    if kind == "returns":
        return _fit_returns(np.maximum(rewards, LOWEST_REWARD), experience)
    if kind == "returns-published":
        low, high = rewards.min(), rewards.max()
        returns = to_go((rewards - low) / (high - low), experience) / PUBLISHED_SCALE
        fitted = {"low": float(low), "high": float(high), "target": float(returns.max())}
        return ReturnConditioning(kind, 1, fitted), returns.astype(np.float32)[:, None]
    if kind == "regret":
        relative = _deviations(experience.returns[:, None], experience.same_session())
        return ReturnConditioning(kind, 1, {}), np.repeat(relative, experience.lengths, axis=0)
    if kind == "vector-returns":
        return _fit_vector(experience)
    return ReturnConditioning("none", 0, {}), np.zeros((experience.n_steps, 0), dtype=np.float32)


class TargetReturn:
    """The running condition of B episodes at test time."""

    def __init__(self, conditioning: ReturnConditioning, n: int, target: float) -> None:
        self.conditioning, self.n, self.target = conditioning, n, target
        self._returns: Doubles | None = None

    def now(self, n_left: RawArray, weights: RawArray) -> Floats:
        """(B, size) the condition of the next decision.

        Args:
            n_left: (B,) remaining decisions, this one included.
            weights: (B, K) of the reward's components.
        """
        kind, fitted = self.conditioning.kind, self.conditioning.fitted
        if kind == "none":
            return np.zeros((self.n, 0), dtype=np.float32)
        if kind == "regret":
            return np.full((self.n, 1), self.target, dtype=np.float32)
        if kind == "vector-returns":
            reached = np.array(fitted["reached"])  # (policies, K) in the components' own units
            best = (weights @ reached.T).argmax(axis=1)
            scaled = self.target * reached[best] / np.array(fitted["deviation"])
            return np.asarray(np.clip(scaled, *DEVIATIONS_OF_A_COMPONENT), dtype=np.float32)
        if self._returns is None:
            if kind == "returns":
                quantiles = fitted["quantiles"]
                mean = np.interp(self.target, np.linspace(0, 1, len(quantiles)), quantiles)
                self._returns = mean * np.asarray(n_left, dtype=np.float64)
            else:
                self._returns = np.full(self.n, self.target * fitted["target"])
        if kind == "returns":
            return _between(self._returns / n_left, fitted["low"], fitted["high"])[:, None]
        return self._returns.astype(np.float32)[:, None]

    def update(self, rewards: RawArray) -> None:
        """Reduce the target by the rewards (B,) of the last decision."""
        if self._returns is None:
            return
        fitted = self.conditioning.fitted
        if self.conditioning.kind == "returns":
            self._returns -= np.maximum(rewards, LOWEST_REWARD)
        else:
            scaled = (rewards - fitted["low"]) / (fitted["high"] - fitted["low"])
            self._returns -= np.clip(scaled, 0.0, 1.0) / PUBLISHED_SCALE


DEVIATIONS_OF_A_COMPONENT = (-3.0, 3.0)


def to_go(rewards: Doubles, experience: Experience) -> Doubles:
    """(N,) sum of the rewards from each decision to the end of its episode (R_t of Eq. 2)."""
    sums = np.cumsum(rewards[::-1])[::-1]
    after = np.append(sums, 0.0)[experience.offsets[1:]]
    found: Doubles = sums - np.repeat(after, experience.lengths)
    return found


def left(experience: Experience) -> NDArray[np.int64]:
    """(N,) decisions from each one to the end of its episode, itself included."""
    found: NDArray[np.int64] = np.repeat(experience.offsets[1:], experience.lengths) - np.arange(
        experience.n_steps
    )
    return found


def _fit_returns(rewards: Doubles, experience: Experience) -> tuple[ReturnConditioning, Floats]:
    """Mean reward per remaining step, scaled between percentiles; targets are quantiles over episodes."""
    per_step = to_go(rewards, experience) / left(experience)
    low, high = np.percentile(per_step, PERCENTILES)
    means = np.add.reduceat(rewards, experience.offsets[:-1]) / experience.lengths
    quantiles = np.percentile(means, np.arange(0, 101, 5))
    fitted = {"low": float(low), "high": float(high), "quantiles": [float(q) for q in quantiles]}
    return ReturnConditioning("returns", 1, fitted), _between(per_step, low, high)[:, None]


def _fit_vector(experience: Experience) -> tuple[ReturnConditioning, Floats]:
    sums = np.add.reduceat(experience.array(COMPONENTS).astype(np.float64), experience.offsets[:-1])
    means = sums / experience.lengths[:, None]  # (E, K)
    sessions = experience.same_session()
    relative = means - _means(means, sessions)[sessions]
    deviation = np.maximum(relative.std(axis=0), 1e-6)
    reached = np.stack([relative[experience.policy == i].mean(axis=0) for i in np.unique(experience.policy)])
    scaled = np.clip(relative / deviation, *DEVIATIONS_OF_A_COMPONENT).astype(np.float32)
    fitted = {
        "deviation": [float(v) for v in deviation],
        "reached": [[float(v) for v in row] for row in reached],
    }
    return ReturnConditioning("vector-returns", means.shape[1], fitted), np.repeat(
        scaled, experience.lengths, axis=0
    )


def _means(values: Doubles, groups: NDArray[np.int64]) -> Doubles:
    """(G, K) mean of values (E, K) in each group."""
    counts = np.bincount(groups)
    sums = np.stack([np.bincount(groups, weights=column) for column in values.T], axis=1)
    found: Doubles = sums / counts[:, None]
    return found


def _deviations(values: Doubles, groups: NDArray[np.int64]) -> Floats:
    """Values (E, K) against the mean of their group, in the group's standard deviations, cut."""
    relative = values - _means(values, groups)[groups]
    spread = np.sqrt(_means(relative**2, groups))[groups]
    usual = max(float(np.sqrt((relative**2).mean())), 1e-6)
    scaled = relative / np.maximum(spread, 0.1 * usual)  # floor the spread: tiny differences are noise
    return np.clip(scaled, *DEVIATIONS).astype(np.float32)


def _between(values: RawArray, low: float, high: float) -> Floats:
    scaled = (values - low) / max(high - low, 1e-9)
    return np.clip(scaled, -MARGIN, 1.0 + MARGIN).astype(np.float32)
