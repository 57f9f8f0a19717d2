"""Paired comparison of methods over the same episodes, with bootstrap intervals.

Intervals are computed by resampling the episodes and by resampling their groups (such as viewers), because the episodes
of one viewer are correlated. Reports use the wider of the two on each side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.palette import Kind
from netwright.core.results import Evaluation
from netwright.core.task import Task
from netwright.core.types import Json
from netwright.evaluation.pooling import Pooled, pool
from netwright.evaluation.statistics import Interval, bootstrap_mean

Outcome = Literal["better", "worse", "level"]


@dataclass(frozen=True)
class Contrast:
    """Difference of two methods over the same episodes: `method` minus `other`, in the metric's unit.

    Attributes:
        difference: mean and the wider of the two intervals below; determines the outcome.
        by_episode: interval from resampling episodes.
        by_group: interval from resampling groups; None if groups are unknown or fewer than two.
    """

    method: str
    other: str
    lower_is_better: bool
    difference: Interval
    by_episode: Interval
    by_group: Interval | None

    @property
    def advantage(self) -> Interval:
        """The difference, signed so that a positive value means that `method` is better."""
        d = self.difference
        return Interval(-d.value, -d.high, -d.low) if self.lower_is_better else d

    @property
    def reversed_advantage(self) -> Interval:
        """The advantage of `other` over `method`."""
        a = self.advantage
        return Interval(-a.value, -a.high, -a.low)

    @property
    def outcome(self) -> Outcome:
        """ "better" or "worse" if the interval excludes zero, otherwise "level": not distinguishable."""
        if not self.difference.excludes_zero:
            return "level"
        return "better" if self.advantage.low > 0 else "worse"

    def to_json(self) -> Json:
        """A document of plain types."""
        document = {k: v for k, v in asdict(self).items() if k != "lower_is_better"}
        return document | {"outcome": self.outcome}


@dataclass(frozen=True)
class MethodResult:
    """One method in one setting.

    Attributes:
        mean: weighted mean with its own interval, which does not tell whether two methods differ.
        ratio: mean divided by the reference policy's mean; None without a reference of positive mean.
        to_reference, to_best_baseline, to_best: paired differences; None if it is the method itself or missing.
        to_controls: an adapted model against each control variant.
        clairvoyant: whether it knows the future; shown as a bound.
        outside: how the setting differs from its training conditions; None if it does not or is unknown.
        lacks: what a control lacks that the adapted model has; None for other kinds.
    """

    policy: str
    kind: Kind
    clairvoyant: bool
    mean: Interval
    ratio: float | None
    seeds: tuple[int | None, ...]
    seed_means: tuple[float, ...]
    to_reference: Contrast | None
    to_best_baseline: Contrast | None
    to_best: Contrast | None
    to_controls: tuple[Contrast, ...]
    outside: str | None = None
    lacks: str | None = None

    def to_json(self) -> Json:
        """A document of plain types."""
        contrasts = ("to_reference", "to_best_baseline", "to_best")
        return {
            "policy": self.policy,
            "kind": self.kind,
            "clairvoyant": self.clairvoyant,
            "mean": asdict(self.mean),
            "ratio": self.ratio,
            "seeds": list(self.seeds),
            "seed_means": list(self.seed_means),
            **{name: c and c.to_json() for name in contrasts for c in [getattr(self, name)]},
            "to_controls": [c.to_json() for c in self.to_controls],
            "outside_training": self.outside,
            "lacks": self.lacks,
        }


@dataclass(frozen=True)
class SettingComparison:
    """All methods in one setting.

    Attributes:
        methods: in the order of the report: adapted models, control variants, baselines.
        reference: the task's reference policy; None if it was not tested here.
        n_groups: number of resampled groups; None if unknown.
        n_units: sum of the weights, such as the number of windows.
        pairs: the underlying values.
    """

    setting: str
    methods: tuple[MethodResult, ...]
    reference: str | None
    best_baseline: str | None
    n_episodes: int
    n_groups: int | None
    n_units: float
    lower_is_better: bool
    pairs: Pairs = field(repr=False, compare=False)

    @cached_property
    def ranked(self) -> tuple[MethodResult, ...]:
        """The methods sorted by their mean, best first; ties by name."""
        sign = 1.0 if self.lower_is_better else -1.0
        return tuple(sorted(self.methods, key=lambda m: (sign * m.mean.value, m.policy)))

    @cached_property
    def rivals(self) -> tuple[MethodResult, ...]:
        """The methods without knowledge of the future, best first; all methods if there is none."""
        return tuple(m for m in self.ranked if not m.clairvoyant) or self.ranked

    @property
    def best(self) -> MethodResult:
        """The ranked method with the best mean, distinguishable from the others or not."""
        return self.rivals[0]

    @cached_property
    def level_with_best(self) -> tuple[MethodResult, ...]:
        """The ranked methods that are not distinguishable from the best one, by their mean."""
        return tuple(m for m in self.rivals if m.to_best is not None and m.to_best.outcome == "level")

    @property
    def winner(self) -> str | None:
        """The best ranked method if it is distinguishable from every other one, otherwise None."""
        return self.best.policy if len(self.rivals) > 1 and not self.level_with_best else None

    def method(self, policy: str) -> MethodResult | None:
        """The method of that name; None if it was not tested here."""
        return next((m for m in self.methods if m.policy == policy), None)

    def contrast(self, policy: str, other: str) -> Contrast:
        """Paired difference of two methods of this setting; raises `UnknownNameError` if one was not tested."""
        return self.pairs.contrast(policy, other)

    @property
    def outside_training(self) -> tuple[MethodResult, ...]:
        """The methods that were trained for other conditions, best first."""
        return tuple(m for m in self.ranked if m.outside)

    def of_kind(self, kind: Kind) -> tuple[MethodResult, ...]:
        """The methods of one kind, best first."""
        return tuple(m for m in self.ranked if m.kind == kind)

    def to_json(self) -> Json:
        """A document of plain types."""
        return {
            "setting": self.setting,
            "n_episodes": self.n_episodes,
            "n_groups": self.n_groups,
            "n_units": self.n_units,
            "reference": self.reference,
            "best_baseline": self.best_baseline,
            "best": self.best.policy,
            "winner": self.winner,
            "level_with_best": [m.policy for m in self.level_with_best],
            "methods": [m.to_json() for m in self.methods],
        }


def compare(task: Task, evaluations: Sequence[Evaluation]) -> tuple[SettingComparison, ...]:
    """Compare all methods in every setting, paired over the episodes; the order of `evaluations` does not matter.

    Args:
        task: defines the metric, its direction, the reference policy and the order of settings and methods.
        evaluations: any number of methods, settings and seeds; those that differ only in `config["seed"]` are
            averaged over the seeds in each episode.

    Raises:
        ConfigError: the evaluations cannot be compared (see `pool`), or a setting has a single episode.
    """
    return tuple(_setting(task, name, methods) for name, methods in pool(task, evaluations).items())


def _setting(task: Task, setting: str, methods: Mapping[str, Pooled]) -> SettingComparison:
    first = next(iter(methods.values()))
    if len(first.episodes) < 2:
        raise ConfigError(
            f"setting {setting!r} of {task.name!r} has a single episode, which gives no confidence interval for a "
            "difference; test on two or more."
        )
    groups = next((a.groups for a in methods.values() if a.groups is not None), None)
    pairs = Pairs(methods, groups, task.lower_is_better)
    reference = task.reference_policy if task.reference_policy in methods else None
    known = {spec.name for spec in task.policies.values() if spec.clairvoyant}
    clairvoyant = {p for p, method in methods.items() if method.clairvoyant or p in known}
    rivals = [p for p in methods if p not in clairvoyant] or list(methods)
    best = pairs.best(rivals)
    best_baseline = pairs.best([p for p in rivals if methods[p].kind == "baseline"])
    controls = [p for p, a in methods.items() if a.kind == "control"]
    return SettingComparison(
        setting=setting,
        methods=tuple(
            _method(pairs, p, reference, best_baseline, best, controls, clairvoyant=p in clairvoyant)
            for p in methods
        ),
        reference=reference,
        best_baseline=best_baseline,
        n_episodes=len(first.episodes),
        n_groups=None if groups is None else len(set(groups)),
        n_units=float(first.weights.sum()),
        lower_is_better=task.lower_is_better,
        pairs=pairs,
    )


def _method(
    pairs: Pairs,
    policy: str,
    reference: str | None,
    best_baseline: str | None,
    best: str | None,
    controls: Sequence[str],
    *,
    clairvoyant: bool,
) -> MethodResult:
    def against(other: str | None) -> Contrast | None:
        return None if other is None or other == policy else pairs.contrast(policy, other)

    method = pairs.methods[policy]
    scale = pairs.mean(reference) if reference else 0.0
    return MethodResult(
        policy=policy,
        kind=method.kind,
        clairvoyant=clairvoyant,
        mean=pairs.interval(method.values)[0],
        ratio=pairs.mean(policy) / scale if scale > 0 else None,
        seeds=method.seeds,
        seed_means=method.seed_means,
        to_reference=against(reference),
        to_best_baseline=against(best_baseline),
        to_best=against(best),
        to_controls=tuple(pairs.contrast(policy, c) for c in controls if method.kind == "adapted"),
        outside=method.outside,
        lacks=method.lacks,
    )


class Pairs:
    """Means and paired differences of the methods of one setting, each computed once.

    Args:
        methods: the methods by name, over the same episodes.
        groups: (E,) resampling unit of each episode, or None.
        lower_is_better: direction of the metric.
    """

    def __init__(
        self, methods: Mapping[str, Pooled], groups: tuple[str, ...] | None, lower_is_better: bool
    ) -> None:
        self.methods = methods
        self.weights = next(iter(methods.values())).weights
        self.groups = groups if groups is not None and len(set(groups)) > 1 else None
        self.lower_is_better = lower_is_better
        self._known: dict[tuple[str, str], Contrast] = {}

    def mean(self, policy: str) -> float:
        """Weighted mean over the episodes."""
        return float(np.average(self.methods[policy].values, weights=self.weights))

    def best(self, policies: Sequence[str] | Mapping[str, Pooled]) -> str | None:
        """The method with the best mean, ties by name; None if there are no methods."""
        sign = 1.0 if self.lower_is_better else -1.0
        return min(policies, key=lambda p: (sign * self.mean(p), p), default=None)

    def contrast(self, policy: str, other: str) -> Contrast:
        """`policy` minus `other`; raises `UnknownNameError` if one was not tested."""
        for name in (policy, other):
            if name not in self.methods:
                raise UnknownNameError("policy", name, self.methods)
        if (policy, other) not in self._known:
            difference = self.interval(self.methods[policy].values - self.methods[other].values)
            self._known[policy, other] = Contrast(policy, other, self.lower_is_better, *difference)
        return self._known[policy, other]

    def interval(self, values: NDArray[np.float64]) -> tuple[Interval, Interval, Interval | None]:
        """Weighted mean of (E,) values with the wider interval, the one by episode, and the one by group."""
        by_episode = bootstrap_mean(values, self.weights)
        if self.groups is None:
            return by_episode, by_episode, None
        by_group = bootstrap_mean(values, self.weights, groups=self.groups)
        wider = Interval(
            by_episode.value, min(by_episode.low, by_group.low), max(by_episode.high, by_group.high)
        )
        return wider, by_episode, by_group
