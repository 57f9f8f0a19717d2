"""Table of a question: designs side by side in their units, the largest differences first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from netwright.synthesis.problem import Array, Design, MetricGroup

LETTERS = "ABC"
BEST = "*"  # marks the best value of a row, independent of color


@dataclass(frozen=True)
class Row:
    """One metric of the designs shown.

    Attributes:
        cells: one text per design, the best marked.
        share: largest difference as a share of the metric's range over all known designs, 0..1.
    """

    title: str
    cells: tuple[str, ...]
    difference: str
    share: float

    @property
    def texts(self) -> list[str]:
        """The cells of a printed row."""
        return [self.title, *self.cells, self.difference]


def metric_rows(group: MetricGroup, designs: Sequence[Design], ranges: Array) -> list[Row]:
    """One row per metric, sorted by the difference as a share of `ranges` (m,), largest first."""
    rows = []
    for j, metric in enumerate(group.metrics):
        values = np.array([design.metrics[j] for design in designs])
        gap = float(values.max() - values.min())
        share = gap / float(ranges[j]) if ranges[j] > 0.0 else 0.0
        best = values.max() if metric.larger_is_better else values.min()
        places = decimals(values, gap)
        tied = f"{gap:.{places}f}" == f"{0:.{places}f}"
        cells = tuple(f"{v:.{places}f}" + (BEST if v == best and not tied else " ") for v in values)
        wish = "more is better" if metric.larger_is_better else "less is better"
        title = f"{metric.name} ({metric.unit}), {wish}"
        difference = (
            "" if len(designs) < 2 else "same" if tied else f"{gap:.{places}f} ({share:.0%} of range)"
        )
        rows.append(Row(title, cells, difference, share))
    return sorted(rows, key=lambda row: -row.share)


def decimals(values: Array, gap: float) -> int:
    """Decimal places (0 to 4) for three digits of the largest value and two of the difference."""
    largest = float(np.abs(values).max())
    needed = [2 - math.floor(math.log10(largest))] if largest > 0.0 else [0]
    if gap > 1e-6 * largest:
        needed.append(1 - math.floor(math.log10(gap)))
    return min(4, max(0, *needed))


def headings(designs: Sequence[Design], best: int | None = None) -> list[str]:
    """Titles of the columns; `best` is the position of the best design so far, if shown."""
    names = [f"{LETTERS[i]}{' (best so far)' if i == best else ''}" for i in range(len(designs))]
    return ["", *names, "difference" if len(designs) > 1 else ""]


def text_rows(figures: Sequence[Mapping[str, float | str]]) -> list[list[str]]:
    """One row per additional figure of the designs, without marking a best value."""
    rows = []
    for name in figures[0]:
        values = [each[name] for each in figures]
        cells = [v if isinstance(v, str) else f"{v:.0f}" for v in values]
        rows.append([name, *cells, "same" if len(set(cells)) == 1 and len(cells) > 1 else ""])
    return rows
