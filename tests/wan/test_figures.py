"""The map of a design: every direction of every link by its utilization, names in sight, networks without places."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib
import numpy as np
import pytest
from matplotlib.collections import LineCollection

from netwright.core.palette import LOADS, RC
from netwright.wan import pools
from netwright.wan.allocation import shortest_paths_today
from netwright.wan.figures import map_svg, network_maps, positions, utilization
from netwright.wan.instance import build
from netwright.wan.topology import from_links


@pytest.fixture(scope="module")
def abilene():
    return build(pools.spec_of("mcf", "abilene").instance)


@pytest.fixture(scope="module")
def tables(abilene):
    return shortest_paths_today(abilene).tables()


def named(names, links, places=None):
    return from_links("net", names, links, [1.0] * len(links), [1.0] * len(links), positions=places)


def as_tables(topology, used):
    ends = [(topology.nodes[a], topology.nodes[b]) for a, b in topology.arcs.tolist()]
    return {"links": [{"from": a, "to": b, "utilization": u} for (a, b), u in zip(ends, used, strict=True)]}


def test_utilization_is_found_by_the_ends_of_links(abilene, tables):
    expected = [row["utilization"] for row in tables["links"]]
    assert utilization(abilene.topology, tables).tolist() == expected
    assert utilization(abilene.topology, {"links": tables["links"][::-1]}).tolist() == expected


def test_each_direction_has_the_half_at_its_node_with_color_and_width():
    topology = named(("a", "b"), [(0, 1)], [(0.0, 0.0), (0.0, 10.0)])
    with matplotlib.rc_context(RC):
        figure = network_maps(topology, {"one": as_tables(topology, [0.1, 0.95])})
    _, halves = (c for c in figure.axes[0].collections if isinstance(c, LineCollection))
    drawn = {tuple(map(tuple, segment.tolist())): i for i, segment in enumerate(halves.get_segments())}
    empty, full = drawn[(0.0, 0.0), (5.0, 0.0)], drawn[(10.0, 0.0), (5.0, 0.0)]
    colors = [matplotlib.colors.to_hex(color) for color in halves.get_colors()]
    assert (colors[empty], colors[full]) == (LOADS[0][0], LOADS[-1][0])
    assert halves.get_linewidths()[full] > 3.0 * halves.get_linewidths()[empty]


def test_a_full_link_and_one_beyond_full_are_drawn_alike_wide():
    topology = named(("a", "b"), [(0, 1)])
    with matplotlib.rc_context(RC):
        figure = network_maps(topology, {"one": as_tables(topology, [1.0, 7.0])})
    widths = figure.axes[0].collections[1].get_linewidths()
    assert widths[0] == widths[1]


def test_designs_stand_below_each_other_on_one_scale(abilene, tables):
    with matplotlib.rc_context(RC):
        figure = network_maps(abilene.topology, {"before": tables, "after": tables})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["before", "after"]
    assert len(figure.legends) == 1
    assert [t.get_text() for t in figure.legends[0].get_texts()][::4] == ["up to 25 %", "over 90 %"]


def test_names_of_neighbors_lie_apart(abilene, tables):
    with matplotlib.rc_context(RC):
        figure = network_maps(abilene.topology, {"one": tables})
        figure.canvas.draw()
        boxes = [text.get_window_extent().shrunk(0.9, 0.9) for text in figure.axes[0].texts]
    assert len(boxes) == abilene.topology.n_nodes
    assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_east_is_right_and_north_is_up(abilene):
    place = dict(zip(abilene.topology.nodes, positions(abilene.topology), strict=True))
    assert place["Seattle"][0] < place["Denver"][0] < place["New York"][0]
    assert place["Seattle"][1] > place["Houston"][1]


def test_nodes_without_a_place_are_laid_out_by_their_links():
    links = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]
    topology = named(("a", "b", "c", "d"), links)
    found = positions(topology)
    assert np.isfinite(found).all()
    assert len(np.unique(found.round(3), axis=0)) == 4
    assert np.array_equal(found, positions(topology))
    half_known = replace(topology, positions=np.array([(1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (np.nan, np.nan)]))
    assert np.array_equal(positions(half_known), found)


def test_the_map_is_a_document_of_its_own_and_always_the_same(abilene, tables):
    text = map_svg(abilene.topology, tables)
    assert text == map_svg(abilene.topology, tables)
    assert ET.fromstring(text).tag.endswith("svg")
    assert "Sunnyvale" in text
    assert LOADS[-1][0] in text


def test_hostile_names_and_large_networks():
    topology = named(("<b>&$x$\x1b[2J", "b"), [(0, 1)])
    text = map_svg(topology, as_tables(topology, [0.5, 0.5]))
    assert "\x1b" not in text
    assert any("<b>&$x$" in "".join(e.itertext()) for e in ET.fromstring(text).iter())
    ring = [(i, (i + 1) % 60) for i in range(60)]
    large = named([f"node{i}" for i in range(60)], ring)
    assert "node7" not in map_svg(large, as_tables(large, [0.5] * 120))
