"""Load facts worked by hand on a square, and where a load is called implausible."""

from __future__ import annotations

from dataclasses import replace

import pytest

from netwright.wan.load_facts import LoadFacts
from tests.wan.small import with_flows

FACTS = LoadFacts(3, 1, 12.345678, "Gbit/s", "A -> B", 60.0)


def test_facts_of_a_square_by_hand():
    # A -> C takes A-B-C (2 ms, not 3), so A -> B carries 0.25 and B -> C carries 0.25 + 0.5.
    found = LoadFacts.of(with_flows((0, 2, 0.25, 0), (1, 2, 0.5, 1)))
    assert (found.flows, found.classes, found.volume) == (2, 2, 0.75)
    assert (found.fullest_link, found.fullest_percent) == ("B -> C", 75.0)
    assert found.to_json()["fullest_link_percent"] == 75.0
    assert found.to_json()["volume"] == 0.75


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "load: 3 flows, 12.35 Gbit/s in total; fullest link on shortest paths 60 % (A -> B)"),
        ({"flows": 1}, "load: 1 flow, "),
        ({"flows": 2, "classes": 2}, "load: 2 flows in 2 classes, "),
        ({"unit": "widgets"}, "12.35 in the unit of the capacities, in total"),
        ({"unit": "gbps"}, "12.35 Gbit/s in total"),
        ({"fullest_percent": 0.0412}, "paths 0.041 % ("),
        ({"fullest_percent": 99.4}, "paths 99 % ("),
        ({"fullest_percent": 99.7}, "paths 100 % ("),
        ({"fullest_percent": 100.0}, "paths 100 % ("),
        ({"fullest_percent": 1234.5}, "paths 1234 % ("),
    ],
)
def test_the_line_of_facts(changes, words):
    assert words in replace(FACTS, **changes).text


@pytest.mark.parametrize(
    ("percent", "words"),
    [
        (0.999, "the fullest link is hardly used (1 % on"),
        (0.04, "hardly used (0.04 % on shortest paths)"),
        (1.0, None),
        (60.0, None),
        (2000.0, None),
        (2001.0, "far beyond full (2001 %"),
    ],
)
def test_loads_out_of_range_are_questioned(percent, words):
    found = replace(FACTS, fullest_percent=percent).warning
    assert (found is None) if words is None else words in found
