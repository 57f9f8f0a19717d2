"""Whoever predicts viewports: one protocol for rules, small networks and adapted models."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from netwright.tasks.vp.data import LIMITS_DEG, PITCH, ROLL, YAW, Floats
from netwright.tasks.vp.metrics import wrapped_deg
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
    """Base of a policy without memory between calls: `extrapolate` is all that a method has to write."""

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
        """Nothing to forget, nothing to draw."""

    def act(self, obs: Observation) -> Floats:
        """(horizon, 3) the same answer as `predict` gives for this moment as one window."""
        answer: Floats = self.predict(single(obs))[0]
        return answer


def valid_deg(angles_deg: Floats) -> Floats:
    """Angles brought into their ranges: roll and yaw wrapped into [-180, 180), pitch clipped to [-90, 90]."""
    valid = wrapped_deg(angles_deg)
    valid[..., PITCH] = np.clip(angles_deg[..., PITCH], -LIMITS_DEG[PITCH], LIMITS_DEG[PITCH])
    return valid


def mirrored_deg(angles_deg: Floats) -> Floats:
    """The same motion seen in a mirror: left and right swapped, so roll and yaw change their sign."""
    mirrored = angles_deg.copy()
    mirrored[..., [ROLL, YAW]] *= -1.0
    return mirrored


def unwrapped_deg(angles_deg: Floats) -> Floats:
    """(N, rows, 3) angles without jumps of a turn, continued backwards from the last sample, which stays."""
    return np.unwrap(angles_deg[:, ::-1], period=360.0, axis=1)[:, ::-1]
