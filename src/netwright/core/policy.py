"""What a policy can do, declared: a rule, a small network and an adapted language model are all a `Policy`.

Whatever else a part of the library may use of a policy is a protocol here; nothing probes for undeclared attributes.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Obs_contra = TypeVar("Obs_contra", contravariant=True)
Act_co = TypeVar("Act_co", covariant=True)


@runtime_checkable
class Policy(Protocol[Obs_contra, Act_co]):
    """The one contract of baselines and adapted models (Fig. 9, Wu et al. 2024); enough to be tested in any task.

    A policy remembers the sessions that it decides for, so one object serves one batch of sessions at a time: give
    each thread its own (`copy.deepcopy`), and call `reset` before the next batch.
    """

    def reset(self, rng: np.random.Generator) -> None:
        """Forget the last session; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Obs_contra) -> Act_co:
        """The answer to one observation."""
        ...


@runtime_checkable
class NamedPolicy(Protocol):
    """A policy that has a name of its own for reports."""

    @property
    def name(self) -> str: ...


@runtime_checkable
class BatchedPolicy(Protocol):
    """A policy that answers many independent observations at once, as a task of predictions has them."""

    def predict(self, batch: Any) -> NDArray[Any]:
        """(N, ..) an answer to each observation of the batch."""
        ...


@runtime_checkable
class StochasticPolicy(Protocol):
    """A policy with a distribution over actions.

    Attributes:
        greedy: whether `act` takes the likeliest action; otherwise it samples one.
    """

    greedy: bool

    def log_probabilities(self, obs: Any) -> NDArray[np.floating[Any]]:
        """(B, N) of every action; minus infinity for one that cannot be taken."""
        ...


@runtime_checkable
class ClairvoyantPolicy(Protocol):
    """A policy that is shown the whole episodes before they begin: the end of the scale, never a competitor."""

    def foresee(self, episodes: Any) -> None:
        """Called after `reset` with copies of the episodes."""
        ...


@runtime_checkable
class SequentialPolicy(Protocol):
    """A policy that may carry something over from one episode to the next.

    Attributes:
        in_order: whether it does: its episodes are then played one by one, and it observes the end of each.
    """

    in_order: bool


@runtime_checkable
class OneByOnePolicy(Protocol):
    """A policy that decides for one episode at a time, though its `act` takes a batch.

    Attributes:
        one_by_one: whether it does: its episodes are then played one after the other, each after a `reset`.
        decision_seconds: (B,) time that the last decisions took and the episodes had to wait for.
    """

    one_by_one: bool
    decision_seconds: NDArray[np.float64]


@runtime_checkable
class OutOfDistributionPolicy(Protocol):
    """A policy that knows the distribution of states in its training."""

    def reset(self, rng: np.random.Generator) -> None:
        """As of any policy."""
        ...

    def act(self, obs: Any) -> Any:
        """As of any policy."""
        ...

    def out_of_distribution(self) -> NDArray[np.bool_]:
        """(B,) which of the states that were just decided lie outside of it."""
        ...


@runtime_checkable
class CountingPolicy(Protocol):
    """A policy that counts something about its decisions, which results then hold."""

    def counts(self) -> dict[str, int]:
        """Counts by name, of all decisions so far."""
        ...


def name_of(policy: object) -> str:
    """The policy's own name, or that of its class."""
    return policy.name if isinstance(policy, NamedPolicy) else type(policy).__name__
