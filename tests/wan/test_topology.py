"""Topologies: the catalog against Table 5, the format, and what no network can be."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import DataError, FormatError, UnknownNameError
from netwright.core.files import read_json, write_json
from netwright.wan import catalog, topology
from netwright.wan.topology import from_links, two_core

DATA = os.environ.get("NETWRIGHT_DATA")
needs_data = pytest.mark.skipif(not DATA, reason="needs NETWRIGHT_DATA")


def triangle(**changes):
    facts = {"capacity": [1.0, 2.0, 3.0], "latency_ms": [1.0, 2.0, 4.0]} | changes
    return from_links("triangle", ["A", "B", "C"], [(0, 1), (1, 2), (0, 2)], **facts)


@pytest.mark.parametrize("name", catalog.PACKAGED)
def test_packaged_topologies_are_those_of_table_5(name, monkeypatch):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    found = catalog.topology(name)
    assert (found.n_nodes, len(found.links)) == catalog.TOPOLOGIES[name]
    assert found.n_arcs == 2 * len(found.links)


@needs_data
@pytest.mark.parametrize("name", catalog.TOPOLOGIES)
def test_all_topologies_are_those_of_table_5(name):
    found = topology.read(Path(DATA) / "wan" / "topologies" / f"{name}.json")
    assert (found.n_nodes, len(found.links)) == catalog.TOPOLOGIES[name]
    links = [tuple(found.arcs[arcs[0]].tolist()) for arcs in found.links]
    assert two_core(found.n_nodes, links)[1] == sorted(
        (min(p), max(p)) for p in links
    )  # nothing left to prune


@needs_data
@pytest.mark.parametrize("name", catalog.PACKAGED)
def test_what_is_packaged_is_what_the_data_folder_holds(name):
    ours = catalog.topology(name)
    theirs = topology.read(Path(DATA) / "wan" / "topologies" / f"{name}.json")
    assert ours.nodes == theirs.nodes
    assert (ours.arcs == theirs.arcs).all()
    assert (ours.capacity == theirs.capacity).all()
    assert (ours.latency_ms == theirs.latency_ms).all()


def test_a_topology_that_is_not_packaged_says_where_it_is(monkeypatch):
    monkeypatch.delenv("NETWRIGHT_DATA", raising=False)
    with pytest.raises(DataError, match="tinet is not packaged; point --data"):
        catalog.topology("tinet")
    with pytest.raises(UnknownNameError, match="did you mean 'abilene'"):
        catalog.topology("abilen")


def test_writing_and_reading_give_the_same_topology(tmp_path):
    path = tmp_path / "triangle.json"
    before = triangle()
    topology.write(path, before)
    after = topology.read(path)
    assert topology.to_json(after) == topology.to_json(before)
    assert np.isnan(after.positions).all()
    assert after.arc_name(0) == "A -> B"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"capacity": [1.0, -2.0, 3.0]}, r"link B -> C has capacity -2; give a positive one"),
        ({"capacity": [1.0, 0.0, 3.0]}, r"link B -> C has capacity 0"),
        ({"capacity": [1.0, float("nan"), 3.0]}, "capacity nan"),
        ({"latency_ms": [1.0, -2.0, 3.0]}, r"latency -2 ms; give a nonnegative one"),
    ],
)
def test_links_that_cannot_be_are_named(changes, message):
    with pytest.raises(DataError, match=message):
        triangle(**changes)


@pytest.mark.parametrize(
    ("nodes", "links", "message"),
    [
        (["A", "B", "C", "D"], [(0, 1), (2, 3)], "is disconnected: no path to C from A"),
        (["A", "A"], [(0, 1)], "distinct names"),
        (["A", "B"], [], "has no links"),
        (["A", "B"], [(0, 2)], "a node that does not exist"),
        (["A", "B"], [(0, 1), (1, 1)], "ends where it starts"),
        (["A", "B"], [(0, 1), (1, 0)], "listed twice"),
    ],
)
def test_graphs_that_cannot_be_are_refused(nodes, links, message):
    with pytest.raises(DataError, match=message):
        from_links("bad", nodes, links, [1.0] * len(links), [1.0] * len(links))


def test_a_way_there_but_not_back_is_disconnected():
    whole = triangle()
    with pytest.raises(DataError, match="no path from C to A"):
        topology.Topology(
            "one-way", whole.nodes, whole.arcs[:3], whole.capacity[:3], whole.latency_ms[:3], whole.positions
        )


def test_files_that_are_no_topologies_are_refused(tmp_path):
    path = tmp_path / "t.json"
    topology.write(path, triangle())
    document = read_json(path)
    write_json(path, document | {"format_version": 99})
    with pytest.raises(FormatError, match="format_version is 99"):
        topology.read(path)
    write_json(path, {key: value for key, value in document.items() if key != "links"})
    with pytest.raises(DataError, match=r"t\.json: not a topology .*links"):
        topology.read(path)
    document["links"][0]["to"] = "Nowhere"
    write_json(path, document)
    with pytest.raises(DataError, match=r"t\.json: a link ends at 'Nowhere', which is not a node"):
        topology.read(path)


@given(
    n=st.integers(2, 9),
    links=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=25),
)
def test_the_two_core_has_no_leaf_and_loses_nothing_else(n, links):
    inside = [(a % n, b % n) for a, b in links]
    nodes, core = two_core(n, inside)
    degree = {node: sum(node in pair for pair in core) for node in nodes}
    assert all(count >= 2 for count in degree.values())
    assert all(a < b for a, b in core)
    assert two_core(n, core)[1] == core
    if (
        inside
        and min(sum(v in p for p in {tuple(sorted(p)) for p in inside if p[0] != p[1]}) for v in range(n)) > 1
    ):
        assert len(nodes) == n


def test_labels_become_distinct():
    assert topology.distinct(["A", "A", "A 2", "A"]) == ["A", "A 2", "A 2 2", "A 3"]


def one_way(**changes):
    """A ring A -> B -> C -> A with other capacities on the two links that lead back as well."""
    arcs = np.array([(0, 1), (1, 0), (1, 2), (2, 1), (2, 0)])
    facts = {
        "capacity": np.array([10.0, 4.0, 10.0, 10.0, 5.0]),
        "latency_ms": np.array([1.0, 1.0, 2.0, 2.5, 3.0]),
    }
    return topology.Topology(
        "one-way", ("A", "B", "C"), arcs, positions=np.full((3, 2), np.nan), **(facts | changes)
    )


def test_directed_arcs_are_written_and_read(tmp_path):
    before = one_way(ids=("7", "8", "A"))
    topology.write(tmp_path / "t.json", before)
    after = topology.read(tmp_path / "t.json")
    assert after.directed
    assert (after.arcs == before.arcs).all()
    assert (after.capacity == before.capacity).all()
    assert (after.latency_ms == before.latency_ms).all()
    assert (after.nodes, after.ids) == (before.nodes, before.ids)
    document = read_json(tmp_path / "t.json")
    assert (document["format_version"], document["directed"]) == (2, True)
    with pytest.raises(FormatError, match="format_version is 1"):
        write_json(tmp_path / "t.json", document | {"format_version": 1})
        topology.read(tmp_path / "t.json")


def test_a_node_is_known_by_name_or_id_and_never_by_position():
    found = one_way(ids=("7", "8", "A"))
    assert (found.number_of("8"), found.number_of("B"), found.number_of("C")) == (1, 1, 2)
    with pytest.raises(DataError, match="'A' is the name of one node of one-way and the id of another"):
        found.number_of("A")
    with pytest.raises(DataError, match="'0' is not a node of one-way; its nodes are A, B, C"):
        found.number_of("0")
    with pytest.raises(DataError, match="did you mean 'New York'"):
        catalog.topology("abilene").number_of("NewYork")
    with pytest.raises(DataError, match="one distinct id per node"):
        one_way(ids=("7", "7", "A"))
