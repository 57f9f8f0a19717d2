"""How good a viewer's experience was (Appendix A.6 of Wu et al. 2024).

QoE of a chunk = its bitrate - `rebuffer` x stalled seconds - `change` x change of the bitrate, in Mbit/s.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np

from netwright.tasks.abr.media import Floats, QoE

Number = TypeVar("Number", float, Floats)


def chunk_qoe(bitrate_mbps: Number, rebuffer_s: Number, change_mbps: Number, weights: QoE) -> Number:
    """QoE of one chunk, or of each of an array of chunks."""
    return bitrate_mbps - weights.rebuffer * rebuffer_s - weights.change * change_mbps


def normalised_qoe(qoe: Floats, optimum: Floats) -> float:
    """Mean QoE as a share of the mean offline optimum of the same traces; of means, since single ones may be near 0."""
    return float(np.mean(qoe) / np.mean(optimum))
