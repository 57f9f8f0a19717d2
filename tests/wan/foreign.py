"""One small network, a ring A - B - C with other facts on each link, in the formats of the trade."""

SNDLIB_XML = """<?xml version="1.0"?>
<network xmlns="http://sndlib.zib.de/network" version="1.0">
 <meta><granularity>static</granularity><unit>MBITPERSEC</unit></meta>
 <networkStructure>
  <nodes coordinatesType="geographical">
   <node id="A"><coordinates><x>8.0</x><y>50.0</y></coordinates></node>
   <node id="B"><coordinates><x>9.0</x><y>51.0</y></coordinates></node>
   <node id="C"><coordinates><x>10.0</x><y>50.0</y></coordinates></node>
  </nodes>
  <links>
   <link id="L1"><source>A</source><target>B</target>
    <preInstalledModule><capacity>155.0</capacity><cost>1</cost></preInstalledModule></link>
   <link id="L2"><source>B</source><target>C</target>
    <preInstalledModule><capacity>622.0</capacity></preInstalledModule>
    <additionalModules><addModule><capacity>40.0</capacity></addModule></additionalModules></link>
   <link id="L3"><source>C</source><target>A</target>
    <preInstalledModule><capacity>155.0</capacity></preInstalledModule><routingCost>7</routingCost></link>
  </links>
 </networkStructure>
 <demands>
  <demand id="D1"><source>A</source><target>C</target><demandValue>3.5</demandValue></demand>
  <demand id="D2"><source>C</source><target>A</target><demandValue>1.0</demandValue></demand>
 </demands>
</network>"""
SNDLIB_NATIVE = """?SNDlib native format; type: network; version: 1.0
# network ring
META (
  granularity = static
  unit = MBITPERSEC
)
# <node_id> [(<longitude>, <latitude>)]
NODES (
  A ( 8.00 50.00 )
  B ( 9.00 51.00 )
  C ( 10.00 50.00 )
)
# <link_id> ( <source> <target> ) <pre_installed_capacity> <cost> <routing_cost> <setup_cost> ( {<capacity> <cost>}* )
LINKS (
  L1 ( A B ) 155.00 0.00 0.00 0.00 ( 40.00 2380.00 )
  L2 ( B C ) 622.00 0.00 0.00 0.00 ( 40.00 2380.00 80.00 4000.00 )
  L3 ( C A ) 155.00 0.00 7.00 0.00 ( )
)
DEMANDS (
  D1 ( A C ) 1 3.50 UNLIMITED
  D2 ( C A ) 1 1.00 UNLIMITED
)
"""
REPETITA = """NODES 3
label x y
0_A 8.0 50.0
1_B 9.0 51.0
2_C 10.0 50.0

EDGES 6
label src dest weight bw delay
edge_0 0 1 1 155 81
edge_1 1 0 1 155 81
edge_2 1 2 1 622 64
edge_3 2 1 1 100 64
edge_4 2 0 1 155 46
edge_5 0 2 1 155 46
"""
REPETITA_DEMANDS = "DEMANDS 2\nlabel src dest bw\nd0 0 2 3.5\nd1 2 0 1\n"
DOT = """/* YATES */ strict digraph "Ring" {
  node [type=switch]; // all of them
  graph [rankdir=LR];
  s1 [id=1]; s2; "s 3" [label="Third \\"site\\""];
  h1 [ip="111.0.1.1", type=host];
  subgraph cluster_a { s1; s2 }
  s1 -> s2 [capacity="155Mbps", cost=1]; s2 -> s1 [capacity="155Mbps"];
  s2:p1 -> "s 3" -> s1 [capacity="1Gbps"]
  h1 -> s1 [capacity="1Gbps", dir=both];
}
"""
GML = """Creator "us"
graph [
  # a comment
  name "ring"
  directed 0
  node [ id 0 label "A &amp; B" lat 50.0 lon 8.0 graphics [ x 1 y 2 ] ]
  node [ id 7 label "B" ]
  node [ id 9 label "C" ]
  edge [ source 0 target 7 capacity 155.5 delay "2 ms" ]
  edge [ source 7 target 9 capacity 622 ]
  edge [ source 9 target 0 capacity 155 delay "1500us" color "red" ]
]
"""
TEAVAR = """to_node   from_node   capacity   prob_failure
1 2 5000000 .004
2 1 5000000 .004
2 3 4000000 .004
3 2 4000000 .004
1 3 1000000 .004
3 1 2000000 .004
"""
TOPOHUB = """{"directed": false, "multigraph": false,
 "graph": {"name": "ring", "demands": {"0": {"1": 4.0, "2": 2.0}}, "stats": {"demands": 4}},
 "nodes": [{"name": "A", "pos": [8.0, 50.0], "id": 0}, {"name": "B", "pos": [9.0, 51.0], "id": 1},
   {"name": "C", "pos": [10.0, 50.0], "id": 2}],
 "edges": [{"dist": 130.5, "ecmp_fwd": {"uni": 1.0}, "source": 0, "target": 1},
   {"dist": 140.0, "source": 1, "target": 2}, {"dist": 150.0, "source": 2, "target": 0}]}"""
SAMPLES = {
    "ring.xml": SNDLIB_XML,
    "ring.txt": SNDLIB_NATIVE,
    "ring.graph": REPETITA,
    "ring.dot": DOT,
    "ring.gml": GML,
    "teavar.txt": TEAVAR,
    "ring.json": TOPOHUB,
}
