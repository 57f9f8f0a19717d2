"""One least-squares line per axis through the history, continued."""

from __future__ import annotations

import numpy as np

from netwright.tasks.vp.angles import Floats, unwrapped_deg
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.windows import Windows


class LinearRegression(WindowPolicy):
    """Least-squares line over the history, in closed form for all windows at once.

    The published code of Wu et al. 2024 fits again after each step with its own prediction appended; points
    on the fitted line do not change the fit, so one line is the same. It fits raw angles; `unwrap` corrects
    histories that cross the half turn.
    """

    def __init__(self, *, unwrap: bool = False) -> None:
        self.unwrap = unwrap

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) the line's values, unbounded."""
        seen = unwrapped_deg(windows.seen_deg()) if self.unwrap else windows.seen_deg()
        centred = np.arange(windows.history) - (windows.history - 1) / 2.0
        slope = np.einsum("t,nta->na", centred, seen) / max(1e-12, float(centred @ centred))
        ahead = centred[-1] + np.arange(1, windows.horizon + 1)
        line: Floats = seen.mean(axis=1, keepdims=True) + slope[:, None] * ahead[:, None]
        return line


def unwrapped() -> LinearRegression:
    """The policy `linear-regression-unwrapped`."""
    return LinearRegression(unwrap=True)
