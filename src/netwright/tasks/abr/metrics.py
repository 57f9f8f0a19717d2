"""How good a viewer's experience was (Appendix A.6 of Wu et al. 2024).

QoE of a chunk = its bitrate - `rebuffer` x stalled seconds - `change` x change of the bitrate, in Mbit/s.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numba import njit

from netwright.tasks.abr.media import Floats

Number = TypeVar("Number", float, Floats)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def chunk_qoe(
    bitrate_mbps: Number,
    rebuffer_s: Number,
    change_mbps: Number,
    rebuffer_weight: Number,
    change_weight: Number,
) -> Number:
    """QoE of one chunk, of sums over several, or of each of an array of chunks: the only place of the formula."""
    return bitrate_mbps - rebuffer_weight * rebuffer_s - change_weight * change_mbps


def normalised_qoe(qoe: Floats, optimum: Floats) -> float:
    """Mean QoE as a share of the mean offline optimum of the same traces; of means, since single ones may be near 0."""
    return float(np.mean(qoe) / np.mean(optimum))
