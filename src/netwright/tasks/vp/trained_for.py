"""What a learned viewport predictor was trained for, and what a setting asks for: rate, history and horizon."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netwright.core.trained_for import Condition, Conditions, single
from netwright.tasks.vp.dataset import VpData
from netwright.tasks.vp.features import LONGEST_HISTORY, LONGEST_HORIZON
from netwright.tasks.vp.settings import SAMPLE_RATE_HZ, VpConfig

SHORTEST_HISTORY = 2  # see `Examples.batch`
RATE, HISTORY, HORIZON = "sampling rate", "history", "horizon"
_HZ, _SAMPLES = "Hz", "samples"


def conditions(config: VpConfig, data: VpData) -> Conditions:
    """The conditions of a setting."""
    return {
        RATE: _rates(data, (config.dataset,)),
        HISTORY: single(config.history, _SAMPLES),
        HORIZON: single(config.horizon, _SAMPLES),
    }


def of_training(data: VpData, datasets: Sequence[str]) -> dict[str, Condition]:
    """The conditions of every model that learned from these datasets: `Examples` are cut in the same way for all."""
    return {
        RATE: _rates(data, datasets),
        HISTORY: Condition(unit=_SAMPLES, low=SHORTEST_HISTORY, high=LONGEST_HISTORY),
        HORIZON: Condition(unit=_SAMPLES, low=1, high=LONGEST_HORIZON),
    }


def _rates(data: VpData, datasets: Sequence[str]) -> Condition:
    """The sampling rate of each dataset: of the median step between its rows."""
    rates = []
    for name in datasets:
        steps_s = np.diff(data.traces(name).time_s)
        forward = steps_s[steps_s > 0.0]  # traces are end to end
        rates.append(float(f"{1.0 / float(np.median(forward)):.3g}") if forward.size else SAMPLE_RATE_HZ)
    return Condition(unit=_HZ, values=tuple((rate,) for rate in dict.fromkeys(rates)))
