"""Figures of cluster scheduling for a report: jobs in the system, executors by job, a history beside its replay.

Drawn with matplotlib's objects only; the report sets fonts and the colors of the chrome. The distribution of JCT
(Fig. 12 of Wu et al. 2024) is among the figures of every report, by episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netwright.core.palette import CATEGORIES, FAINT, INK, MethodStyle, method_styles
from netwright.core.results import Evaluation, kinds_of
from netwright.tasks.cjs.timeline import Timeline

Styles = Mapping[str, MethodStyle]
Drawings = list[tuple[str, str, Figure]]

WIDTH_IN = 5.2
POLICIES_DRAWN = 3  # more would hide each other
_ACTIVE, _CHART, _HISTORY = "Jobs in the system", "Executors by job", "Recorded and replayed"
_PAST = "recorded"


def figures(evaluations: Sequence[Evaluation]) -> Drawings:
    """Title, caption and figure of each drawing; the first seed of each method.

    Args:
        evaluations: of cluster scheduling; whatever lacks a detail (`timeline`, `recorded`) is left out.
    """
    styles = method_styles((e.policy for e in evaluations), kinds_of(evaluations))
    settings = list(dict.fromkeys(e.setting for e in evaluations))
    in_setting = {s: [e for e in evaluations if e.setting == s] for s in settings}
    return [
        *(item for s in settings for item in _active(s, in_setting[s], styles)),
        *(item for s in settings[:1] for item in _charts(s, in_setting[s], styles)),
        *(item for s in settings for item in _history(s, in_setting[s], styles)),
    ]


def timelines(evaluations: Sequence[Evaluation]) -> dict[str, Timeline]:
    """The timeline of each method, as far as their evaluations hold one."""
    first = {e.policy: e for e in reversed(evaluations) if e.detail.get("timeline")}
    names = dict.fromkeys(e.policy for e in evaluations if e.policy in first)
    return {name: Timeline.from_json(first[name].detail["timeline"]) for name in names}


def draw_active(found: Mapping[str, Timeline], styles: Styles) -> Figure:
    """The number of jobs in the system over time, a line for each method."""
    figure = Figure(figsize=(WIDTH_IN, 3.6))
    axes = figure.add_subplot()
    for name, timeline in found.items():
        times, numbers = timeline.n_active()
        axes.step(times / 60.0, numbers, where="post", label=name, **styles[name].line)
    last = next(iter(found.values())).arrival_s[-1] / 60.0
    axes.axvline(last, color=FAINT[0], linewidth=0.7)
    axes.set(xlabel="minutes since the first arrival; line: the last one", ylabel="jobs in the system")
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.grid()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def draw_chart(found: Mapping[str, Timeline]) -> Figure:
    """What each executor worked on, a panel for each method, a color for each job."""
    height = max(0.8, min(2.2, 0.035 * max(t.n_executors for t in found.values())))
    figure = Figure(figsize=(WIDTH_IN, 0.6 + (height + 0.35) * len(found)))
    for axes, (name, timeline) in zip(
        figure.subplots(len(found), 1, sharex=True, squeeze=False)[:, 0], found.items(), strict=True
    ):
        _draw_spans(axes, timeline)
        axes.set_title(name)
        axes.set_xlim(0.0, timeline.window_s[1] - timeline.window_s[0])
        axes.set_ylim(timeline.n_executors - 0.5, -0.5)
        axes.set_ylabel("executor")
    axes.set_xlabel("seconds")
    return figure


def _draw_spans(axes: Axes, timeline: Timeline) -> None:
    spans = timeline.spans
    colors = np.unique(spans[:, 1], return_inverse=True)[1] % len(CATEGORIES)
    for number, (color, _) in enumerate(CATEGORIES):
        of_color = spans[colors == number]
        start = of_color[:, 2] - timeline.window_s[0]
        axes.barh(
            of_color[:, 0], of_color[:, 3] - of_color[:, 2], 0.9, left=start, facecolor=color, linewidth=0.0
        )


def _active(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    shown = _few(evaluations, styles)
    return [
        (_ACTIVE, f"{setting}, {t.sequence}.", draw_active(shown, styles)) for t in list(shown.values())[:1]
    ]


def _charts(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    shown = _few(evaluations, styles)
    if not shown:
        return []
    first = next(iter(shown.values()))
    caption = (
        f"{setting}, {first.sequence}, from {first.window_s[0]:.0f} s on, when most jobs arrive; a color is a job, "
        "white an executor that is idle or moves."
    )
    return [(_CHART, caption, draw_chart(shown))]


def _few(evaluations: Sequence[Evaluation], styles: Styles) -> dict[str, Timeline]:
    """The best adapted model, then the best and the worst of the others."""
    known = timelines(evaluations)
    mean = {e.policy: e.mean for e in evaluations if e.policy in known}
    ranked = sorted(mean, key=lambda name: mean[name])
    adapted = [name for name in ranked if styles[name].kind == "adapted"][:1]
    others = [name for name in ranked if styles[name].kind == "baseline"] or ranked
    names = list(dict.fromkeys([*adapted, *others[:1], *others[-1:], *ranked]))[:POLICIES_DRAWN]
    return {name: known[name] for name in names}


def _history(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """Distributions of JCT in the replay and in the record."""
    replayed = {e.policy: e for e in reversed(evaluations) if e.detail.get("recorded")}
    if not replayed:
        return []
    record = np.array(next(iter(replayed.values())).detail["recorded"]["jct_s"])
    figure = Figure(figsize=(WIDTH_IN, 3.6))
    axes = figure.add_subplot()
    axes.ecdf(record, label=_PAST, color=INK[0], linewidth=2.2)
    for name, evaluation in sorted(replayed.items()):
        axes.ecdf(np.array(evaluation.per_episode), label=name, **styles[name].line)
    axes.set(xlabel="JCT (seconds)", ylabel="share of jobs")
    axes.set_xlim(left=0.0)
    axes.grid()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    caption = f"{setting}: completion times as recorded, and in the replay under each policy."
    return [(_HISTORY, caption, figure)]
