"""Many episodes at once: what rollouts, collection and vine rollouts need of a simulator."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from netwright.core.array_files import RawArray
from netwright.core.policy import AnyObs

Array = RawArray


class Environment(Protocol):
    """B episodes in lock step, each waiting for an action until all are done.

    Attributes:
        n: number of episodes B.
    """

    @property
    def n(self) -> int: ...

    @property
    def done(self) -> bool:
        """Whether all episodes have ended."""
        ...

    def observe(self) -> AnyObs:
        """What the task's policies observe, for all episodes at once."""
        ...

    def privileged(self) -> Array:
        """(B, P) privileged information, such as the future; for a critic, in training only."""
        ...

    def step(self, actions: Array) -> tuple[Array, Array]:
        """Take one action (B,) in each; gives rewards (B,) and their components (B, K), in their own units."""
        ...

    def fork(self, rows: Array) -> Environment:
        """Copies of the episodes at these rows (R,) of the observation, at the same step, each with the same future."""
        ...

    def concat(self, other: Environment) -> Environment:
        """These episodes followed by those of another environment of the same kind that is at the same step."""
        ...


@runtime_checkable
class RaggedEnvironment(Protocol):
    """An `Environment` whose episodes end at different times.

    Its observations, privileged information, actions and rewards are those of the R episodes that still run, in order.
    """

    def running(self) -> NDArray[np.int64]:
        """(R,) numbers of the episodes that wait for an action, rising."""
        ...


@runtime_checkable
class TimedEnvironment(Protocol):
    """An `Environment` with decisions at arbitrary times: returns are discounted by the elapsed time."""

    def times(self) -> NDArray[np.float64]:
        """(R,) time at which each running episode waits, in the unit of time that the discount is for."""
        ...


def running(environment: Environment) -> NDArray[np.int64]:
    """(R,) numbers of the episodes that wait for an action; all of them where they end together."""
    if isinstance(environment, RaggedEnvironment):
        return environment.running()
    return np.arange(environment.n, dtype=np.int64)


def times(environment: Environment) -> NDArray[np.float64] | None:
    """(R,) times of the decisions that are waited for; None where every step counts as one unit of time."""
    return environment.times() if isinstance(environment, TimedEnvironment) else None
