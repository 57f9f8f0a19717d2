"""Figures common to all tasks: means, paired differences, distributions by unit and by episode.

Modeled on Figures 10 and 11 of Wu et al. (SIGCOMM 2024), with intervals. Uses matplotlib's object interface only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from netwright.core.palette import FAINT, INK, MethodStyle, method_styles
from netwright.core.results import Evaluation, kinds_of
from netwright.core.task import Task
from netwright.evaluation.comparison import SettingComparison
from netwright.report.wording import decimals, number

Styles = Mapping[str, MethodStyle]


@dataclass(frozen=True)
class Panel:
    """One drawing: `name` of its file, `alt` text, and the `caption` below it."""

    name: str
    alt: str
    figure: Figure
    caption: str = ""


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    title: str
    text: str
    panels: tuple[Panel, ...]


def sections(
    task: Task, settings: Sequence[SettingComparison], evaluations: Sequence[Evaluation]
) -> list[Section]:
    """The general figures of a comparison, one panel per setting."""
    styles = method_styles((e.policy for e in evaluations), kinds_of(evaluations))
    better = "left" if task.lower_is_better else "right"
    label = f"{task.metric.upper()} ({task.unit})"
    found = [
        Section(
            f"Mean {task.metric.upper()} by setting",
            "Whiskers: 95 % interval of each mean by itself. They overlap where methods share hard and easy "
            "episodes; whether two methods differ is for the paired figure below to say.",
            _panels("mean", settings, lambda s: _means(s, styles, label)),
        )
    ]
    if any(s.reference and len(s.methods) > 1 for s in settings):
        found.append(
            Section(
                f"Paired difference to {task.reference_policy}",
                f"Each method minus {task.reference_policy} over the same episodes, with the 95 % interval; "
                f"further {better} is better. A method whose interval crosses the line is not distinguishable "
                "from it. Arrows: beyond the panel.",
                _panels(
                    "difference",
                    [s for s in settings if s.reference],
                    lambda s: _differences(s, styles, task),
                ),
            )
        )
    unit = unit_of(evaluations)
    samples = {s.setting: _samples(s, evaluations, unit) for s in settings}
    found.append(
        Section(
            f"Distribution by {unit}",
            f"Share of {unit}s at or below each value; seeds together. The axis ends at the 95th percentile "
            "of the median method.",
            _panels("cdf", settings, lambda s: _cdf(samples[s.setting], styles, label, unit)),
        )
    )
    by_episode = {s.setting: _samples(s, evaluations, "episode") for s in settings}
    found.append(
        Section(
            "Distribution by episode",
            "Box: middle half of the episodes, with the median; whiskers: 5th to 95th percentile; dot: mean.",
            _panels("box", settings, lambda s: _boxes(by_episode[s.setting], styles, label)),
        )
    )
    return found


def unit_of(evaluations: Sequence[Evaluation]) -> str:
    """The finest unit for which every evaluation has values."""
    return "window" if all("per_window" in e.detail for e in evaluations) else "episode"


def _panels(
    name: str, settings: Sequence[SettingComparison], draw: Callable[[SettingComparison], tuple[Figure, str]]
) -> tuple[Panel, ...]:
    panels = []
    for setting in settings:
        figure, alt = draw(setting)
        figure.axes[0].set_title(setting.setting)
        panels.append(Panel(f"{name}-{setting.setting}", f"{setting.setting}: {alt}", figure))
    return tuple(panels)


def _rows(n: int) -> tuple[Figure, Axes]:
    """A panel with one row per method, the first on top."""
    figure = Figure(figsize=(5.2, 0.75 + 0.27 * n))
    axes = figure.add_subplot()
    axes.set_ylim(n - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    return figure, axes


def _name_rows(axes: Axes, names: Sequence[str], styles: Styles) -> None:
    axes.set_yticks(range(len(names)), list(names))
    for tick, name in zip(axes.get_yticklabels(), names, strict=True):
        if styles[name].kind == "adapted":
            tick.set_fontweight("bold")


def _means(setting: SettingComparison, styles: Styles, label: str) -> tuple[Figure, str]:
    methods, digits = setting.ranked, decimals(setting.best.mean.value)
    figure, axes = _rows(len(methods))
    for row, method in enumerate(methods):
        style, mean = styles[method.policy], method.mean
        axes.barh(row, mean.value, 0.66, **style.bar)
        axes.hlines(row, mean.low, mean.high, color=INK[0], linewidth=1.1)
        axes.annotate(
            number(mean.value, digits),
            (max(mean.high, 0.0), row),
            (4, 0),
            textcoords="offset points",
            va="center",
            fontsize=8,
        )
    _name_rows(axes, [m.policy for m in methods], styles)
    axes.margins(x=0.14)
    axes.axvline(0, color=FAINT[0], linewidth=0.7)
    axes.set_xlabel(label)
    return figure, "means, best first: " + ", ".join(
        f"{m.policy} {number(m.mean.value, digits)}" for m in methods
    )


def _differences(setting: SettingComparison, styles: Styles, task: Task) -> tuple[Figure, str]:
    rows = [(m.policy, m.to_reference.difference) for m in setting.ranked if m.to_reference]
    digits = decimals(setting.best.mean.value)
    low, high = _reach(np.array([[d.low, d.high] for _, d in rows]))
    figure, axes = _rows(len(rows))
    axes.axvline(0, color=INK[0], linewidth=0.9)
    for row, (name, d) in enumerate(rows):
        style, text = styles[name], number(d.value, digits, signed=True)
        if low <= d.value <= high:
            face = "none" if style.hatch else style.color
            axes.hlines(row, d.low, d.high, color=style.color, linewidth=style.width + 0.4)
            axes.plot(d.value, row, "o", markersize=6, color=style.color, markerfacecolor=face)
        elif d.value < low:
            axes.text(low, row, f"← {text}", ha="left", va="center", fontsize=8)
        else:
            axes.text(high, row, f"{text} →", ha="right", va="center", fontsize=8)
    axes.set_xlim(low, high)
    _name_rows(axes, [name for name, _ in rows], styles)
    axes.set_xlabel(f"difference in {task.metric.upper()} ({task.unit})")
    told = (f"{name} {number(d.value, digits, signed=True)}" for name, d in rows)
    return figure, f"differences to {setting.reference}: " + ", ".join(told)


def _reach(intervals: NDArray[np.float64]) -> tuple[float, float]:
    """Limits of an axis that covers zero and the (M, 2) intervals, except those far beyond the nearer half."""
    largest = np.abs(intervals).max(axis=1)
    near = largest <= 3.0 * np.median(largest[largest <= np.median(largest)])
    low, high = min(0.0, intervals[near].min()), max(0.0, intervals[near].max())
    margin = 0.1 * (high - low) or 1.0
    return low - margin, high + (margin if near.all() else 4.0 * margin)


def _samples(
    setting: SettingComparison, evaluations: Sequence[Evaluation], unit: str
) -> dict[str, NDArray[np.float64]]:
    """Every method's values by window or by episode, with its seeds merged, in the order of the means."""
    found = {}
    for method in setting.ranked:
        runs = [e for e in evaluations if (e.setting, e.policy) == (setting.setting, method.policy)]
        values = [r.detail["per_window"] if unit == "window" else r.per_episode for r in runs]
        found[method.policy] = np.concatenate([np.asarray(v, dtype=np.float64) for v in values])
    return found


def _cdf(
    samples: Mapping[str, NDArray[np.float64]], styles: Styles, label: str, unit: str
) -> tuple[Figure, str]:
    figure = Figure(figsize=(5.2, 3.5))
    axes = figure.add_subplot()
    shares = np.linspace(0.0, 1.0, 201)
    for name, values in samples.items():
        axes.plot(np.quantile(values, shares), shares, label=name, **styles[name].line)
    ends = np.array([np.quantile(v, [0.0, 0.95]) for v in samples.values()])
    low, high = float(ends[:, 0].min()), float(np.median(ends[:, 1]))
    if high > low:
        axes.set_xlim(low, high)
    axes.set_ylim(0, 1)
    axes.grid()
    axes.set_xlabel(label)
    axes.set_ylabel(f"share of {unit}s")
    axes.legend(loc="lower right")
    told = (f"{n} {np.median(v):.3g}" for n, v in samples.items())
    return figure, "cumulative distribution; medians: " + ", ".join(told)


def _boxes(samples: Mapping[str, NDArray[np.float64]], styles: Styles, label: str) -> tuple[Figure, str]:
    figure, axes = _rows(len(samples))
    for row, (name, values) in enumerate(samples.items()):
        style = styles[name]
        low, first, middle, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
        axes.hlines(row, low, high, color=style.color, linewidth=1.0)
        axes.barh(row, third - first, 0.6, left=first, **style.bar)
        axes.vlines(middle, row - 0.3, row + 0.3, color=INK[0], linewidth=1.4)
        axes.plot(values.mean(), row, "o", markersize=3.4, color=INK[0])
    _name_rows(axes, list(samples), styles)
    axes.set_xlabel(label)
    return figure, "box plots; medians: " + ", ".join(f"{n} {np.median(v):.3g}" for n, v in samples.items())
