"""Write a topology and its demands: netwright's JSON, an edge list as CSV, GraphML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

import networkx as nx
import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.files import json_text, write_files, write_text
from netwright.wan.importing.graph import ImportedGraph
from netwright.wan.importing.raw import count
from netwright.wan.importing.text import escaped
from netwright.wan.topology import Topology, to_json
from netwright.wan.units import Rate, rate_unit

WRITTEN = (".json", ".csv", ".graphml")


def write_import(path: Path, demands: Path, graph: ImportedGraph, topology: Topology) -> list[str]:
    """Write an imported network and, beside it, its demands where it has some: both or neither.

    Demands are the CSV table that `--demands` takes, in the capacities' unit where both have one. Demands of 0 and from
    a node to itself are left out, and those of a pair of nodes in one step are added.

    Args:
        path: of the network; its ending says the format, see `network_text`.
        demands: a file in the same folder.

    Returns:
        What was made of the demands.
    """
    network = network_text(path, topology)
    if not graph.demands:
        write_text(path, network)
        return []
    table, notes = _demand_table(graph, topology)
    write_files(path.parent, {demands.name: table, path.name: network})
    return notes


def network_text(path: Path, topology: Topology) -> str:
    """A topology in the format that the ending of a path names.

    Every format keeps ids, directions, capacities and latencies; CSV omits labels and positions.

    Raises:
        ConfigError: the format is unknown.
    """
    suffix = path.suffix.lower()
    if suffix not in WRITTEN:
        raise ConfigError(f"{path}: networks are written as {', '.join(WRITTEN)}; give --out such an ending.")
    if suffix == ".json":
        return json_text(to_json(topology))
    return _edge_list(topology) if suffix == ".csv" else _graphml(topology)


def _ids(topology: Topology) -> Sequence[str]:
    return topology.ids or topology.nodes


def _arcs(topology: Topology) -> Iterable[int]:
    return range(topology.n_arcs) if topology.directed else [arcs[0] for arcs in topology.links]


def _edge_list(topology: Topology) -> str:
    ids, unit = _ids(topology), rate_unit(topology.capacity_unit)
    titles = ["source", "target", f"capacity [{unit}]" if unit else "capacity", "latency_ms", "directed"]
    rows = [
        [
            escaped(ids[topology.arcs[e, 0]]),
            escaped(ids[topology.arcs[e, 1]]),
            float(topology.capacity[e]),
            float(topology.latency_ms[e]),
            str(topology.directed).lower(),
        ]
        for e in _arcs(topology)
    ]
    return _csv([titles, *rows])


def _csv(rows: Iterable[Sequence[object]]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
    return stream.getvalue()


def _graphml(topology: Topology) -> str:
    made = nx.DiGraph() if topology.directed else nx.Graph()
    made.graph["capacity_unit"] = topology.capacity_unit
    ids = _ids(topology)
    for name, label, place in zip(ids, topology.nodes, topology.positions.tolist(), strict=True):
        known = {} if np.isnan(place).any() else {"Latitude": place[0], "Longitude": place[1]}
        made.add_node(name, label=label, **known)
    for e in _arcs(topology):
        a, b = (ids[i] for i in topology.arcs[e])
        facts = {"capacity": float(topology.capacity[e]), "latency_ms": float(topology.latency_ms[e])}
        made.add_edge(a, b, **facts)
    stream = io.BytesIO()
    nx.write_graphml_xml(made, stream)
    return stream.getvalue().decode()


def _demand_table(graph: ImportedGraph, topology: Topology) -> tuple[str, list[str]]:
    unit, notes = _volume_unit(graph, topology)
    total: dict[tuple[int, str, str], float] = {}
    listed = 0
    for demand in graph.demands:
        if demand.source == demand.target or demand.volume == 0.0:
            continue
        volume = Rate(demand.volume, demand.unit).in_unit(unit) if unit and demand.unit else demand.volume
        key = (demand.step, demand.source, demand.target)
        total[key] = total.get(key, 0.0) + volume
        listed += 1
    names = dict(zip(_ids(topology), topology.nodes, strict=True))
    steps = any(step for step, *_ in total)
    rows = [
        [escaped(names[a]), escaped(names[b]), volume, *([step] if steps else [])]
        for (step, a, b), volume in total.items()
    ]
    if listed > len(total):
        notes.append(f"{count(listed - len(total), 'demand')} added to others of the same pair of nodes")
    return _csv([["source", "target", "volume", *(["step"] if steps else [])], *rows]), notes


def _volume_unit(graph: ImportedGraph, topology: Topology) -> tuple[str, list[str]]:
    """The unit of written volumes; "" for no conversion."""
    theirs = {demand.unit for demand in graph.demands}
    ours = rate_unit(topology.capacity_unit) or ""
    if theirs != {""} and not ours:
        unit = ", ".join(sorted(theirs - {""}))
        return "", [
            f"demands are in {unit} but capacities are {topology.capacity_unit}: scale them with --load"
        ]
    return ours, []
