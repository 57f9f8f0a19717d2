"""Optima of weighted sums on a program small enough to solve by hand: order, scores, report and starting prices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netwright.solvers.blocks import BlockSolver
from netwright.solvers.highs import Solver
from netwright.solvers.program import LinearProgram
from netwright.wan import weighted
from netwright.wan.chunks import Work
from netwright.wan.weighted import LinearDesign, Walk, best, first_optimum, optimize, solver_for, walk
from tests.wan.small import with_flows


def two_shares(decimals=6):
    """Two tunnels that share a link of capacity 1, the first at most 0.75 full; the scores are twice the shares."""
    program = LinearProgram(
        np.zeros(2),
        np.zeros(2),
        np.array([0.75, 1.0]),
        sparse.csc_array(np.array([[1.0, 1.0]])),
        np.array([-np.inf]),
        np.ones(1),
    )
    metrics = sparse.csr_array(np.array([[2.0, 0.0], [0.0, 2.0]]))
    return LinearDesign(program, metrics, np.array([0.0, -1.0]), 1, 2, decimals)


def made(instance):
    return two_shares()


INSTANCE = with_flows((0, 2, 1.0, 0))
WEIGHTS = np.array([[3.0, 1.0], [1.0, 3.0], [2.0, 1.0], [1.0, 2.0]])


def test_scores_are_linear_with_an_offset():
    assert two_shares().scores(np.array([0.25, 0.5])).tolist() == [0.5, 0.0]


def test_every_weighted_sum_gets_its_own_optimum_in_its_own_row():
    found = optimize(made, INSTANCE, WEIGHTS, Work())
    # First share preferred: 0.75 and the 0.25 left. Second preferred: all of the link.
    assert found.scores == pytest.approx(np.array([[1.5, -0.5], [0.0, 1.0], [1.5, -0.5], [0.0, 1.0]]))
    assert found.report["solves"] == 4
    assert found.report["violation_max"] <= 1e-9
    assert found.report["cold_gap_max"] <= 1e-9
    assert 0.0 <= found.report["solver_seconds_max"] <= found.report["solver_seconds"]


def test_chunks_do_not_change_the_optima(monkeypatch):
    whole = optimize(made, INSTANCE, WEIGHTS, Work())
    monkeypatch.setattr(weighted, "CHUNK", 3)
    cut = optimize(made, INSTANCE, WEIGHTS, Work())
    assert cut.scores.tolist() == whole.scores.tolist()
    assert cut.report["solves"] == 4


def test_scores_are_rounded_to_the_decimals_of_the_design():
    def thirds(instance):
        design = two_shares(decimals=2)
        return replace(design, program=replace(design.program, upper=np.array([1.0 / 3.0, 1.0])))

    [scores] = optimize(thirds, INSTANCE, WEIGHTS[:1], Work()).scores
    assert scores.tolist() == [0.67, 0.33]


def test_the_best_design_is_cut_to_its_tunnels():
    assert best(made, INSTANCE, np.array([3.0, 1.0])) == pytest.approx([0.75, 0.25])
    one = best(lambda instance: replace(two_shares(), n_tunnels=1), INSTANCE, np.array([3.0, 1.0]))
    assert one == pytest.approx([0.75])


def test_large_programs_are_solved_by_blocks(monkeypatch):
    design = two_shares()
    assert isinstance(solver_for(design), Solver)
    monkeypatch.setattr(weighted, "BLOCKS_FROM_NONZEROS", 2)
    assert isinstance(solver_for(design), Solver)
    monkeypatch.setattr(weighted, "BLOCKS_FROM_NONZEROS", 1)
    assert isinstance(solver_for(design), BlockSolver)


class Recording(Solver):
    """A solver that records the costs it is given."""

    def __init__(self, program):
        super().__init__(program)
        self.costs = []

    def change_costs(self, cost):
        self.costs.append(cost.tolist())
        super().change_costs(cost)


def with_walk():
    return replace(two_shares(), walk=Walk(np.ones(2), np.zeros(2, dtype=bool), np.ones(1, dtype=bool)))


def test_the_price_of_capacity_falls_from_step_to_step(monkeypatch):
    monkeypatch.setattr(weighted, "WALK_FROM_NONZEROS", 1)
    solver = Recording(with_walk().program)
    found = first_optimum(with_walk(), solver, np.array([3.0, 1.0]))
    assert found.x == pytest.approx([0.75, 0.25])
    # A unit of capacity gains (3 + 1) / 2 = 2 on average; prices are 40, 24, 14.4, .. times that, above 0.01.
    prices = [3.0 - cost[0] for cost in solver.costs[:-1]]
    assert prices == pytest.approx([80.0 * 0.6**i for i in range(len(prices))])
    assert prices[-1] > 0.02 >= prices[-1] * 0.6
    assert [cost[1] for cost in solver.costs[:-1]] == pytest.approx([1.0 - price for price in prices])
    assert solver.costs[-1] == [3.0, 1.0]


@pytest.mark.parametrize("design", [two_shares(), with_walk()])
def test_small_programs_and_those_without_a_path_start_at_their_own_costs(design):
    solver = Recording(design.program)
    first_optimum(design, solver, np.array([3.0, 1.0]))
    assert solver.costs == [[3.0, 1.0]]


def test_neighbors_follow_each_other_by_hand():
    points = np.array([[0.0, 0.0], [5.0, 0.0], [1.0, 0.0], [4.0, 0.0], [1.0, 1.5]])
    assert walk(points).tolist() == [0, 2, 4, 3, 1]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=12))
def test_an_order_visits_every_point_once_and_the_nearest_next(points):
    places = np.array(points)
    order = walk(places).tolist()
    assert order[0] == 0
    assert sorted(order) == list(range(len(points)))
    for i, at in enumerate(order[:-1]):
        away = ((places[order[i + 1 :]] - places[at]) ** 2).sum(1)
        assert away[0] == away.min()
