"""The parts of a synthesis problem: metrics, designs, and families of objectives with parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from netwright.core.errors import ConfigError

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric of designs, in a readable unit.

    Attributes:
        summary: one line of explanation.
    """

    name: str
    unit: str
    larger_is_better: bool
    summary: str = ""


@dataclass(frozen=True)
class MetricGroup:
    """The metrics of a problem, in order (Def. 3.3)."""

    metrics: tuple[Metric, ...]

    def __post_init__(self) -> None:
        names = [m.name for m in self.metrics]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"a metric group needs at least one metric and distinct names, got {names}.")

    def __len__(self) -> int:
        return len(self.metrics)

    @cached_property
    def signs(self) -> Array:
        """+1 if larger is better, -1 if smaller is better; shape (m,)."""
        return np.array([1.0 if m.larger_is_better else -1.0 for m in self.metrics])

    def oriented(self, values: npt.ArrayLike) -> Array:
        """Convert metric values (.., m) to scores (.., m), for which larger is always better.

        Applied to scores, it returns the values.
        """
        found = np.asarray(values, dtype=np.float64)
        if found.shape[-1:] != (len(self),) or not np.isfinite(found).all():
            raise ConfigError(f"metric values must be finite and {len(self)} per design, got {found.shape}.")
        return found * self.signs


@dataclass(frozen=True, slots=True)
class Design:
    """A feasible design (a program in the paper), given by its metrics in their units."""

    name: str
    metrics: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One unknown of a family of objectives, with the range of its prior."""

    name: str
    low: float
    high: float
    summary: str = ""


@runtime_checkable
class ObjectiveFamily(Protocol):
    """Target functions of one template, distinguished by their parameters (Def. 4.1).

    Letters: n objectives, k parameters, D designs, m metrics.
    """

    @property
    def name(self) -> str:
        """A name for reports."""
        ...

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The k parameters, in order."""
        ...

    def sample(self, rng: np.random.Generator, n: int) -> Array:
        """`n` draws from the prior; shape (n, k)."""
        ...

    def values(self, parameters: Array, scores: Array) -> Array:
        """Values of designs with scores (D, m) under objectives (n, k); shape (n, D), higher is better."""
        ...

    def describe(self, parameters: Array) -> str:
        """One objective (k,) as one readable line."""
        ...

    def check(self, parameters: Array) -> None:
        """Refuse parameters (k,) outside the family.

        Raises:
            ConfigError: names the parameter and its range.
        """
        ...


def check_within_ranges(family: ObjectiveFamily, parameters: Array) -> None:
    """The check of most families: the right number of parameters, each finite and inside its range.

    Raises:
        ConfigError: names the parameter and its range.
    """
    check_ranges(family.name, family.parameters, parameters)


def check_ranges(name: str, known: Sequence[Parameter], values: Array) -> None:
    """As `check_within_ranges`, for the parameters of a family of that name."""
    names = [parameter.name for parameter in known]
    if np.shape(values) != (len(names),):
        got = "x".join(map(str, np.shape(values))) or "a single number"
        raise ConfigError(f"{name} objectives have {len(names)} parameters ({', '.join(names)}), got {got}.")
    for parameter, value in zip(known, values, strict=True):
        if not parameter.low <= value <= parameter.high:
            raise ConfigError(
                f"{name} parameter {parameter.name} must lie in {parameter.low:g} to {parameter.high:g}, "
                f"got {value:g}."
            )


@dataclass(frozen=True, eq=False)
class Objective:
    """One target function: a family and its parameters (k,)."""

    family: ObjectiveFamily
    parameters: Array

    def values(self, scores: Array) -> Array:
        """Value of designs with scores (D, m); shape (D,)."""
        found: Array = self.family.values(self.parameters[None], scores)[0]
        return found

    def __str__(self) -> str:
        return self.family.describe(self.parameters)


def dominated(scores: Array) -> npt.NDArray[np.bool_]:
    """Whether each of the designs (D, m) is dominated: matched in every metric and exceeded in one; shape (D,)."""
    out = np.zeros(len(scores), dtype=bool)
    for i, own in enumerate(scores):
        out[i] = bool(((scores >= own).all(1) & (scores > own).any(1)).any())
    return out


def scaled(scores: Array) -> Array:
    """Scores (D, m) scaled to 0..1 over the designs, metric by metric."""
    low, high = scores.min(0), scores.max(0)
    found: Array = (scores - low) / np.where(high > low, high - low, 1.0)
    return found
