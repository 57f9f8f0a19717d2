"""Additional figures of designs, computed once per design."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from netwright.wan.exporting import Solved, figures, solved, today_of
from netwright.wan.registry import scenario
from netwright.wan.scenario import Scenario
from netwright.wan.selection import Source
from netwright.wan.tables import Tables

QUICK_TUNNELS = 2_000  # up to this size, solving for a design takes a fraction of a second


class Details:
    """Figures beside the metrics that operators ask for, of the designs that a question shows.

    Args:
        source: the pool.
        today: a `design.json` from which changes are counted; see `exporting.today_of`, which checks it now.
    """

    def __init__(self, source: Source, today: Path | None) -> None:
        self.source, self._file = source, today
        self._known: dict[int, dict[str, float | str]] = {}
        if today is not None:  # a wrong file is refused before the first question
            _ = self._today
        stored = self._scenario.changes_in == "links"
        self.quick = stored or len(source.instance.tunnels) <= QUICK_TUNNELS

    @property
    def _scenario(self) -> Scenario:
        return scenario(self.source.pool.provenance["scenario"])

    @cached_property
    def _today(self) -> Tables | None:
        """The design that changes are counted from."""
        return today_of(self._scenario, self.source.instance, self._file)

    def solved(self, design: int) -> Solved:
        """The design with its tables."""
        home, number = self.source.home(design)
        return solved(home.pool, home.path, home.instance, number)

    def figures(self, design: int) -> dict[str, float | str]:
        """Worst link, starved flows, changes from today."""
        if design not in self._known:
            self._known[design] = self.figures_of(self.solved(design))
        return self._known[design]

    def figures_of(self, chosen: Solved) -> dict[str, float | str]:
        """The figures of a design, which need not be in the pool."""
        return figures(chosen.tables, self._today)
