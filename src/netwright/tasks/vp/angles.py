"""Angles of viewports in degrees: axes, limits, wrapping, mirroring."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ROLL, PITCH, YAW = 0, 1, 2
AXES = ("roll", "pitch", "yaw")
LIMITS_DEG = (180.0, 90.0, 180.0)


def wrapped_deg(difference: ArrayLike) -> Floats:
    """A difference of angles brought into [-180, 180) degrees; one that lies there is returned unchanged."""
    d = np.asarray(difference, dtype=np.float64)
    outside = (d < -180.0) | (d >= 180.0)
    wrapped = d - 360.0 * np.where(outside, np.floor((d + 180.0) / 360.0), 0.0)
    return np.where((wrapped < -180.0) | (wrapped >= 180.0), -180.0, wrapped)  # rounding of large differences


def valid_deg(angles_deg: Floats) -> Floats:
    """Angles brought into their ranges: roll and yaw wrapped into [-180, 180), pitch clipped to [-90, 90]."""
    valid = wrapped_deg(angles_deg)
    valid[..., PITCH] = np.clip(angles_deg[..., PITCH], -LIMITS_DEG[PITCH], LIMITS_DEG[PITCH])
    return valid


def mirrored_deg(angles_deg: Floats) -> Floats:
    """The same motion seen in a mirror: left and right swapped, so roll and yaw change their sign."""
    mirrored = angles_deg.copy()
    mirrored[..., [ROLL, YAW]] *= -1.0
    return mirrored


def unwrapped_deg(angles_deg: Floats) -> Floats:
    """(N, rows, 3) angles without jumps of a turn, continued backwards from the last sample, which stays."""
    return np.unwrap(angles_deg[:, ::-1], period=360.0, axis=1)[:, ::-1]
