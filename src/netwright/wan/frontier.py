"""The Pareto frontier of two linear scores as a concave polyline, which contains the optimum of every objective.

Dichotomy over weighted sums (Aneja and Nair, Management Science 25(1), 1979): between two known points, maximize
in the direction normal to their chord; either this finds a new vertex, or the chord is the frontier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from netwright.solvers.status import Solution, SolveReport
from netwright.wan.topology import Array


class Point(NamedTuple):
    """A design by its cost and gain."""

    cost: float
    gain: float


ORIGIN = Point(0.0, 0.0)


@dataclass
class Dichotomy:
    """Enumerates vertices of the upper left hull of (cost, gain), where gain is a concave function of cost.

    Attributes:
        solve: the solution that maximizes `gain - slope * cost`, and its point.
        tolerance: a chord is the frontier if no design lies further above it, in units of gain.
        reports, last: reports of all solves, and the last solution.
    """

    solve: Callable[[float], tuple[Solution, Point]]
    tolerance: float
    reports: list[SolveReport] = field(default_factory=list)
    last: Solution | None = None

    def at(self, slope: float) -> Point:
        """The point where the frontier has that slope; records the solver's report."""
        solution, point = self.solve(slope)
        self.reports.append(solution.report)
        self.last = solution
        return point

    def between(self, left: Point, right: Point) -> list[Point]:
        """All vertices from `left` to `right` inclusive, sorted by cost."""
        found, waiting = [left], [(left, right)]
        while waiting:
            a, b = waiting.pop()
            middle = self._above(a, b)
            if middle is None:
                found.append(b)
            else:
                waiting += [(middle, b), (a, middle)]
        return found

    def _above(self, a: Point, b: Point) -> Point | None:
        """The point highest above the chord; None if none exceeds the tolerance."""
        if b.gain - a.gain <= self.tolerance or b.cost <= a.cost:
            return None
        slope = (b.gain - a.gain) / (b.cost - a.cost)
        point = self.at(slope)
        height = (point.gain - slope * point.cost) - (a.gain - slope * a.cost)
        return point if height > self.tolerance and a.cost < point.cost < b.cost else None


def upper_hull(points: Array) -> Array:
    """The vertices (V, 2) of the concave increasing polyline above points (N, 2) of cost and gain."""
    hull: list[Array] = []
    for point in points[np.lexsort((-points[:, 1], points[:, 0]))]:
        if hull and point[1] <= hull[-1][1]:
            continue
        while len(hull) > 1 and _turns_up(hull[-2], hull[-1], point):
            hull.pop()
        hull.append(point)
    return np.array(hull)


def _turns_up(a: Array, b: Array, c: Array) -> bool:
    return bool((b[1] - a[1]) * (c[0] - b[0]) <= (c[1] - b[1]) * (b[0] - a[0]))
