"""Figures of designs that operators see beside the metrics, worked out once each."""

from __future__ import annotations

from pathlib import Path

from netwright.wan.exporting import Solved, Tables, figures, solved, today_of
from netwright.wan.selection import Source

QUICK_TUNNELS = 2_000  # up to here a design is solved for again in a fraction of a second


class Details:
    """Figures beside the metrics that operators ask for, of the designs that a question shows."""

    def __init__(self, source: Source, today: Path | None) -> None:
        self.source = source
        self._today_file = today
        self._today: Tables | None = None
        self._known: dict[int, dict[str, float | str]] = {}
        stored = source.pool.provenance["scenario"] == "ospf"
        self.quick = stored or len(source.instance.tunnels) <= QUICK_TUNNELS

    def solved(self, design: int) -> Solved:
        """The design with its tables."""
        return solved(self.source.pool, self.source.path, self.source.instance, design)

    def figures(self, design: int) -> dict[str, float | str]:
        """Worst link, starved flows, changes from today."""
        if design not in self._known:
            tables = self.solved(design).tables
            if self._today is None:
                self._today = today_of(tables, self.source.instance, self._today_file)
            self._known[design] = figures(tables, self._today)
        return self._known[design]
