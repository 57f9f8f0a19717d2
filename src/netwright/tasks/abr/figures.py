"""ABR's own figures for a report: QoE by trace with the offline optimum above, and the three factors of QoE.

After Figures 10 and 12 of Wu et al. (SIGCOMM 2024). Drawn with matplotlib's objects only; the report sets fonts
and the colours of the chrome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from netwright.core.palette import FAINT, MethodStyle, method_styles
from netwright.core.results import Evaluation, kinds_of
from netwright.tasks.abr.media import Floats

Styles = Mapping[str, MethodStyle]
Drawings = list[tuple[str, str, Figure]]

FACTORS = {
    "bitrate_mbps": "bitrate (Mbit/s)",
    "rebuffer_s": "stalled (s)",
    "change_mbps": "change (Mbit/s)",
}
_OPTIMUM = "offline optimum"


def figures(evaluations: Sequence[Evaluation]) -> Drawings:
    """Title, caption and figure of each drawing; a method's seeds are averaged.

    Args:
        evaluations: of adaptive bitrate streaming; whatever lacks a detail (`optimum`, a factor) is left out of
            the figures that need it.
    """
    styles = method_styles((e.policy for e in evaluations), kinds_of(evaluations))
    settings = list(dict.fromkeys(e.setting for e in evaluations))
    in_setting = {s: [e for e in evaluations if e.setting == s] for s in settings}
    return [
        *(item for s in settings for item in _shares(s, in_setting[s], styles)),
        *(item for s in settings for item in _by_trace(s, in_setting[s], styles)),
        *(item for s in settings for item in _factors(s, in_setting[s], styles)),
    ]


def _shares(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """Mean QoE as a share of the offline optimum's."""
    found: dict[str, list[float]] = {}
    for evaluation in evaluations:
        if "share_of_optimum" in evaluation.detail:
            found.setdefault(evaluation.policy, []).append(100.0 * evaluation.detail["share_of_optimum"])
    if not found:
        return []
    names = sorted(found, key=lambda name: -float(np.mean(found[name])))
    figure = Figure(figsize=(5.2, 0.9 + 0.27 * len(names)))
    axes = figure.add_subplot()
    for row, name in enumerate(names):
        value = float(np.mean(found[name]))
        axes.barh(row, value, 0.66, **styles[name].bar)
        axes.annotate(
            f"{value:.1f}",
            (max(value, 0.0), row),
            (3, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
        )
    axes.axvline(100.0, color=FAINT[0], linewidth=1.0)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.1)
    axes.grid(axis="x")
    axes.set_title(setting)
    axes.set_xlabel("mean QoE (% of the offline optimum)")
    caption = f"{setting}: the line is what full knowledge of every trace would give; no player has it."
    return [("Share of the offline optimum", caption, figure)]


def _by_trace(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """Distribution over traces, the optimum's included."""
    optimum = next((e.detail["optimum"] for e in evaluations if "optimum" in e.detail), None)
    if optimum is None:
        return []
    figure = Figure(figsize=(5.2, 3.9))
    axes = figure.add_subplot()
    curves = {name: np.mean(runs, axis=0) for name, runs in _runs(evaluations).items()}
    for name, values in curves.items():
        axes.plot(np.sort(values), _ranks(values), label=name, **styles[name].line)
    top: Floats = np.array(optimum)
    axes.plot(np.sort(top), _ranks(top), label=_OPTIMUM, color=FAINT[0], linewidth=3.0, alpha=0.5)
    lowest = np.quantile(np.concatenate(list(curves.values())), 0.02)
    axes.set_xlim(float(lowest), 1.02 * float(max(top.max(), *(v.max() for v in curves.values()))))
    axes.set_title(setting)
    axes.set_xlabel("mean QoE of a trace (per chunk)")
    axes.set_ylabel("share of the traces")
    axes.grid()
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    caption = f"{setting}: further right is better; the worst 2 % of all values lie left of the panel."
    return [("QoE by trace", caption, figure)]


def _factors(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """Bitrate, stalling and changes side by side."""
    found: dict[str, list[list[float]]] = {}
    for evaluation in evaluations:
        if all(factor in evaluation.detail for factor in FACTORS):
            found.setdefault(evaluation.policy, []).append([evaluation.detail[f] for f in FACTORS])
    if not found:
        return []
    names = sorted(found, key=lambda name: -float(np.mean(found[name], axis=0)[0]))
    figure = Figure(figsize=(5.2, 0.8 + 0.27 * len(names)))
    for column, axes in enumerate(figure.subplots(1, 3, sharey=True)):
        for row, name in enumerate(names):
            value = float(np.mean(found[name], axis=0)[column])
            axes.barh(row, value, 0.66, **styles[name].bar)
            axes.annotate(
                f"{value:.3g}", (value, row), (3, 0), textcoords="offset points", va="center", fontsize=7.5
            )
        axes.set_title(list(FACTORS.values())[column], fontsize=9)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.margins(x=0.35)
        axes.grid(axis="x")
        axes.locator_params(axis="x", nbins=3)
    figure.supxlabel("mean per chunk", fontsize=9)
    caption = (
        f"{setting}: QoE = bitrate - weighted stalling - weighted changes; each factor has its own scale."
    )
    return [("Factors of QoE", caption, figure)]


def _runs(evaluations: Sequence[Evaluation]) -> dict[str, list[Floats]]:
    """(E,) QoE by trace of each policy's seeds, traces in order of their names."""
    found: dict[str, list[Floats]] = {}
    for evaluation in evaluations:
        order = np.argsort(evaluation.episodes)
        found.setdefault(evaluation.policy, []).append(np.array(evaluation.per_episode)[order])
    return found


def _ranks(values: Floats) -> Floats:
    ranks: Floats = np.arange(1, len(values) + 1) / len(values)
    return ranks
