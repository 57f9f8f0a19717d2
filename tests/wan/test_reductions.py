"""Reductions of a small imported network by hand: what is kept, counted and noted."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.wan.importing import graph as graphs
from netwright.wan.importing.graph import (
    Findings,
    ImportedGraph,
    Link,
    Node,
    arcs_of,
    check_counts,
    check_nodes,
)
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import RawDemand
from netwright.wan.importing.reductions import check_connected, reduced
from netwright.wan.units import Rate

RING = (Link("a", "b", 1.0), Link("b", "c", 1.0), Link("c", "a", 1.0))


def network(*links, alone="", **fields):
    """A network of given links and of nodes alone, in the order of their names."""
    ends = sorted({*alone, *(end for link in links for end in (link.a, link.b))})
    return ImportedGraph("net", tuple(map(Node, ends)), tuple(links), "net.json", **fields)


def after(*links, alone="", fields=None, **options):
    return reduced(network(*links, alone=alone, **(fields or {})), ImportOptions(**options))


def test_nothing_is_changed_or_noted_without_a_reason():
    made = network(*RING)
    assert reduced(made, ImportOptions()) == made


def test_a_network_without_capacities_gets_one_on_each_link():
    found = after(Link("a", "b"), Link("b", "c"), Link("c", "a"))
    assert [link.capacity for link in found.links] == [1.0, 1.0, 1.0]
    assert found.capacity_unit == "relative"
    assert found.findings.notes == ("no capacity in the file: 1 on each of 3 links (relative)",)


@pytest.mark.parametrize(
    ("default", "capacity_unit", "unit"),
    [
        (Rate(4.0, "Gbit/s"), "", "Gbit/s"),
        (Rate(4.0, "Gbit/s"), "Mbit/s", "Gbit/s"),
        (Rate(4.0), "Mbit/s", "Mbit/s"),
        (Rate(4.0), "", "as given"),
    ],
)
def test_the_default_capacity_stands_on_every_link_that_has_none(default, capacity_unit, unit):
    found = after(Link("a", "b"), default_capacity=default, capacity_unit=capacity_unit)
    assert (found.links[0].capacity, found.capacity_unit) == (4.0, unit)
    assert found.findings.notes == (
        f"no capacity in the file: 4 {unit} on each of 1 link (--default-capacity)",
    )


def test_the_default_capacity_takes_the_unit_of_the_other_links():
    links = (Link("a", "b", 500.0), Link("b", "c"))
    found = after(*links, fields={"capacity_unit": "Mbit/s"}, default_capacity=Rate(2.0, "Gbit/s"))
    assert [link.capacity for link in found.links] == [500.0, 2000.0]
    assert found.findings.notes == ("no capacity on 1 link: 2000 Mbit/s each (--default-capacity)",)
    plain = after(*links, fields={"capacity_unit": "widgets"}, default_capacity=Rate(2.0))
    assert [link.capacity for link in plain.links] == [500.0, 2.0]
    with pytest.raises(ConfigError, match=r"is in Gbit/s, but the capacities of net.json have no unit"):
        after(*links, fields={"capacity_unit": "widgets"}, default_capacity=Rate(2.0, "Gbit/s"))


def test_some_links_without_a_capacity_stay_so_without_a_default():
    found = after(Link("a", "b", 5.0), Link("b", "c"))
    assert [link.capacity for link in found.links] == [5.0, None]
    assert found.findings.notes == ()


def test_loops_are_counted_and_dropped():
    found = after(*RING, Link("a", "a", 9.0), Link("c", "c", 9.0), drop_loops=True)
    assert found.links == RING
    assert found.findings.dropped_links == 2
    assert found.findings.notes == ("dropped 2 loops",)


def test_a_sum_of_parallel_links_has_the_latency_of_the_fastest():
    slow, fast = Link("a", "b", 3.0, 5.0, place="line 1"), Link("b", "a", 4.0, 2.0, place="line 2")
    unknown = Link("a", "b", 1.0, None, place="line 3")
    [link] = after(slow, fast, unknown, merge_parallel="sum").links
    assert (link.a, link.b, link.capacity, link.latency_ms, link.place) == ("a", "b", 8.0, 2.0, "line 1")
    [first] = after(slow, fast, unknown, merge_parallel="first").links
    assert first == slow


def test_a_sum_with_an_unknown_capacity_is_unknown():
    found = after(Link("a", "b", 3.0), Link("a", "b"), Link("b", "c", 1.0), merge_parallel="sum")
    assert [link.capacity for link in found.links] == [None, 1.0]
    assert found.findings.dropped_links == 1
    assert found.findings.notes == ("dropped a parallel link, with their capacities added",)


def test_links_of_opposite_direction_are_not_parallel():
    there, back = Link("a", "b", 3.0, directed=True), Link("b", "a", 4.0, directed=True)
    assert after(there, back, merge_parallel="sum").links == (there, back)


def test_equal_links_of_opposite_direction_fold_into_one():
    found = after(
        Link("a", "b", 3.0, 1.0), Link("b", "a", 3.0, 1.0), Link("b", "c", 1.0), fields={"folds": True}
    )
    assert [(link.a, link.b) for link in found.links] == [("a", "b"), ("b", "c")]
    assert found.findings.notes == ("1 link of opposite direction made one with the other direction",)


@pytest.mark.parametrize("changed", [{"capacity": 4.0}, {"latency_ms": 2.0}, {"length_km": 7.0}])
def test_directions_that_differ_in_anything_are_refused_or_the_first_kept(changed):
    facts = {"capacity": 3.0, "latency_ms": 1.0, "length_km": 5.0}
    there = Link("a", "b", **facts, place="line 1")
    back = Link("b", "a", **(facts | changed), place="line 2")
    message = r"^net.json: line 2 \(b to a\): differs from the other direction at line 1; "
    with pytest.raises(DataError, match=message):
        after(there, back, fields={"folds": True})
    assert after(there, back, fields={"folds": True}, merge_parallel="first").links == (there,)


def test_dead_ends_are_dropped_with_their_demands():
    demands = (RawDemand("a", "b", 1.0), RawDemand("a", "x", 1.0), RawDemand("y", "b", 1.0))
    links = (*RING, Link("c", "x", 1.0), Link("x", "y", 1.0))
    found = after(*links, fields={"demands": demands, "names": {"x": "Xanten"}}, drop_stubs=True)
    assert found.links == RING
    assert [node.name for node in found.nodes] == ["a", "b", "c"]
    assert found.demands == demands[:1]
    assert found.findings.dropped_nodes == ("x", "y")
    assert found.findings.dropped_links == 2
    assert found.findings.notes == (
        "dropped 2 nodes at dead ends, with 2 links: Xanten, y; 2 demands of theirs left out",
    )


def test_a_tree_has_nothing_besides_dead_ends():
    with pytest.raises(DataError, match=r"^net.json: a tree, of which nothing is left .*--drop-stubs"):
        after(Link("a", "b", 1.0), Link("b", "c", 1.0), drop_stubs=True)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=16).map(
        lambda pairs: sorted({(min(p), max(p)) for p in pairs if p[0] != p[1]})
    )
)
def test_every_node_left_has_two_neighbors_left(pairs):
    if not pairs:
        return
    try:
        found = after(*(Link(str(a), str(b), 1.0) for a, b in pairs), drop_stubs=True)
    except DataError:
        n_nodes = len({node for pair in pairs for node in pair})
        assert len(pairs) < n_nodes  # a cycle has as many links as nodes
        return
    ends = [end for link in found.links for end in (link.a, link.b)]
    assert all(ends.count(node.name) >= 2 for node in found.nodes)
    assert len(found.nodes) + len(found.findings.dropped_nodes) == len({n for pair in pairs for n in pair})


def test_of_two_parts_of_equal_size_the_first_of_the_file_is_kept():
    found = after(Link("c", "d", 1.0), Link("a", "b", 1.0), alone="e", keep_largest_component=True)
    assert [node.name for node in found.nodes] == ["a", "b"]
    assert found.findings.dropped_nodes == ("c", "d", "e")


def test_one_way_links_do_not_join_their_ends():
    chain = network(Link("a", "b", directed=True), Link("b", "c"), said_directed=True)
    message = r"^net.json: is disconnected: 2 parts of 2, 1 nodes, such as that of 'a', .*--undirected"
    with pytest.raises(DataError, match=message):
        check_connected(chain)
    check_connected(network(Link("a", "b"), Link("b", "c")))


def test_a_file_that_says_nothing_of_directions_gets_no_hint_at_them():
    with pytest.raises(DataError) as caught:
        check_connected(network(Link("a", "b"), Link("c", "d")))
    assert "--undirected" not in str(caught.value)


def test_arcs_of_links():
    assert arcs_of(Link("a", "b")) == (("a", "b"), ("b", "a"))
    assert arcs_of(Link("a", "b", directed=True)) == (("a", "b"),)


def test_a_repeated_link_is_refused_with_the_place_of_the_first():
    links = (Link("a", "b", place="line 1"), Link("b", "c", place="line 2"), Link("b", "a", place="line 3"))
    with pytest.raises(DataError) as caught:
        network(*links).check_links()
    assert str(caught.value).startswith("net.json: line 3 (b to a): the link is given already at line 1; ")
    assert str(caught.value).endswith(", or with --directed if each line is one direction.")
    with pytest.raises(DataError) as caught:
        network(links[0], Link("a", "b", place="line 2")).check_links()
    assert "--directed" not in str(caught.value)


def test_the_limits_of_size_are_inclusive():
    check_counts(graphs.MAX_NODES, graphs.MAX_LINKS, "net.json")
    for nodes, links in ((graphs.MAX_NODES + 1, 1), (1, graphs.MAX_LINKS + 1)):
        with pytest.raises(DataError, match=f"^net.json: {nodes} nodes and {links} links are more than"):
            check_counts(nodes, links, "net.json")


@pytest.mark.parametrize("made", [network(alone="ab"), ImportedGraph("net", (), RING, "net.json")])
def test_a_file_without_nodes_or_links_holds_no_network(made):
    with pytest.raises(DataError, match=r"^net.json: holds no network"):
        made.check_size()


def test_names_are_limited_together_with_their_labels():
    check_nodes([Node("a" * 100, "b" * 100)], "net.json")
    with pytest.raises(DataError, match="longer than 200 characters"):
        check_nodes([Node("a" * 100, "b" * 101)], "net.json")
    with pytest.raises(DataError, match="node 'a' is given 2 times"):
        check_nodes([Node("a"), Node("b"), Node("a")], "net.json")


def test_findings_name_ignored_attributes_before_notes():
    found = Findings({"links": ("color", "weight"), "nodes": ()}, ("a note",))
    assert found.lines() == ("ignored on links: color, weight", "a note")
