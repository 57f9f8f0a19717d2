"""Graphs of stages against networkx, and tables of profiles against the profiles they are made of."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.tasks.cjs.graphs import cycle, longest_paths, ranges, topological_order
from netwright.tasks.cjs.workload import LEVELS, WARMUP_MS, WAVES, Durations, ProfileTable, Workload
from tests.cjs.small import profile, profiles, workload

EDGES = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=14, unique=True)


def arrays(edges):
    return np.array(edges, dtype=np.int64).reshape(-1, 2)


def graph_of(n, edges):
    graph = nx.DiGraph(edges)
    graph.add_nodes_from(range(n))
    return graph


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 6)), max_size=6))
def test_ranges_are_laid_end_to_end(parts):
    starts, counts = arrays(parts).T
    expected = [start + i for start, count in parts for i in range(count)]
    assert ranges(starts, counts).tolist() == expected


@given(EDGES)
def test_an_order_is_whole_exactly_where_there_is_no_cycle(edges):
    graph, order = graph_of(7, edges), topological_order(7, arrays(edges))
    whole = nx.is_directed_acyclic_graph(graph)
    assert (len(order) == 7) is whole
    place = {stage: i for i, stage in enumerate(order)}
    for parent, child in edges:
        if child in place:
            assert place[parent] < place[child]
    assert (cycle(7, arrays(edges)) == []) is whole


@given(EDGES)
def test_a_cycle_is_one(edges):
    found = cycle(7, arrays(edges))
    assert len(set(found)) == len(found)
    for one, following in zip(found, [*found[1:], *found[:1]], strict=True):
        assert (one, following) in edges


@given(EDGES, st.lists(st.floats(0.0, 100.0), min_size=7, max_size=7))
def test_longest_paths_are_those_of_networkx(edges, lengths):
    acyclic = [(a, b) for a, b in edges if a < b]
    graph = graph_of(7, acyclic)
    found = longest_paths(np.array(lengths), arrays(acyclic))
    for stage in range(7):
        below = graph.subgraph(nx.descendants(graph, stage) | {stage})
        expected = (
            max(
                sum(lengths[i] for i in path)
                for end in below
                for path in nx.all_simple_paths(below, stage, end) or [[stage]]
            )
            if len(below) > 1
            else lengths[stage]
        )
        assert found[stage] == pytest.approx(expected)


@settings(max_examples=30)
@given(st.lists(profiles(), min_size=1, max_size=4), st.data())
def test_a_workload_holds_the_stages_of_its_profiles(made, data):
    table = ProfileTable.of(made)
    chosen = data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=5))
    found = Workload.of(table, np.array(chosen), np.arange(len(chosen), dtype=float))
    assert found.n_jobs == len(chosen)
    assert found.n_tasks == sum(int(made[i].n_tasks.sum()) for i in chosen)
    assert found.work_ms == pytest.approx([made[i].work_ms for i in chosen])
    for number, index in enumerate(chosen):
        job, one = found.jobs[number], made[index]
        stages = found.stages[job["first_stage"] : job["end_stage"]]
        assert stages["n_tasks"].tolist() == stages["unlaunched"].tolist() == one.n_tasks.tolist()
        assert stages["path_ms"] == pytest.approx(longest_paths(one.mean_ms, one.edges))
        parents = np.bincount(one.edges[:, 1], minlength=one.n_stages)
        assert stages["unfinished_parents"].tolist() == parents.tolist()
        edges = {
            (stage, int(child) - int(job["first_stage"]))
            for stage, row in enumerate(stages)
            for child in found.children[row["first_child"] : row["end_child"]]
        }
        assert edges == set(map(tuple, one.edges.tolist()))
        own = one.durations.lists
        kept = table.durations.lists[stages["row"]]
        for place in np.ndindex(own.shape):
            first = table.durations.values[kept[place]["start"] :][: kept[place]["length"]]
            assert (
                first.tolist() == one.durations.values[own[place]["start"] :][: own[place]["length"]].tolist()
            )


def test_durations_fall_back_by_wave_and_level():
    found = Durations.of([{"fresh": {}, "first": {5: [10.0], 20: [20.0]}, "rest": {5: [1.0, 2.0]}}], "here")
    fresh, first, rest = range(len(WAVES))

    def of(wave, level):
        row = found.lists[0, wave, LEVELS.index(level)]
        values = found.values[row["start"] : row["start"] + row["length"]]
        return values.tolist(), float(row["extra_ms"])

    assert of(first, 5) == ([10.0], 0.0)
    assert of(first, 20) == ([20.0], 0.0)
    assert of(first, 10) == ([20.0], 0.0), "a level that is absent is the largest one"
    assert of(fresh, 5) == ([10.0], WARMUP_MS)
    assert of(rest, 5) == ([1.0, 2.0], 0.0)
    assert of(rest, 20) == ([20.0], 0.0), "without a rest wave the first one's"
    alone = Durations.of([{"fresh": {5: [7.0]}, "first": {}, "rest": {}}], "here")
    assert (alone.lists["extra_ms"] == 0.0).all()
    assert {float(alone.values[row["start"]]) for row in alone.lists.ravel()} == {7.0}


@pytest.mark.parametrize(
    ("chosen", "times"),
    [
        ([], []),
        ([0], [0.0, 1.0]),
        ([0, 0], [1.0, 0.5]),
        ([0], [-1.0]),
        ([0], [float("inf")]),
        ([0], [float("nan")]),
    ],
)
def test_jobs_without_an_order_of_arrival_are_refused(chosen, times):
    table = ProfileTable.of([profile("a", [1])])
    with pytest.raises(DataError, match="arrival time"):
        Workload.of(table, np.array(chosen, dtype=np.int64), np.array(times))


def test_jobs_may_arrive_together_and_late():
    found = workload([profile("a", [1]), profile("b", [2, 1]), profile("c", [1])], [5.0, 5.0, 9.0])
    assert found.arrival_ms.tolist() == [5.0, 5.0, 9.0]
    assert found.names == ("a", "b", "c")
    assert found.stages["job"].tolist() == [0, 1, 1, 2]
    assert np.isnan(found.jobs["completion_ms"]).all()
