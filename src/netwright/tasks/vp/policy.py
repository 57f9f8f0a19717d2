"""Viewport policies: one protocol for rules, small networks and adapted models."""

from __future__ import annotations

from types import MappingProxyType
from typing import Protocol, runtime_checkable

import numpy as np

from netwright.core.trained_for import Conditions
from netwright.tasks.vp.angles import Floats, valid_deg
from netwright.tasks.vp.windows import Observation, Windows, check_finite, single


@runtime_checkable
class ViewportPolicy(Protocol):
    """A `Policy` that also answers many windows at once."""

    def reset(self, rng: np.random.Generator) -> None:
        """Forget the last session; draw all later randomness from `rng`."""
        ...

    def act(self, obs: Observation) -> Floats:
        """(horizon, 3) predicted roll, pitch, yaw in degrees for one moment."""
        ...

    def predict(self, windows: Windows) -> Floats:
        """(N, horizon, 3) predicted roll, pitch, yaw in degrees, each a valid angle."""
        ...


class WindowPolicy:
    """Base of a policy without memory between calls: `extrapolate` is all that a method has to write.

    Attributes:
        trained_for: see `netwright.core.trained_for.TrainedPolicy`; empty for a rule.
    """

    trained_for: Conditions = MappingProxyType({})

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) predicted angles in degrees, not yet brought into their ranges."""
        raise NotImplementedError

    def predict(self, windows: Windows) -> Floats:
        """(N, horizon, 3) predicted angles in degrees: roll and yaw in [-180, 180), pitch in [-90, 90].

        Raises:
            DataError: a sample before a window's start is not a finite number.
        """
        check_finite(windows)
        return valid_deg(self.extrapolate(windows))

    def reset(self, rng: np.random.Generator) -> None:
        """Without effect: the policy has no state and draws nothing."""

    def act(self, obs: Observation) -> Floats:
        """(horizon, 3) the same answer as `predict` gives for this moment as one window."""
        answer: Floats = self.predict(single(obs))[0]
        return answer
