"""Tables of demands as spreadsheets and other tools write them, each with its right reading."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import DataError
from netwright.wan import demands, instance, pools
from netwright.wan.instance import InstanceConfig, load_topology
from netwright.wan.load_facts import LoadFacts

NETWORK = """{"nodes":[{"id":1,"label":"Lyon"},{"id":2,"label":"Paris"},{"id":3,"label":"Nice"},
{"id":4,"label":"Brest"}],
"links":[{"source":1,"target":2,"capacity":10,"latency_ms":1},{"source":2,"target":3,"capacity":10,"latency_ms":1},
{"source":3,"target":4,"capacity":10,"latency_ms":1},{"source":4,"target":1,"capacity":10,"latency_ms":1},
{"source":1,"target":3,"capacity":10,"latency_ms":1.5}]}"""
CLASSES = "source,target,volume,class\nLyon,Nice,40,1\nNice,Lyon,40,2\nParis,Brest,30,1\nBrest,Paris,30,2\n"


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "net.json"
    path.write_text(NETWORK)
    return path


def read(tmp_path, network, text, encoding="utf-8"):
    path = tmp_path / "demands.csv"
    path.write_text(text, encoding=encoding)
    topology = load_topology(str(network))
    found = demands.read_csv(path, topology)
    names = topology.nodes
    return [
        (names[a], names[b], float(v), int(k))
        for a, b, v, k in zip(found.source, found.target, found.volume, found.classes, strict=True)
    ]


LYON_NICE = [("Lyon", "Nice", 4.0, 0)]


@pytest.mark.parametrize(
    "text",
    [
        "source,target,volume\nLyon,Nice,4\n",
        "\ufeffsource,target,volume\nLyon,Nice,4\n",
        "Source,Target,Volume\nLyon,Nice,4\n",
        "SRC;DST;DEMAND\nLyon;Nice;4\n",
        "from\tto\ttraffic\nLyon\tNice\t4\n",
        " source , target , Traffic \r\n\r\n Lyon , Nice , 4 \r\n\r\n",
        '"source","target","volume"\n"Lyon","Nice",4\n',
        "volume,target,source\n4,Nice,Lyon\n",
        "source,target,volume\n1,3,4\n",
        "source,target,volume\n1,Nice,4\n",
        "src,dst,mbps\nLyon,Nice,4\n",
        "source,target,volume,\nLyon,Nice,4,\n",
    ],
)
def test_the_same_demand_in_many_spellings(tmp_path, network, text):
    assert read(tmp_path, network, text) == LYON_NICE


@pytest.mark.parametrize(
    "text",
    [
        "# made by hand\nsource,target,volume\nLyon,Nice,5\n",
        "sep=;\nsource;target;volume\nLyon;Nice;5\n",
        "source|target|volume\nLyon|Nice|5\n",
        "source target volume\nLyon  Nice 5\n",
    ],
)
def test_comments_before_the_titles_and_any_separator_are_read(tmp_path, network, text):
    assert read(tmp_path, network, text) == [("Lyon", "Nice", 5.0, 0)]


def test_what_is_left_out_or_averaged_is_said(tmp_path, network, caplog):
    text = "source,target,volume,step\nLyon,Nice,25,0\nLyon,Nice,35,2\nLyon,Lyon,5,0\nNice,Nice,0,0\n"
    assert read(tmp_path, network, text) == [("Lyon", "Nice", 30.0, 0)]
    assert "left out 1 demand from a node to itself" in caplog.text
    assert "demands are the mean over 2 steps (0, 2)" in caplog.text


def test_a_spreadsheets_utf_16_is_read(tmp_path, network):
    assert read(tmp_path, network, "source\ttarget\tvolume\nLyon\tNice\t4\n", "utf-16") == LYON_NICE


def test_a_column_that_is_not_known_is_named(tmp_path, network, caplog):
    assert read(tmp_path, network, "source,target,volume,color\nLyon,Nice,4,red\n") == LYON_NICE
    assert "ignored the columns 'color'" in caplog.text


def test_ids_are_those_of_the_file_and_no_positions(tmp_path, network):
    found = read(tmp_path, network, "source,target,volume\n1,2,4\n2,3,3\n3,1,2\n")
    assert found == [("Lyon", "Paris", 4.0, 0), ("Paris", "Nice", 3.0, 0), ("Nice", "Lyon", 2.0, 0)]
    with pytest.raises(DataError, match="'0' is not a node"):
        read(tmp_path, network, "source,target,volume\n0,1,4\n")


def test_volumes_with_units_are_in_that_of_the_capacities(tmp_path, network):
    network.write_text(NETWORK.replace('{"nodes"', '{"capacity_unit":"Gbit/s","nodes"'))
    for text in ("volume\nLyon,Nice,4G", "volume [Mbps]\nLyon,Nice,4000", "mbps\nLyon,Nice,4000"):
        assert read(tmp_path, network, f"source,target,{text}\n") == LYON_NICE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "source,target,volume\nLyon,Nice,4G\n",
            "csv:2: a demand of '4G', but capacities of .* have no unit",
        ),
        ('source,target,volume\nLyon,Nice,"4,5"\n', "csv:2: .*must be a finite number"),
        ("source,target,volume\nLyon,Nice\n", "csv:2: has 2 cells for 3 columns"),
        ("source,target,volume\nLyon,Nice,4,5\n", "csv:2: has 4 cells for 3 columns"),
        ("source,target,volume,demand\nLyon,Nice,4,5\n", "both mean volume"),
        ("source,target,volume,class\nLyon,Nice,4,-1\n", "a class must be a nonnegative integer, got '-1'"),
        ("source,target,volume,class\nLyon,Nice,4,gold\n", "a class must be a nonnegative integer"),
        ("Lyon,Nice,4\n", "has no column 'source'; .* but contains Lyon, Nice, 4"),
        ("", "has no column 'source'"),
        ("source,target,volume\nLyon,Nice,4\nLyon,Nice,4\n", "csv:3: this demand is a duplicate"),
        ("source,target,volume\nLyon,Nice,5 parsec\n", "unknown unit 'parsec'"),
    ],
)
def test_what_cannot_be_is_named_with_its_line(tmp_path, network, text, words):
    with pytest.raises(DataError, match=words):
        read(tmp_path, network, text)


def test_classes_are_numbered_without_gaps(tmp_path, network, caplog):
    found = {(a, b): k for a, b, _, k in read(tmp_path, network, CLASSES)}
    assert found == {("Lyon", "Nice"): 0, ("Nice", "Lyon"): 1, ("Paris", "Brest"): 0, ("Brest", "Paris"): 1}
    assert "is class" not in caplog.text  # 1 and 2 are what results call them, too


def test_a_class_without_flows_is_left_out_and_named(tmp_path, network, caplog):
    found = read(
        tmp_path, network, "source,target,volume,class\nLyon,Nice,4,0\nNice,Lyon,0,3\nNice,Paris,2,7\n"
    )
    assert [(row[0], row[3]) for row in found] == [("Lyon", 0), ("Nice", 1)]
    assert "classes 0 is class 1, 7 is class 2 here" in caplog.text
    assert "omitted the class without a positive demand between two nodes: 3" in caplog.text


def test_classes_of_a_file_are_kept_by_default(tmp_path, network):
    (tmp_path / "d.csv").write_text(CLASSES)
    (tmp_path / "plain.csv").write_text("source,target,volume\n" + "".join(
        f"{a},{b},1\n" for a, b in itertools.permutations(("Lyon", "Paris", "Nice", "Brest"), 2)
    ))  # fmt: skip
    for scenario in ("bw", "nf"):
        spec = pools.spec_of(scenario, str(network), demands=str(tmp_path / "d.csv"), load=0.0)
        made = instance.build(spec.instance)
        assert (spec.instance.n_classes, made.demands.n_classes) == (0, 2)
        dealt = pools.spec_of(scenario, str(network), demands=str(tmp_path / "d.csv"), n_classes=1)
        assert dealt.instance.n_classes == 1
    plain = pools.spec_of("bw", str(network), demands=str(tmp_path / "plain.csv"))
    assert plain.instance.n_classes == 4


def test_a_class_that_the_largest_flows_do_not_hold_is_left_out(tmp_path, network, caplog):
    path = tmp_path / "d.csv"
    path.write_text("source,target,volume,class\nLyon,Nice,9,1\nNice,Lyon,1,2\nNice,Paris,5,3\n")
    found = demands.read_csv(path, load_topology(str(network))).largest(2)
    assert found.classes.tolist() == [0, 1]
    assert "include none of class 2" in caplog.text


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_dense_classes_keep_order_and_have_no_gap(classes):
    found = demands.dense(np.array(classes))
    assert sorted(set(found.tolist())) == list(range(len(set(classes))))
    for (a, b), (x, y) in zip(itertools.pairwise(classes), itertools.pairwise(found.tolist()), strict=True):
        assert (a < b) == (x < y)


def test_load_facts_are_those_worked_by_hand(tmp_path, network):
    """Lyon to Nice takes the direct link of 10: 4 is 40 %; Lyon to Paris has a link of its own."""
    path = tmp_path / "d.csv"
    path.write_text("source,target,volume\nLyon,Nice,4\nLyon,Paris,1\n")
    facts = LoadFacts.of(instance.build(InstanceConfig(str(network), 0.0, "k2", str(path), n_classes=0)))
    assert facts.fullest_percent == pytest.approx(40.0)
    assert facts.fullest_link == "Lyon -> Nice"
    assert facts.warning is None
    assert facts.text == (
        "load: 2 flows, 5 in the unit of the capacities, in total; fullest link on shortest paths 40 % (Lyon -> Nice)"
    )


@pytest.mark.parametrize(
    ("factor", "words"), [(1e-3, "hardly used"), (1e-9, "hardly used"), (1e3, "far beyond full")]
)
def test_a_slip_of_the_unit_is_warned_of(tmp_path, network, factor, words):
    path = tmp_path / "d.csv"
    path.write_text(f"source,target,volume\nLyon,Nice,{4 * factor!r}\n")
    facts = LoadFacts.of(instance.build(InstanceConfig(str(network), 0.0, "k2", str(path), n_classes=0)))
    assert facts.warning is not None
    assert words in facts.warning
    assert "same unit" in facts.warning
