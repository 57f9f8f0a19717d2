"""How far a predicted viewport is from the true one: the paper's error, and errors of the viewing direction.

Shapes: N windows, H steps of the horizon, axes roll, pitch, yaw in degrees. Source of the mean absolute
error: Appendix A.6 of Wu et al. 2024. Departure: differences are wrapped by a true modulo, so that an error
never exceeds half a turn; the published code undoes one turn only, which `published_mae` reproduces.
"""

from __future__ import annotations

import math

import numpy as np

from netwright.tasks.vp.angles import AXES, PITCH, YAW, Floats, Ints, wrapped_deg

FIELD_OF_VIEW_DEG = (110.0, 90.0)  # width and height of a headset's viewport
NEAR_DEG = 30.0


def absolute_error_deg(predicted: Floats, actual: Floats) -> Floats:
    """(N, H, 3) wrapped absolute error of each angle in degrees."""
    return np.abs(wrapped_deg(predicted - actual))


def mae(predicted: Floats, actual: Floats) -> float:
    """Mean absolute error in degrees over windows, steps and axes (Appendix A.6)."""
    return float(absolute_error_deg(predicted, actual).mean())


def published_mae(predicted: Floats, actual: Floats) -> float:
    """The published code's error in degrees: only one turn is undone, so far extrapolations count in full."""
    d = predicted - actual
    return float(np.minimum(np.abs(d), np.minimum(np.abs(d + 360.0), np.abs(d - 360.0))).mean())


def by_axis(error_deg: Floats) -> dict[str, float]:
    """Mean over windows and steps of (N, H, 3) errors, for each axis by name."""
    return dict(zip(AXES, error_deg.mean(axis=(0, 1)).tolist(), strict=True))


def by_horizon(error_deg: Floats) -> Floats:
    """(H,) mean over windows and axes of (N, H, 3) errors."""
    means: Floats = error_deg.mean(axis=(0, 2))
    return means


def by_trace(error_deg: Floats, trace: Ints) -> tuple[Ints, Floats, Ints]:
    """Mean of (N, H, 3) errors for each trace.

    Args:
        error_deg: (N, H, 3) errors in degrees.
        trace: (N,) the trace of each window.

    Returns:
        (T,) the distinct traces in rising order, (T,) their mean errors in degrees, (T,) their window counts.
    """
    traces, inverse, counts = np.unique(trace, return_inverse=True, return_counts=True)
    sums = np.bincount(inverse, weights=error_deg.mean(axis=(1, 2)))
    return traces, sums / counts, counts.astype(np.int64)


def great_circle_deg(predicted: Floats, actual: Floats) -> Floats:
    """(N, H) angle in degrees between the two viewing directions, which pitch and yaw make and roll does not.

    The haversine form, which stays exact for small angles.
    """
    pitch, other_pitch = np.radians(predicted[..., PITCH]), np.radians(actual[..., PITCH])
    yaw_difference = np.radians(predicted[..., YAW] - actual[..., YAW])
    h = (
        np.sin((pitch - other_pitch) / 2.0) ** 2
        + np.cos(pitch) * np.cos(other_pitch) * np.sin(yaw_difference / 2.0) ** 2
    )
    distance: Floats = np.degrees(2.0 * np.arcsin(np.sqrt(np.clip(h, 0.0, 1.0))))
    return distance


def within(distance_deg: Floats, limit_deg: float = NEAR_DEG) -> float:
    """Share (0..1) of steps whose viewing direction is at most `limit_deg` off."""
    return float((distance_deg <= limit_deg).mean())


def cap_radius_deg(field_of_view_deg: tuple[float, float] = FIELD_OF_VIEW_DEG) -> float:
    """Angular radius of the spherical cap with the solid angle of a (width, height) field of view."""
    half_width, half_height = (math.radians(side) / 2.0 for side in field_of_view_deg)
    solid_angle = 4.0 * math.asin(math.sin(half_width) * math.sin(half_height))
    return math.degrees(math.acos(1.0 - solid_angle / (2.0 * math.pi)))


def viewport_overlap(distance_deg: Floats, radius_deg: float | None = None) -> Floats:
    """Share (0..1) of the true viewport that the predicted one covers, for viewing directions that far apart.

    A viewport is taken as the spherical cap with the solid angle of a 110 x 90 degree field of view. The
    share then has a closed form and does not depend on where on the sphere the viewer looks, as a rectangle
    in yaw and pitch would. Roll plays no part.

    Args:
        distance_deg: great-circle distances of the two directions in degrees, any shape.
        radius_deg: angular radius of the cap, below 90; that of the default field of view if None.
    """
    radius = math.radians(cap_radius_deg() if radius_deg is None else radius_deg)
    cos_r, sin_r = math.cos(radius), math.sin(radius)
    d = np.radians(np.asarray(distance_deg, dtype=np.float64))
    apart = d >= 2.0 * radius
    d = np.clip(d, 1e-9, 2.0 * radius)
    lens = 2.0 * (
        math.pi
        - np.arccos(np.clip((np.cos(d) - cos_r**2) / sin_r**2, -1.0, 1.0))
        - 2.0 * cos_r * np.arccos(np.clip(cos_r / sin_r * np.tan(d / 2.0), -1.0, 1.0))
    )
    return np.where(apart, 0.0, np.clip(lens / (2.0 * math.pi * (1.0 - cos_r)), 0.0, 1.0))
