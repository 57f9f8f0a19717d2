"""Formats of the trade: small files with their right reading, the public files, and damaged ones."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.wan.importing import ImportedGraph, ImportOptions, as_topology, dot, gml, read_graph
from netwright.wan.importing.demand_files import with_demands
from netwright.wan.importing.raw import RawDemand
from netwright.wan.units import Rate
from tests.wan import foreign

PUBLIC = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "public" / "wan"
needs_public = pytest.mark.skipif(not PUBLIC.is_dir(), reason="needs public/wan in NETWRIGHT_DATA")


def read(folder: Path, name: str, text: str | None = None, **options) -> ImportedGraph:
    path = folder / name
    path.write_text(foreign.SAMPLES[name] if text is None else text, encoding="utf-8")
    return read_graph(path, options=ImportOptions(**options))


def links(graph: ImportedGraph) -> dict[tuple[str, str], tuple[float | None, float | None]]:
    return {(link.a, link.b): (link.capacity, link.latency_ms) for link in graph.links}


def said(graph: ImportedGraph, *words: str) -> bool:
    return any(all(word in note for word in words) for note in as_topology(graph).notes)


@pytest.mark.parametrize("name", ["ring.xml", "ring.txt"])
def test_sndlib_with_its_demands(tmp_path, name):
    graph = read(tmp_path, name)
    assert links(graph) == {("A", "B"): (155.0, None), ("B", "C"): (622.0, None), ("C", "A"): (155.0, None)}
    assert graph.capacity_unit == "Mbit/s"
    assert [(n.lat, n.lon) for n in graph.nodes] == [(50.0, 8.0), (51.0, 9.0), (50.0, 10.0)]
    assert graph.demands == (RawDemand("A", "C", 3.5, "Mbit/s"), RawDemand("C", "A", 1.0, "Mbit/s"))
    assert said(graph, "ignored on links", "addModule", "routingCost")
    assert said(graph, "SNDlib networks do not say which way links lead")
    modules = read(tmp_path, name, foreign.SAMPLES[name].replace("155.0", "0.0"), default_capacity=None)
    with pytest.raises(DataError, match="has no capacity although others have"):  # 0 means that none is built
        as_topology(modules)


@pytest.mark.parametrize("name", ["ring.xml", "ring.txt"])
def test_what_sndlib_only_offers_is_no_capacity(tmp_path, name):
    text = foreign.SAMPLES[name].replace("155.0", "0.0").replace("622.0", "0.0")
    graph = read(tmp_path, name, text)
    assert {link.capacity for link in graph.links} == {1.0}
    assert said(graph, "no capacity is installed, only offered (--capacity-from addModule")
    bought = read(tmp_path, name, text, capacity_from="addModule", default_capacity=Rate(1.0))
    assert ("B", "C", 40.0) in [(li.a, li.b, li.capacity) for li in bought.links]


def test_demands_of_sndlib_in_files_of_their_own(tmp_path):
    graph = read(tmp_path, "ring.xml")
    text = "?SNDlib native format; type: network; version: 1.0\nNODES (\n A\n B\n)\nLINKS (\n)\n"
    (tmp_path / "matrix.txt").write_text(text + "DEMANDS (\n A_B ( A B ) 1 12.5 UNLIMITED\n)\n")
    assert with_demands(graph, tmp_path / "matrix.txt").demands == (RawDemand("A", "B", 12.5),)
    (tmp_path / "matrix.xml").write_text(foreign.SNDLIB_XML.replace("3.5", "7"))
    assert with_demands(graph, tmp_path / "matrix.xml").demands[0] == RawDemand("A", "C", 7.0, "Mbit/s")


def test_coordinates_of_sndlib_are_places_only_where_it_says_so(tmp_path):
    graph = read(tmp_path, "ring.xml", foreign.SNDLIB_XML.replace("geographical", "pixel"))
    assert graph.nodes[0].lat is None
    assert said(graph, "x and y of nodes are not said to be degrees")
    graph = read(tmp_path, "ring.xml", foreign.SNDLIB_XML.replace("geographical", "pixel"), geographic=True)
    assert (graph.nodes[0].lat, graph.nodes[0].lon) == (50.0, 8.0)


def test_repetita_asks_for_the_unit_of_its_delays(tmp_path):
    with pytest.raises(DataError, match=r"do not say in which unit 'delay' is .*--latency-unit us, 10us"):
        read(tmp_path, "ring.graph")
    graph = read(tmp_path, "ring.graph", latency_unit="10us")
    found = as_topology(graph)
    assert (found.nodes, found.ids) == (("0_A", "1_B", "2_C"), ("0", "1", "2"))
    assert found.directed
    assert links(graph)["1", "2"] == (622.0, pytest.approx(0.64))
    assert links(graph)["2", "1"][0] == 100.0
    assert said(graph, "'delay' read in units of 0.01 ms")
    assert said(graph, "capacities have no unit in the file")
    (tmp_path / "ring.demands").write_text(foreign.REPETITA_DEMANDS)
    assert with_demands(graph, tmp_path / "ring.demands").demands == (
        RawDemand("0", "2", 3.5),
        RawDemand("2", "0", 1.0),
    )


def test_dot_with_defaults_chains_and_hosts(tmp_path):
    graph = read(tmp_path, "ring.dot")
    found = as_topology(graph)
    assert (graph.name, graph.capacity_unit) == ("Ring", "Gbit/s")
    assert found.nodes == ("s1", "s2", 'Third "site"', "h1")
    assert found.number_of("s 3") == 2
    assert links(graph) == {
        ("s1", "s2"): (0.155, None), ("s2", "s1"): (0.155, None),
        ("s2", "s 3"): (1.0, None), ("s 3", "s1"): (1.0, None), ("h1", "s1"): (1.0, None),
    }  # fmt: skip
    assert found.n_arcs == 6
    assert said(graph, "ignored on links: cost")
    assert said(graph, "hosts, where demands enter")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("digraph { a -> { b c } }", "line 1: a link to a whole subgraph"),
        ("digraph { { a b } -> c }", "line 1: a link from a whole subgraph"),
        ("graph {\n a -> b }", "line 2: `->` does not go with this kind of graph"),
        ("digraph { a -> b", "ends within its graph"),
        ("digraph { a -> b } graph { c }", "more than one graph"),
        ("digraph { a [label=<b>x</b>] }", "not DOT at"),
        ("nonsense", "expected `graph` or `digraph`"),
    ],
)
def test_dot_that_is_no_network(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path, "n.dot", text)


def test_gml(tmp_path):
    graph = read(tmp_path, "ring.gml")
    assert [(n.name, n.label) for n in graph.nodes] == [("0", "A & B"), ("7", "B"), ("9", "C")]
    assert (graph.nodes[0].lat, graph.nodes[0].lon) == (50.0, 8.0)
    assert links(graph) == {("0", "7"): (155.5, 2.0), ("7", "9"): (622.0, None), ("9", "0"): (155.0, 1.5)}
    assert said(graph, "ignored on links: color")
    assert said(graph, "latency unknown on 1 link: 1.75 ms each, the median of the others")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("graph [ node [ id 1 ]", "the file is cut short"),
        ("graph [ ] ] ", "line 1: not GML"),
        ("graph [ node [ ] edge [ source 1 target 2 ] ]", "node 1 has no id"),
        ("node [ id 1 ]", "GML has one `graph"),
        ("graph [ " * 60 + "]" * 60, "not GML"),
    ],
)
def test_gml_that_is_no_network(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path, "n.gml", text)


def test_teavar_is_directed_and_in_kbit_per_second(tmp_path):
    """Its columns are to_node, from_node: the first of a line is where the link ends."""
    (tmp_path / "teavar_nodes.txt").write_text("String_node_names\ns1\ns2\ns3\n")
    graph = read(tmp_path, "teavar.txt")
    found = as_topology(graph)
    assert graph.capacity_unit == "kbit/s"
    assert {node.name: node.label for node in graph.nodes} == {"1": "s1", "2": "s2", "3": "s3"}
    assert links(graph)["3", "1"] == (1e6, None)
    assert links(graph)["1", "3"] == (2e6, None)
    assert found.nodes == ("s1", "s2", "s3")
    assert said(graph, "ignored on links: prob_failure")
    assert said(graph, "capacities read in kbit/s, as TEAVAR files have them")


def test_teavar_counts_nodes_from_0_or_1(tmp_path):
    (tmp_path / "nodes.txt").write_text("String_node_names\ns1\ns2\n")
    text = "to_node from_node capacity prob_failure\n\t{0} {1} 5 .1\n\t{1} {0} 5 .1\n"
    for first in (0, 1):
        graph = read(tmp_path, "topology.txt", text.format(first, first + 1))
        assert {node.name: node.label for node in graph.nodes} == {str(first): "s1", str(first + 1): "s2"}
    with pytest.raises(DataError, match=r"nodes\.txt: names 2 nodes, but .* has others"):
        read(tmp_path, "topology.txt", text.format(1, 3))


def test_matrices_go_by_number(tmp_path):
    graph = read(tmp_path, "teavar.txt")
    (tmp_path / "demand.txt").write_text("0 1 2 3 0 4 5 6 0\n0 10 20 30 0 40 50 60 0\n")
    found = with_demands(graph, tmp_path / "demand.txt")
    assert RawDemand("1", "3", 2.0, step=0) in found.demands
    assert RawDemand("3", "1", 50.0, step=1) in found.demands
    matrix = np.array([[0, 1, 2], [3, 0, 4], [5, 6, 0]])
    np.save(tmp_path / "demand.npy", matrix)
    (tmp_path / "demand.csv").write_text("0,1,2\n3,0,4\n5,6,0\n")
    one, two = (with_demands(graph, tmp_path / name).demands for name in ("demand.npy", "demand.csv"))
    assert one == two
    assert {(d.source, d.target): d.volume for d in one}["2", "3"] == 4.0


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("d.pkl", b"x", "pickled matrices .* are never opened"),
        ("d.txt", b"1 2\n3 4\n", "not 3 numbers on 3 lines"),
        ("d.txt", b"0 1 2\n3 0 4\n5 -6 0\n", "nonnegative"),
        ("d.txt", b"source,target\na,b\n", "not a line of a matrix"),
        ("d.npy", b"nothing", "damaged or not an array"),
        ("d.demands", b"DEMANDS 9\nlabel src dest bw\nd 0 1 2\n", "holds fewer"),
        ("d.demands", b"DEMANDS 1\nlabel src dest bw\nd 1 17 2\n", "one of them is no node"),
    ],
)
def test_demands_that_do_not_fit(tmp_path, name, content, words):
    graph = read(tmp_path, "teavar.txt")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        with_demands(graph, tmp_path / name)


def test_a_matrix_of_objects_or_of_a_false_size_is_never_loaded(tmp_path):
    graph = read(tmp_path, "teavar.txt")
    np.save(tmp_path / "d.npy", np.array([[None] * 3] * 3), allow_pickle=True)
    with pytest.raises(DataError, match="not plain numbers"):
        with_demands(graph, tmp_path / "d.npy")
    for wrong in (np.full((3, 3), "1"), np.zeros((3, 2)), np.zeros((2, 3)), np.zeros((1, 1, 3, 3))):
        np.save(tmp_path / "d.npy", wrong)
        with pytest.raises(DataError, match=r"not a matrix of numbers for 3 nodes"):
            with_demands(graph, tmp_path / "d.npy")
    np.save(tmp_path / "d.npy", np.zeros((1, 3, 3)))
    content = (tmp_path / "d.npy").read_bytes()
    (tmp_path / "d.npy").write_bytes(content.replace(b"(1, 3, 3)", b"(9, 3, 3)"))
    with pytest.raises(DataError, match=r"d\.npy: "):
        with_demands(graph, tmp_path / "d.npy")


def test_topohub_with_its_demands(tmp_path):
    graph = read(tmp_path, "ring.json")
    found = as_topology(graph)
    assert (graph.name, graph.format, found.capacity_unit) == ("ring", "TopoHub JSON", "relative")
    assert found.latency_ms[::2] == pytest.approx([130.5 / 200, 0.7, 0.75])
    assert found.positions[0].tolist() == [50.0, 8.0]
    pairs = {(d.source, d.target): d.volume for d in graph.demands}
    assert pairs == {("0", "1"): 4.0, ("1", "0"): 4.0, ("0", "2"): 2.0, ("2", "0"): 2.0}
    assert said(graph, "2 demands hold in both directions, as stats.demands (4) says")


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.txt", b"a b\n" * 1_000_002, "more lines or words"),
        ("a.csv", b"a,b\n" * 20_010, "than the 2000 and 20000"),
        ("a.json", b'{"links": [' + b"0," * 20_010 + b"0]}", "than the 2000 and 20000"),
        ("a.graphml", b"<graphml><graph>" + b"<edge/>" * 20_010 + b"</graph></graphml>", "2000 and 20000"),
        ("a.xml", b"<network>" + b"<link/>" * 20_010 + b"</network>", "than the 2000 and 20000"),
        ("a.graph", b"N 1\n" * 1_000_002, "more lines or words"),
    ],
)
def test_files_with_more_than_a_network_has_are_refused_before_they_grow(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        read_graph(tmp_path / name)


@pytest.mark.parametrize(
    ("reader", "name", "content"),
    [(gml, "a.gml", b"graph [ " + b"a 1 " * 80 + b"]"), (dot, "a.dot", b"digraph {" + b"a;" * 80 + b"}")],
)
def test_words_are_counted_while_they_are_read(tmp_path, monkeypatch, reader, name, content):
    assert reader.MAX_TOKENS == 1_000_000
    monkeypatch.setattr(reader, "MAX_TOKENS", 100)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="more lines or words"):
        read_graph(tmp_path / name)


def test_our_own_documents_have_a_version(tmp_path):
    with pytest.raises(DataError, match="format_version is 99, this netwright reads 1 and 2"):
        read(tmp_path, "own.json", '{"format_version": 99, "links": [{"from": "A", "to": "B"}]}')


def test_coordinates_of_a_plane_are_left_out_and_one_slip_is_refused(tmp_path):
    """TopoHub's synthetic networks name plane coordinates lat and lon."""

    def ring(latitudes):
        nodes = " ".join(f"node [ id {i} lat {lat} lon 10.0 ]" for i, lat in enumerate(latitudes))
        edges = " ".join(f"edge [ source {i} target {(i + 1) % 4} dist 50 ]" for i in range(4))
        return f"graph [ {nodes} {edges} ]"

    graph = read(tmp_path, "n.gml", ring([248.8, 410.0, 33.0, 123.0]))
    assert graph.nodes[2].lat is None
    assert said(graph, "outside of degrees, as on a plane: left out")
    with pytest.raises(DataError, match="node '1': latitude must be at most 90, got 410"):
        read(tmp_path, "n.gml", ring([48.8, 410.0, 33.0, 12.0]))


def test_places_that_are_not_understood_are_named(tmp_path):
    gml = "graph [ node [ id 1 pos 8.0 pos 50.0 ] node [ id 2 ] edge [ source 1 target 2 ] ]"
    assert (read(tmp_path, "n.gml", gml).nodes[0].lat, read(tmp_path, "n.gml", gml).nodes[0].lon) == (
        50.0,
        8.0,
    )
    dot = 'graph { a [pos="27,18"]; b; a -- b }'  # where graphviz drew it
    assert said(read(tmp_path, "n.dot", dot), "'pos' of nodes is not understood: left out")


@needs_public
@pytest.mark.parametrize(
    ("name", "options", "n_nodes", "n_arcs", "unit"),
    [
        ("ncflow_b4-teavar.json", {}, 12, 38, "as in the file"),
        ("rep_York.graph", {"latency_unit": "10us"}, 23, 48, "as in the file"),
        ("teavar_B4.txt", {}, 12, 38, "kbit/s"),
        ("topohub_gabriel_25_0.json", {}, 25, 80, "relative"),
        ("topohub_sndlib_nobel-germany.gml", {}, 17, 52, "relative"),
        ("topohub_sndlib_nobel-germany.json", {}, 17, 52, "relative"),
        ("tz_Aarnet.graphml", {}, 19, 48, "relative"),
        ("tz_Garr201201.graphml", {"merge_parallel": "sum"}, 61, 150, "relative"),
        ("yates_AttMpls.dot", {}, 50, 162, "Gbit/s"),
    ],
)
def test_public_files_open(name, options, n_nodes, n_arcs, unit):
    found = as_topology(read_graph(PUBLIC / name, options=ImportOptions(**options)))
    assert (found.n_nodes, found.n_arcs, found.capacity_unit) == (n_nodes, n_arcs, unit)


@needs_public
def test_public_files_have_their_right_reading():
    teavar = as_topology(read_graph(PUBLIC / "teavar_B4.txt"))
    assert teavar.nodes[:2] == ("s1", "s2")
    assert set(teavar.capacity) == {5e6}
    germany = read_graph(PUBLIC / "topohub_sndlib_nobel-germany.json")
    assert (germany.nodes[0].label, germany.nodes[0].lat, germany.nodes[0].lon) == ("Hannover", 52.39, 9.8)
    assert (germany.links[0].length_km, len(germany.demands)) == (249.82, 242)
    york = read_graph(PUBLIC / "rep_York.graph", options=ImportOptions(latency_unit="10us"))
    assert len(with_demands(york, PUBLIC / "rep_York.0000.demands").demands) == 506
    aarnet = as_topology(read_graph(PUBLIC / "tz_Aarnet.graphml"))
    assert aarnet.nodes[:2] == ("Perth1", "Perth2")
    yates = read_graph(PUBLIC / "yates_AttMpls.dot", options=ImportOptions(drop_stubs=True, directed=False))
    assert (len(yates.nodes), len(yates.links), yates.links[0].capacity) == (25, 56, 1.0)
    with pytest.raises(DataError, match="is empty"):
        read_graph(PUBLIC / "topohub_topozoo_Cogentco.json")


@pytest.mark.parametrize("name", foreign.SAMPLES)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_files_are_read_or_refused_in_a_sentence(name, data, tmp_path_factory):
    text = foreign.SAMPLES[name]
    at = data.draw(st.integers(0, len(text)))
    length = data.draw(st.integers(0, 20))
    inside = data.draw(
        st.sampled_from(
            ["", " ", "\n", "(", ")", "[", "]", "{", "}", '"', "nan", "-1", "<", "9" * 30, "\x00"]
        )
    )
    path = tmp_path_factory.mktemp("damaged") / name
    path.write_text(text[:at] + inside + text[at + length :], encoding="utf-8")
    options = ImportOptions(
        latency_unit="us", merge_parallel="sum", drop_loops=True, keep_largest_component=True
    )
    try:
        as_topology(read_graph(path, options=options))
    except DataError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
