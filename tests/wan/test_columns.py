"""Attributes of links that mean the same: which is read, where two disagree, and the common unit of capacities."""

from __future__ import annotations

import pytest

from netwright.core.errors import DataError
from netwright.wan.importing.capacities import capacities, capacity_facts, speed_in
from netwright.wan.importing.columns import (
    Column,
    all_given,
    columns_of,
    disagreements,
    first_given,
    place_of,
    unit_beside,
)
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import (
    Conventions,
    RawGraph,
    RawLink,
    check_titles,
    count,
    direction,
    listed,
    nodes_of_links,
)
from netwright.wan.units import KILOMETERS, LINK_TITLES, MILLISECONDS, factor, split, time_unit


def link(place="link 1", **facts):
    return RawLink("A", "B", facts, place, None)


def read(*facts, conventions=None, **options):
    """Capacities of links with given facts, their unit and the notes."""
    rows = [link(f"link {i + 1}", **each) for i, each in enumerate(facts)]
    raw = RawGraph("net", "JSON", "net.json", (), tuple(rows), conventions=conventions or Conventions())
    chosen = ImportOptions(**options)
    return capacities(raw, rows, columns_of([row.facts for row in rows], LINK_TITLES), chosen)


def test_attributes_are_grouped_by_their_meaning_in_order():
    found = columns_of([{"bw_mbps": 1, "color": 2}, {"capacity": 3, "delay": 4}], LINK_TITLES)
    assert found["capacity"] == [Column("bw_mbps", "Mbit/s"), Column("capacity", "")]
    assert found["latency"] == [Column("delay", "")]
    assert found["length"] == []


def test_empty_values_are_as_good_as_none():
    columns = [Column("bw", "Mbit/s"), Column("cap", ""), Column("speed", "")]
    facts = {"bw": "", "cap": 0, "speed": None}
    assert all_given(facts, columns) == [("cap", 0, "")]
    assert first_given(facts, columns) == ("cap", 0, "")
    assert first_given({"bw": None}, columns) is None


def test_the_place_of_a_link_names_file_and_ends():
    raw = RawGraph("net", "JSON", "net.json", (), ())
    assert place_of(raw, link("line 7")) == "net.json: line 7 (A to B)"


def test_a_unit_in_an_attribute_of_its_own():
    columns = [Column("delay_unit", "")]
    assert unit_beside(link(delay_unit="us"), columns, time_unit, MILLISECONDS, "here") == "us"
    assert unit_beside(link(), columns, time_unit, MILLISECONDS, "here") == ""
    for wrong in ("weeks", 3):
        with pytest.raises(DataError, match=r"^here: delay_unit .* is no known unit; use ns, us, ms, s\."):
            unit_beside(link(delay_unit=wrong), columns, time_unit, MILLISECONDS, "here")


def test_attributes_agree_within_a_hundredth_or_by_their_text():
    def size(given):
        return float(given[1]) if given[1] != "?" else None

    def of(*pairs):
        return dict(disagreements([[("cap", a, ""), ("bw", b, "")] for a, b in pairs], size))

    assert of((100.0, 100.9), (100.0, 99.1), ("?", "?")) == {}
    assert of((100.0, 102.0), (1.0, "?"), (100.0, 98.0)) == {("cap", "bw"): 3}


def test_plain_capacities_are_taken_as_they_are():
    found, unit, notes = read({"capacity": 10}, {"capacity": "2.5"}, {})
    assert (found, unit) == ([10.0, 2.5, None], "as in the file")
    assert len(notes) == 1 and "no unit in the file: taken as they are" in notes[0]


def test_a_file_without_capacities_has_none_and_no_note():
    assert read({"color": "red"}, {}) == ([None, None], "", [])


def test_one_unit_is_kept_and_several_become_the_one_of_the_median():
    assert read({"bw_mbps": 40}, {"bw_mbps": 4000})[:2] == ([40.0, 4000.0], "Mbit/s")
    found, unit, notes = read({"capacity": "10G"}, {"capacity": "100 Mbps"}, {"capacity": "2500M"})
    assert (found, unit, notes) == ([10.0, 0.1, 2.5], "Gbit/s", [])
    assert read({"LinkSpeedRaw": 1e9}, {"LinkSpeedRaw": 4e9})[:2] == ([1.0, 4.0], "Gbit/s")
    assert read({"LinkSpeedRaw": 0.9}, {"LinkSpeedRaw": 0.5})[:2] == ([0.9, 0.5], "bit/s")
    assert read({"LinkSpeedRaw": 1e3})[:2] == ([1.0], "kbit/s")


@pytest.mark.parametrize("bare", [1e8, 1e7, 1e11])
def test_a_bare_number_near_the_others_is_in_bits(bare):
    found, unit, notes = read({"capacity": "1G"}, {"capacity": "1G"}, {"capacity": bare})
    assert (found, unit) == ([1.0, 1.0, bare / 1e9], "Gbit/s")
    assert notes == ["capacity without a unit on 1 link: read as bit/s, as the others name theirs"]


@pytest.mark.parametrize("bare", [9.9e6, 1.01e11, 10])
def test_a_bare_number_far_from_the_others_is_refused(bare):
    with pytest.raises(DataError, match=r"^net.json: link 2 \(A to B\) has the capacity .* without a unit"):
        read({"capacity": "1G"}, {"capacity": bare})


def test_a_unit_of_the_whole_file_goes_before_the_option():
    whole = Conventions(capacity_unit="Gbps")
    assert read({"capacity": 10}, conventions=whole, capacity_unit="Mbit/s") == ([10.0], "Gbit/s", [])
    assert read({"capacity": 10}, capacity_unit="mbps") == ([10.0], "Mbit/s", [])
    found, unit, notes = read({"capacity": 10}, conventions=Conventions(capacity_unit="lambdas"))
    assert (found, unit) == ([10.0], "lambdas")
    assert notes == ["capacities are in 'lambdas', which is no known rate: demands must share it"]
    found, unit, notes = read({"capacity": 10}, conventions=Conventions(usual_capacity_unit="kbit/s"))
    assert unit == "kbit/s" and notes[0].startswith("capacities read in kbit/s, as JSON files have them")


@pytest.mark.parametrize("value", [0, -3, "-0.5G"])
def test_capacities_are_positive(value):
    with pytest.raises(DataError, match=r"^net.json: link 1 \(A to B\): capacity must be above 0, got -?0?"):
        read({"capacity": value})


def test_capacities_from_an_attribute_that_no_link_has():
    with pytest.raises(DataError, match=r"no link names a speed as 'label' .*; links have color\."):
        read({"color": "red"}, capacity_from="label")
    with pytest.raises(DataError, match="links have no attribute"):
        read({}, capacity_from="label")


def test_columns_of_the_topology_zoo_and_of_the_option_hold_capacities():
    rows = [link(LinkSpeed=10, LinkSpeedUnits="G", label="1G", color="red")]
    assert capacity_facts(rows, ImportOptions()) == {"LinkSpeed", "LinkSpeedUnits"}
    assert capacity_facts(rows, ImportOptions(capacity_from="label")) == {
        "LinkSpeed",
        "LinkSpeedUnits",
        "label",
    }
    assert read({"LinkSpeed": "10", "LinkSpeedUnits": "G"})[:2] == ([10.0], "Gbit/s")


@pytest.mark.parametrize(
    ("label", "speed"),
    [
        ("Peering, 1 Gbps", "1 Gbps"),
        ("10G", "10G"),
        ("OC-192", "OC-192"),
        ("100 Mbit/s wave", "100 Mbit/s"),
        ("2.5", "2.5"),
        (40, 40),
        ("", None),
    ],
)
def test_the_single_speed_of_a_label(label, speed):
    assert speed_in(label) == speed


@pytest.mark.parametrize("label", ["< 1 Gbps", "1G or 10G", "1 Gbps + 1 Gbps", "dark fiber", ">= 10 Gbit/s"])
def test_labels_without_a_single_speed(label):
    assert speed_in(label) is None


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (3, (3.0, "")),
        ("4.2 ms", (4.2, "ms")),
        (" .5km", (0.5, "km")),
        ("1e3x", (1000.0, "x")),
        (-1e29, (-1e29, "")),
        (1e30, None),
        (True, None),
        (None, None),
        ("ms 4", None),
        ("2,5", None),
    ],
)
def test_a_number_and_the_text_behind_it(value, found):
    assert split(value) == found


def test_units_may_have_a_factor():
    assert factor("10us", MILLISECONDS) == pytest.approx(0.01)
    assert factor("2.5 km", KILOMETERS) == 2.5
    for wrong in ("0us", "", "10", "..us"):
        with pytest.raises(Exception, match="unknown unit"):
            factor(wrong, MILLISECONDS)


def test_counts_and_lists_in_words():
    assert [count(n, "link") for n in (0, 1, 2)] == ["0 links", "1 link", "2 links"]
    assert listed("abcdefgh") == "a, b, c, d, e, f, g, h"
    assert listed("abcdefghij") == "a, b, c, d, e, f, g, h and 2 more"
    assert listed("abc", most=1) == "a and 2 more"


def test_repeated_titles_are_refused_but_empty_ones_are_not():
    check_titles(["a", "", "", "b"], "net.csv")
    with pytest.raises(DataError, match=r"^net.csv: 'a' is given 3 times; give it once\."):
        check_titles(["a", "b", "a", "a"], "net.csv")


@pytest.mark.parametrize(
    ("said", "found"),
    [("true", True), (" Yes ", True), (1, True), (False, False), ("no", False), ("", None), (None, None)],
)
def test_the_direction_of_a_link_is_taken_out_of_its_facts(said, found):
    facts = {"color": "red", "Directed": said}
    assert direction(facts, "here") is found
    assert facts == {"color": "red"}


def test_a_direction_that_is_neither_true_nor_false_is_refused():
    with pytest.raises(DataError, match=r"^here: directed must be true or false, got 'maybe'"):
        direction({"directed": "maybe"}, "here")
    assert direction({"color": "red"}, "here") is None


def test_nodes_of_links_come_in_the_order_of_their_first_link():
    links = [RawLink(a, b, {}, "", None) for a, b in ("ca", "ab", "bc")]
    assert [node.id for node in nodes_of_links(links)] == ["c", "a", "b"]
