"""Where the experience of a decision task comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import numpy as np

from netwright.core.array_files import RawArray
from netwright.core.policy import AnyObs
from netwright.core.trained_for import Conditions
from netwright.core.types import Json
from netwright.rl.environment import Environment

Array = RawArray


class Collector(Protocol):
    """Where a task's experience comes from. Made by `Task.collector`, called with the task's data.

    Attributes:
        training_environments: summaries by name.
        components: names of a reward's components.
    """

    @property
    def training_environments(self) -> Mapping[str, str]: ...

    @property
    def components(self) -> tuple[str, ...]: ...

    def environment(self, name: str, rng: np.random.Generator, n: int) -> Environment:
        """`n` fresh episodes of a training environment, drawn from `rng`."""
        ...

    def columns(self, observation: AnyObs) -> dict[str, Array]:
        """An observation as arrays (B, ..), from which the task's adapter can make a model's inputs again."""
        ...

    def random_actions(self, observation: AnyObs, rng: np.random.Generator) -> Array:
        """(B,) valid choices, each as likely as any other."""
        ...

    def provenance(self) -> Json:
        """Source of the data, as plain JSON types."""
        ...


@runtime_checkable
class EncodingCollector(Protocol):
    """A `Collector` of actions that are not all whole numbers from 0."""

    def encoded(self, observation: AnyObs, actions: Array) -> Array:
        """Actions (B, ..) as whole numbers from 0, which an experience keeps."""
        ...


@runtime_checkable
class DescribedCollector(Protocol):
    """A `Collector` with details of its training environments."""

    def conditions(self, name: str) -> Conditions:
        """The conditions of a training environment's episodes, by the names that policies store them under."""
        ...

    def generated_only(self, name: str) -> bool:
        """Whether all of a training environment's episodes are generated though the data were not."""
        ...
