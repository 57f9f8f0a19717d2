"""Protocols of policies: a rule, a small network and an adapted language model are all a `Policy`.

Every further capability that the library uses is a protocol here; no code probes for undeclared attributes.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray

Obs_contra = TypeVar("Obs_contra", contravariant=True)
Act_co = TypeVar("Act_co", covariant=True)


@runtime_checkable
class Policy(Protocol[Obs_contra, Act_co]):
    """The contract of baselines and adapted models (Fig. 9, Wu et al. 2024); sufficient for a test in any task.

    A policy keeps the state of its sessions, so one object serves one batch of sessions at a time: give each thread
    its own copy (`copy.deepcopy`), and call `reset` before the next batch.
    """

    def reset(self, rng: np.random.Generator) -> None:
        """Discard the state of the last session; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Obs_contra) -> Act_co:
        """The action or prediction for one observation."""
        ...


AnyObs = Any
"""An observation; only its task knows its class."""

AnyPolicy = Policy[AnyObs, Any]
"""A policy whose observations and actions only its task knows."""


@runtime_checkable
class NamedPolicy(Protocol):
    """A policy with its own name for reports."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class BatchedPolicy(Protocol):
    """A policy that predicts for many independent observations at once, as in a prediction task."""

    def predict(self, batch: AnyObs) -> RawArray:
        """(N, ..) a prediction for each observation of the batch."""
        ...


@runtime_checkable
class StochasticPolicy(Protocol):
    """A policy with a distribution over actions.

    Attributes:
        greedy: whether `act` takes the likeliest action; otherwise it samples one.
    """

    greedy: bool

    def log_probabilities(self, obs: AnyObs) -> NDArray[np.floating]:
        """(B, N) log-probability of every action; minus infinity for an action that is not allowed."""
        ...


@runtime_checkable
class ClairvoyantPolicy(Protocol):
    """A policy that sees the whole episodes in advance: a bound, excluded from the ranking."""

    def foresee(self, episodes: Any) -> None:
        """Called after `reset` with copies of the episodes."""
        ...


@runtime_checkable
class LookaheadPolicy(Protocol):
    """A policy that simulates copies of its episodes ahead, without what they hide (else it is clairvoyant)."""

    def watch(self, episodes: Any) -> None:
        """Called after `reset` with the episodes for whose running ones `act` decides; they are not changed."""
        ...


@runtime_checkable
class SequentialPolicy(Protocol):
    """A policy that may carry state from one episode to the next.

    Attributes:
        in_order: whether it does; its episodes are then played one by one, and it observes the end of each.
    """

    in_order: bool


@runtime_checkable
class RaggedPolicy(Protocol):
    """A policy that decides for many episodes in lock step and remembers each; they may end at different times."""

    def keep(self, rows: NDArray[np.int64]) -> None:
        """Continue with the episodes at these rows (R,) of the last observation only: the others have ended."""
        ...


@runtime_checkable
class OneByOnePolicy(Protocol):
    """A policy that decides for one episode at a time, though its `act` takes a batch.

    Attributes:
        one_by_one: whether it does; its episodes are then played one after the other, each after a `reset`.
        decision_seconds: (B,) time taken by the last decisions, during which the episodes had to wait.
    """

    one_by_one: bool
    decision_seconds: NDArray[np.float64]


@runtime_checkable
class OutOfDistributionPolicy(Protocol):
    """A policy that knows the state distribution of its training."""

    def reset(self, rng: np.random.Generator) -> None:
        """See `Policy`."""
        ...

    def act(self, obs: AnyObs) -> object:
        """See `Policy`."""
        ...

    def out_of_distribution(self) -> NDArray[np.bool_]:
        """(B,) whether the state of each last decision lies outside that distribution."""
        ...


@runtime_checkable
class CountingPolicy(Protocol):
    """A policy that keeps counts about its decisions, which results include."""

    def counts(self) -> dict[str, int]:
        """Counts by name, of all decisions so far."""
        ...


def name_of(policy: object) -> str:
    """The policy's own name, or the name of its class."""
    return policy.name if isinstance(policy, NamedPolicy) else type(policy).__name__
