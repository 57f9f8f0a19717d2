"""What was read from a network's file, in one line."""

from __future__ import annotations

from netwright.wan.importing.graph import ImportedGraph
from netwright.wan.importing.raw import count
from netwright.wan.topology import Array, Topology


def summary(graph: ImportedGraph, found: Topology) -> str:
    """One line about an imported network."""
    ways = f"{count(found.n_arcs, 'directed arc')}" if found.directed else "undirected"
    parts = [
        f"{count(found.n_nodes, 'node')}, {count(len(found.links), 'link')} ({ways})",
        f"capacity {_range(found.capacity)} {found.capacity_unit}",
        f"latency {_range(found.latency_ms)} ms",
    ]
    if graph.demands:
        parts.append(count(len(graph.demands), "demand"))
    findings = graph.findings
    if findings.dropped_nodes or findings.dropped_links:
        dropped = count(len(findings.dropped_nodes), "node"), count(findings.dropped_links, "link")
        parts.append("dropped " + " and ".join(dropped))
    return f"imported {found.name} ({graph.format}): {'; '.join(parts)}"


def _range(values: Array) -> str:
    least, most = float(values.min()), float(values.max())
    return f"{least:.6g}" if least == most else f"{least:.4g} to {most:.4g}"
