"""The viewer keeps looking where they look now ("no motion"): the strongest rule, left out of the paper."""

from __future__ import annotations

import numpy as np

from netwright.tasks.vp.angles import Floats
from netwright.tasks.vp.policy import WindowPolicy
from netwright.tasks.vp.windows import Windows


class LastValue(WindowPolicy):
    """Repeats the last sample (the no-motion baseline of Romero Rondon et al., arXiv 1911.11702)."""

    def extrapolate(self, windows: Windows) -> Floats:
        """(N, horizon, 3) the last sample, at every step."""
        return np.repeat(windows.last_deg()[:, None], windows.horizon, axis=1)
