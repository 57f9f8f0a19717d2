"""Hulls and bisected frontiers on points worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import ConvexHull

from netwright.solvers.status import Solution, SolveReport, Status
from netwright.wan.frontier import ORIGIN, Dichotomy, Point, upper_hull

REPORT = SolveReport("simplex", True, 0.5, 3, 0.0)
POINTS = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=3, max_size=25, unique=True)


def over(points):
    """A dichotomy over the best of given points."""

    def best(slope):
        chosen = max(points, key=lambda p: p.gain - slope * p.cost)
        return Solution(Status.OPTIMAL, np.array([slope]), 0.0, REPORT), chosen

    return best


def test_a_hull_worked_by_hand():
    points = [(0, 0), (1, 3), (1, 2), (2, 4), (3, 5), (4, 5), (2.5, 4.2)]
    # (2, 4) and (3, 5) lie on one line with each other only; (4, 5) is no better than (3, 5).
    assert upper_hull(np.array(points, dtype=float)).tolist() == [[0, 0], [1, 3], [3, 5]]


@settings(max_examples=40)
@given(POINTS)
def test_the_hull_is_the_rising_upper_part_of_the_convex_hull(points):
    cloud = np.array(points, dtype=float)
    if np.linalg.matrix_rank(cloud - cloud[0]) < 2:
        return
    corners = {tuple(cloud[i]) for i in ConvexHull(cloud).vertices}
    best = max(y for _, y in points)
    top = min(x for x, y in points if y == best)
    # Left of the highest point, a corner belongs to the hull if no point left of it is as high.
    expected = sorted(
        c
        for c in corners
        if c[0] <= top
        and not any(x <= c[0] and y >= c[1] and (x, y) != c for x, y in points)
        and not any(c[1] < line_at(a, b, c[0]) - 1e-9 for a in corners for b in corners if a[0] < c[0] < b[0])
    )
    assert [tuple(p) for p in upper_hull(cloud)] == expected


def line_at(a, b, x):
    return a[1] + (b[1] - a[1]) * (x - a[0]) / (b[0] - a[0])


def test_every_solve_is_reported_and_the_last_solution_kept():
    points = [ORIGIN, Point(1.0, 3.0), Point(3.0, 5.0)]
    search = Dichotomy(over(points), 1e-9)
    assert search.at(0.1) == Point(3.0, 5.0)
    assert search.between(ORIGIN, Point(3.0, 5.0)) == points
    # One solve by hand, one that finds the vertex, and one for each of the chords beside it.
    assert len(search.reports) == 4
    assert search.last.x.tolist() in ([1.0], [3.0])


@pytest.mark.parametrize(("tolerance", "vertices"), [(1e-9, 3), (1.32, 3), (1.34, 2), (10.0, 2)])
def test_vertices_within_the_tolerance_of_a_chord_are_left_out(tolerance, vertices):
    # The chord of slope 5/3 from the origin to (3, 5) lies 4/3 below (1, 3).
    search = Dichotomy(over([ORIGIN, Point(1.0, 3.0), Point(3.0, 5.0)]), tolerance)
    assert len(search.between(ORIGIN, Point(3.0, 5.0))) == vertices


def test_chords_that_do_not_rise_are_not_searched():
    search = Dichotomy(over([Point(1.0, 9.0)]), 1e-9)
    assert search.between(Point(0.0, 1.0), Point(2.0, 1.0)) == [Point(0.0, 1.0), Point(2.0, 1.0)]
    assert search.between(Point(1.0, 1.0), Point(1.0, 2.0)) == [Point(1.0, 1.0), Point(1.0, 2.0)]
    assert search.reports == []


def test_a_vertex_at_an_end_of_a_chord_is_not_taken_twice():
    search = Dichotomy(over([Point(0.0, 9.0)]), 1e-9)
    ends = [ORIGIN, Point(2.0, 2.0)]
    assert search.between(*ends) == ends
