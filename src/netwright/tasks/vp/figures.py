"""Viewport prediction's own figures for a report: error over time and by axis, and what was predicted where.

Drawn with matplotlib's objects only; the report sets fonts and colors of the chrome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from netwright.core.palette import FAINT, INK, Keywords, MethodStyle, method_styles
from netwright.core.results import Evaluation, kinds_of
from netwright.core.types import JsonView
from netwright.tasks.vp.angles import AXES, PITCH, YAW, Floats
from netwright.tasks.vp.settings import SAMPLE_RATE_HZ

FIELD_OF_VIEW_DEG = (100.0, 100.0)  # width, height of the viewport that is outlined
N_TRAJECTORIES = 3
DRAWN_OF_KIND = {"adapted": 2, "control": 1, "baseline": 2}
"""How many methods of a kind are drawn in one trajectory: more would hide each other."""

Styles = Mapping[str, MethodStyle]
Drawings = list[tuple[str, str, Figure]]

_TRAJECTORIES = "Predicted trajectories"
_ACTUAL = "actual"
_HISTORY: Keywords = {"color": INK[0], "linewidth": 2.2}


def figures(evaluations: Sequence[Evaluation]) -> Drawings:
    """Title, caption and figure of each drawing; seeds averaged, or the first one where a window is drawn.

    Args:
        evaluations: of viewport prediction; whatever lacks a detail (`by_horizon`, `by_axis`, `examples`) is
            left out of the figures that need it.
    """
    styles = method_styles((e.policy for e in evaluations), kinds_of(evaluations))
    settings = list(dict.fromkeys(e.setting for e in evaluations))
    in_setting = {s: [e for e in evaluations if e.setting == s] for s in settings}
    return [
        *(item for s in settings for item in _by_horizon(s, in_setting[s], styles)),
        *(item for s in settings for item in _by_axis(s, in_setting[s], styles)),
        *(_trajectories(settings[0], in_setting[settings[0]], styles) if settings else []),
    ]


def across_wrap(x: ArrayLike, angle_deg: ArrayLike) -> tuple[Floats, Floats]:
    """A line through wrapped angles that leaves at +-180 degrees and comes back on the other side.

    Args:
        x: (N,) the other coordinate, such as time.
        angle_deg: (N,) angles in degrees; each step goes the short way round.

    Returns:
        x and angle within [-180, 180], with points added at each crossing: the edge, NaN (a gap), the other
        edge.
    """
    x = np.asarray(x, dtype=np.float64)
    path = np.unwrap(np.asarray(angle_deg, dtype=np.float64), period=360.0)
    turn = np.floor((path + 180.0) / 360.0)
    xs, angles = [x[:1]], [path[:1] - 360.0 * turn[:1]]
    for i in range(1, len(path)):
        step = turn[i] - turn[i - 1]
        if step:
            edge = 360.0 * max(turn[i], turn[i - 1]) - 180.0
            share = (edge - path[i - 1]) / (path[i] - path[i - 1])
            at = x[i - 1] + share * (x[i] - x[i - 1])
            xs.append(np.full(3, at))
            angles.append(np.array([180.0, np.nan, -180.0]) * step)
        xs.append(x[i : i + 1])
        angles.append(path[i : i + 1] - 360.0 * turn[i])
    return np.concatenate(xs), np.concatenate(angles)


def _by_horizon(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    curves = _averaged(evaluations, "by_horizon")
    if not curves:
        return []
    figure = Figure(figsize=(5.2, 3.9))
    axes = figure.add_subplot()
    for name, curve in curves.items():
        seconds = np.arange(1, len(curve) + 1) / SAMPLE_RATE_HZ
        axes.plot(seconds, curve, label=name, **_look(name, styles))
    best_end = min(float(c[-1]) for c in curves.values())
    axes.set_ylim(0, min(1.9 * best_end, 1.05 * max(float(c.max()) for c in curves.values())))
    axes.set_xlim(left=0)
    axes.set_title(setting)
    axes.set_xlabel("seconds ahead")
    axes.set_ylabel("MAE (degrees)")
    axes.grid()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return [("Error by prediction horizon", f"{setting}: mean over windows and axes.", figure)]


def _draw_bar(axes: Axes, row: int, value: float, style: MethodStyle) -> None:
    axes.barh(row, value, 0.66, **style.bar)
    axes.annotate(f"{value:.1f}", (value, row), (3, 0), textcoords="offset points", va="center", fontsize=7.5)


def _by_axis(
    setting: str, evaluations: Sequence[Evaluation], styles: Styles
) -> list[tuple[str, str, Figure]]:
    found = _averaged(evaluations, "by_axis")
    if not found:
        return []
    names = sorted(found, key=lambda name: float(found[name].sum()))
    figure = Figure(figsize=(5.2, 0.8 + 0.27 * len(names)))
    for column, axes in enumerate(figure.subplots(1, 3, sharey=True)):
        for row, name in enumerate(names):
            _draw_bar(axes, row, float(found[name][column]), styles[name])
        axes.set_title(AXES[column] if column else f"{setting}: {AXES[column]}")
        axes.set_yticks(range(len(names)), list(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.3)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=3)
    figure.supxlabel("MAE (degrees)", fontsize=9)
    return [("Error by axis", f"{setting}: each axis has its own scale.", figure)]


def _averaged(evaluations: Sequence[Evaluation], key: str) -> dict[str, Floats]:
    """Each policy's detail of that name, the mean over its seeds."""
    found: dict[str, list[Any]] = {}
    for evaluation in evaluations:
        value = evaluation.detail.get(key)
        if value is not None:
            values = list(value.values()) if isinstance(value, Mapping) else value
            found.setdefault(evaluation.policy, []).append(values)
    return {policy: np.mean(values, axis=0) for policy, values in found.items()}


@dataclass(frozen=True, eq=False)
class SharedWindow:
    """A window that several methods predicted.

    Attributes:
        name: of the episode, and where the window begins.
        history, future: (N, 3) and (H, 3) angles in degrees.
        answers: (H, 3) of each method.
    """

    name: str
    history: Floats
    future: Floats
    answers: Mapping[str, Floats]

    @property
    def travel_deg(self) -> float:
        """Length of the path of yaw and pitch in the future window."""
        return _path_deg(self.future)

    @property
    def traveled_deg(self) -> float:
        """Length of the path of yaw and pitch in the history."""
        return _path_deg(self.history)


def _path_deg(angles_deg: Floats) -> float:
    path = np.unwrap(angles_deg[:, [PITCH, YAW]], period=360.0, axis=0)
    return float(np.hypot(*np.diff(path, axis=0).T).sum())


def shared_windows(evaluations: Mapping[str, Evaluation]) -> list[SharedWindow]:
    """The windows that all of these methods hold in their `examples`, the calmest first."""
    held = {name: {_key(e): e for e in run.detail["examples"]} for name, run in evaluations.items()}
    first = next(iter(held.values()), {})
    found = [
        SharedWindow(
            key,
            np.array(example["history"]),
            np.array(example["future"]),
            {name: np.array(windows[key]["answer"]) for name, windows in held.items()},
        )
        for key, example in first.items()
        if all(key in windows for windows in held.values())
    ]
    return sorted(found, key=lambda window: window.travel_deg)


def draw_after_turn(evaluations: Sequence[Evaluation], names: Sequence[str]) -> tuple[str, Figure]:
    """Caption and figure of the window before which the view traveled furthest, over time.

    Args:
        evaluations: of one setting.
        names: the methods to draw; the first evaluation of each is taken.
    """
    styles = method_styles((e.policy for e in evaluations), kinds_of(evaluations))
    first = {e.policy: e for e in reversed(evaluations)}
    windows = shared_windows({name: first[name] for name in names})
    window = max(windows, key=lambda window: window.traveled_deg)
    caption = f"{window.name}: predictions after the view has traveled {window.traveled_deg:.0f} degrees."
    return caption, _over_time(window.history, window.future, window.answers, styles)


def _trajectories(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """The calmest, a middling and the liveliest of the windows that every drawn method holds."""
    shared = shared_windows(_few(evaluations, styles))
    picked = np.unique(np.linspace(0, len(shared) - 1, N_TRAJECTORIES).round().astype(int))
    drawn = []
    for window in (shared[i] for i in picked if shared):
        parts = (window.history, window.future, window.answers, styles)
        travel = f"the view travels {window.travel_deg:.0f} degrees in the future window."
        drawn.append((_TRAJECTORIES, f"{setting}, {window.name}: {travel}", _over_time(*parts)))
        path = "The same window on the picture; frames: the viewport at its end."
        drawn.append((_TRAJECTORIES, path, _on_picture(*parts)))
    return drawn


def _few(evaluations: Sequence[Evaluation], styles: Styles) -> dict[str, Evaluation]:
    """The best methods of each kind that hold examples, first seed each."""
    first: dict[str, Evaluation] = {}
    for evaluation in evaluations:
        if evaluation.detail.get("examples"):
            first.setdefault(evaluation.policy, evaluation)
    ranked = sorted(first, key=lambda name: first[name].mean)
    of_kind = {kind: [n for n in ranked if styles[n].kind == kind] for kind in DRAWN_OF_KIND}
    return {name: first[name] for kind, count in DRAWN_OF_KIND.items() for name in of_kind[kind][:count]}


def _key(example: JsonView) -> str:
    return str(example.get("label") or f"{example['episode']} from sample {example['start']}")


def _over_time(history: Floats, future: Floats, answers: Mapping[str, Floats], styles: Styles) -> Figure:
    """Yaw and pitch over time: history, actual future, predictions."""
    figure = Figure(figsize=(5.2, 4.2))
    panels = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    past = np.arange(1 - len(history), 1) / SAMPLE_RATE_HZ
    ahead = np.arange(len(future) + 1) / SAMPLE_RATE_HZ
    for axes, axis in zip(panels, (YAW, PITCH), strict=True):
        axes.plot(*across_wrap(past, history[:, axis]), label="history", **_HISTORY)
        for name, path in {_ACTUAL: future, **answers}.items():
            joined = np.concatenate([history[-1:, axis], path[:, axis]])
            axes.plot(*across_wrap(ahead, joined), label=name, **_look(name, styles))
        axes.axvline(0, color=FAINT[0], linewidth=0.7)
        axes.set_ylabel(f"{AXES[axis]} (degrees)")
        axes.grid()
    panels[1].set_xlabel("seconds from now")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _on_picture(history: Floats, future: Floats, answers: Mapping[str, Floats], styles: Styles) -> Figure:
    """The path of the viewport's center on the equirectangular picture, and the viewport at the end."""
    figure = Figure(figsize=(5.2, 3.6))
    axes = figure.add_subplot()
    for name, path in {"history": history, _ACTUAL: future, **answers}.items():
        joined = path if path is history else np.concatenate([history[-1:], path])
        look = _HISTORY if path is history else _look(name, styles)
        heights, yaws = across_wrap(joined[:, PITCH], joined[:, YAW])
        axes.plot(yaws, heights, label=name, **look)
        if path is future or (path is not history and styles[name].kind == "adapted"):
            _frame(axes, path[-1], color=look["color"], linewidth=1.0, alpha=look.get("alpha"))
    axes.plot(history[-1, YAW], history[-1, PITCH], "o", color=INK[0], markersize=4)
    axes.set(
        xlim=(-180, 180), ylim=(-90, 90), aspect="equal", xlabel="yaw (degrees)", ylabel="pitch (degrees)"
    )
    axes.set_xticks(range(-180, 181, 60))
    axes.set_yticks(range(-90, 91, 30))
    axes.grid()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _frame(axes: Axes, centre: Floats, **look: Any) -> None:
    """The viewport's outline (roll left out), drawn on both sides where it reaches across the wrap."""
    width, height = FIELD_OF_VIEW_DEG
    for turn in (-360.0, 0.0, 360.0):
        corner = (centre[YAW] + turn - width / 2, centre[PITCH] - height / 2)
        axes.add_patch(Rectangle(corner, width, height, fill=False, **look))


def _look(name: str, styles: Styles) -> Keywords:
    """How a line is drawn: a method's own style, or that of the actual future."""
    if name == _ACTUAL:
        return {"color": FAINT[0], "linewidth": 3.4, "alpha": 0.5}
    return styles[name].line
