"""Clusters as a model plays them in the online phase: a number of executors is a place among the options."""

from __future__ import annotations

import numpy as np

from netwright.tasks.cjs import features
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.graphs import Floats, Ints


class OptionEnvironment(ClusterEnvironment):
    """A `ClusterEnvironment` whose actions (R, 2) are places: of the stage among the choices, of the number."""

    def step(self, actions: Ints) -> tuple[Floats, Floats]:
        """Commit the number of executors that each option stands for, see `features.Features.options`."""
        options = features.features(features.columns(self.observe())).options(actions[:, 0])
        numbers = options.numbers[np.arange(len(actions)), actions[:, 1]]
        return super().step(np.stack([actions[:, 0], numbers], axis=1))

    def fork(self, rows: Ints) -> OptionEnvironment:
        """As there."""
        return OptionEnvironment(super().fork(rows).clusters)

    def concat(self, other: ClusterEnvironment) -> OptionEnvironment:
        """As there."""
        return OptionEnvironment(super().concat(other).clusters)
