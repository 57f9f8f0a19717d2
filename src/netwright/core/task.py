"""The contract of a task: `TASK = Task(...)` in `netwright/tasks/<name>/__init__.py` defines one.

Parts that are slow to import (torch, scikit-learn) are named as "module:attribute" and loaded on first use.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, get_type_hints

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.policy import AnyPolicy
from netwright.core.results import Evaluation
from netwright.core.types import JsonView, TaskData

Named = TypeVar("Named")


def load_attribute(reference: str) -> Any:
    """The object that "module:attribute" names, imported now."""
    module, _, attribute = reference.partition(":")
    return getattr(importlib.import_module(module), attribute)


@dataclass(frozen=True)
class Setting:
    """A named environment of a task: the paper's default or an unseen one. `config` is specific to the task."""

    name: str
    summary: str
    config: Any


@dataclass(frozen=True)
class PolicySpec:
    """A baseline. `factory` is "module:callable"; a trained one also names the callable that trains it.

    `factory()` returns a ready policy. For a trained policy `factory(folder)` loads it, and
    `train(data, out=folder, recipe=.., seed=.., progress=..)` writes that folder. Where weights are `shipped`,
    trained with the task's first recipe, `factory()` returns those. A `clairvoyant` policy knows the future: it is
    shown as a bound and excluded from the ranking. A `costly` policy takes minutes where others take seconds: it is
    tested and collected from where it is named.
    """

    name: str
    summary: str
    factory: str
    train: str | None = None
    shipped: bool = False
    clairvoyant: bool = False
    costly: bool = False

    @property
    def quick(self) -> bool:
        """Whether it plays without training first, in seconds."""
        return (self.train is None or self.shipped) and not self.costly


@dataclass(frozen=True)
class Recipe:
    """A named way to adapt: the model's inputs and training data. `config` is specific to the task."""

    name: str
    summary: str
    config: Any


@dataclass(frozen=True, kw_only=True)
class DemoPart:
    """A part of `netwright demo`.

    Attributes:
        title: heading on the demo's page.
        run: "module:function", called as `run(folder, short=.., progress=..)`; writes a report into the folder and
            returns a `netwright.experiments.demo.PartResult`.
        use: what a user can do with it, in one sentence.
        command: what to run next, on data of the user's own.
        order: sort key of the parts on the page.
    """

    title: str
    run: str
    use: str
    command: str
    order: int = 100


class Loader(Protocol):
    """Reads a task's data from a folder of the documented layout; without one, generates it from the seed."""

    def __call__(self, folder: Path | None, *, seed: int) -> Any: ...


class Evaluator(Protocol):
    """Tests a policy in one setting of a task."""

    def __call__(self, policy: AnyPolicy, setting: Setting, data: TaskData, *, name: str) -> Evaluation: ...


@dataclass(frozen=True)
class Task:
    """A networking task: its policies, settings and recipes, and references to its parts.

    References ("module:attribute"):
        load_data: a `Loader`.
        evaluate: an `Evaluator`.
        adapter: called as `adapter(recipe_config, data, seed=..)` or, without data, with `state=..` of a saved model;
            gives what `netwright.adaptation` trains and answers with (`netwright.adaptation.contract`). A task of
            decisions is also handed `experience=..` to learn from. "" for a task without recipes.
        collector: called with the data; gives the environments in which a task of decisions collects experience
            (`netwright.adaptation.environment.Collector`). None for a task of predictions.
        trial: called with a setting and the data; gives a function that lets a policy decide once, and raises
            `NotApplicableError` for one that cannot play this setting. A wrong setting is refused at once.
        conditions: called with a setting's config and the data; gives by name the conditions that a trained policy
            may not have been trained for (`netwright.core.trained_for.Conditions`).
        report: called with the evaluations of one comparison; gives the task's own figures for the report.
        verify: called with a golden file and the task's data; gives a `Verification`.
        area: the data area (`netwright.datasets.area.Area`) that the task reads, for `netwright data`.
        demo: the task's part of `netwright demo`.

    `documentation` is the address of the task's card, a path in this repository or a URL.
    """

    name: str
    title: str
    kind: Literal["prediction", "decision"]
    metric: str
    unit: str
    lower_is_better: bool
    settings: Mapping[str, Setting]
    policies: Mapping[str, PolicySpec]
    recipes: Mapping[str, Recipe]
    load_data: str
    evaluate: str
    adapter: str = ""
    trial: str | None = None
    conditions: str | None = None
    report: str | None = None
    collector: str | None = None
    verify: str | None = None
    reference_policy: str = ""
    area: str | None = None
    demo: DemoPart | None = None
    documentation: str = ""
    training_defaults: JsonView = field(default_factory=dict)
    online_defaults: JsonView = field(default_factory=dict)

    def setting(self, name: str) -> Setting:
        """The setting of that name; raises `UnknownNameError` if there is none."""
        return _named(f"{self.name} setting", name, self.settings)

    def policy(self, name: str) -> PolicySpec:
        """The baseline of that name; raises `UnknownNameError` if there is none."""
        return _named(f"{self.name} policy", name, self.policies)

    def recipe(self, name: str | None) -> Recipe:
        """The recipe of that name, or the first one for None; an unknown one raises `UnknownNameError`.

        Raises:
            ConfigError: the task has no recipe.
        """
        if not self.recipes:
            raise ConfigError(f"task {self.name!r} has no recipe to adapt by; see `netwright list recipes`.")
        return _named(f"{self.name} recipe", name or next(iter(self.recipes)), self.recipes)

    def check_data(self, data: TaskData) -> None:
        """Refuse an object that is not of the class that the task's `load_data` says it returns.

        Raises:
            ConfigError: it is of another class, such as the data of another task.
        """
        kind: object = None
        if self.load_data:
            with contextlib.suppress(NameError, AttributeError, TypeError):  # a loader without annotations
                kind = get_type_hints(load_attribute(self.load_data)).get("return")
        if isinstance(kind, type) and not isinstance(data, kind):
            raise ConfigError(
                f"data of task {self.name!r} must be a folder or what {self.load_data} returns ({kind.__name__}), got "
                f"{type(data).__name__}."
            )

    def check_online(self) -> None:
        """Refuse the online phase for a task of predictions.

        Raises:
            ConfigError: there are no decisions to learn from.
        """
        if self.kind != "decision":
            raise ConfigError(
                f"task {self.name!r} has no online phase, because its models predict and do not decide; drop --online."
            )


def _named(kind: str, name: str, known: Mapping[str, Named]) -> Named:
    if name not in known:
        raise UnknownNameError(kind, name, known)
    return known[name]
