"""Optional reductions of a network, each reported: parallel links, loops, separate components, dead ends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import networkx as nx

from netwright.core.errors import ConfigError, DataError
from netwright.wan.importing.graph import ImportedGraph, Link
from netwright.wan.importing.options import ImportOptions
from netwright.wan.importing.raw import count, listed
from netwright.wan.units import BITS_PER_SECOND, Rate, rate_unit


def reduced(graph: ImportedGraph, options: ImportOptions) -> ImportedGraph:
    """Apply default capacities and the reductions of the options.

    Raises:
        DataError: the graph is empty, needs a reduction that was not requested, or is empty after the reductions.
    """
    graph.check_size()
    graph = _with_capacities(graph, options)
    if options.drop_loops:
        kept = tuple(link for link in graph.links if link.a != link.b)
        graph = _noted(graph, kept, "a loop", "loops")
    if options.merge_parallel:
        graph = _merged(graph, options.merge_parallel)
    if graph.folds:
        graph = _folded(graph, options)
    graph.check_links()
    if options.keep_largest_component:
        graph = _largest_component(graph)
    if options.drop_stubs:
        graph = _without_stubs(graph)
    return graph


def _with_capacities(graph: ImportedGraph, options: ImportOptions) -> ImportedGraph:
    """Apply the default to links without a capacity; 1 for all links if none has one and there is no default."""
    missing = sum(link.capacity is None for link in graph.links)
    default = options.default_capacity
    if not missing or (default is None and missing < len(graph.links)):
        return graph
    if missing < len(graph.links):
        assert default is not None
        value, unit = _in_unit_of(graph, default), graph.capacity_unit
        note = f"no capacity on {count(missing, 'link')}: {value:g} {unit} each (--default-capacity)"
    elif default is None:
        value, unit = 1.0, "relative"
        note = f"no capacity in the file: 1 on each of {count(missing, 'link')} (relative)"
    else:
        value, unit = default.value, default.unit or rate_unit(options.capacity_unit) or "as given"
        note = f"no capacity in the file: {value:g} {unit} on each of {count(missing, 'link')} (--default-capacity)"
    links = tuple(replace(li, capacity=value) if li.capacity is None else li for li in graph.links)
    return _with_note(replace(graph, links=links, capacity_unit=unit), note)


def _in_unit_of(graph: ImportedGraph, default: Rate) -> float:
    if not default.unit:
        return default.value
    if graph.capacity_unit not in BITS_PER_SECOND:
        raise ConfigError(
            f"--default-capacity is in {default.unit}, but the capacities of {graph.source} have no unit; "
            "give it as a number alone, or name theirs with --capacity-unit."
        )
    return default.in_unit(graph.capacity_unit)


def _with_note(graph: ImportedGraph, note: str) -> ImportedGraph:
    return replace(graph, findings=replace(graph.findings, notes=(*graph.findings.notes, note)))


def _noted(graph: ImportedGraph, kept: tuple[Link, ...], one: str, many: str) -> ImportedGraph:
    lost = len(graph.links) - len(kept)
    if not lost:
        return graph
    findings = replace(graph.findings, dropped_links=graph.findings.dropped_links + lost)
    noted = replace(graph, links=kept, findings=findings)
    return _with_note(noted, f"dropped {one if lost == 1 else f'{lost} {many}'}")


def _groups(links: Iterable[Link], ordered: bool) -> dict[tuple[str, str, bool], list[Link]]:
    """Groups of parallel links; `ordered` separates links of opposite order even if they are bidirectional."""
    found: dict[tuple[str, str, bool], list[Link]] = {}
    for link in links:
        ends = (link.a, link.b) if ordered or link.directed or link.a < link.b else (link.b, link.a)
        found.setdefault((*ends, link.directed), []).append(link)
    return found


def _merged(graph: ImportedGraph, how: str) -> ImportedGraph:
    merged = tuple(_one_of(group, how) for group in _groups(graph.links, graph.folds).values())
    words = "with their capacities added" if how == "sum" else "of which the first was kept"
    return _noted(graph, merged, f"a parallel link, {words}", f"parallel links, {words}")


def _one_of(group: Sequence[Link], how: str) -> Link:
    """Merge parallel links into one; a sum has the latency of the fastest."""
    if how == "first" or len(group) == 1:
        return group[0]
    capacities = [link.capacity for link in group]
    latencies = [link.latency_ms for link in group if link.latency_ms is not None]
    return replace(
        group[0],
        capacity=None if None in capacities else sum(c for c in capacities if c is not None),
        latency_ms=min(latencies, default=None),
    )


def _folded(graph: ImportedGraph, options: ImportOptions) -> ImportedGraph:
    """Merge links of opposite order if they are equal or the first is to be kept."""
    there: dict[tuple[str, str], Link] = {}
    kept: list[Link] = []
    for link in graph.links:
        other = there.get((link.b, link.a))
        if other is None or link.a == link.b:
            kept.append(link)
            there.setdefault((link.a, link.b), link)
        elif options.merge_parallel != "first" and _facts(other) != _facts(link):
            raise DataError(
                f"{graph.where(link)}: differs from the other direction at {other.place}; import without --undirected, "
                "which keeps both, or with --merge-parallel first."
            )
    lost = len(graph.links) - len(kept)
    note = f"{count(lost, 'link')} of opposite direction made one with the other direction"
    return _with_note(replace(graph, links=tuple(kept)), note) if lost else graph


def _facts(link: Link) -> tuple[float | None, ...]:
    return link.capacity, link.latency_ms, link.length_km


def _kept(graph: ImportedGraph, alive: set[str], why: str) -> ImportedGraph:
    """The subgraph on some of the nodes."""
    gone = tuple(node.name for node in graph.nodes if node.name not in alive)
    links = tuple(link for link in graph.links if link.a in alive and link.b in alive)
    if not gone:
        return graph
    lost = len(graph.links) - len(links)
    demands = tuple(d for d in graph.demands if d.source in alive and d.target in alive)
    findings = replace(
        graph.findings,
        dropped_nodes=(*graph.findings.dropped_nodes, *gone),
        dropped_links=graph.findings.dropped_links + lost,
    )
    shown = listed(graph.names.get(name, name) for name in gone)
    note = f"dropped {count(len(gone), 'node')} {why}, with {count(lost, 'link')}: {shown}"
    if len(demands) < len(graph.demands):
        note += f"; {count(len(graph.demands) - len(demands), 'demand')} of theirs left out"
    nodes = tuple(node for node in graph.nodes if node.name in alive)
    return _with_note(replace(graph, nodes=nodes, links=links, demands=demands, findings=findings), note)


def _parts(graph: ImportedGraph) -> list[set[str]]:
    """Strongly connected components, largest first, then in the order of the file."""
    made = nx.DiGraph()
    made.add_nodes_from(node.name for node in graph.nodes)
    for link in graph.links:
        made.add_edges_from([(link.a, link.b)] if link.directed else [(link.a, link.b), (link.b, link.a)])
    parts = [set(part) for part in nx.strongly_connected_components(made)]
    first = graph.index
    return sorted(parts, key=lambda part: (-len(part), min(first[name] for name in part)))


def _largest_component(graph: ImportedGraph) -> ImportedGraph:
    return _kept(graph, _parts(graph)[0], "outside of the largest part")


def _without_stubs(graph: ImportedGraph) -> ImportedGraph:
    """The 2-core, in which few single link failures disconnect the network (Table 5, Wang et al., POPL 2023)."""
    near: dict[str, set[str]] = {node.name: set() for node in graph.nodes}
    for link in graph.links:
        if link.a != link.b:
            near[link.a].add(link.b)
            near[link.b].add(link.a)
    while dead := [name for name, others in near.items() if len(others) < 2]:
        for name in dead:
            for other in near.pop(name):
                near.get(other, set()).discard(name)
    if not near:
        raise DataError(
            f"{graph.source}: a tree, of which nothing is left without its dead ends; "
            "import without --drop-stubs and --prepare."
        )
    return _kept(graph, set(near), "at dead ends")


def check_connected(graph: ImportedGraph) -> None:
    """Refuse a graph that is not strongly connected.

    Raises:
        DataError: states the number of components and the remedy.
    """
    parts = _parts(graph)
    if len(parts) == 1:
        return
    sizes = listed(str(len(part)) for part in parts)
    lost = next(node.name for node in graph.nodes if node.name not in parts[0])
    way = (
        "; the file says that links lead one way: --undirected reads them both ways"
        if graph.said_directed
        else ""
    )
    raise DataError(
        f"{graph.source}: is disconnected: {len(parts)} parts of {sizes} nodes, such as that of {lost!r}, do not reach "
        f"each other{way}; add links or drop the separate part (--keep-largest-component)."
    )
