"""Networks that went wrong once, each with its right reading, and reductions that say what they drop."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError, UnknownNameError
from netwright.wan.importing import ImportOptions, as_topology, read_graph
from netwright.wan.importing.writing import network_text
from netwright.wan.topology import Topology
from netwright.wan.units import Rate


def imported(folder: Path, name: str, text: str, **options) -> Topology:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return as_topology(read_graph(path, options=ImportOptions(**options)))


def arcs(found: Topology) -> dict[tuple[str, str], tuple[float, float]]:
    """Capacity and latency of each arc, by the names of its ends."""
    return {
        (found.nodes[a], found.nodes[b]): (float(c), float(ms))
        for (a, b), c, ms in zip(found.arcs, found.capacity, found.latency_ms, strict=True)
    }


def said(found: Topology, *words: str) -> bool:
    return any(all(word in note for word in words) for note in found.notes)


def test_columns_go_by_their_titles(tmp_path):
    text = "latency_ms,source,color,capacity,target\n2.1,A,red,10,B\n1.9,B,blue,10,C\n3.3,C,red,5,A\n"
    found = imported(tmp_path, "n.csv", text)
    assert arcs(found)["A", "B"] == (10.0, 2.1)
    assert arcs(found)["A", "C"] == (5.0, 3.3)
    assert said(found, "ignored on links: color")


def test_synonyms_are_read_and_units_said(tmp_path):
    text = """{"nodes": [{"id": 0, "name": "Lyon", "pos": [4.8, 45.7]}, {"id": 1, "name": "Paris", "pos": [2.3, 48.9]},
      {"id": 2, "name": "Nice", "pos": [7.3, 43.7]}], "edges": [
      {"source": 0, "target": 1, "bandwidth": 10, "delay": 4.2, "dist": 400},
      {"source": 1, "target": 2, "bandwidth": 40, "dist": 930},
      {"source": 0, "target": 2, "bandwidth": 100, "delay": 3}]}"""
    found = imported(tmp_path, "n.json", text)
    assert (found.nodes, found.ids) == (("Lyon", "Paris", "Nice"), ("0", "1", "2"))
    assert arcs(found)["Lyon", "Paris"] == (10.0, 4.2)
    assert arcs(found)["Paris", "Nice"] == (40.0, 930 / 200)
    assert found.positions[0].tolist() == [45.7, 4.8]
    assert said(found, "'delay' on 2 links has no unit", "ms")
    assert said(found, "latency of 1 link from the length at 200 km per ms")
    assert found.number_of("1") == found.number_of("Paris") == 1


def test_graphml_defaults_directions_and_labels(tmp_path):
    keys = (
        '<key id="c" for="edge" attr.name="capacity"><default>10</default></key>'
        '<key id="n" for="node" attr.name="label"><default>x</default></key>'
    )
    body = (
        '<node id="A"/><node id="B"><data key="n">Bonn</data></node><node id="C"/>'
        '<edge source="A" target="B"><data key="c">40</data></edge><edge source="B" target="C"/>'
        '<edge source="C" target="A" directed="true"/>'
    )
    text = f'<graphml>{keys}<graph edgedefault="undirected">{body}</graph></graphml>'
    found = imported(tmp_path, "n.graphml", text)
    assert found.nodes == ("x (A)", "Bonn", "x (C)")
    assert said(found, "several nodes share the label 'x'")
    assert {ends: c for ends, (c, _) in arcs(found).items()} == {
        ("x (A)", "Bonn"): 40.0, ("Bonn", "x (A)"): 40.0, ("Bonn", "x (C)"): 10.0, ("x (C)", "Bonn"): 10.0,
        ("x (C)", "x (A)"): 10.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ('<hyperedge><endpoint node="A"/><endpoint node="B"/></hyperedge>', "hyperedge 1 joins 'A', 'B'"),
        ('<node id="N"><graph/></node>', "node 'N' holds a graph of its own"),
        ('<edge source="A" target="B" directed="maybe"/>', "edge 1 has directed='maybe'"),
    ],
)
def test_what_no_network_has_is_refused(tmp_path, inside, words):
    text = f'<graphml><graph edgedefault="undirected"><node id="A"/><node id="B"/>{inside}</graph></graphml>'
    with pytest.raises(DataError, match=words):
        imported(tmp_path, "n.graphml", text)


def test_yed_without_arrows_leads_both_ways(tmp_path):
    def edge(a, b, arrow):
        drawing = f'<y:PolyLineEdge><y:Arrows source="none" target="{arrow}"/></y:PolyLineEdge>'
        return f'<edge source="{a}" target="{b}"><data key="d">{drawing}</data></edge>'

    def text(arrow):
        nodes = "".join(
            f'<node id="n{i}"><data key="g"><y:NodeLabel>Site {i}</y:NodeLabel></data></node>'
            for i in range(3)
        )
        links = edge("n0", "n1", "none") + edge("n1", "n2", arrow) + edge("n2", "n0", "none")
        keys = '<key id="g" for="node" yfiles.type="nodegraphics"/><key id="d" for="edge" yfiles.type="edgegraphics"/>'
        return f'<graphml xmlns:y="y">{keys}<graph edgedefault="directed">{nodes}{links}</graph></graphml>'

    found = imported(tmp_path, "n.graphml", text("none"))
    assert (found.n_arcs, found.nodes) == (6, ("Site 0", "Site 1", "Site 2"))
    assert said(found, "no link is drawn with an arrow")
    assert imported(tmp_path, "n.graphml", text("standard")).n_arcs == 3  # a ring, as the file says


@pytest.mark.parametrize(
    ("links", "unit", "capacities"),
    [
        (["10G", "10 Gbps", "1e10"], "Gbit/s", [10.0, 10.0, 10.0]),
        (["100Mbps", "100 Mbit/s", "250M"], "Mbit/s", [100.0, 100.0, 250.0]),
        (["10G", "100M", "2.5 Gbit/s"], "Gbit/s", [10.0, 0.1, 2.5]),
        (["10", "20", "5"], "as in the file", [10.0, 20.0, 5.0]),
    ],
)
def test_capacities_have_one_unit(tmp_path, links, unit, capacities):
    text = "".join(f"{a},{b},{c},1\n" for (a, b), c in zip(("AB", "BC", "CA"), links, strict=True))
    found = imported(tmp_path, "n.csv", text)
    assert found.capacity_unit == unit
    assert found.capacity[::2] == pytest.approx(capacities)


def test_a_number_between_units_must_be_plausible(tmp_path):
    with pytest.raises(DataError, match=r"line 3 \(C to A\) has the capacity 10 without a unit"):
        imported(tmp_path, "n.csv", "A,B,10G\nB,C,10G\nC,A,10\n")
    assert set(
        imported(tmp_path, "n.csv", "A,B,10G\nB,C,10G\nC,A,10\n", capacity_unit="Gbit/s").capacity
    ) == {10}


def test_link_speed_goes_with_its_units(tmp_path):
    names = ("LinkSpeed", "LinkSpeedUnits", "LinkSpeedRaw")
    keys = "".join(f'<key id="{n}" for="edge" attr.name="{n}"/>' for n in names)

    def edge(a, b, **facts):
        inside = "".join(f'<data key="{n}">{v}</data>' for n, v in facts.items())
        return f'<edge source="{a}" target="{b}">{inside}</edge>'

    links = (
        edge("A", "B", LinkSpeed="10", LinkSpeedUnits="G")
        + edge("B", "C", LinkSpeed="622", LinkSpeedUnits="M")
        + edge("C", "A", LinkSpeedRaw="10000000000.0")
    )
    nodes = "".join(f'<node id="{n}"/>' for n in "ABC")
    text = f'<graphml>{keys}<graph edgedefault="undirected">{nodes}{links}</graph></graphml>'
    found = imported(tmp_path, "n.graphml", text)
    assert (found.capacity_unit, found.capacity[::2].tolist()) == ("Gbit/s", [10.0, 0.622, 10.0])


def test_labels_give_capacities_on_request(tmp_path):
    text = 'source,target,label\nA,B,1 Gbps\nB,C,"Peering, 1 Gbps"\nC,A,< 10 Gbps\n'
    found = imported(tmp_path, "n.csv", text)
    assert found.capacity_unit == "relative"
    assert said(found, "'label' names a speed on 2 of 3 links", "--capacity-from label")
    with pytest.raises(DataError, match=r"line 4 \(C to A\) has no capacity .*--default-capacity"):
        imported(tmp_path, "n.csv", text, capacity_from="label")
    found = imported(tmp_path, "n.csv", text, capacity_from="label", default_capacity=Rate(500.0, "Mbit/s"))
    assert (found.capacity_unit, found.capacity[::2].tolist()) == ("Gbit/s", [1.0, 1.0, 0.5])
    assert said(found, "no capacity on 1 link: 0.5 Gbit/s each")


def test_other_capacities_in_each_direction_are_kept(tmp_path):
    found = imported(tmp_path, "n.txt", "A B 10 1\nB A 4 1\nB C 10 1\nC A 10 1\n")
    assert arcs(found)["A", "B"] == (10.0, 1.0)
    assert arcs(found)["B", "A"] == (4.0, 1.0)
    assert arcs(found)["C", "B"] == (10.0, 1.0)
    assert said(found, "2 lines of opposite order read as the two directions")


def test_parallel_links_are_added_or_the_first_kept(tmp_path):
    text = "A B 10 2\nA B 30 1\nB C 10 1\nC A 5 1\n"
    with pytest.raises(
        DataError, match=r"line 2 .A to B.: the link is given already at line 1; .*--merge-parallel sum"
    ):
        imported(tmp_path, "n.txt", text)
    added = imported(tmp_path, "n.txt", text, merge_parallel="sum")
    assert arcs(added)["A", "B"] == (40.0, 1.0)
    assert said(added, "dropped a parallel link, with their capacities added")
    first = imported(tmp_path, "n.txt", text, merge_parallel="first")
    assert arcs(first)["B", "A"] == (10.0, 2.0)
    with pytest.raises(UnknownNameError, match="sum"):
        ImportOptions(merge_parallel="both")


def test_parallel_links_without_capacities_count(tmp_path):
    found = imported(tmp_path, "n.txt", "A B\nA B\nB C\nC A\n", merge_parallel="sum")
    assert found.capacity[::2].tolist() == [2.0, 1.0, 1.0]


def test_stubs_loops_and_parts_are_dropped_on_request_and_named(tmp_path):
    text = "a b 1\nb c 1\nc a 1\nc d 1\nd e 1\ne e 1\nx y 1\n"
    with pytest.raises(DataError, match=r"line 6 .e to e.: a link from a node to itself.*--drop-loops"):
        imported(tmp_path, "n.txt", text)
    with pytest.raises(
        DataError, match=r"2 parts of 5, 2 nodes, such as that of 'x'.*--keep-largest-component"
    ):
        imported(tmp_path, "n.txt", text, drop_loops=True)
    found = imported(tmp_path, "n.txt", text, drop_loops=True, keep_largest_component=True, drop_stubs=True)
    assert found.nodes == ("a", "b", "c")
    assert said(found, "dropped a loop")
    assert said(found, "dropped 2 nodes outside of the largest part, with 1 link: x, y")
    assert said(found, "dropped 2 nodes at dead ends, with 2 links: d, e")


def test_undirected_joins_directions_that_agree(tmp_path):
    directed = '{{"directed": true, "links": [{}]}}'
    ring = [("A", "B"), ("B", "A"), ("B", "C"), ("C", "B"), ("C", "A"), ("A", "C")]

    def links(first):
        rows = (
            f'{{"source": "{a}", "target": "{b}", "capacity": {first if i == 0 else 5}}}'
            for i, (a, b) in enumerate(ring)
        )
        return directed.format(", ".join(rows))

    same = imported(tmp_path, "n.json", links(5), directed=False)
    assert (same.n_arcs, set(same.capacity)) == (6, {5.0})
    assert said(same, "3 links of opposite direction made one")
    assert imported(tmp_path, "n.json", links(9)).directed
    with pytest.raises(
        DataError, match=r"differs from the other direction at link 1.*--merge-parallel first"
    ):
        imported(tmp_path, "n.json", links(9), directed=False)
    first = imported(tmp_path, "n.json", links(9), directed=False, merge_parallel="first")
    assert sorted(first.capacity) == [5.0, 5.0, 5.0, 5.0, 9.0, 9.0]


def test_one_way_files_that_do_not_reach_say_how(tmp_path):
    text = '{"directed": true, "links": [{"source": "A", "target": "B"}, {"source": "A", "target": "C"}]}'
    with pytest.raises(DataError, match="--undirected reads them both ways"):
        imported(tmp_path, "n.json", text)
    assert imported(tmp_path, "n.json", text, directed=False).n_arcs == 4
    assert imported(tmp_path, "n.txt", "A B\nB C\nC A\n", directed=True).n_arcs == 3


@pytest.mark.parametrize(
    ("pos", "words"),
    [
        ("[463.39, 188.48]", "is not in degrees: left out"),
        ("[0.3, -0.7]", "within -1 to 1, as on a drawing"),
        ("[1.0, -1.0]", "within -1 to 1, as on a drawing"),
    ],
)
def test_places_on_a_drawing_are_no_places(tmp_path, pos, words):
    nodes = ", ".join(f'{{"id": "{n}", "pos": {pos}}}' for n in "ABC")
    links = ", ".join(f'{{"source": "{a}", "target": "{b}"}}' for a, b in ("AB", "BC", "CA"))
    found = imported(tmp_path, "n.json", f'{{"nodes": [{nodes}], "links": [{links}]}}')
    assert np.isnan(found.positions).all()
    assert said(found, words)


def test_latencies_against_the_speed_of_light_are_questioned(tmp_path):
    text = "source,target,delay,length_km\nA,B,4000,800\nB,C,3000,600\nC,A,2000,400\n"
    assert said(
        imported(tmp_path, "n.csv", text), "warning: latencies are 1e+03 times those of light in fiber"
    )
    found = imported(tmp_path, "n.csv", text, latency_unit="us")
    assert found.latency_ms[::2].tolist() == [4.0, 3.0, 2.0]
    assert not said(found, "warning")


def test_bad_options_are_refused():
    for wrong in ({"capacity_unit": "lanes"}, {"latency_unit": "weeks"}, {"default_capacity": Rate(0.0)}):
        with pytest.raises(ConfigError):
            ImportOptions(**wrong)


NAMES = st.text("abcXYZ 019,;#'=+@é-", min_size=1, max_size=6).map(str.strip).filter(bool)


@st.composite
def networks(draw) -> Topology:
    """Strongly connected: a ring both ways, and chords that may lead one way."""
    ids = draw(st.lists(NAMES, min_size=3, max_size=6, unique=True))
    n = len(ids)
    ring = [(i, (i + 1) % n) for i in range(n)]
    pairs = ring + [(b, a) for a, b in ring if (b, a) not in ring]
    chords = [p for p in itertools.permutations(range(n), 2) if p not in pairs]
    pairs += draw(st.lists(st.sampled_from(chords), unique=True, max_size=4)) if chords else []
    numbers = st.floats(1e-3, 1e6, allow_nan=False)
    facts = draw(st.lists(st.tuples(numbers, numbers), min_size=len(pairs), max_size=len(pairs)))
    if draw(st.booleans()):  # links alike in both directions
        pairs = ring
        return _both_ways(ids, ring, facts)
    capacity, latency = (np.array(x) for x in zip(*facts, strict=True))
    unit = draw(st.sampled_from(["Mbit/s", "Gbit/s", "relative"]))
    return Topology("n", tuple(ids), np.array(pairs), capacity, latency, np.full((n, 2), np.nan), unit)


def _both_ways(ids, ring, facts) -> Topology:
    pairs = [way for a, b in ring for way in ((a, b), (b, a))]
    capacity, latency = (np.repeat(np.array(x[: len(ring)]), 2) for x in zip(*facts, strict=True))
    return Topology(
        "n", tuple(f"name of {i}" for i in ids), np.array(pairs), capacity, latency, np.full((len(ids), 2), np.nan),
        "Gbit/s", "", tuple(ids),
    )  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".csv", ".graphml"])
@given(before=networks())
@settings(max_examples=60, deadline=None)
def test_a_round_trip_keeps_every_capacity_and_id(suffix, before, tmp_path_factory):
    path = tmp_path_factory.mktemp("trip") / f"net{suffix}"
    path.write_text(network_text(path, before))
    after = as_topology(read_graph(path))
    assert after.directed == before.directed
    assert _by_id(after) == _by_id(before)
    if suffix != ".csv" or before.capacity_unit != "relative":
        assert after.capacity_unit == before.capacity_unit
    if suffix == ".json":
        assert (after.nodes, after.ids) == (before.nodes, before.ids)


def _by_id(found: Topology) -> dict[tuple[str, str], tuple[float, float]]:
    ids = found.ids or found.nodes
    return {
        (ids[a], ids[b]): (c, ms)
        for (a, b), c, ms in zip(
            found.arcs.tolist(), found.capacity.tolist(), found.latency_ms.tolist(), strict=True
        )
    }


TITLES = {
    "source": ("source", "SRC", "From", "from_node"),
    "target": ("target", "Dst", "to", "to_node"),
    "capacity": ("capacity", "BW", "bandwidth", "cap"),
    "latency": ("latency", "Delay", "latency_ms", "delay (ms)"),
}


@given(data=st.data())
@settings(max_examples=80, deadline=None)
def test_titled_edge_lists_read_right_in_any_order(data, tmp_path_factory):
    ring = [("p", "q", 10.0, 1.5), ("q", "r", 20.0, 2.5), ("r", "p", 5.0, 0.5)]
    titles = {meaning: data.draw(st.sampled_from(names)) for meaning, names in TITLES.items()}
    order = data.draw(st.permutations(["source", "target", "capacity", "latency", "owner"]))
    mark = data.draw(st.sampled_from([",", ";", "\t", " , "]))
    rows = [[titles.get(meaning, meaning) for meaning in order]]
    rows += [
        [str({"source": a, "target": b, "capacity": c, "latency": ms, "owner": "x"}[m]) for m in order]
        for a, b, c, ms in ring
    ]
    text = data.draw(st.sampled_from(["", "\ufeff"])) + "\n".join(mark.join(row) for row in rows) + "\n"
    path = tmp_path_factory.mktemp("titled") / "net.csv"
    path.write_text(text, encoding="utf-8")
    found = as_topology(read_graph(path))
    assert {ends: facts for ends, facts in arcs(found).items() if ends in {(a, b) for a, b, *_ in ring}} == {
        (a, b): (c, ms) for a, b, c, ms in ring
    }
    assert said(found, "ignored on links: owner")


CASES = Path(os.environ.get("NETWRIGHT_DATA", "nowhere")).parent / "cases" / "wan"


@pytest.mark.skipif(not CASES.is_dir(), reason="needs the cases beside the data folder")
def test_every_case_opens_or_is_refused():
    refused = set()
    for path in sorted(CASES.iterdir()):
        if path.suffix in (".txt", ".json", ".graphml", ".csv") and ".demands" not in path.name:
            try:
                as_topology(read_graph(path))
            except DataError:
                refused.add(path.name)
    assert refused == {"directed-edge-and-hyperedge.graphml", "parallel.txt"}
