"""What a bitrate policy was trained for, and what a setting asks for: ladder, chunks, buffer, connection, viewer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from netwright.adaptation.offline.experience import OBSERVATION, Experience
from netwright.core.trained_for import Condition, Conditions, single
from netwright.tasks.abr.dataset import AbrData
from netwright.tasks.abr.media import QoE, Rules, Video
from netwright.tasks.abr.settings import AbrConfig
from netwright.tasks.abr.training_set import NOISY_RULES

LADDER, STALLING, CHANGES = "ladder", "weight of stalling", "weight of changes"
DIGITS = 6  # significant ones of a number that was kept in single precision
MOST_VALUES = 20  # of one number; more are kept as a range


def conditions(config: AbrConfig, data: AbrData) -> Conditions:
    """The conditions of a setting."""
    return of_videos([data.video(config.video)], config.rules, config.qoe)


def of_videos(videos: Sequence[Video], rules: Rules, qoe: QoE) -> dict[str, Condition]:
    """The conditions of sessions that play these videos under these rules for such a viewer."""
    return {
        LADDER: Condition(unit="kbit/s", values=tuple(dict.fromkeys(v.bitrates_kbps for v in videos))),
        "chunk length": _of_numbers([video.chunk_s for video in videos], "s"),
        "buffer cap": single(rules.buffer_cap_s, "s"),
        "RTT": single(rules.rtt_ms, "ms"),
        STALLING: single(qoe.rebuffer),
        CHANGES: single(qoe.change),
    }


def of_experience(experience: Experience) -> dict[str, Condition]:
    """The conditions of the sessions in an experience; every collection has the round trips of `NOISY_RULES`."""

    def kept(name: str) -> NDArray[np.float32]:
        return experience.array(OBSERVATION + name)

    ladders = np.unique(kept("bitrates_mbps"), axis=0)
    return {
        LADDER: Condition(
            unit="kbit/s",
            values=tuple(tuple(_rounded(rate * 1000.0) for rate in ladder) for ladder in ladders.tolist()),
        ),
        "chunk length": _of_numbers(kept("chunk_s"), "s"),
        "buffer cap": _of_numbers(kept("buffer_cap_s"), "s"),
        "RTT": single(NOISY_RULES.rtt_ms, "ms"),
        STALLING: _of_numbers(kept("rebuffer_weight")),
        CHANGES: _of_numbers(kept("change_weight")),
    }


def _of_numbers(numbers: ArrayLike, unit: str = "") -> Condition:
    found = np.unique(np.asarray(numbers, dtype=np.float64))
    if len(found) > MOST_VALUES:
        return Condition(unit=unit, low=_rounded(found[0]), high=_rounded(found[-1]))
    return Condition(unit=unit, values=tuple((_rounded(number),) for number in found))


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
