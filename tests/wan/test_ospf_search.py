import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.execution import SerialExecutor
from netwright.wan.chunks import Work
from netwright.wan.scenarios.ospf.routing import metrics
from netwright.wan.scenarios.ospf.search import (
    Archive,
    SearchConfig,
    latency_weights,
    merged,
    random_settings,
    search,
    starts,
)
from tests.elsewhere import Elsewhere
from tests.wan.test_ospf_routing import made_up

SMALL = SearchConfig(n_walks=20, n_steps=150)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_every_setting_kept_has_the_metrics_it_is_kept_for(seed):
    net = made_up(seed)
    found = search(net, SMALL)
    measured = np.array([metrics(net, w) for w in found.weights])
    assert found.utilization == pytest.approx(measured[:, 0])
    assert found.latency_ms == pytest.approx(measured[:, 1])
    assert found.weights.min() >= 1


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_none_kept_is_as_good_as_another_and_all_starts_are_matched(seed):
    net = made_up(seed)
    found = search(net, SMALL)
    assert (np.diff(found.utilization) > 0).all()
    assert (np.diff(found.latency_ms) < 0).all()
    assert all(found.dominates(*metrics(net, w)) for w in starts(net, SMALL))


def test_no_random_setting_is_better():
    net = made_up(3, n=11, extra=8)
    found = search(net, SearchConfig(n_walks=16, n_steps=2_000))
    assert all(found.dominates(*point) for point in random_settings(net, 1_000, up_to=20, seed=9))


def test_a_random_setting_can_beat_the_start_points_alone():
    """Or the test above could not fail."""
    net = made_up(3, n=11, extra=8)
    found = search(net, SearchConfig(n_walks=4, n_steps=0))
    assert not all(found.dominates(*point) for point in random_settings(net, 1_000, up_to=20, seed=9))


def test_other_processes_find_the_same():
    net = made_up(1)
    one, two = (search(net, SMALL, Work(by)) for by in (SerialExecutor(), Elsewhere()))
    assert one.weights.tolist() == two.weights.tolist()
    assert one.utilization.tolist() == two.utilization.tolist()


def test_seeds_differ_and_repeat():
    net = made_up(1, n=9)
    again = [search(net, SearchConfig(n_walks=4, n_steps=100, seed=seed)) for seed in (0, 0, 1)]
    assert again[0].weights.tolist() == again[1].weights.tolist()
    assert again[0].weights.tolist() != again[2].weights.tolist()


@given(
    points=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=30),
    cut=st.integers(0, 30),
)
def test_merging_keeps_exactly_what_nothing_dominates(points, cut):
    parts = [p for p in (points[:cut], points[cut:]) if p]
    found = merged(Archive(*np.array(p, dtype=float).T, np.zeros((len(p), 1), dtype=np.int64)) for p in parts)
    best = {p for p in points if not any(q != p and q[0] <= p[0] and q[1] <= p[1] for q in points)}
    assert set(zip(found.utilization.tolist(), found.latency_ms.tolist(), strict=True)) == best


def test_latency_weights_give_the_least_latency():
    net = made_up(5)
    least = metrics(net, latency_weights(net))[1]
    assert all(least <= latency + 1e-3 for _, latency in random_settings(net, 200, up_to=20, seed=0))


def test_a_stopped_search_continues_where_it_was(tmp_path):
    net, lines = made_up(0), []
    whole = search(net, SMALL, Work(folder=tmp_path, progress=lines.append))
    assert lines[-1].endswith("3 of 3")
    kept = sorted(tmp_path.iterdir())
    assert len(kept) == 3
    kept[1].unlink()
    ages = {path: path.stat().st_mtime_ns for path in kept if path.exists()}
    again = search(net, SMALL, Work(folder=tmp_path))
    assert again.weights.tolist() == whole.weights.tolist()
    assert {path: path.stat().st_mtime_ns for path in ages} == ages
