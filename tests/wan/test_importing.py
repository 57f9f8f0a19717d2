"""Networks from files of unknown origin: read right, or refused in one sentence that names file and place."""

import json
import os
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.wan.catalog import topology
from netwright.wan.importing import SUFFIXES, ImportedGraph, Link, Node, as_topology, read_graph
from netwright.wan.topology import to_json

TRIANGLE = {
    "nodes": [{"id": "x", "label": "X-town", "lat": 50.0, "lon": 8.0}, {"id": "y"}, {"id": "z"}],
    "links": [
        {"a": "x", "b": "y", "capacity": 10, "latency_ms": 1.5},
        {"a": "y", "b": "z", "capacity": 10, "length_km": 300},
        {"a": "z", "b": "x", "capacity": 40},
    ],
}
BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<graphml><graph><node id="&c;"/></graph></graphml>"""
EXTERNAL = """<?xml version="1.0"?>
<!DOCTYPE graphml [<!ENTITY secret SYSTEM "file:///etc/passwd">]>
<graphml><graph><node id="&secret;"/></graph></graphml>"""


def written(folder: Path, name: str, content: object) -> Path:
    path = folder / name
    text = content if isinstance(content, str) else json.dumps(content)
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path, *words: str, prepare: bool = False) -> str:
    """The sentence that refuses a file; it begins with the file and holds the words."""
    with pytest.raises(DataError) as caught:
        read_graph(path, prepare=prepare)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert "\n" not in sentence
    for word in words:
        assert word in sentence, sentence
    return sentence


def changed(**change: object) -> dict[str, object]:
    return {**TRIANGLE, **change}


def with_link(**facts: object) -> dict[str, object]:
    return changed(links=[*TRIANGLE["links"], facts])


def test_json_is_read(tmp_path):
    graph = read_graph(written(tmp_path, "mine.json", TRIANGLE))
    assert graph.nodes[0] == Node("x", "X-town", 50.0, 8.0)
    assert graph.links[0] == Link("x", "y", 10.0, 1.5, None, "link 1")
    assert (graph.name, graph.directed, graph.links[1].length_km) == ("mine", False, 300.0)


def test_an_edge_list_is_read(tmp_path):
    text = "\ufeffsource,target,capacity,latency_ms\n# a ring\nberlin, paris, 10, 4.5\n"
    text += "paris,rome,10 # coast\n\nrome,berlin\n"
    graph = read_graph(written(tmp_path, "ring.csv", text))
    assert [n.name for n in graph.nodes] == ["berlin", "paris", "rome"]
    assert [(li.capacity, li.latency_ms) for li in graph.links] == [(10.0, 4.5), (10.0, None), (None, None)]
    assert graph.links[2].place == "line 6"


@given(seed=st.integers(0, 1_000), directed=st.booleans())
@settings(max_examples=20)
def test_what_networkx_writes_is_read(seed, directed, tmp_path_factory):
    made = nx.gnp_random_graph(8, 0.5, seed=seed, directed=directed)
    made.add_edge(0, 1)
    for i, (_, _, facts) in enumerate(made.edges(data=True)):
        facts.update(capacity=1.0 + i, latency_ms=0.5 * i)
    folder = tmp_path_factory.mktemp("written")
    nx.write_graphml(made, folder / "made.graphml")
    (folder / "made.json").write_text(json.dumps(nx.node_link_data(made, edges="links")))
    expected = {(str(a), str(b)): (d["capacity"], d["latency_ms"]) for a, b, d in made.edges(data=True)}
    for name in ("made.graphml", "made.json"):
        graph = read_graph(folder / name)
        assert {(li.a, li.b): (li.capacity, li.latency_ms) for li in graph.links} == expected
        assert sorted(n.name for n in graph.nodes) == sorted(map(str, made))
        assert graph.directed == directed


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.json", with_link(a="x", b="nowhere"), ["link 4", "'nowhere'", "does not list"]),
        (
            "a.json",
            with_link(a="y", b="x"),
            ["link 4 (y to x)", "given already at link 1", "--merge-parallel"],
        ),
        ("a.json", with_link(a="y", b="y"), ["link 4 (y to y)", "to itself"]),
        ("a.json", with_link(b="y"), ["link 4", "between which nodes"]),
        ("a.json", with_link(a=1.5, b="y"), ["link 4", "whole number"]),
        (
            "a.json",
            with_link(a="x", b="y", capacity=-1),
            ["link 4 (x to y)", "capacity must be above 0, got -1"],
        ),
        ("a.json", with_link(a="x", b="y", capacity=0), ["capacity must be above 0"]),
        (
            "a.json",
            with_link(a="x", b="y", capacity="lots"),
            ["capacity must be a finite number, got 'lots'"],
        ),
        ("a.json", with_link(a="x", b="y", latency_ms=float("nan")), ["NaN is not a number"]),
        ("a.json", with_link(a="x", b="y", latency_ms=-2), ["latency_ms must be at least 0, got -2"]),
        ("a.json", changed(nodes=[{"id": "x"}, {"id": "x"}]), ["node 'x' is given 2 times"]),
        ("a.json", changed(nodes=[{"label": "x"}]), ["node 1", "id"]),
        ("a.json", changed(nodes=[{"id": "x", "lat": 95}]), ["node 'x'", "latitude must be at most 90"]),
        ("a.json", changed(nodes=[{"id": "x\x1b[2J"}]), ["node 'x\\x1b[2J'", "control characters"]),
        ("a.json", changed(nodes=[{"id": "x", "label": "y" * 300}]), ["longer than 200 characters"]),
        ("a.json", changed(nodes=3), ["no list 'nodes'"]),
        ("a.json", {"nodes": []}, ["no list 'links'"]),
        ("a.json", {"nodes": [], "links": []}, ["holds no network"]),
        ("a.json", [1, 2], ["JSON object"]),
        ("a.json", '{"nodes": [}', ["line 1, column 12", "not valid JSON"]),
        ("a.json", "[" * 200_000, ["nested more than"]),
        ("a.json", '{"links": [{"a": ' + "9" * 5_000 + "}]}", ["of 5000 digits"]),
        ("a.txt", "x y 1\ny z 1 2 3\n", ["line 2", "y z 1 2 3"]),
        ("a.txt", "x\n", ["line 1"]),
        ("a.txt", "x y -4\n", ["line 1 (x to y)", "capacity must be above 0, got -4"]),
        ("a.txt", "x y 1\nx y 1\n", ["line 2", "given already at line 1"]),
        ("a.txt", "# nothing\n", ["holds no network"]),
        ("a.csv", "x,,1\n", ["line 1"]),
        ("a.graphml", BOMB, ["declares a DTD"]),
        ("a.graphml", EXTERNAL, ["declares a DTD"]),
        ("a.graphml", "<graphml><graph></graphml>", ["line 1, column 18", "not well-formed"]),
        ("a.graphml", "<svg/>", ["<graph>"]),
        ("a.graphml", "<graphml><graph/><graph/></graphml>", ["there are 2"]),
        ("a.graphml", "<graphml><graph><node/></graph></graphml>", ["node 1 has no id"]),
        ("a.graphml", '<graphml><graph><edge source="a"/></graph></graphml>', ["edge 1 has no target"]),
        ("a.graphml", '<?xml version="1.0" encoding="nonsense"?><graphml/>', ["a.graphml"]),
        ("a.yaml", "x", [".graphml", "rename"]),
    ],
)
def test_bad_files_are_refused_in_a_sentence(tmp_path, name, content, words):
    refused(written(tmp_path, name, content), *words)


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(content=st.binary(max_size=300))
@settings(max_examples=30)
def test_noise_never_ends_in_anything_but_a_sentence(suffix, content, tmp_path_factory):
    path = tmp_path_factory.mktemp("noise") / f"noise{suffix}"
    path.write_bytes(content)
    try:
        found = read_graph(path)
    except DataError as error:
        assert str(error).startswith(f"{path}: ")
    else:
        assert isinstance(found, ImportedGraph)


def test_deep_xml_is_no_harm(tmp_path):
    refused(
        written(tmp_path, "deep.graphml", "<graphml>" + "<a>" * 50_000 + "</a>" * 50_000 + "</graphml>"),
        "<graph>",
    )


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "huge.json"
    with path.open("wb") as stream:
        stream.truncate(5 * 2**30)  # a hole: takes no room on the disk
    monkeypatch.setattr(Path, "open", lambda *_, **__: pytest.fail("was opened"))
    refused(path, "5 GiB", "4 MiB")


def test_what_is_no_plain_file_is_refused(tmp_path):
    fifo = tmp_path / "pipe.json"
    os.mkfifo(fifo)
    refused(fifo, "not a plain file")
    refused(tmp_path / "absent.json", "no such file")
    (tmp_path / "folder.json").mkdir()
    refused(tmp_path / "folder.json", "not a plain file")


def test_a_network_too_large_to_design_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("netwright.wan.importing.graph.MAX_LINKS", 2)
    refused(written(tmp_path, "a.json", TRIANGLE), "3 links", "2")


def test_preparation_collapses_drops_and_prunes(tmp_path):
    text = "a b 1\na b 9\nb c 1\nc a 1\nc c 1\nc d 1\nd e 1\n"
    path = written(tmp_path, "a.txt", text)
    graph = read_graph(path, prepare=True)
    assert [n.name for n in graph.nodes] == ["a", "b", "c"]
    assert [(li.a, li.b, li.capacity) for li in graph.links] == [
        ("a", "b", 1.0),
        ("b", "c", 1.0),
        ("c", "a", 1.0),
    ]
    refused(written(tmp_path, "tree.txt", "a b\nb c\n"), "a tree", prepare=True)


@pytest.mark.parametrize(
    ("name", "n_nodes", "n_links"),
    [
        ("Abilene", 11, 14),
        ("BtNorthAmerica", 36, 76),
        ("Cwix", 21, 26),
        ("Tinet", 48, 84),
        ("Deltacom", 103, 151),
        ("Ion", 114, 135),
    ],
)
def test_the_zoos_graphs_prepared_are_those_of_the_paper(name, n_nodes, n_links):
    """Counts of Table 5 (Wang et al., POPL 2023), and the same links as the prepared copies."""
    folder = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")) / "wan"
    if not (folder / "zoo").is_dir():
        pytest.skip("needs the Zoo's files: set NETWRIGHT_DATA to a folder that holds wan/zoo")
    graph = read_graph(folder / "zoo" / f"{name}.graphml", prepare=True)
    assert (len(graph.nodes), len(graph.links)) == (n_nodes, n_links)
    copy = json.loads((folder / "topologies" / f"{name.lower()}.json").read_text())
    assert [n.name for n in graph.nodes] == [n["zoo_id"] for n in copy["nodes"]]
    found = {tuple(sorted((graph.index[li.a], graph.index[li.b]))) for li in graph.links}
    assert found == {(li["a"], li["b"]) for li in copy["links"]}


def test_a_graph_becomes_a_topology(tmp_path):
    found = as_topology(read_graph(written(tmp_path, "mine.json", TRIANGLE)))
    assert (found.nodes, found.ids) == (("X-town", "y", "z"), ("x", "y", "z"))
    assert found.arcs.tolist() == [[0, 1], [1, 0], [1, 2], [2, 1], [2, 0], [0, 2]]
    assert found.capacity.tolist() == [10.0, 10.0, 10.0, 10.0, 40.0, 40.0]
    # Given, 300 km in fiber, and the median of the two for the link of which nothing is known.
    assert found.latency_ms.tolist() == [1.5] * 4 + [1.5] * 2


def test_our_own_format_comes_back(tmp_path):
    path = written(tmp_path, "abilene.json", to_json(topology("abilene")))
    again = as_topology(read_graph(path))
    assert to_json(again)["links"] == to_json(topology("abilene"))["links"]
    assert to_json(again)["nodes"] == to_json(topology("abilene"))["nodes"]


def test_places_give_latency(tmp_path):
    """Berlin to Paris, 878 km along the earth's surface, in fiber at 200 km to the ms."""
    nodes = [{"id": "b", "lat": 52.52, "lon": 13.405}, {"id": "p", "lat": 48.8566, "lon": 2.3522}]
    path = written(tmp_path, "two.json", {"nodes": nodes, "links": [{"a": "b", "b": "p"}]})
    found = as_topology(read_graph(path))
    assert found.latency_ms == pytest.approx(878 / 200, abs=0.01)
    assert found.capacity.tolist() == [1.0, 1.0]


def test_hops_stand_in_where_no_latency_is_known(tmp_path):
    found = as_topology(read_graph(written(tmp_path, "ring.txt", "a b\nb c\nc a\n")))
    assert set(found.latency_ms.tolist()) == {1.0}


def test_one_way_links_stay_so(tmp_path):
    links = [{"a": "x", "b": "y"}, {"a": "y", "b": "z"}, {"a": "z", "b": "x"}]
    found = as_topology(read_graph(written(tmp_path, "round.json", {"directed": True, "links": links})))
    assert found.arcs.tolist() == [[0, 1], [1, 2], [2, 0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a b 1\nb c\nc a 1\n", ["line 2 (b to c) has no capacity although others have"]),
        ("a b\nc d\n", ["is disconnected", "add links or drop"]),
    ],
)
def test_graphs_that_are_no_topology_are_refused(tmp_path, text, words):
    path = written(tmp_path, "a.txt", text)
    with pytest.raises(DataError) as caught:
        as_topology(read_graph(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert all(word in str(caught.value) for word in words)
