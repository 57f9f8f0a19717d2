"""A design in the words of routers: OSPF costs for FRR, and tunnels as segment routing policies in neutral JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from netwright.core.errors import ConfigError
from netwright.core.text import printable
from netwright.core.types import Json
from netwright.wan.allocation import SAME_WITHIN
from netwright.wan.instance import Instance
from netwright.wan.tables import Row, Rows, Tables
from netwright.wan.topology import Topology

LONGEST_INTERFACE = 15  # characters; a limit of Linux
FORMAT_VERSION = 1

Interfaces = Mapping[tuple[str, str], str]
"""Name of the interface of a node (first) towards a neighbor (second)."""


def interface_names(topology: Topology) -> dict[tuple[str, str], str]:
    """A valid and distinct name for every interface: "to-" and the neighbor, abbreviated where needed."""
    found: dict[tuple[str, str], str] = {}
    for a in range(topology.n_nodes):
        taken: set[str] = set()
        for b in sorted({int(head) for tail, head in topology.arcs.tolist() if tail == a}):
            plain = re.sub(r"[^A-Za-z0-9]+", "-", topology.nodes[b]).strip("-") or f"node{b}"
            name = f"to-{plain}"[:LONGEST_INTERFACE]
            if name in taken:
                name = f"{name[: LONGEST_INTERFACE - len(str(b)) - 1]}-{b}"
            taken.add(name)
            found[topology.nodes[a], topology.nodes[b]] = name
    return found


def frr_costs(topology: Topology, tables: Tables, interfaces: Interfaces | None = None) -> dict[str, str]:
    """For each router, the lines of FRR (`vtysh`) that set its OSPF costs.

    Args:
        tables: of a design with link weights.
        interfaces: names of the routers' interfaces; those of `interface_names` by default.

    Raises:
        ConfigError: the design has no link weights.
    """
    rows = tables["links"]
    if not all("weight" in row for row in rows):
        raise ConfigError("only designs of link weights have OSPF costs; export the tunnels instead.")
    names = interfaces or interface_names(topology)
    return {
        node: _router(node, [row for row in rows if row["from"] == node], names) for node in topology.nodes
    }


def _router(node: str, rows: Rows, names: Interfaces) -> str:
    lines = [f"! OSPF costs of {printable(node)}"]
    for row in rows:
        towards = str(row["to"])
        lines += [
            f"! towards {printable(towards)}",
            f"interface {names[node, towards]}",
            f" ip ospf cost {int(row['weight'])}",
            "exit",
        ]
    return "\n".join(lines) + "\n"


def segment_routing_policies(instance: Instance, tables: Tables) -> Json:
    """The tunnels of a design as policies after RFC 9256, section 2: one candidate path with weighted segment lists.

    The weight of a list is its share of the flow's traffic in 1/10000; `color` is the class. Segments are the nodes
    that a tunnel enters, by name, because labels are known to the network only. Tunnels without traffic are omitted.

    Raises:
        ConfigError: the design has no tunnels.
    """
    if "tunnels" not in tables:
        raise ConfigError("designs of link weights have no tunnels; export the OSPF costs instead.")
    tunnels = instance.tunnels
    by_flow: dict[int, list[tuple[Row, list[str]]]] = {}
    for flow, path, row in zip(tunnels.flow.tolist(), tunnels.paths, tables["tunnels"], strict=True):
        if float(row["share_of_demand"]) > SAME_WITHIN:
            by_flow.setdefault(flow, []).append((row, _nodes(instance.topology, path)))
    policies = [_policy(rows) for rows in by_flow.values()]
    return {"format_version": FORMAT_VERSION, "model": "RFC 9256", "policies": policies}


def _nodes(topology: Topology, path: Sequence[int]) -> list[str]:
    """The nodes that a path enters, in order."""
    return [topology.nodes[topology.arcs[arc, 1]] for arc in path]


def _policy(tunnels: Sequence[tuple[Row, list[str]]]) -> Json:
    first, _ = tunnels[0]
    carried = sum(float(row["share_of_demand"]) for row, _ in tunnels)
    lists = [
        {
            "weight": max(1, round(10_000 * float(row["share_of_demand"]) / carried)),
            "segments": nodes,
            "traffic": float(row["carried"]),
        }
        for row, nodes in tunnels
    ]
    return {
        "headend": first["source"],
        "color": int(first["class"]),
        "endpoint": first["target"],
        "admitted_share_of_demand": carried,
        "candidate_paths": [{"preference": 100, "segment_lists": lists}],
    }
