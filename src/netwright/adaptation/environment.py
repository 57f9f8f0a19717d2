"""What a task of decisions hands to collection and to the online phase: episodes in lock step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Environment(Protocol):
    """B episodes in lock step, each waiting for a decision until all are done.

    Attributes:
        n: number of episodes B.
    """

    @property
    def n(self) -> int: ...

    @property
    def done(self) -> bool:
        """Whether all episodes have ended."""
        ...

    def observe(self) -> Any:
        """What the task's policies are shown, for all episodes at once."""
        ...

    def privileged(self) -> Array:
        """(B, P) what nobody who decides can know, such as the future; for a critic, in training only."""
        ...

    def step(self, actions: Array) -> tuple[Array, Array]:
        """Take one decision (B,) for each; gives rewards (B,) and their components (B, K), in their own units."""
        ...

    def take(self, rows: Array) -> Environment:
        """Copies of the episodes of these rows (R,), at the same step; each goes its own way into the same future."""
        ...

    def join(self, other: Environment) -> Environment:
        """These episodes and, behind them, those of another environment of the same kind that is at the same step."""
        ...


class Collector(Protocol):
    """Where a task's experience comes from. Made by `Task.collector`, called with the task's data.

    Attributes:
        places: environments by name, with a summary each.
        components: names of a reward's components.
    """

    @property
    def places(self) -> Mapping[str, str]: ...

    @property
    def components(self) -> tuple[str, ...]: ...

    def environment(self, place: str, rng: np.random.Generator, n: int) -> Environment:
        """`n` fresh episodes, drawn from `rng`."""
        ...

    def columns(self, observation: Any) -> dict[str, Array]:
        """An observation as arrays (B, ..), from which the task's adapter can make a model's inputs again."""
        ...

    def random_actions(self, observation: Any, rng: np.random.Generator) -> Array:
        """(B,) valid choices, each as likely as any other."""
        ...

    def provenance(self) -> dict[str, Any]:
        """Source of the data, as plain JSON types."""
        ...
