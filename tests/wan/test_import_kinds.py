"""What a file says is read, named as ignored, or refused: kinds of slips that once passed in silence."""

from __future__ import annotations

import json

import pytest

from netwright.core.errors import DataError
from netwright.wan.importing.as_topology import as_topology
from netwright.wan.importing.demand_files import with_demands
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.reading import read_graph
from netwright.wan.units import rate, rate_unit

TRIANGLE = [("A", "B"), ("B", "C"), ("C", "A")]


@pytest.fixture
def read(tmp_path):
    def from_text(name, text, **options):
        (tmp_path / name).write_text(text)
        return read_graph(tmp_path / name, options=ImportOptions(**options))

    return from_text


def links(**facts):
    entries = [{"source": a, "target": b, **facts} for a, b in TRIANGLE]
    return json.dumps({"nodes": [{"id": name} for name in "ABC"], "links": entries})


def graphml(edge="", data="", keys=""):
    nodes = "".join(f'<node id="{name}"/>' for name in "ABC")
    edges = "".join(f'<edge source="{a}" target="{b}" {edge}>{data}</edge>' for a, b in TRIANGLE)
    return f'<graphml>{keys}<graph edgedefault="undirected">{nodes}{edges}</graph></graphml>'


def gml(edge, node=""):
    nodes = "".join(f"node [ id {i} {node} ] " for i in range(3))
    edges = "".join(f"edge [ source {i} target {(i + 1) % 3} {edge} ] " for i in range(3))
    return f"graph [ directed 0 {nodes}{edges}]"


SNDLIB = """<network xmlns="http://sndlib.zib.de/network"><networkStructure><nodes coordinatesType="geographical">
<node id="A"><coordinates><x>8</x><y>50</y></coordinates></node>
<node id="B"><coordinates><x>9</x><y>51</y></coordinates></node></nodes><links>
<link id="L"><source>A</source><target>B</target>
<preInstalledModule><capacity>40</capacity><cost>0</cost></preInstalledModule></link></links></networkStructure>
<demands><demand id="D"><source>A</source><target>B</target>{}<demandValue>3.5</demandValue></demand></demands>
</network>
"""
MODULE = "<preInstalledModule><capacity>9</capacity><cost>0</cost></preInstalledModule>"
NATIVE = """?SNDlib native format; type: network; version: 1.0
NODES (
  A ( 8 50 )
  B ( 9 51 )
)
LINKS (
  L ( A B ) 40 0 0 0 ( )
)
DEMANDS (
  D ( A B ) {} 3.5 UNLIMITED
)
"""


@pytest.mark.parametrize(
    ("name", "text", "volume"),
    [
        ("n.xml", SNDLIB.format("<routingUnit>2</routingUnit>"), 7.0),
        ("n.xml", SNDLIB.format(""), 3.5),
        ("n.txt", NATIVE.format(2), 7.0),
        ("n.txt", NATIVE.format(1), 3.5),
    ],
)
def test_a_demand_takes_its_routing_unit_times_its_value(read, name, text, volume):
    """SNDlib: the routing unit is the capacity that one unit of the demand takes."""
    (demand,) = read(name, text).demands
    assert demand.volume == volume


REPETITA = "NODES 3\nlabel x y\na 8 50\nb 9 51\nc 10 52\n\nEDGES {}\nlabel src dest weight bw delay\n"
EDGES = "e 0 1 1 9 5\ne 1 2 1 9 5\ne 2 0 1 9 5\ne 1 0 1 9 5\n"


def test_more_lines_than_a_section_says_are_refused(read, tmp_path):
    assert len(read("r.graph", REPETITA.format(4) + EDGES, latency_unit="us").links) == 4
    with pytest.raises(DataError, match="line 12: one more than EDGES says"):
        read("r.graph", REPETITA.format(3) + EDGES, latency_unit="us")
    graph = read("r.graph", REPETITA.format(4) + EDGES, latency_unit="us")
    (tmp_path / "r.demands").write_text("DEMANDS 1\nlabel src dest bw\nd 0 1 5\nd 1 2 5\n")
    with pytest.raises(DataError, match="line 4: one more than DEMANDS says"):
        with_demands(graph, tmp_path / "r.demands")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "source,target,capacity,capacity\nA,B,10,20\n", "'capacity' is given 2 times"),
        (
            "a.graphml",
            graphml(data='<data key="c">1</data><data key="c">2</data>', keys='<key id="c" attr.name="c"/>'),
            "'c' is given 2 times",
        ),
        ("a.gml", gml("capacity 1 capacity 2"), "capacity must be a finite number"),
        ("a.gml", "graph [ graph [ node [ id 9 ] ] " + gml("capacity 1")[8:], "a graph of its own"),
        ("a.gml", gml("capacity 1", node="graph [ node [ id 7 ] ]"), "node holds a graph of its own"),
        ("a.csv", "source,target,capacity (GB/s)\nA,B,10\nB,C,10\nC,A,10\n", "looks like their capacity"),
        ("a.csv", "source,target,max_bandwidth\nA,B,10\nB,C,10\nC,A,10\n", "'max_bandwidth' of links looks"),
        ("a.json", links(capacityMBps=10), "'capacityMBps' of links looks"),
        ("a.json", links(capacity=10, capacity_unit="GB"), "capacity_unit 'GB' is no known unit"),
        ("a.json", links(delay=3, delay_unit="moments"), "delay_unit 'moments' is no known unit"),
        ("a.csv", "source,target,bw\nA,B,10GB\n", "unknown unit 'GB'"),
    ],
)
def test_what_cannot_be_meant_is_refused(read, name, text, words):
    with pytest.raises(DataError, match=words):
        read(name, text)


@pytest.mark.parametrize(
    ("name", "text", "ignored"),
    [
        ("a.gml", gml("capacity 1 data [ capacity 99 ] foo [ bar 1 ]"), ("data", "foo")),
        ("a.gml", gml("attr [ capacity 10 ]"), ("attr",)),
        ("a.graphml", graphml(edge='capacity="10" color="red"'), ("color",)),
        ("a.json", links(capacity=10, load=3), ("load",)),
    ],
)
def test_what_is_not_understood_is_named(read, name, text, ignored):
    assert read(name, text).findings.ignored["links"] == ignored


def test_attributes_of_the_element_itself_are_read(read):
    graph = read("a.graphml", graphml(edge='capacity="10" latency_ms="2"'))
    assert {(link.capacity, link.latency_ms) for link in graph.links} == {(10.0, 2.0)}


def notes(graph):
    return " | ".join(as_topology(graph).notes)


def test_two_attributes_that_disagree_are_named(read):
    assert "'capacity' and 'bandwidth' give different capacities on 3 links: 'capacity' is read" in notes(
        read("a.json", links(capacity=10, bandwidth=20))
    )
    zoo = {"LinkSpeedRaw": 1e10, "LinkSpeed": "10"}
    assert "different" in notes(read("a.json", links(**zoo, LinkSpeedUnits="M")))
    assert "different" not in notes(read("a.json", links(**zoo, LinkSpeedUnits="G")))
    assert "'latency' and 'delay' both hold the latency of 3 links" in notes(
        read("a.json", links(latency=1, delay=2))
    )
    assert "both hold" not in notes(read("a.json", links(length=400, distance=400)))
    assert "both hold" not in notes(read("a.json", links(delay_us=5000, latency_ms=5)))
    assert "different" not in notes(read("a.json", links(capacity="10", bandwidth=10.0)))


def test_titles_behind_a_mark_say_what_the_columns_hold(read):
    graph = read("a.txt", "# source target latency capacity\nA B 1 10\nB C 2 10\n")
    assert [(link.capacity, link.latency_ms) for link in graph.links] == [(10.0, 1.0), (10.0, 2.0)]
    graph = read("a.txt", "# links of a network: source and target\nA B 1 10\n")
    assert (graph.links[0].capacity, graph.links[0].latency_ms) == (1.0, 10.0)
    graph = read("a.csv", "sep=;\nsource;target;capacity\nA;B;3\n")
    assert graph.links[0].capacity == 3.0


def test_a_unit_beside_a_number_or_of_the_whole_file_counts(read):
    assert read("a.json", links(delay=3, delay_unit="us")).links[0].latency_ms == pytest.approx(0.003)
    assert read("a.json", links(length=3, length_unit="m")).links[0].length_km == pytest.approx(0.003)
    whole = {**json.loads(links(latency=3, distance=4)), "latency_unit": "us"}
    graph = read("a.json", json.dumps({**whole, "graph": {"length_unit": "m"}}))
    assert (graph.links[0].latency_ms, graph.links[0].length_km) == pytest.approx((0.003, 0.004))
    with pytest.raises(DataError, match="latency_unit 'moments' is not known"):
        read("a.json", json.dumps({**whole, "latency_unit": "moments"}))


def test_the_attribute_that_capacities_are_asked_from_must_exist(read):
    with pytest.raises(DataError, match=r"no link names a speed as 'nothere' .*; links have cap"):
        read("a.json", links(cap=3), capacity_from="nothere")


def test_a_default_stands_for_a_capacity_that_is_not_understood(read):
    graph = read("a.json", links(max_bandwidth=3), default_capacity=rate("5 Gbit/s", "x", "x"))
    assert {link.capacity for link in graph.links} == {5.0}


def test_lengths_and_latencies_that_are_not_of_this_earth_are_questioned(read):
    assert "lengths of up to 4e+05 km are more than on Earth" in notes(read("a.json", links(length=400_000)))
    assert "latencies of up to 1e+07 ms" in notes(read("a.json", links(latency=1e7)))
    assert "Earth" not in notes(read("a.json", links(latency=600, length=20_000)))


@pytest.mark.parametrize(
    ("text", "mbps"), [("10GE", 10_000.0), ("100GbE", 100_000.0), ("1 GigE", 1000.0), ("OC-48", 48 * 51.84)]
)
def test_names_of_ethernet_speeds_are_rates(text, mbps):
    assert rate(text, "x", "x").in_unit("Mbit/s") == mbps


@pytest.mark.parametrize("text", ["GB", "B", "MB", "kB/s", "MBps", "Gbytes/s"])
def test_bytes_are_no_unit_of_a_rate(text):
    assert rate_unit(text) is None


def test_a_demand_below_0_in_a_networks_file_is_refused(read):
    document = {**json.loads(links(capacity=1)), "graph": {"demands": {"A": {"B": -5}}}}
    with pytest.raises(DataError, match="from 'A' to 'B' must be at least 0, got -5"):
        read("a.json", json.dumps(document))


def test_a_network_is_directed_only_where_a_direction_is_missing_or_differs(read):
    both = as_topology(read("a.json", links(capacity=10)))
    assert not both.directed
    one_way = [*json.loads(links(capacity=10))["links"], {"source": "B", "target": "A", "capacity": 7}]
    assert as_topology(
        read("a.json", json.dumps({"directed": True, "nodes": [{"id": n} for n in "ABC"], "links": one_way}))
    ).directed
    opposite = [{"source": b, "target": a, "capacity": 7} for a, b in TRIANGLE]
    differing = json.dumps(
        {
            "directed": True,
            "nodes": [{"id": name} for name in "ABC"],
            "links": json.loads(links(capacity=10))["links"] + opposite,
        }
    )
    assert as_topology(read("a.json", differing)).directed


def test_latencies_from_lengths_are_counted_where_the_file_gives_none(read):
    entries = json.loads(links(capacity=10, length=400))["links"]
    entries[0]["latency"] = 9.0
    graph = read("a.json", json.dumps({"nodes": [{"id": name} for name in "ABC"], "links": entries}))
    assert "latency of 2 links from the length at 200 km per ms" in notes(graph)
    assert sorted(as_topology(graph).latency_ms) == pytest.approx([2.0, 2.0, 2.0, 2.0, 9.0, 9.0])


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.graphml",
            graphml().replace('"undirected"', '"sideways"'),
            "edgedefault is 'sideways'; write directed or undirected",
        ),
        (
            "a.graphml",
            graphml(keys='<key id="c" attr.name="capacity"/><key id="c" attr.name="latency"/>'),
            "<key>: 'c' is given 2 times",
        ),
        ("a.json", links()[:-1] + ', "edges": []}', "has both 'links' and 'edges'"),
        ("a.dot", "graph { A -- B [bw=1 bw=2] }", "line 1: 'bw' is given twice in one list"),
        ("a.json", links(capacity=1e30), "capacity must be a finite number, got 1e"),
        ("a.csv", "source,target,capacity\nA,B,1e30\n", "capacity must be a finite number, got '1e30'"),
        ("n.xml", SNDLIB.format("<routingUnit>0</routingUnit>"), "a routing unit above 0"),
        ("n.txt", NATIVE.format(1)[:-35], "line 9: 'DEMAN' is outside of a section; the file is cut short"),
        (
            "n.xml",
            SNDLIB.format("").replace("</link></links>", f"{MODULE}</link></links>"),
            "link L has more than one preInstalledModule",
        ),
    ],
)
def test_what_a_file_cannot_mean_is_refused(read, name, text, words):
    with pytest.raises(DataError, match=words):
        read(name, text)


def test_a_capacity_with_a_unit_goes_before_one_without(read):
    graph = read("a.json", links(bw=7, LinkSpeed="10", LinkSpeedUnits="G"))
    assert [link.capacity for link in graph.links] == [10.0] * 3
    assert graph.capacity_unit == "Gbit/s"
    assert (
        "'LinkSpeed' and 'bw' give different capacities on 3 links: 'LinkSpeed' is read"
        in graph.findings.notes
    )


def test_text_within_further_elements_of_data_is_read(read):
    graph = read("a.graphml", graphml(data='<data key="capacity"><b>4</b></data>'))
    assert [link.capacity for link in graph.links] == [4.0] * 3


def test_a_second_pair_of_ends_is_named_as_ignored(read):
    graph = read("a.csv", "from,to,source,target\nX,Y,A,B\nY,Z,B,C\nZ,X,C,A\n")
    assert {node.name for node in graph.nodes} == {"A", "B", "C"}
    assert graph.findings.ignored["links"] == ("from", "to")


def test_an_unknown_unit_of_a_whole_file_is_noted(read):
    found = read("a.json", json.dumps(json.loads(links(capacity=2)) | {"capacity_unit": "lambdas"}))
    assert (found.capacity_unit, found.links[0].capacity) == ("lambdas", 2.0)
    assert (
        "capacities are in 'lambdas', which is no known rate: demands must share it" in found.findings.notes
    )


def test_a_latency_of_minus_zero_is_zero(read):
    graph = read("a.json", links(latency=-0.0))
    assert str(graph.links[0].latency_ms) == "0.0"


@pytest.mark.parametrize(
    ("name", "text", "unread"),
    [
        ("n.xml", SNDLIB.format("<maxPathLength>2</maxPathLength>"), ("demands.maxPathLength",)),
        (
            "n.xml",
            SNDLIB.format("").replace("</network>", "<admissiblePaths/></network>"),
            ("admissiblePaths",),
        ),
        ("n.txt", NATIVE.format(1).replace("UNLIMITED", "2"), ("demands.maxPathLength",)),
        ("n.txt", NATIVE.format(1) + "ADMISSIBLE_PATHS (\n)\n", ("ADMISSIBLE_PATHS",)),
        ("n.txt", NATIVE.format(1), ()),
    ],
)
def test_what_sndlib_says_beside_is_named(read, name, text, unread):
    assert read(name, text).findings.ignored["the whole"] == unread
