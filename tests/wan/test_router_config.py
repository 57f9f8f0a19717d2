"""Designs in the words of routers."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.errors import ConfigError, DataError
from netwright.wan.allocation import Allocation
from netwright.wan.exporting import as_csv
from netwright.wan.instance import InstanceConfig, build
from netwright.wan.router_config import (
    LONGEST_INTERFACE,
    frr_costs,
    interface_names,
    interface_table,
    interfaces_of,
    segment_routing_policies,
)
from netwright.wan.topology import from_links

NAMES = [
    "New York",
    "New York 2",
    "Sao Paulo, the one with a very long name",
    "Sao Paulo, the other one",
    "x",
]
NET = from_links("net", NAMES, [(4, 0), (4, 1), (4, 2), (4, 3), (0, 1), (2, 3)], [1.0] * 6, [1.0] * 6)


def weighted(topology):
    rows = [
        {"from": topology.nodes[a], "to": topology.nodes[b], "weight": e + 1}
        for e, (a, b) in enumerate(topology.arcs.tolist())
    ]
    return {"links": rows}


def test_every_interface_of_a_router_has_a_distinct_valid_name():
    names = interface_names(NET)
    assert set(names) == {(NET.nodes[a], NET.nodes[b]) for a, b in NET.arcs.tolist()}
    of_hub = [name for (a, _), name in names.items() if a == "x"]
    assert len(set(of_hub)) == 4
    assert all(len(name) <= LONGEST_INTERFACE and name.replace("-", "").isalnum() for name in names.values())


def test_costs_are_those_of_the_arcs_that_leave_a_router():
    texts = frr_costs(NET, weighted(NET), {ends: f"eth{i}" for i, ends in enumerate(interface_names(NET))})
    assert list(texts) == NAMES
    lines = texts["x"].splitlines()
    costs = [int(line.split()[-1]) for line in lines if "ospf cost" in line]
    assert costs == [e + 1 for e, (a, _) in enumerate(NET.arcs.tolist()) if a == 4]
    assert lines[0] == "! OSPF costs of x" and lines.count("exit") == 4


def test_a_name_cannot_add_a_line_to_a_configuration():
    evil = from_links("evil", ["a\nhostname owned", "b", "c"], [(0, 1), (1, 2), (2, 0)], [1.0] * 3, [1.0] * 3)
    for text in frr_costs(evil, weighted(evil)).values():
        for line in text.splitlines():
            assert line.startswith(("!", "interface to-", " ip ospf cost ", "exit"))


def test_policies_split_a_flow_by_its_traffic():
    instance = build(InstanceConfig("abilene", 0.5, "k3", flows=5))
    share = np.tile([0.6, 0.3, 0.0], 5)
    tables = Allocation(instance, share).tables()
    policies = segment_routing_policies(instance, tables)["policies"]
    assert len(policies) == 5
    for policy in policies:
        [candidate] = policy["candidate_paths"]
        assert [each["weight"] for each in candidate["segment_lists"]] == [6667, 3333]
        assert policy["admitted_share_of_demand"] == pytest.approx(0.9)
        for each in candidate["segment_lists"]:
            assert each["segments"][-1] == policy["endpoint"] and policy["headend"] not in each["segments"]


def test_each_kind_of_design_has_its_own_export():
    instance = build(InstanceConfig("abilene", 0.5, "k2", flows=3))
    with pytest.raises(ConfigError, match="export the tunnels"):
        frr_costs(instance.topology, Allocation(instance, np.zeros(6)).tables())
    with pytest.raises(ConfigError, match="export the OSPF costs"):
        segment_routing_policies(instance, weighted(instance.topology))


def test_interfaces_get_the_names_of_a_table_and_others_are_said_to_be_placeholders():
    rows = interface_table(NET)
    a, b = rows[0]["router"], rows[0]["neighbor"]
    names = interfaces_of(NET, f"router,neighbor,interface\n{a},{b},ge-0/0/1\n", "the table")
    text = frr_costs(NET, weighted(NET), names)[a]
    assert "interface ge-0/0/1\n" in text
    assert ("placeholders" in text) == (sum(row["router"] == a for row in rows) > 1)
    whole = interfaces_of(NET, as_csv(rows), "the table")
    assert whole == interface_names(NET)
    assert not any("placeholders" in each for each in frr_costs(NET, weighted(NET), whole).values())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{a},nowhere,eth0", "no link"),
        ("{a},{b},two words", "is no name of an interface"),
        ("{a},{b},", "is no name of an interface"),
        ("{a},{b},eth0\n{a},{b},eth1", "line 3: repeats"),
    ],
)
def test_a_wrong_table_of_interfaces_is_refused(line, said):
    a, b = next(iter(interface_names(NET)))
    with pytest.raises(DataError, match=said):
        interfaces_of(NET, "router,neighbor,interface\n" + line.format(a=a, b=b), "the table")
    with pytest.raises(DataError, match="needs the columns"):
        interfaces_of(NET, line, "the table")
