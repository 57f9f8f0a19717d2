"""Optimal designs of MCF: the frontier of throughput and latency is computed once, and each objective solved on it.

Metrics are linear and designs form a convex set, so the frontier is a concave polyline. An objective is concave and
piecewise linear, so its optimum on the frontier is a vertex or the crossing of a threshold; a point between two
vertices is a mixture of their designs.
"""

from __future__ import annotations

import itertools
import math
import threading
from functools import lru_cache, partial

import numpy as np

from netwright.core.errors import ConfigError
from netwright.solvers.highs import Solver, cold_gap, optimum
from netwright.solvers.status import Solution
from netwright.synthesis.problem import ObjectiveFamily
from netwright.wan.allocation import Allocation
from netwright.wan.chunks import Arrays, Work
from netwright.wan.frontier import ORIGIN, Dichotomy, Point, upper_hull
from netwright.wan.instance import Instance
from netwright.wan.routing import carried_within_capacity
from netwright.wan.scenario import Optima, Reference
from netwright.wan.scenarios.mcf.space import ThroughputLatency
from netwright.wan.tables import Tables
from netwright.wan.topology import Array

TOLERANCE = 1e-9  # share of all demand; the frontier of small networks is exact to the solver's precision
TOLERANCE_LARGE = 1e-7  # more vertices would not change the fifth decimal of any metric
EXACT_UP_TO_TUNNELS = 2_000
STEEPEST, FLATTEST = 100.0, 1e-6  # range of distinguished slopes of the frontier
STEP = 0.9  # ratio of consecutive slopes from the left end; small steps need few pivots
CUTS = (1.3, 0.8, 0.45)  # slopes at which the frontier of a large network is split for parallel work
SCORE_DECIMALS = 6
MOST_KEPT = 4_000_000  # numbers in the optima that are kept of one instance

_DECIDING = threading.Lock()  # solvers are not for several threads


class Weighing:
    """Designs that maximize throughput - slope * latency, each solve warm-started from the last.

    Throughput is a share of all demand; latency is in units of `unit_ms`, the latency of all demand on shortest
    paths, so that slopes are near 1.
    """

    def __init__(self, instance: Instance, time_limit_s: float = math.inf) -> None:
        tunnels = instance.tunnels
        self.throughput = instance.weight[tunnels.flow]
        shortest = np.minimum.reduceat(tunnels.latency_ms, tunnels.first[:-1])
        self.unit_ms = float(instance.weight @ shortest)
        if not self.unit_ms > 0.0:
            raise ConfigError(
                f"mcf trades throughput for latency, but all shortest paths of {instance.topology.name} have the "
                "latency 0; give latencies (or lengths) in the topology's file."
            )
        self.latency = self.throughput * tunnels.latency_ms / self.unit_ms
        program = carried_within_capacity(instance, self.throughput)
        self.solver = Solver(program, time_limit_s=time_limit_s)
        self.known: dict[float, tuple[Point, Array]] = {}
        self.tolerance = TOLERANCE if len(tunnels) <= EXACT_UP_TO_TUNNELS else TOLERANCE_LARGE

    def solve(self, slope: float) -> tuple[Solution, Point]:
        """The best design, and its latency and throughput."""
        self.solver.change_costs(self.throughput - slope * self.latency)
        found = optimum(self.solver, "a design of the frontier of throughput and latency")
        return found, Point(float(self.latency @ found.x), float(self.throughput @ found.x))


def find_reference(instance: Instance, work: Work) -> Reference:
    """Throughput (%) and latency (ms) of the lowest-latency design of maximum throughput, and the frontier.

    The frontier is a list of vertices (latency in ms, throughput in %) in increasing order.
    """
    large = len(instance.tunnels) > EXACT_UP_TO_TUNNELS
    slopes = [STEEPEST, *(CUTS if large else ()), FLATTEST]
    pieces = list(itertools.pairwise(slopes))
    found = work.map("frontier", partial(_piece, instance, work.time_limit_s), pieces)
    frontier = upper_hull(np.concatenate([piece["points"] for piece in found]))
    latency, throughput = (float(v) for v in frontier[-1])
    report = {
        "solves": int(sum(piece["solves"][0] for piece in found)),
        "solver_seconds": float(sum(piece["seconds"][0] for piece in found)),
        "iterations": int(sum(piece["iterations"][0] for piece in found)),
        "violation_max": float(max(piece["violation"][0] for piece in found)),
        "cold_gap_max": float(max(piece["cold_gap"][0] for piece in found)),
    }
    vertices = {"latency_ms": frontier[:, 0].tolist(), "throughput_percent": frontier[:, 1].tolist()}
    return {"throughput": throughput, "latency": latency, "frontier": vertices, "report": report}


def _piece(instance: Instance, time_limit_s: float, slopes: tuple[float, float]) -> Arrays:
    """The vertices (latency in ms, throughput in %) between two slopes; the last one is verified by a cold solve."""
    weighing = Weighing(instance, time_limit_s)
    search = Dichotomy(weighing.solve, weighing.tolerance)
    steep, flat = slopes
    for slope in _steps(STEEPEST, steep):
        left = search.at(slope)
    found = [ORIGIN, left] if steep == STEEPEST else [left]
    for slope in _steps(steep, flat)[1:]:
        found += search.between(found[-1], search.at(slope))
    points = np.array(found) * [weighing.unit_ms, 100.0]
    reports = search.reports
    assert search.last is not None
    return {
        "points": points,
        "solves": np.array([len(reports)]),
        "seconds": np.array([sum(r.seconds for r in reports)]),
        "iterations": np.array([sum(r.iterations for r in reports)]),
        "violation": np.array([max(r.violation for r in reports)]),
        "cold_gap": np.array([cold_gap(weighing.solver, search.last)]),
    }


def _steps(steep: float, flat: float) -> list[float]:
    """Slopes from `steep` to `flat` inclusive, in small steps (except for the last)."""
    lowest = max(flat, 0.02)
    n = math.ceil(math.log(lowest / steep) / math.log(STEP)) if steep > lowest else 0
    return [*(steep * STEP**i for i in range(n)), flat]


def optimize(
    instance: Instance, family: ObjectiveFamily, reference: Reference, parameters: Array, work: Work
) -> Optima:
    """The best design of each objective (N, 5) on the frontier in the reference."""
    assert isinstance(family, ThroughputLatency)
    vertices = reference["frontier"]
    frontier = np.column_stack([vertices["latency_ms"], vertices["throughput_percent"]])
    scores = on_frontier(family, parameters, frontier)
    return Optima(np.round(scores, SCORE_DECIMALS) + 0.0, report=reference["report"])


def on_frontier(family: ThroughputLatency, parameters: Array, frontier: Array) -> Array:
    """Scores (N, 2) of the best point of a frontier (V, 2) of latency (ms) and throughput (%).

    Ties go to the smaller throughput.
    """
    lat, t = frontier[:, 0] / family.latency, frontier[:, 1] / family.throughput
    at_throughput, at_latency = (
        np.clip(parameters[:, [3]], t[0], t[-1]),
        np.clip(parameters[:, [4]], lat[0], lat[-1]),
    )
    crossings_t = np.hstack([at_throughput, np.interp(at_latency, lat, t)])
    crossings_lat = np.hstack([np.interp(at_throughput, t, lat), at_latency])
    values = np.hstack(
        [
            family.of_fractions(parameters, crossings_t, crossings_lat),
            family.of_fractions(parameters, t[None], lat[None]),
        ]
    )
    # Crossings come first: where one coincides with a vertex up to rounding, either is the same design.
    best = values.argmax(1)
    rows = np.arange(len(parameters))
    is_vertex, vertex, crossing = best >= 2, np.maximum(best - 2, 0), np.minimum(best, 1)
    chosen_t = np.where(is_vertex, t[vertex], crossings_t[rows, crossing])
    chosen_lat = np.where(is_vertex, lat[vertex], crossings_lat[rows, crossing])
    found: Array = np.column_stack([chosen_t * family.throughput, -chosen_lat * family.latency])
    return found


def decide(instance: Instance, family: ObjectiveFamily, parameters: Array) -> Array:
    """Traffic of each tunnel in the best design of one objective, as a share of demand; shape (T,).

    Bisects the frontier until the optimum is a vertex or lies on a chord.
    """
    assert isinstance(family, ThroughputLatency)
    family.check(parameters)
    with _DECIDING:
        return _decide(_weighing(instance), instance, family, parameters)


@lru_cache(maxsize=4)
def _weighing(instance: Instance) -> Weighing:
    """The program of an instance, whose optima are kept from one decision to the next."""
    return Weighing(instance)


def _decide(weighing: Weighing, instance: Instance, family: ThroughputLatency, parameters: Array) -> Array:
    to_fractions = np.array([weighing.unit_ms / family.latency, 100.0 / family.throughput])
    left = (ORIGIN, np.zeros(len(instance.tunnels)))
    for slope in _steps(STEEPEST, FLATTEST):
        right = _solved(weighing, slope)
    while True:
        (a, x_a), (b, x_b) = left, right
        if b.gain - a.gain <= weighing.tolerance:
            return x_b
        slope = (b.gain - a.gain) / (b.cost - a.cost)
        middle = _solved(weighing, slope)
        height = (middle[0].gain - slope * middle[0].cost) - (a.gain - slope * a.cost)
        if height <= weighing.tolerance:
            return _best_between(family, parameters, np.array([a, b]) * to_fractions, x_a, x_b)
        lat, t = np.array(middle[0]) * to_fractions
        right_gain, left_gain = _sides(parameters, t, lat, slope * to_fractions[1] / to_fractions[0])
        if right_gain <= 0.0 <= left_gain:
            return middle[1]
        left, right = (middle, right) if right_gain > 0.0 else (left, middle)


def _solved(weighing: Weighing, slope: float) -> tuple[Point, Array]:
    if slope not in weighing.known:
        solution, point = weighing.solve(slope)
        if len(weighing.known) * len(solution.x) > MOST_KEPT:
            weighing.known.clear()
        weighing.known[slope] = (point, solution.x)
    return weighing.known[slope]


def _sides(parameters: Array, t: float, lat: float, slope: float) -> tuple[float, float]:
    """The one-sided derivatives of an objective by latency, right and left of a point of that slope."""
    a2, a3, a4, t0, lat0 = parameters
    rightwards = slope * (1.0 - a3 * (t >= t0)) - (a2 + a4 * (lat >= lat0))
    leftwards = slope * (1.0 - a3 * (t > t0)) - (a2 + a4 * (lat > lat0))
    return float(rightwards), float(leftwards)


def _best_between(family: ThroughputLatency, parameters: Array, ends: Array, x_a: Array, x_b: Array) -> Array:
    """The best mixture of the designs at the ends (2, 2) of a chord, in fractions of latency and throughput."""
    (lat_a, t_a), (lat_b, t_b) = ends
    shares = [0.0, 1.0]
    for value, a, b in ((parameters[3], t_a, t_b), (parameters[4], lat_a, lat_b)):
        if a < value < b:
            shares.append(float((value - a) / (b - a)))
    share = np.sort(np.array(shares))
    t, lat = t_a + share * (t_b - t_a), lat_a + share * (lat_b - lat_a)
    best = share[family.of_fractions(parameters[None], t[None], lat[None])[0].argmax()]
    found: Array = (1.0 - best) * x_a + best * x_b
    return found


def export(instance: Instance, share: Array) -> Tables:
    """Tables of tunnels and links."""
    return Allocation(instance, share).tables()
