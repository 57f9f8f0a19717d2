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
