"""A guard: where the model is late, or the state unlike all that it has seen, a rule decides in its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import ConfigError
from netwright.core.policy import Policy

QUANTILE = 0.0005
MARGIN = 0.25  # of the range between the quantiles, added at both ends
LEAST_WIDTH = 0.1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Ranges:
    """What was usual in training: for each feature of a state, its outer quantiles, a quarter wider.

    Attributes:
        low, high: (F,).
    """

    low: Floats
    high: Floats

    @staticmethod
    def of(features: Floats) -> Ranges:
        """The ranges of states (N, F)."""
        low, high = np.quantile(features, [QUANTILE, 1.0 - QUANTILE], axis=0).astype(np.float32)
        wider = MARGIN * np.maximum(high - low, LEAST_WIDTH)
        return Ranges(low - wider, high + wider)

    def outside(self, features: Floats) -> NDArray[np.bool_]:
        """(B,) which states (B, F) have a feature outside of its range, or one that is not a number."""
        inside = (features >= self.low) & (features <= self.high)
        return np.asarray(~inside.all(axis=1))

    def to_json(self) -> dict[str, list[float]]:
        """Plain JSON types."""
        return {"low": [float(v) for v in self.low], "high": [float(v) for v in self.high]}

    @staticmethod
    def from_json(document: dict[str, list[float]]) -> Ranges:
        """What `to_json` gave."""
        return Ranges(np.array(document["low"], np.float32), np.array(document["high"], np.float32))


class Guarded:
    """A policy under guard.

    Args:
        policy: decides, and tells by `far()` which of the states it just decided are unlike its training.
        rule: decides in its place.
        deadline_s: an answer that takes longer is late; None for no deadline.
        clock: seconds.

    Attributes:
        decisions, late, far: how many decisions there were, and how many of them the rule took for each reason.
    """

    def __init__(
        self,
        policy: Any,
        rule: Policy[Any, Any],
        *,
        deadline_s: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not hasattr(policy, "far"):
            raise ConfigError("only an adapted model of a task of decisions can be guarded; drop --guard.")
        if deadline_s is not None and not deadline_s > 0.0:
            raise ConfigError(f"the deadline must be above 0 seconds, got {deadline_s}.")
        self.policy, self.rule, self.deadline_s, self.clock = policy, rule, deadline_s, clock
        self.decisions = self.late = self.far = 0

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all sessions; counts go on."""
        first, second = rng.spawn(2)
        self.policy.reset(first)
        self.rule.reset(second)

    def act(self, obs: Any) -> NDArray[np.int64]:
        """(B,) the policy's decisions, or the rule's where the guard steps in."""
        began = self.clock()
        chosen = np.asarray(self.policy.act(obs))
        late = self.deadline_s is not None and self.clock() - began > self.deadline_s
        far = self.policy.far()
        safe = np.asarray(self.rule.act(obs))  # always asked, because it may remember what it saw
        self.decisions += len(chosen)
        self.late += len(chosen) if late else 0
        self.far += 0 if late else int(far.sum())
        return np.where(far | late, safe, chosen)

    def counts(self) -> dict[str, int]:
        """For a report: decisions, and those of the rule by reason."""
        return {"guard_decisions": self.decisions, "guard_late": self.late, "guard_far": self.far}
