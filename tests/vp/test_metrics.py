import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netwright.tasks.vp import metrics
from netwright.tasks.vp.angles import PITCH, YAW, wrapped_deg

ANY_ANGLE = st.floats(-1e4, 1e4)
ANGLES = hnp.arrays(np.float64, (4, 3, 3), elements=st.floats(-180.0, 180.0))
EXACT_DEG = 1e-9  # rounding of sums of angles up to 1e4


def circle_distance(a, b):
    """Distance on the circle by complex numbers: independent of any modulo."""
    return np.abs(np.degrees(np.angle(np.exp(1j * np.radians(np.asarray(a) - b)))))


@given(ANY_ANGLE)
def test_wrapped_differences_are_in_range_and_congruent(d):
    wrapped = float(wrapped_deg(d))
    assert -180.0 <= wrapped < 180.0
    assert np.isclose(circle_distance(wrapped, d), 0.0, atol=1e-7)


@given(ANY_ANGLE, st.integers(-20, 20))
def test_wrapping_has_the_period_of_a_turn(d, turns):
    shifted = wrapped_deg(d + 360.0 * turns)
    assert circle_distance(shifted, wrapped_deg(d)) == pytest.approx(0.0, abs=1e-6)


@given(st.floats(-180.0, 180.0, exclude_max=True))
def test_wrapping_leaves_what_is_in_range_untouched(d):
    assert float(wrapped_deg(d)) == d


@pytest.mark.parametrize(
    ("d", "expected"),
    [
        (0, 0),
        (180, -180),
        (-180, -180),
        (190, -170),
        (-190, 170),
        (359, -1),
        (900, -180),
        (-np.nextafter(180, 181), np.nextafter(180, 179)),
    ],
)
def test_wrapping_by_hand(d, expected):
    assert float(wrapped_deg(d)) == pytest.approx(expected)


def test_errors_by_hand():
    actual = np.zeros((2, 2, 3))
    actual[:, :, YAW] = 179.0
    predicted = actual.copy()
    predicted[0, 0] = (3.0, -6.0, -179.0)  # yaw is 2 off across the half turn
    predicted[1, 1] = (0.0, 0.0, 359.0)  # 180 off
    error = metrics.absolute_error_deg(predicted, actual)
    assert error[0, 0] == pytest.approx([3.0, 6.0, 2.0])
    assert metrics.mae(predicted, actual) == pytest.approx((3 + 6 + 2 + 180) / 12)
    assert metrics.by_axis(error) == pytest.approx({"roll": 0.75, "pitch": 1.5, "yaw": 182 / 4})
    assert metrics.by_horizon(error) == pytest.approx([11 / 6, 30.0])
    traces, means, counts = metrics.by_trace(error, np.array([7, 4]))
    assert traces.tolist() == [4, 7]
    assert means == pytest.approx([30.0, 11 / 6])
    assert counts.tolist() == [1, 1]


def test_the_published_error_undoes_one_turn_only():
    actual, far = np.zeros((1, 1, 3)), np.full((1, 1, 3), 700.0)
    assert metrics.published_mae(far, actual) == pytest.approx(340.0)
    assert metrics.mae(far, actual) == pytest.approx(20.0)
    near = np.full((1, 1, 3), 350.0)
    assert (
        metrics.published_mae(near, actual) == pytest.approx(metrics.mae(near, actual)) == pytest.approx(10.0)
    )


@given(ANGLES, ANGLES)
def test_the_error_is_the_distance_on_the_circle(predicted, actual):
    assert metrics.absolute_error_deg(predicted, actual) == pytest.approx(
        circle_distance(predicted, actual), abs=1e-6
    )


@given(ANGLES, ANGLES, st.sampled_from([-360.0, 360.0, 720.0]))
def test_a_full_turn_of_yaw_changes_nothing(predicted, actual, turn):
    turned = predicted.copy()
    turned[..., YAW] += turn
    assert metrics.mae(turned, actual) == pytest.approx(metrics.mae(predicted, actual), abs=EXACT_DEG)
    great = metrics.great_circle_deg(turned, actual)
    assert great == pytest.approx(metrics.great_circle_deg(predicted, actual), abs=1e-5)


@given(ANGLES, ANGLES, st.floats(-360.0, 360.0))
def test_turning_both_by_the_same_yaw_changes_nothing(predicted, actual, turn):
    both = [angles + np.array([0.0, 0.0, turn]) for angles in (predicted, actual)]
    assert metrics.mae(*both) == pytest.approx(metrics.mae(predicted, actual), abs=EXACT_DEG)
    great = metrics.great_circle_deg(*both)
    assert great == pytest.approx(metrics.great_circle_deg(predicted, actual), abs=1e-5)


def directions(angles):
    pitch, yaw = np.radians(angles[..., PITCH]), np.radians(angles[..., YAW])
    return np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], axis=-1)


@given(ANGLES, ANGLES)
def test_the_great_circle_is_the_angle_between_directions(predicted, actual):
    a, b = directions(predicted), directions(actual)
    by_vectors = np.degrees(2.0 * np.arctan2(np.linalg.norm(a - b, axis=-1), np.linalg.norm(a + b, axis=-1)))
    assert metrics.great_circle_deg(predicted, actual) == pytest.approx(by_vectors, abs=1e-5)


def test_share_within():
    assert metrics.within(np.array([0.0, 30.0, 30.1, 90.0])) == 0.5


def test_overlap_ends_and_falls():
    radius = metrics.cap_radius_deg()
    distance = np.linspace(0.0, 180.0, 500)
    overlap = metrics.viewport_overlap(distance)
    assert overlap[0] == pytest.approx(1.0)
    assert (overlap[distance >= 2 * radius] == 0.0).all()
    assert (np.diff(overlap) <= 1e-12).all()


@pytest.mark.parametrize("distance", [10.0, 45.0, 80.0])
def test_overlap_is_the_shared_solid_angle(distance):
    """Against a count of random directions in both caps; 1 % is four standard errors."""
    points = np.random.default_rng(0).standard_normal((400_000, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    edge = np.cos(np.radians(metrics.cap_radius_deg()))
    other = np.array([np.cos(np.radians(distance)), np.sin(np.radians(distance)), 0.0])
    inside = points[:, 0] >= edge
    counted = (inside & (points @ other >= edge)).sum() / inside.sum()
    assert metrics.viewport_overlap(np.array(distance)) == pytest.approx(counted, abs=0.01)


def test_the_cap_covers_the_solid_angle_of_the_field_of_view():
    points = np.random.default_rng(1).standard_normal((400_000, 3))
    forward, side, up = points.T
    half_width, half_height = np.tan(np.radians([55.0, 45.0]))
    seen = (forward > 0) & (np.abs(side) < forward * half_width) & (np.abs(up) < forward * half_height)
    share = (1.0 - np.cos(np.radians(metrics.cap_radius_deg()))) / 2.0
    assert share == pytest.approx(seen.mean(), abs=0.003)
