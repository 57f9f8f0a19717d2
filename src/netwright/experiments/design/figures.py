"""Figures of the experiment `design`: quality by question (Fig. 6), by noise (Fig. 12), by size of pool (Fig. 13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netwright.core.palette import FAINT, RC, Keywords
from netwright.core.results import Details, read_rows
from netwright.report.render import png

COMMAND = "netwright experiments design"
TITLES = {"mcf": "MCF", "bw": "BW", "nf": "NF", "ospf": "OSPF"}
STYLES: dict[str, Keywords] = {
    "no-prune": {"color": "#77828f", "linestyle": (0, (1.2, 1.2)), "linewidth": 1.2},
    "objective-only": {"color": "#b39f6b", "linestyle": (0, (4, 1.4)), "linewidth": 1.2},
    "consistent": {"color": "#8a8f6b", "linestyle": (0, (2.4, 1.4)), "linewidth": 1.2},
    "voting": {"color": "#a8713a", "linestyle": (0, (6, 1.5, 1.2, 1.5)), "linewidth": 1.6},
    "bayes:pair": {"color": "#0072b2", "linestyle": "-", "linewidth": 2.0},
    "bayes:triple": {"color": "#d55e00", "linestyle": "-", "linewidth": 2.0},
    "bayes:tick": {"color": "#009e73", "linestyle": "-", "linewidth": 2.0},
}

Row = Details


def draw(results: Path) -> list[Path]:
    """Draw all figures from a results file into `docs/images` if it exists, otherwise beside the file."""
    images = results.absolute().parent.parent / "docs" / "images"
    folder = images if images.is_dir() else results.parent
    rows = [r for r in read_rows(results) if r["command"] == COMMAND]
    drawn = []
    with matplotlib.rc_context(RC):
        for name, figure in (
            ("design-quality", by_question(rows)),
            ("design-noise", by_noise(rows)),
            ("design-pool-size", by_size(rows)),
        ):
            path = folder / f"{name}.png"
            path.write_bytes(png(figure))
            drawn.append(path)
    return drawn


def by_question(rows: Sequence[Row], topology: str = "abilene") -> Figure:
    """Median quality after each question with a perfect teacher, 10th percentile thin; one panel per scenario."""
    chosen = [r for r in rows if r["topology"] == topology and _clean(r) and _usual(r) and "medians" in r]
    scenarios = [s for s in TITLES if any(r["setting"].startswith(f"{s}:") for r in chosen)]
    figure, panels = _panels(len(scenarios))
    for scenario, axes in zip(scenarios, panels, strict=True):
        for row in _in_order(r for r in chosen if r["setting"].startswith(f"{scenario}:")):
            questions = range(1, len(row["medians"]) + 1)
            style = STYLES[row["subject"]]
            axes.plot(questions, row["medians"], label=row["subject"], **style)
            axes.plot(questions, row["p10s"], **{**style, "linewidth": 0.8, "alpha": 0.55})
        axes.set_title(f"{TITLES[scenario]}, {topology}")
        axes.set_xlabel("questions answered")
        axes.set_ylim(0.5, 1.005)
        axes.set_xticks(range(1, 11))
    _finish(panels, "quality: median, thin 10th percentile")
    return figure


def by_noise(rows: Sequence[Row], topology: str = "abilene", query: int = 5) -> Figure:
    """Median quality after five questions as a function of the teacher's noise; one panel per scenario."""
    chosen = [
        r
        for r in rows
        if r["topology"] == topology and r["query"] == query and r["truths"] == "template" and _usual(r)
        if not r["jnd_share"]
    ]
    scenarios = [s for s in TITLES if any(r["setting"].startswith(f"{s}:") for r in chosen)]
    figure, panels = _panels(len(scenarios))
    for scenario, axes in zip(scenarios, panels, strict=True):
        for subject, style in STYLES.items():
            found = sorted(
                (r["noise_percent"], r["value"])
                for r in chosen
                if r["setting"].startswith(f"{scenario}:") and r["subject"] == subject
            )
            if len(found) > 1:
                axes.plot(*zip(*found, strict=True), label=subject, marker="o", markersize=3, **style)
        axes.set_title(f"{TITLES[scenario]}, {topology}")
        axes.set_xlabel("noise p, % of (max - mean)")
        axes.set_xticks([0, 5, 10, 20])
        axes.set_ylim(0.75, 1.005)
    _finish(panels, f"median quality after {query} questions", "lower left")
    return figure


def _draw_sizes(axes: Axes, rows: Sequence[Row]) -> None:
    """Median and 10th percentile of each learner by the size of its pool."""
    for subject, style in STYLES.items():
        found = sorted((r["pool_objectives"], r["value"], r["p10"]) for r in rows if r["subject"] == subject)
        if found:
            at, medians, lows = zip(*found, strict=True)
            axes.plot(at, medians, label=subject, marker="o", markersize=3, **style)
            axes.plot(at, lows, **{**style, "linewidth": 0.8, "alpha": 0.55})


def by_size(rows: Sequence[Row], query: int = 5) -> Figure:
    """Quality after five questions, evaluated on the largest pool, as a function of the learner's pool size."""
    chosen = [r for r in rows if not _usual(r) and r["query"] == query]
    scenarios = [s for s in TITLES if any(r["setting"].startswith(f"{s}:") for r in chosen)]
    figure, panels = _panels(len(scenarios))
    for scenario, axes in zip(scenarios, panels, strict=True):
        _draw_sizes(axes, [r for r in chosen if r["setting"].startswith(f"{scenario}:")])
        axes.set_title(f"{TITLES[scenario]}, abilene")
        axes.set_xscale("log")
        sizes = sorted({r["pool_objectives"] for r in chosen})
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel("objectives in the pool")
    _finish(panels, f"quality after {query} questions")
    return figure


def _clean(row: Row) -> bool:
    return row["truths"] == "template" and not row["noise_percent"] and not row["jnd_share"]


def _usual(row: Row) -> bool:
    """Whether the learner had all objectives except the truths, as in all cells but those of pool sizes."""
    return not row["size_of_pool_varied"]


def _in_order(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=lambda r: list(STYLES).index(r["subject"]))


def _panels(n: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(3.4 * max(n, 1), 3.2))
    return figure, list(figure.subplots(1, max(n, 1), squeeze=False)[0])[:n]


def _finish(panels: Sequence[Axes], label: str, legend: str = "lower right") -> None:
    for axes in panels:
        axes.grid(color=FAINT[0], alpha=0.2)
    if panels:
        panels[0].set_ylabel(label)
        if panels[0].get_legend_handles_labels()[0]:
            panels[0].legend(loc=legend)
