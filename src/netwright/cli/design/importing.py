"""`netwright design import`: check and convert a network file of another tool."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group
from netwright.cli.output import print_facts, print_json, progress
from netwright.core.errors import ConfigError
from netwright.core.files import writing
from netwright.core.types import Json
from netwright.wan.importing import SUFFIXES, ImportedGraph, ImportOptions, as_topology, read_graph
from netwright.wan.importing.demand_files import with_demands
from netwright.wan.importing.summary import summary
from netwright.wan.importing.writing import WRITTEN, write_import
from netwright.wan.topology import Topology
from netwright.wan.units import rate


@group
class Reading:
    """How to interpret ambiguous or missing values."""

    default_capacity: Annotated[
        str | None, typer.Option(metavar="X", help="Capacity of links that have none, such as 10G or 10.")
    ] = None
    directed: Annotated[bool, typer.Option("--directed", help="Every link leads one way only.")] = False
    undirected: Annotated[bool, typer.Option("--undirected", help="Every link leads both ways.")] = False
    capacity_unit: Annotated[
        str, typer.Option(metavar="UNIT", help="Unit of capacities that have none, such as Gbit/s.")
    ] = ""
    latency_unit: Annotated[
        str,
        typer.Option(
            metavar="UNIT", help="Unit of latencies that have none: s, ms, us, or a multiple such as 10us."
        ),
    ] = ""
    capacity_from: Annotated[
        str, typer.Option(metavar="NAME", help="Link attribute that contains the capacities.")
    ] = ""
    geographic: Annotated[
        bool, typer.Option("--geographic", help="Read x and y of nodes as longitude and latitude.")
    ] = False

    @property
    def ways(self) -> bool | None:
        """Whether every link leads one way only; None where the file says.

        Raises:
            ConfigError: both are asked for.
        """
        if self.directed and self.undirected:
            raise ConfigError("--directed and --undirected exclude each other; keep one.")
        return True if self.directed else False if self.undirected else None


@group
class Reductions:
    """Links and nodes to merge or drop."""

    merge_parallel: Annotated[
        str, typer.Option(metavar="sum|first", help="Add up parallel links, or keep the first.")
    ] = ""
    drop_loops: Annotated[bool, typer.Option("--drop-loops", help="Drop links from a node to itself.")] = (
        False
    )
    drop_stubs: Annotated[
        bool, typer.Option("--drop-stubs", help="Drop nodes with one neighbor, repeatedly.")
    ] = False
    keep_largest_component: Annotated[
        bool, typer.Option("--keep-largest-component", help="Drop everything outside the largest component.")
    ] = False
    prepare: Annotated[
        bool, typer.Option("--prepare", help="Short for --merge-parallel first --drop-loops --drop-stubs.")
    ] = False


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help=f"A network: {', '.join(SUFFIXES)}.")],
    reading: Reading,
    reductions: Reductions,
    out: Annotated[Path, typer.Option(metavar="FILE", help=f"File to write: {', '.join(WRITTEN)}.")] = Path(
        "topology.json"
    ),
    demands: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Demands in the network's format: REPETITA, SNDlib, or a matrix."),
    ] = None,
    as_json: options.AsJson = False,
) -> None:
    """Check a network file, report assumptions, and write it in netwright's format."""
    facts = _imported(file, out, demands, _wanted(reading, reductions))
    if as_json:
        print_json(facts)
    else:
        print_facts({name: value for name, value in facts.items() if name not in _SAID})


def _wanted(reading: Reading, reductions: Reductions) -> ImportOptions:
    """The options as the library takes them."""
    capacity, merge = reading.default_capacity, reductions.merge_parallel
    if reductions.prepare and not merge:
        merge = ImportOptions.preparation().merge_parallel
    return ImportOptions(
        merge_parallel=merge,
        drop_loops=reductions.drop_loops or reductions.prepare,
        drop_stubs=reductions.drop_stubs or reductions.prepare,
        keep_largest_component=reductions.keep_largest_component,
        default_capacity=None if capacity is None else rate(capacity, "capacity", "--default-capacity"),
        directed=reading.ways,
        capacity_unit=reading.capacity_unit,
        latency_unit=reading.latency_unit,
        capacity_from=reading.capacity_from,
        geographic=reading.geographic,
    )


def set_aside(demands: Path) -> list[str]:
    """Rename the demands of an earlier import, which do not belong to the new network; returns notes."""
    if not demands.exists():
        return []
    kept = demands.with_name(f"{demands.name}.old")
    with writing(kept):
        demands.replace(kept)
    return [f"{demands.name} belongs to an earlier import, not to this network: renamed to {kept.name}"]


_SAID = ("ignored", "dropped", "notes")  # printed on stderr


def _imported(file: Path, out: Path, demands: Path | None, wanted: ImportOptions) -> Json:
    """Read and write the files; returns the JSON document."""
    graph = read_graph(file, options=wanted)
    if demands is not None:
        graph = with_demands(graph, demands)
    found = as_topology(graph)
    facts, notes = _facts(graph, found, out), [*found.notes]
    place = out.with_suffix(".demands.csv")
    notes += write_import(out, place, graph, found)
    if not graph.demands:
        notes += set_aside(place)
    else:
        facts["demands"] = {"file": str(place), "listed": len(graph.demands)}
    if notes:
        progress(f"{file.name}: {'; '.join(notes)}")
    progress(summary(graph, found))
    findings = graph.findings
    ignored = {kind: list(names) for kind, names in findings.ignored.items() if names}
    dropped = {"nodes": list(findings.dropped_nodes), "links": findings.dropped_links}
    return {**facts, "ignored": ignored, "dropped": dropped, "notes": notes}


def _facts(graph: ImportedGraph, found: Topology, out: Path) -> Json:
    return {
        "file": str(out),
        "name": found.name,
        "format": graph.format,
        "nodes": found.n_nodes,
        "links": len(found.links),
        "directed": found.directed,
        "capacity_unit": found.capacity_unit,
        "capacity_least": float(found.capacity.min()),
        "capacity_most": float(found.capacity.max()),
        "latency_ms_least": float(found.latency_ms.min()),
        "latency_ms_most": float(found.latency_ms.max()),
    }
