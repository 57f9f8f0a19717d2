"""A guard: a rule decides where the model is late or fails, or the state is out of the distribution of its training.

The rule answers first. The model then works in a thread of its own; at the deadline the rule's answer is given, and the
model's, when it comes, is dropped. A thread cannot be stopped from outside, so a model that hangs stays where it is:
until it returns, every decision is the rule's, and after `PATIENCE_S` a copy of the model takes its place.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import ConfigError
from netwright.core.notes import note
from netwright.core.policy import AnyObs, AnyPolicy, OutOfDistributionPolicy, name_of
from netwright.core.trained_for import Conditions, TrainedPolicy

QUANTILE = 0.0005
MARGIN = 0.25  # of the range between the quantiles, added at both ends
LEAST_WIDTH = 0.1

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class FeatureBounds:
    """Bounds of each feature of a state in training: its outer quantiles, a quarter wider.

    Attributes:
        low, high: (F,).
    """

    low: Floats
    high: Floats

    @staticmethod
    def of(features: Floats) -> FeatureBounds:
        """The bounds of states (N, F)."""
        low, high = np.quantile(features, [QUANTILE, 1.0 - QUANTILE], axis=0).astype(np.float32)
        wider = MARGIN * np.maximum(high - low, LEAST_WIDTH)
        return FeatureBounds(low - wider, high + wider)

    def outside(self, features: Floats) -> NDArray[np.bool_]:
        """(B,) which states (B, F) have a feature outside of its bounds, or one that is not a number."""
        if not self.low.size:  # of a model whose training is not known
            return np.zeros(len(features), dtype=np.bool_)
        inside = (features >= self.low) & (features <= self.high)
        return np.asarray(~inside.all(axis=1))

    def to_json(self) -> dict[str, list[float]]:
        """Plain JSON types."""
        return {"low": [float(v) for v in self.low], "high": [float(v) for v in self.high]}

    @staticmethod
    def from_json(document: dict[str, list[float]]) -> FeatureBounds:
        """What `to_json` gave."""
        return FeatureBounds(np.array(document["low"], np.float32), np.array(document["high"], np.float32))


PATIENCE_S = 5.0  # after which a model that still works on one decision is replaced by a copy
LONGEST_DEADLINE_S = 86_400.0  # the system's clock takes no timeout of any length
REASONS = ("late", "failed", "out_of_distribution")


def check_deadline(seconds: float) -> None:
    """Refuse a deadline that is not above 0 or exceeds a day.

    Raises:
        ConfigError: names the range.
    """
    if not 0.0 < seconds <= LONGEST_DEADLINE_S:
        raise ConfigError(
            f"the deadline must be above 0 seconds and at most a day ({LONGEST_DEADLINE_S:g} s), got {seconds:g} s; "
            "give the time in which a decision is needed."
        )


@dataclass
class _Job:
    """One decision that a model works on in its thread."""

    policy: OutOfDistributionPolicy
    obs: AnyObs
    before: Callable[[], None]
    began: float
    done: threading.Event = field(default_factory=threading.Event)
    answer: NDArray[np.int64] | None = None
    outside: NDArray[np.bool_] | None = None
    error: Exception | None = None
    given_up: bool = False

    def run(self) -> None:
        try:
            self.before()
            self.answer = np.asarray(self.policy.act(self.obs))
            self.outside = self.policy.out_of_distribution()
        except Exception as error:
            self.error = error
        finally:
            self.done.set()


class Guarded:
    """A policy under guard.

    Episodes are played one by one, so that a deadline, a failure and the time of a decision concern one decision. A
    decision whose answer was dropped leaves a gap in the model's memory: its memory is reset before the next one.

    Args:
        policy: an adapted model, with bounds of its training distribution.
        rule: decides in its place.
        deadline_s: an answer that takes longer is late; None for no deadline.
        clock: seconds.

    Attributes:
        decisions: how many there were.
        by_rule: how many of them the rule took, for each reason.
        decision_seconds: (B,) time of the last decisions, at most about the deadline; zeros without a deadline.
    """

    one_by_one = True

    def __init__(
        self,
        policy: AnyPolicy,
        rule: AnyPolicy,
        *,
        deadline_s: float | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if not isinstance(policy, OutOfDistributionPolicy):
            raise ConfigError("only an adapted model of a task of decisions can be guarded; drop --guard.")
        if deadline_s is not None:
            check_deadline(deadline_s)
        self.policy: OutOfDistributionPolicy = policy
        self.rule, self.deadline_s, self.clock = rule, deadline_s, clock
        self.decisions = 0
        self.by_rule = dict.fromkeys(REASONS, 0)
        self.decision_seconds = np.zeros(0)
        self._job: _Job | None = None
        self._seed = 0
        self._anew = True

    def reset(self, rng: np.random.Generator) -> None:
        """Forget all episodes; counts are kept."""
        first, second = rng.spawn(2)
        self._seed = int(first.integers(2**63))
        self._anew = True
        self.rule.reset(second)

    def act(self, obs: AnyObs) -> NDArray[np.int64]:
        """(B,) the policy's decisions, or the rule's where the guard steps in."""
        began = self.clock()
        safe = np.asarray(self.rule.act(obs))
        chosen, outside, reason = self._model(obs, began)
        self.decisions += len(safe)
        if reason is not None:
            self.by_rule[reason] += len(safe)
            chosen, outside = safe, np.ones(len(safe), dtype=bool)
        else:
            self.by_rule["out_of_distribution"] += int(outside.sum())
        seconds = self.clock() - began if self.deadline_s is not None else 0.0
        self.decision_seconds = np.full(len(safe), seconds)
        return np.where(outside, safe, chosen)

    def _model(self, obs: AnyObs, began: float) -> tuple[NDArray[np.int64], NDArray[np.bool_], str | None]:
        """The model's decisions, where it is out of its distribution, and why they do not count, if so."""
        nothing = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=bool)
        if self._busy():
            return *nothing, "late"
        job = _Job(self.policy, obs, self._forget if self._anew else lambda: None, began)
        if self.deadline_s is None:
            job.run()
        else:
            self._job = job
            threading.Thread(target=job.run, daemon=True).start()
            job.done.wait(max(0.0, self.deadline_s - (self.clock() - began)))
        late = not job.done.is_set()
        # Its memory lacks this decision, or holds half of it.
        self._anew = late or job.error is not None
        if late:
            return *nothing, "late"
        if job.error is not None or job.answer is None or job.outside is None:
            note(f"{name_of(self.policy)} failed in a decision, the rule took it: {job.error}")
            return *nothing, "failed"
        return job.answer, job.outside, None

    def _busy(self) -> bool:
        """Whether the model still works on an earlier decision; one that hangs is replaced by a copy."""
        job = self._job
        if job is None or job.done.is_set():
            return False
        if self.clock() - job.began > PATIENCE_S and not job.given_up:
            job.given_up = True
            threading.Thread(target=self._start_copy, daemon=True).start()
        return True

    def _start_copy(self) -> None:
        """Put a copy of the model in the place of one that hangs; copying takes longer than a deadline."""
        policy = copy.deepcopy(self.policy)
        self._anew = True
        self.policy, self._job = policy, None

    def _forget(self) -> None:
        self.policy.reset(np.random.default_rng(self._seed))

    @property
    def trained_for(self) -> Conditions:
        """Those of the policy under guard."""
        return self.policy.trained_for if isinstance(self.policy, TrainedPolicy) else {}

    def counts(self) -> dict[str, int]:
        """For a report: decisions, and those of the rule by reason."""
        return {"guard_decisions": self.decisions} | {f"guard_{k}": v for k, v in self.by_rule.items()}
