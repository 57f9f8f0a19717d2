"""MCF: the frontier against the explicit linear program with threshold rows, and its laws."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from netwright.solvers.highs import solve
from netwright.solvers.program import LinearProgram
from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.frontier import ORIGIN, Dichotomy, Point, upper_hull
from netwright.wan.routing import carried_within_capacity
from netwright.wan.scenarios.mcf import design
from tests.wan.small import abilene, with_flows

MCF = registry.scenario("mcf")


def by_threshold_rows(instance, family, parameters):
    """The optimum of one objective by the program that the frontier replaces: two surplus columns and rows."""
    a2, a3, a4, t0, lat0 = parameters
    weight = instance.weight[instance.tunnels.flow]
    t = 100.0 * weight / family.throughput
    lat = weight * instance.tunnels.latency_ms / family.latency
    base = sparse.vstack([instance.demand_per_capacity, instance.tunnels.serving, t[None], lat[None]])
    surplus = sparse.csr_array(
        (-np.ones(2), ([base.shape[0] - 2, base.shape[0] - 1], [0, 1])), shape=(base.shape[0], 2)
    )
    matrix = sparse.csc_array(sparse.hstack([base, surplus]))
    n = len(t) + 2
    limits = np.concatenate([np.ones(base.shape[0] - 2), [t0, lat0]])
    program = LinearProgram(
        np.concatenate([t - a2 * lat, [-a3, -a4]]),
        np.zeros(n),
        np.full(n, np.inf),
        matrix,
        np.full(base.shape[0], -np.inf),
        limits,
    )
    return solve(program).value


def test_every_objective_has_the_value_of_its_own_linear_program():
    instance = abilene("mcf")
    reference = MCF.reference(instance, Work())
    family = MCF.family(MCF.metrics(instance), reference)
    parameters = family.sample(np.random.default_rng(3), 40)
    scores = MCF.optimize(instance, family, reference, parameters, Work()).scores
    for row, score in zip(parameters, scores, strict=True):
        assert family.values(row[None], score[None])[0, 0] == pytest.approx(
            by_threshold_rows(instance, family, row), abs=1e-6
        )


def test_a_frontier_in_pieces_is_the_whole_one(monkeypatch):
    instance = abilene("mcf")
    whole = MCF.reference(instance, Work())
    monkeypatch.setattr(design, "EXACT_UP_TO_TUNNELS", 0)
    pieces = MCF.reference(instance, Work())
    for key in ("throughput", "latency"):
        assert pieces[key] == pytest.approx(whole[key], abs=1e-4)
    a, b = (np.array(list(r["frontier"].values())) for r in (whole, pieces))
    grid = np.linspace(0.0, whole["latency"] * 0.999, 200)
    assert np.interp(grid, *a) == pytest.approx(np.interp(grid, *b), abs=1e-4)


def test_the_frontier_worked_by_hand():
    # One flow A -> C of 3 units over a square: 1 unit on A-B-C (2 ms), 1 more on A-D-C (3 ms), no room for the rest.
    reference = MCF.reference(with_flows((0, 2, 3.0, 0)), Work())
    assert reference["frontier"]["latency_ms"] == pytest.approx([0.0, 2 / 3, 5 / 3])
    assert reference["frontier"]["throughput_percent"] == pytest.approx([0.0, 100 / 3, 200 / 3])
    assert reference["throughput"] == pytest.approx(200 / 3)
    assert reference["latency"] == pytest.approx(5 / 3)
    assert reference["report"]["violation_max"] < 1e-6


@given(
    slopes=st.lists(st.floats(0.05, 20.0), min_size=1, max_size=12, unique=True),
    widths=st.lists(st.floats(0.01, 1.0), min_size=12, max_size=12),
)
def test_dichotomy_finds_every_vertex_of_a_concave_polyline(slopes, widths):
    steps = sorted(slopes, reverse=True)
    steps = [s for i, s in enumerate(steps) if i == 0 or steps[i - 1] > 1.01 * s]
    cost = np.concatenate([[0.0], np.cumsum(widths[: len(steps)])])
    gain = np.concatenate([[0.0], np.cumsum(np.array(widths[: len(steps)]) * steps)])

    solution = solve(carried_within_capacity(abilene("mcf"), np.zeros(440)))

    def best(slope):
        at = int(np.argmax(gain - slope * cost))
        return solution, Point(float(cost[at]), float(gain[at]))

    found = Dichotomy(best, 1e-12).between(ORIGIN, Point(float(cost[-1]), float(gain[-1])))
    assert np.array(found) == pytest.approx(np.column_stack([cost, gain]))


@given(points=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30))
def test_the_upper_hull_is_concave_rising_and_above_all_points(points):
    cloud = np.array([*points, (0.0, 0.0)])
    hull = upper_hull(cloud)
    assert (np.diff(hull[:, 0]) > 0).all()
    assert (np.diff(hull[:, 1]) > 0).all()
    assert (np.interp(cloud[:, 0], *hull.T) >= cloud[:, 1] - 1e-9).all()


def test_steps_lead_from_one_slope_to_the_other():
    steps = design._steps(100.0, 1e-6)
    assert steps[0] == 100.0
    assert steps[-1] == 1e-6
    assert all(b < a for a, b in itertools.pairwise(steps))
    assert design._steps(100.0, 100.0) == [100.0]


def test_every_decision_has_the_value_of_its_own_linear_program():
    """Two flows over a square, each over two ways of other latencies, more than fits."""
    instance = with_flows((0, 2, 3.0, 0), (1, 3, 1.5, 0))
    family = MCF.family(MCF.metrics(instance), MCF.reference(instance, Work()))
    group = MCF.metrics(instance)
    for row in family.sample(np.random.default_rng(8), 60):
        scores = group.oriented(MCF.evaluate(instance, MCF.decide(instance, family, row)))
        found = family.values(row[None], scores[None])[0, 0]
        assert found == pytest.approx(by_threshold_rows(instance, family, row), abs=1e-6)


@pytest.mark.parametrize(
    ("t", "lat", "right", "left"),
    [
        # Slope 2, latency weight 0.5, discount 0.75 from throughput 0.8 on, surcharge 3 from latency 0.6 on.
        (0.7, 0.5, 2.0 - 0.5, 2.0 - 0.5),
        (0.8, 0.5, 0.5 - 0.5, 2.0 - 0.5),
        (0.9, 0.5, 0.5 - 0.5, 0.5 - 0.5),
        (0.7, 0.6, 2.0 - 3.5, 2.0 - 0.5),
        (0.9, 0.7, 0.5 - 3.5, 0.5 - 3.5),
    ],
)
def test_derivatives_on_both_sides_of_the_thresholds(t, lat, right, left):
    parameters = np.array([0.5, 0.75, 3.0, 0.8, 0.6])
    assert design._sides(parameters, t, lat, 2.0) == pytest.approx((right, left))


def test_the_best_mixture_of_two_designs_ends_or_meets_a_threshold():
    family = MCF.family(MCF.metrics(abilene("mcf")), {"throughput": 100.0, "latency": 10.0})
    ends, x_a, x_b = np.array([[0.2, 0.4], [0.6, 0.8]]), np.zeros(1), np.ones(1)

    def share(*parameters):
        return float(design._best_between(family, np.array(parameters), ends, x_a, x_b)[0])

    # Throughput and latency both rise by 0.4: with a latency weight below 1 more is better.
    assert share(0.5, 0.0, 0.0, 0.9, 0.9) == 1.0
    assert share(1.2, 0.0, 0.0, 0.9, 0.9) == 0.0
    # From throughput 0.5 on, a quarter of the way, a discount makes more worse.
    assert share(0.5, 0.9, 0.0, 0.5, 0.9) == pytest.approx(0.25)
    # From latency 0.5 on, three quarters of the way, a surcharge does.
    assert share(0.5, 0.0, 2.0, 0.9, 0.5) == pytest.approx(0.75)


@given(
    cut=st.floats(0.3, 1.0),
    bend=st.floats(0.3, 1.0),
    a2=st.floats(0.0, 1.2),
    a3=st.floats(0.0, 1.0),
    a4=st.floats(0.0, 3.0),
)
def test_the_best_point_of_a_frontier_is_that_of_a_fine_grid(cut, bend, a2, a3, a4):
    family = MCF.family(MCF.metrics(abilene("mcf")), {"throughput": 80.0, "latency": 8.0})
    frontier = np.array([[0.0, 0.0], [1.0, 30.0], [3.0, 60.0], [8.0, 80.0]])
    parameters = np.array([[a2, a3, a4, cut, bend]])
    [scores] = design.on_frontier(family, parameters, frontier)
    grid = np.linspace(0.0, 8.0, 4001)
    points = np.column_stack([np.interp(grid, *frontier.T), -grid])
    best = family.values(parameters, points).max()
    assert family.values(parameters, scores[None])[0, 0] >= best - 1e-9
    assert np.interp(-scores[1], *frontier.T) == pytest.approx(scores[0])
