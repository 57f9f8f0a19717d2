"""ABR's own figures for a report: sessions over time, QoE by trace with the offline optimum above, factors of QoE.

After Figures 10 and 12 of Wu et al. (SIGCOMM 2024). Drawn with matplotlib's objects only; the report sets fonts
and the colors of the chrome.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netwright.core.palette import FAINT, INK, RULE, MethodStyle, method_styles
from netwright.core.results import Evaluation, kinds_of
from netwright.tasks.abr.media import Floats
from netwright.tasks.abr.playback import Playback

Styles = Mapping[str, MethodStyle]
Drawings = list[tuple[str, str, Figure]]

FACTORS = {
    "bitrate_mbps": "bitrate (Mbit/s)",
    "rebuffer_s": "stalled (s)",
    "change_mbps": "change (Mbit/s)",
}
_OPTIMUM = "offline optimum"
_PLAYBACK = "Sessions over time"
_VARIABILITY = ("the steadiest trace", "a trace of middling variability", "the most variable trace")
WIDTH_IN, HEIGHT_IN, ROW_IN = 5.2, 3.6, 0.27
PLAYERS_DRAWN = 3  # more would hide each other
MOST_OF_LADDER = 1.5  # the axis of bitrates ends at so many times the highest one that was requested


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
        *(_sessions(settings[0], in_setting[settings[0]], styles) if settings else []),
        *(item for s in settings for item in _shares(s, in_setting[s], styles)),
        *(item for s in settings for item in _by_trace(s, in_setting[s], styles)),
        *(item for s in settings for item in _factors(s, in_setting[s], styles)),
    ]


def playbacks(evaluations: Sequence[Evaluation], names: Sequence[str], kept: int = -1) -> dict[str, Playback]:
    """Sessions of those players over one trace, as far as their evaluations hold it; first seed each.

    Args:
        evaluations: of one setting.
        names: players, in this order.
        kept: which of the kept traces, the steadiest first.
    """
    first: dict[str, Playback] = {}
    for evaluation in evaluations:
        if evaluation.policy not in first and evaluation.detail.get("playbacks"):
            first[evaluation.policy] = Playback.of(evaluation.detail["playbacks"][kept])
    return {name: first[name] for name in names if name in first}


def draw_playbacks(drawn: Mapping[str, Playback], styles: Styles) -> Figure:
    """Sessions of several players over one trace: bitrates over its bandwidth, buffers, and stalls in a row each.

    Args:
        drawn: by the player's name, in the order of the rows; all of one trace.
    """
    rows_in = 0.35 + ROW_IN * len(drawn)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN + rows_in))
    rates, buffers, stalls = figure.subplots(
        3, 1, sharex=True, height_ratios=(0.6 * HEIGHT_IN, 0.4 * HEIGHT_IN, rows_in)
    )
    _draw_bitrates(rates, drawn, styles)
    for name, playback in drawn.items():
        buffers.plot(*playback.buffer_over_time(), **styles[name].line)
    buffers.set_ylabel("buffer (s)")
    buffers.set_ylim(bottom=0.0)
    _draw_stalls(stalls, drawn)
    stalls.set_xlim(0.0, max(playback.end_s for playback in drawn.values()))
    stalls.set_xlabel("seconds since the first request")
    for axes in (rates, buffers):
        axes.grid(axis="y")
    figure.align_ylabels((rates, buffers))
    figure.legend(*rates.get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _draw_bitrates(axes: Axes, drawn: Mapping[str, Playback], styles: Styles) -> None:
    """The bitrate that each player asks for, over the bandwidth that the trace has."""
    longest = max(drawn.values(), key=lambda playback: playback.end_s)
    axes.fill_between(
        longest.step_s * np.arange(len(longest.bandwidth_mbps) + 1),
        np.append(longest.bandwidth_mbps, longest.bandwidth_mbps[-1]),
        step="post",
        facecolor=RULE[0],
        linewidth=0.0,
        label="bandwidth",
    )
    for name, playback in drawn.items():
        label = f"{name}: QoE {playback.qoe:.2f}, {playback.stalled_s:.1f} s stalled"
        axes.stairs(playback.bitrate_mbps, playback.start_s, baseline=None, label=label, **styles[name].line)
    axes.set_ylabel("Mbit/s")
    axes.set_ylim(0.0, MOST_OF_LADDER * max(float(p.bitrate_mbps.max()) for p in drawn.values()))


def _draw_stalls(axes: Axes, drawn: Mapping[str, Playback]) -> None:
    """A row for each player, dark during stalls."""
    for row, playback in enumerate(drawn.values()):
        axes.barh(row, playback.end_s, 0.5, facecolor=RULE[0])
        stalls = playback.stalls_s
        spans = np.column_stack([stalls[:, 0], stalls[:, 1] - stalls[:, 0]])
        axes.broken_barh(
            spans.tolist(), (row - 0.36, 0.72), facecolor=INK[0], edgecolor=INK[0], linewidth=0.8
        )
    axes.set_yticks(range(len(drawn)), list(drawn))
    axes.set_ylim(len(drawn) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.spines["bottom"].set_color(FAINT[0])


def _sessions(setting: str, evaluations: Sequence[Evaluation], styles: Styles) -> Drawings:
    """Sessions of a few players over the kept traces of a setting."""
    names = _few(evaluations, styles)
    drawings: Drawings = []
    n_kept = min((len(e.detail.get("playbacks", ())) for e in evaluations if e.policy in names), default=0)
    for kept in range(n_kept):
        drawn = playbacks(evaluations, names, kept)
        which = _VARIABILITY[kept] if n_kept == len(_VARIABILITY) else "a trace"
        caption = f"{setting}, {which} ({next(iter(drawn.values())).trace}); dark: stalls."
        drawings.append((_PLAYBACK, caption, draw_playbacks(drawn, styles)))
    return drawings


def _few(evaluations: Sequence[Evaluation], styles: Styles) -> list[str]:
    """The best adapted model, then the best and the worst of the others, clairvoyant ones left out."""
    known = {e.policy: e.mean for e in evaluations if e.detail.get("playbacks") and e.role != "clairvoyant"}
    ranked = sorted(known, key=lambda name: -known[name])
    adapted = [name for name in ranked if styles[name].kind == "adapted"][:1]
    others = [name for name in ranked if styles[name].kind == "baseline"] or ranked
    return list(dict.fromkeys([*adapted, *others[:1], *others[-1:], *ranked]))[:PLAYERS_DRAWN]


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
