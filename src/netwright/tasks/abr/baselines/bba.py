"""Buffer-based adaptation: the fuller the buffer, the higher the rung.

Source: Huang et al., "A buffer-based approach to rate adaptation" (SIGCOMM 2014), in the linear form and with
the constants of the published Pensieve code: a reservoir of 5 s and a cushion of 10 s, for chunks of 4 s and a
buffer of at most 60 s. Departure for other players: both grow in proportion to the cap or the chunk length, whichever
grows more, and end below the buffer that a fast link leaves after the wait at the cap, so that every rung is in reach.
"""

from __future__ import annotations

import numpy as np

from netwright.core.errors import ConfigError
from netwright.tasks.abr.media import Floats, Ints
from netwright.tasks.abr.observation import Observation, check_finite

RESERVOIR_S, CUSHION_S = 5.0, 10.0
PUBLISHED_CHUNK_S, PUBLISHED_CAP_S = 4.0, 60.0
DRAIN_S = 0.5  # step of the wait at the cap: on a fast link the buffer lies less than that below the cap
HIGHEST_RESERVOIR = 0.75  # of the way from one chunk to the top rung's buffer


class Bba:
    """The lowest rung below the reservoir, the highest above the cushion, in between a linear map, rounded down."""

    def reset(self, rng: np.random.Generator) -> None:
        """Without effect: the policy has no state and draws nothing."""

    def act(self, obs: Observation) -> Ints:
        """(B,) rungs.

        Raises:
            ConfigError: a buffer may not hold more than one chunk, so that its level has no information.
        """
        check_finite(obs)
        reservoir_s, cushion_s = thresholds(obs.chunk_s, obs.buffer_cap_s)
        top = obs.n_levels - 1
        level = np.clip(top * (obs.buffer_s - reservoir_s) / cushion_s, 0, top).astype(np.int64)
        level[obs.buffer_s >= reservoir_s + cushion_s] = top
        return level


def thresholds(chunk_s: Floats, cap_s: Floats) -> tuple[Floats, Floats]:
    """(B,) reservoir and cushion in seconds for chunks of that length and a buffer of at most `cap_s`.

    Raises:
        ConfigError: a cap is not above the chunk length.
    """
    if not (cap_s > chunk_s).all():
        worst = int(np.argmin(cap_s - chunk_s))
        raise ConfigError(
            f"bba chooses by the buffer, which must hold more than one chunk: buffer_cap_s {cap_s[worst]:g} is not "
            f"above the chunk's {chunk_s[worst]:g} s; raise it, or choose another policy."
        )
    scale = np.maximum(cap_s / PUBLISHED_CAP_S, chunk_s / PUBLISHED_CHUNK_S)
    full_s = np.maximum(cap_s - DRAIN_S, 0.9 * chunk_s + 0.1 * cap_s)
    top_s = np.minimum((RESERVOIR_S + CUSHION_S) * scale, full_s)
    reservoir_s = np.minimum(RESERVOIR_S * scale, chunk_s + HIGHEST_RESERVOIR * (top_s - chunk_s))
    return reservoir_s, top_s - reservoir_s
