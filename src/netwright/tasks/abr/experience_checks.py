"""What recorded observations of bitrate streaming may hold: checked once, when an experience is learned from."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from netwright.adaptation.offline.experience import COMPONENTS, OBSERVATION, REMEDY, REWARD
from netwright.core.array_files import RawArray
from netwright.core.errors import DataError
from netwright.tasks.abr.metrics import chunk_qoe

# Least and largest value of each column; whole numbers where the last entry says so.
LIMITS: dict[str, tuple[float, float, bool]] = {
    "throughputs_mbps": (0.0, 1e6, False),
    "delays_s": (0.0, 1e7, False),
    "buffer_s": (0.0, 1e6, False),
    "last_level": (0.0, 1e3, True),
    "n_left": (1.0, 1e5, True),
    "next_sizes_mb": (0.0, 1e4, False),
    "bitrates_mbps": (1e-6, 1e6, False),
    "chunk_s": (1e-3, 1e4, False),
    "buffer_cap_s": (1e-3, 1e6, False),
    "rebuffer_weight": (0.0, 1e6, False),
    "change_weight": (0.0, 1e6, False),
}
SAME_QOE = 1e-3  # relative and absolute: a reward that agrees with its components, which are stored in single precision


def check_observations(kept: Mapping[str, RawArray], rewards: RawArray, components: RawArray) -> None:
    """Refuse observations that no session can have, and rewards that are not the QoE of their components.

    Args:
        kept: columns of an `Observation` by name, N rows each.
        rewards: QoE of the chunk that was decided on; shape (N,).
        components: its bitrate (Mbit/s), rebuffering (s) and change of bitrate (Mbit/s); shape (N, 3).

    Raises:
        DataError: names the column and the row.
    """
    n_levels = kept["bitrates_mbps"].shape[1]
    for name, (low, high, whole) in LIMITS.items():
        if name in kept:
            most = n_levels - 1.0 if name == "last_level" else high
            _check(OBSERVATION + name, kept[name], low, most, whole=whole)
    first = kept["next_sizes_mb"][:, 0] if "next_sizes_mb" in kept else None
    if first is not None:
        _check(f"{OBSERVATION}next_sizes_mb", first, float(np.finfo(np.float32).tiny), 1e4)
    if components.shape != (len(rewards), 3):
        raise DataError(
            f"column {COMPONENTS!r} has shape {components.shape}, not three numbers a row; {REMEDY}."
        )
    bitrate, rebuffer_s, change = (components[:, i].astype(np.float64) for i in range(3))
    weights = (kept[name].astype(np.float64) for name in ("rebuffer_weight", "change_weight"))
    qoe = chunk_qoe(bitrate, rebuffer_s, change, *weights)
    wrong = np.flatnonzero(~np.isclose(rewards, qoe, rtol=SAME_QOE, atol=SAME_QOE))
    if wrong.size:
        row = int(wrong[0])
        raise DataError(
            f"column {REWARD!r} is {rewards[row]:g} in row {row}, but its components give {qoe[row]:g}; {REMEDY}."
        )


def _check(name: str, values: RawArray, low: float, high: float, *, whole: bool = False) -> None:
    outside = (values < low) | (values > high)
    if whole:
        outside |= values != np.rint(values)
    if outside.any():
        place = np.argwhere(outside)[0]
        kind = "a whole number" if whole else "a number"
        raise DataError(
            f"column {name!r} is {values[tuple(place)]:g} in row {int(place[0])}, must be {kind} from {low:g} to "
            f"{high:g}; {REMEDY}."
        )
