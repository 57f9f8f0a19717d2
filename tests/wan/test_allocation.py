"""What operators ask about an allocation besides the scenario's metrics."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.wan.allocation import Allocation, shortest_paths_today
from tests.wan.small import abilene, with_flows


def test_figures_worked_by_hand():
    # A -> C of 2 units over A-B-C (2 ms) and A-D-C (3 ms), and B -> C of 1 unit.
    instance = with_flows((0, 2, 2.0, 0), (1, 2, 1.0, 0))
    names = {
        path: i
        for i, path in enumerate(r["path"] for r in Allocation(instance, np.zeros(4)).tables()["tunnels"])
    }
    share = np.zeros(len(instance.tunnels))
    share[names["A - B - C"]] = 0.3
    share[names["A - D - C"]] = 0.2
    found = Allocation(instance, share)
    assert found.throughput == pytest.approx(1.0 / 3.0)
    assert found.latency_ms == pytest.approx((0.6 * 2 + 0.4 * 3) / 3)
    assert found.latency_per_carried_ms == pytest.approx(2.4)
    assert found.worst_link == ("A -> B", pytest.approx(0.6))
    assert found.starved_flows == 1
    other = share.copy()
    other[names["B - C"]] = 0.4
    figures = Allocation(instance, other).for_operators(today=found)
    assert figures["tunnels changed from today"] == 1
    assert figures["starved flows"] == 0
    assert figures["worst link"] == "B -> C"


def test_an_empty_design_starves_everybody():
    nothing = Allocation(abilene("mcf"), np.zeros(440))
    assert nothing.starved_flows == 110
    assert nothing.throughput == 0.0
    assert np.isnan(nothing.latency_per_carried_ms)


def test_todays_design_fits_into_the_links():
    for scenario in ("mcf", "bw"):
        today = shortest_paths_today(abilene(scenario))
        assert today.utilization.max() <= 1.0 + 1e-9
        assert (today.served <= 1.0 + 1e-9).all()
        assert today.throughput > 0.2
        assert today.changes_from(today) == 0
