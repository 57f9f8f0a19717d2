"""Buffer-based adaptation: the fuller the buffer, the higher the rung.

Source: Huang et al., "A buffer-based approach to rate adaptation" (SIGCOMM 2014), in the linear form and with
the constants of the published Pensieve code.
"""

from __future__ import annotations

import numpy as np

from netwright.tasks.abr.media import Ints
from netwright.tasks.abr.observation import Observation

RESERVOIR_S = 5.0
CUSHION_S = 10.0


class Bba:
    """The lowest rung below 5 s of buffer, the highest from 15 s on, in between a linear map, rounded down."""

    def reset(self, rng: np.random.Generator) -> None:
        """Nothing to forget, nothing to draw."""

    def act(self, obs: Observation) -> Ints:
        """(B,) rungs."""
        top = obs.n_levels - 1
        level = (top * (obs.buffer_s - RESERVOIR_S) / CUSHION_S).astype(np.int64)
        level[obs.buffer_s < RESERVOIR_S] = 0
        level[obs.buffer_s >= RESERVOIR_S + CUSHION_S] = top
        return level
