"""Training targets from an experience of scheduling: which actions are wanted, how much, and under which condition.

Episodes of one sequence of jobs under several policies are compared with each other: the relative return of an episode
is minus the logarithm of its job time over the geometric mean of all policies on the same sequence. The sum of rewards
itself is explained by the sequence nearly alone.

Methods:

- `clone`: the actions of the best policy.
- `distill`: the labeling policy's actions, in all visited states.
- `advantage`: all actions, weighted by exp(relative return / temperature).
- `costs`: the rule's decision and alternatives, with probabilities in proportion to exp(-cost / scale) of their costs
  in copies of the episode (`alternatives`). One cost is noisy; the mean over many decisions counts.
- `returns`: all actions, given the relative return of the episode (Eq. 2-4).
- `returns-published`: all actions, given the return to go as in the published code: rewards scaled by their minimum and
  maximum, summed to the end and divided by 1000.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from netwright.adaptation.offline import return_conditioning
from netwright.adaptation.offline.experience import (
    ACTION,
    OBSERVATION,
    PRIVILEGED,
    REWARD,
    TEACHER,
    Experience,
)
from netwright.adaptation.offline.ragged import Ragged
from netwright.core.documents import Document
from netwright.core.errors import ConfigError
from netwright.tasks.cjs.alternatives import N_COLUMNS, costs_of
from netwright.tasks.cjs.candidates import MOST
from netwright.tasks.cjs.features import JOBS
from netwright.tasks.cjs.graphs import Floats, Ints
from netwright.tasks.cjs.recipes import CjsRecipe

Singles = NDArray[np.float32]

LOWEST = -15.0  # logit of a share
LARGEST = 3.0
"""Relative returns are clipped at so many standard deviations."""


class Condition(Document):
    """What decisions are conditioned on.

    Attributes:
        kind: nothing, the relative return of the episode, or the published return to go.
        quantiles: of the relative returns, or of the published returns at the beginning of an episode.
        low, high: smallest and largest reward in s.
    """

    kind: Literal["none", "relative", "published"] = "none"
    quantiles: tuple[float, ...] = Field(default=(0.0, 0.0), min_length=2)
    low: float = 0.0
    high: float = 1.0

    @property
    def size(self) -> int:
        """Numbers for each decision."""
        return int(self.kind != "none")

    def start(self, n: int, target: float) -> Floats:
        """(n, size) of new episodes; the target is a quantile, or a share of the highest published return."""
        if self.kind == "none":
            return np.zeros((n, 0))
        value = (
            np.interp(target, np.linspace(0.0, 1.0, len(self.quantiles)), self.quantiles)
            if self.kind == "relative"
            else target * self.quantiles[-1]
        )
        return np.full((n, 1), value)

    def after(self, now: Floats, rewards_s: Floats) -> Floats:
        """(n, size) after these rewards (n,): a published return to go falls by each."""
        if self.kind != "published":
            return now
        scaled = np.clip((rewards_s - self.low) / (self.high - self.low), 0.0, 1.0)
        return now - scaled[:, None] / return_conditioning.PUBLISHED_SCALE


@dataclass(frozen=True)
class Targets:
    """The wanted actions of every decision of an experience, K for each.

    Attributes:
        actions: (N, K, 2) choice and number; a declined decision has the place after the last choice.
        shares: (N, K) how much each is wanted, in all 1; 0 where there are fewer than K.
        weight: (N,) how much each decision counts; 0 where nothing is to be imitated.
        condition: what decisions are conditioned on, and its value (N, size) at each.
    """

    actions: Ints
    shares: Singles
    weight: Singles
    condition: Condition
    conditions: Singles


def targets(recipe: CjsRecipe, experience: Experience) -> Targets:
    """The targets of a recipe.

    Raises:
        ConfigError: labels or costs are wanted and the experience has none.
    """
    if recipe.method == "costs":
        return _of_costs(recipe, experience)
    actions = experience.array(ACTION).astype(np.int64)
    weight = np.ones(experience.n_steps, dtype=np.float32)
    condition, values = Condition(), np.zeros((experience.n_steps, 0), dtype=np.float32)
    relative = relative_returns(experience)
    if recipe.method == "clone":
        weight = np.repeat(experience.policy == best_policy(experience), experience.lengths).astype(
            np.float32
        )
    elif recipe.method == "distill":
        if TEACHER not in experience.columns:
            raise ConfigError(
                "recipe distill needs labels; collect with --label, for example --label es-rule."
            )
        actions = experience.array(TEACHER).astype(np.int64)
    elif recipe.method == "advantage":
        weight = np.repeat(np.exp(relative / recipe.temperature), experience.lengths).astype(np.float32)
        weight /= weight.mean()
    elif recipe.method == "returns":
        condition = Condition(kind="relative", quantiles=_quantiles(relative))
        values = np.repeat(relative, experience.lengths)[:, None].astype(np.float32)
    else:
        fitted, values = return_conditioning.fit("returns-published", experience)
        condition = Condition(
            kind="published",
            quantiles=_quantiles(values[experience.offsets[:-1], 0].astype(np.float64)),
            low=fitted.fitted["low"],
            high=fitted.fitted["high"],
        )
    shares = np.ones((experience.n_steps, 1), dtype=np.float32)
    return Targets(actions[:, None], shares, weight, condition, values)


def _of_costs(recipe: CjsRecipe, experience: Experience) -> Targets:
    """Targets from the costs of alternatives; where there are none, the rule's label if the experience has it."""
    privileged = experience.array(PRIVILEGED)
    if privileged.shape[1] < MOST * N_COLUMNS:
        raise ConfigError(
            "recipe costs needs the costs of alternatives; collect with --setting alternatives."
        )
    found = costs_of(privileged)
    actions, there = found[..., :2].astype(np.int64), found[..., 0] >= 0.0
    costs_s = np.where(there, found[..., 2], 0.0)
    scale = recipe.temperature * cost_scale(experience)
    bonus = np.where(np.arange(MOST) == 0, recipe.trust, 0.0)  # of the rule's own decision
    logits = np.where(there, bonus - costs_s / scale[:, None], -np.inf)
    labeled = there[:, 0]
    logits[~labeled, 0] = 0.0
    # Above 0 wherever there is a candidate, so that it is compared however much it costs.
    shares = np.exp(np.maximum(logits - logits.max(axis=1, keepdims=True), LOWEST)) * np.isfinite(logits)
    weight = labeled.astype(np.float32)
    if TEACHER in experience.columns and recipe.imitation > 0.0:
        weight[~labeled] = recipe.imitation
        actions[~labeled, 0] = experience.array(TEACHER)[~labeled]
    return Targets(
        np.maximum(actions, 0),
        (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32),
        weight,
        Condition(),
        np.zeros((experience.n_steps, 0), dtype=np.float32),
    )


def cost_scale(experience: Experience) -> Floats:
    """(N,) a typical difference of costs in s: it grows with the number of jobs that wait."""
    jobs = experience.columns[OBSERVATION + JOBS]
    assert isinstance(jobs, Ragged)
    return 1.0 + jobs.lengths / 2.0


def relative_returns(experience: Experience) -> Floats:
    """(E,) minus the logarithm of each episode's job time over the mean of its sequence, in standard deviations."""
    job_time_s = -np.add.reduceat(experience.array(REWARD).astype(np.float64), experience.offsets[:-1])
    logs, sequence = np.log(np.maximum(job_time_s, 1e-3)), experience.same_session()
    means = np.bincount(sequence, weights=logs) / np.bincount(sequence)
    found = means[sequence] - logs
    return np.clip(found / max(float(found.std()), 1e-3), -LARGEST, LARGEST)


def best_policy(experience: Experience) -> int:
    """Index of the policy with the highest mean relative return."""
    relative, present = relative_returns(experience), np.unique(experience.policy)
    return int(present[int(np.argmax([relative[experience.policy == i].mean() for i in present]))])


def _quantiles(values: Floats) -> tuple[float, ...]:
    return tuple(float(q) for q in np.percentile(values, np.arange(0, 101, 5)))
