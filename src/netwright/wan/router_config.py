"""A design in the words of routers: OSPF costs for FRR, and tunnels as segment routing policies in neutral JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence

from netwright.core.errors import ConfigError, DataError
from netwright.core.text import printable
from netwright.core.types import Json
from netwright.wan.allocation import SAME_WITHIN
from netwright.wan.importing.text import unescaped
from netwright.wan.instance import Instance
from netwright.wan.tables import Row, Rows, Tables
from netwright.wan.topology import Topology

LONGEST_INTERFACE = 15  # characters; a limit of Linux
FORMAT_VERSION = 1

_INTERFACE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9.:/_@-]{{0,{LONGEST_INTERFACE - 1}}}", re.ASCII)

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


def interface_table(topology: Topology, given: Interfaces | None = None) -> Rows:
    """One row (router, neighbor, interface) for every interface, named as given or as `interface_names` does."""
    names = {**interface_names(topology), **(given or {})}
    return [
        {"router": router, "neighbor": neighbor, "interface": name}
        for (router, neighbor), name in names.items()
    ]


def interfaces_of(topology: Topology, text: str, where: str) -> dict[tuple[str, str], str]:
    """Interface names from a table as CSV with the columns of `interface_table`; it may lack interfaces.

    Raises:
        DataError: a column is missing, a row is not an interface of the network, or a name is invalid or occurs twice.
    """
    reader = csv.DictReader(io.StringIO(text.strip()))
    if not {"router", "neighbor", "interface"} <= set(reader.fieldnames or ()):
        raise DataError(
            f"{where}: needs the columns router, neighbor and interface; add a line with these titles."
        )
    known, found = interface_names(topology), dict[tuple[str, str], str]()
    for row in reader:
        place, line = f"{where}, line {reader.line_num}", {k: (v or "").strip() for k, v in row.items() if k}
        ends = (unescaped(line["router"]), unescaped(line["neighbor"]))
        name = line["interface"]
        if ends not in known:
            raise DataError(
                f"{place}: the network has no link {printable(' -> '.join(ends))[:80]}; correct the names."
            )
        if not _INTERFACE.fullmatch(name):
            raise DataError(
                f"{place}: {printable(name)[:40]!r} is no name of an interface; give 1 to {LONGEST_INTERFACE} letters, "
                "digits, or any of . : / _ @ -"
            )
        if ends in found or any(name == other for (router, _), other in found.items() if router == ends[0]):
            raise DataError(
                f"{place}: repeats a link or an interface of {printable(ends[0])}; give each once."
            )
        found[ends] = name
    return found


def frr_costs(topology: Topology, tables: Tables, interfaces: Interfaces | None = None) -> dict[str, str]:
    """For each router, the lines of FRR (`vtysh`) that set its OSPF costs.

    Args:
        tables: of a design with link weights.
        interfaces: names of interfaces; others are called as by `interface_names`, which the lines then say.

    Raises:
        ConfigError: the design has no link weights.
    """
    rows = tables["links"]
    if not all("weight" in row for row in rows):
        raise ConfigError("only designs of link weights have OSPF costs; export the tunnels instead.")
    given = interfaces or {}
    names = {**interface_names(topology), **given}
    return {
        node: _router(node, [row for row in rows if row["from"] == node], names, given)
        for node in topology.nodes
    }


def _router(node: str, rows: Rows, names: Interfaces, given: Interfaces) -> str:
    lines = [f"! OSPF costs of {printable(node)}"]
    if any((node, str(row["to"])) not in given for row in rows):
        lines.append(
            "! Interfaces called to-NEIGHBOR are placeholders: replace them by the names on the router."
        )
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
