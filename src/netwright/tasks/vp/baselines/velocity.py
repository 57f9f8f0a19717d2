"""The viewer keeps turning: with the mean velocity of the history, or with the last one, dying down."""

from __future__ import annotations

import numpy as np

from netwright.core.errors import ConfigError
from netwright.tasks.vp.angles import Floats, unwrapped_deg
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.windows import Windows


class Velocity(WindowPolicy):
    """Mean velocity over the history, continued: (last - first) / (history - 1) per step.

    Source: the published code of Wu et al. 2024, which takes the difference of raw angles; `unwrap` corrects
    histories that cross the half turn.
    """

    def __init__(self, *, unwrap: bool = False) -> None:
        self.unwrap = unwrap

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) last sample + velocity x step, unbounded."""
        seen = unwrapped_deg(windows.seen_deg()) if self.unwrap else windows.seen_deg()
        velocity = (seen[:, -1] - seen[:, 0]) / max(1, windows.history - 1)
        return seen[:, -1:] + velocity[:, None] * np.arange(1, windows.horizon + 1)[:, None]


class DampedVelocity(WindowPolicy):
    """The last step's velocity, dying down exponentially: last + v tau (1 - exp(-k / tau)) after k steps.

    `tau_samples` = 1 is the best of 0.25, 0.5, 1 and 2 on the default validation windows (Jin2022).
    """

    def __init__(self, tau_samples: float = 1.0) -> None:
        if tau_samples <= 0.0:
            raise ConfigError(f"DampedVelocity.tau_samples must be above 0, got {tau_samples}.")
        self.tau_samples = tau_samples

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) last sample + what is left of its motion, unbounded."""
        seen = unwrapped_deg(windows.seen_deg())
        velocity = seen[:, -1] - seen[:, -min(2, windows.history)]
        steps = np.arange(1, windows.horizon + 1)[:, None]
        return seen[:, -1:] + velocity[:, None] * self.tau_samples * -np.expm1(-steps / self.tau_samples)


def unwrapped() -> Velocity:
    """The policy `velocity-unwrapped`."""
    return Velocity(unwrap=True)
