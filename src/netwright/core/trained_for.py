"""The conditions that a model was trained for, and whether a setting is one of them.

A trained policy stores the conditions of its training by name (ladder, chunk length, sampling rate, ..). A task says
with the same names what they are in a setting (`Task.conditions`). Where they differ, results may be far off, and
`test`, `compare`, `collect` and reports say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

from pydantic import Field

from netwright.core.documents import Document, JsonObject
from netwright.core.notes import note
from netwright.core.results import Evaluation
from netwright.core.task import Setting, Task, load_attribute
from netwright.core.types import TaskData

TOLERANCE = 0.01  # relative: a ladder in other roundings is the same ladder
OUTSIDE = "outside_training"
"""Entry of `Evaluation.detail`."""

MOST_SHOWN = 3  # values of one condition in a sentence


class Condition(Document):
    """One condition, as it was in training or as it is in a setting.

    Attributes:
        unit: of all numbers; "" for a plain number.
        values: each value that occurred, as a list of numbers (one number, or the rungs of a ladder).
        low, high: if given, every single value from `low` to `high` also counts as having occurred.
    """

    unit: str = ""
    values: tuple[tuple[float, ...], ...] = ()
    low: float | None = None
    high: float | None = None

    def covers(self, value: tuple[float, ...]) -> bool:
        """Whether this value occurred in training."""
        if self.low is not None and self.high is not None and len(value) == 1:
            slack = TOLERANCE * max(abs(self.low), abs(self.high))
            if self.low - slack <= value[0] <= self.high + slack:
                return True
        return any(_alike(value, known) for known in self.values)

    def extremes(self) -> tuple[tuple[float, ...], ...]:
        """All values, including the ends of the range."""
        ends = tuple((end,) for end in (self.low, self.high) if end is not None)
        return self.values + ends

    def shown(self) -> str:
        """The condition in words: "300, 750, 1200 kbit/s", "4 s" or "2 to 20 samples"."""
        parts = [", ".join(f"{number:g}" for number in value) for value in self.values[:MOST_SHOWN]]
        if self.low is not None and self.high is not None:
            parts.append(f"{self.low:g} to {self.high:g}")
        more = len(self.values) - MOST_SHOWN
        text = " or ".join(parts) + (f" or {more} others" if more > 0 else "")
        return f"{text} {self.unit}".strip()


class SavedConditions(Document):
    """The conditions in a saved model, by name."""

    conditions: dict[str, Condition] = Field(default_factory=dict)


Conditions = Mapping[str, Condition]


@runtime_checkable
class TrainedPolicy(Protocol):
    """A policy that knows the conditions of its training.

    Attributes:
        trained_for: those conditions; empty if they are not known.
    """

    trained_for: Conditions


def single(value: float, unit: str = "") -> Condition:
    """A condition of one number."""
    return Condition(unit=unit, values=((float(value),),))


def to_json(conditions: Conditions) -> JsonObject:
    """Conditions as plain JSON types."""
    return {name: condition.model_dump(mode="json") for name, condition in conditions.items()}


def from_json(document: object, where: object, *, remedy: str) -> dict[str, Condition]:
    """Conditions of a saved model; raises `DataError` if they are invalid."""
    return dict(SavedConditions.of({"conditions": document}, where, remedy=remedy).conditions)


def differences(trained: Conditions, here: Conditions) -> list[str]:
    """Names of the conditions that did not occur in training; unknown conditions count as met."""
    return [
        name
        for name, condition in here.items()
        if name in trained and not all(map(trained[name].covers, condition.extremes()))
    ]


def remark(policy: object, here: Conditions) -> str | None:
    """A clause about a policy used outside its training conditions; None if it is inside them or was not trained.

    Such as "was trained for ladder 300, 750 kbit/s; here it is 2000, 4000 kbit/s: its results may be far off".
    """
    trained = policy.trained_for if isinstance(policy, TrainedPolicy) else {}
    names = differences(trained, here)
    if not names:
        return None
    before = " and ".join(f"{name} {trained[name].shown()}" for name in names)
    now = " and ".join(f"{name} {here[name].shown()}" for name in names)
    return f"was trained for {before}; here there is {now}: its results may be far off"


def conditions_of(task: Task, setting: Setting, data: TaskData) -> Conditions:
    """The conditions of a setting; empty if the task defines none."""
    return load_attribute(task.conditions)(setting.config, data) if task.conditions else {}


def with_remark(evaluation: Evaluation, policy: object, here: Conditions) -> Evaluation:
    """The evaluation with the clause of `remark` in `detail["outside_training"]`, also logged as a note."""
    clause = remark(policy, here)
    if clause is None:
        return evaluation
    note(f"{evaluation.setting}: {evaluation.policy} {clause}")
    return replace(evaluation, detail={**evaluation.detail, OUTSIDE: clause})


def _alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return len(one) == len(other) and all(
        abs(a - b) <= TOLERANCE * max(abs(a), abs(b)) for a, b in zip(one, other, strict=True)
    )
