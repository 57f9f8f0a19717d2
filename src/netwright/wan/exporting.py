"""A chosen design as files: traffic of tunnels, link weights, utilization of links, and the reason for the choice."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netwright.core.errors import DataError, FormatError
from netwright.core.files import check_format_version, json_text, read_json, write_files
from netwright.core.text import printable
from netwright.core.types import JsonView
from netwright.synthesis.pool import Pool
from netwright.wan.allocation import SAME_WITHIN, STARVED_BELOW, Allocation, shortest_paths_today
from netwright.wan.importing.text import escaped
from netwright.wan.instance import Instance
from netwright.wan.pools import read_decision
from netwright.wan.registry import scenario, scenario_names
from netwright.wan.scenario import Scenario
from netwright.wan.tables import Cell, Rows, Tables
from netwright.wan.topology import Array

FORMAT_VERSION = 1
DESIGN_FILE = "design.json"


def decision_of(pool: Pool, path: Path, instance: Instance, design: int) -> Array:
    """The decision vector of one of a pool's designs: read from the pool's file, or solved for again.

    Args:
        pool: the pool read from `path`.
        design: its index in the pool.
    """
    row = int(pool.design_ids[design])
    kept = read_decision(path, row)
    if kept is not None:
        return kept
    return scenario(pool.provenance["scenario"]).decide(instance, pool.family, pool.parameters[row])


@dataclass(frozen=True)
class Solved:
    """A design ready for deployment.

    Attributes:
        metrics: by name and unit; they may differ slightly from the pool's if an objective is flat.
        tables: "links", and "tunnels" if the scenario has them.
        decision: an allocation (T,) or link weights (A,), from which the tables were made.
    """

    metrics: Mapping[str, float]
    tables: Tables
    decision: Array


def solved(pool: Pool, path: Path, instance: Instance, design: int) -> Solved:
    """One of a pool's designs with its tables; arguments as for `decision_of`."""
    name = pool.provenance["scenario"]
    return described(name, instance, decision_of(pool, path, instance, design))


def described(name: str, instance: Instance, decision: Array) -> Solved:
    """The metrics and tables of a decision vector of a scenario; no pool needs to hold it."""
    known = scenario(name)
    values = known.evaluate(instance, decision)
    names = (f"{metric.name} ({metric.unit})" for metric in known.metrics(instance).metrics)
    return Solved(
        {name: float(value) for name, value in zip(names, values, strict=True)},
        known.export(instance, decision),
        decision,
    )


def today_of(known: Scenario, instance: Instance, path: Path | None) -> Tables | None:
    """The design that changes are counted from.

    Args:
        known: the scenario, which says in which table changes are counted.
        path: a `design.json` of the same network; if None, all traffic on shortest tunnels, where there are tunnels.

    Raises:
        FormatError: the file holds no design, one that was changed, or one of another network or kind of scenario.
    """
    name = known.changes_in
    if path is None:
        return shortest_paths_today(instance).tables() if name == "tunnels" else None
    document = read_json(path)
    check_format_version(document, FORMAT_VERSION, path)
    found = document.get("tables")
    if not isinstance(found, dict) or not all(_is_table(found.get(each)) for each in {name, "links"}):
        raise FormatError(f"{path}: contains no design of this network and scenario; give the one in use.")
    today: Tables = {each: found[each] for each in {name, "links"}}
    if "scenario" in document:
        _check_kind(known, document["scenario"], path)
    _check_unchanged(document, today, path)
    _check_same_network(instance, today, path)
    _settings(today, name, path)
    return today


def _check_kind(known: Scenario, found: object, path: Path) -> None:
    """Refuse a design of a scenario that counts changes in another table."""
    alike = [name for name in scenario_names() if scenario(name).changes_in == known.changes_in]
    if found not in alike:
        raise FormatError(
            f"{path}: contains a design of the scenario {printable(str(found))[:60]!r}, from which no changes of "
            f"{known.name} can be counted; give one of {', '.join(alike)}."
        )


def _check_unchanged(document: Mapping[str, object], tables: Tables, path: Path) -> None:
    """Compare tables with the SHA-256 that were written with them; a design from elsewhere has none."""
    hashes = document.get("files", {})
    for name, rows in tables.items():
        expected = hashes.get(f"{name}.csv") if isinstance(hashes, dict) else ""
        if expected is not None and expected != _sha256(as_csv(rows)):
            raise FormatError(
                f"{path}: its {name} are not those that netwright wrote, the SHA-256 differs; give the file as it "
                'was written, or remove its entry "files" if it was changed on purpose.'
            )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _is_table(rows: object) -> bool:
    """Whether JSON holds at least one row, and every row the same columns of single values."""
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        return False
    return all(
        row.keys() == rows[0].keys() and not any(isinstance(cell, dict | list) for cell in row.values())
        for row in rows
    )


def _check_same_network(instance: Instance, today: Tables, path: Path) -> None:
    """Refuse a design of other links, of a flow between other nodes, or with no flow in common."""
    topology = instance.topology
    ours = {(topology.nodes[a], topology.nodes[b]) for a, b in topology.arcs.tolist()}
    theirs = {(str(row.get("from")), str(row.get("to"))) for row in today["links"]}
    if ours != theirs:
        a, b = min(ours ^ theirs)
        where = "only in the design" if (a, b) in theirs else "only in this network"
        raise FormatError(
            f"{path}: contains a design of another network (the link {printable(a)} -> {printable(b)} is {where}); "
            "give the design in use here."
        )
    if "tunnels" in today:
        names, demands = topology.nodes, instance.demands
        for number, row in enumerate(today["tunnels"], start=1):
            for end in (str(row.get("source")), str(row.get("target"))):
                if end not in names:
                    raise FormatError(
                        f"{path}: row {number} of its tunnels has the node {printable(end)[:60]!r}, which this "
                        "network lacks; give the design in use here."
                    )
        flows = {(names[a], names[b]) for a, b in zip(demands.source, demands.target, strict=True)}
        if flows.isdisjoint((str(row.get("source")), str(row.get("target"))) for row in today["tunnels"]):
            raise FormatError(
                f"{path}: contains a design for other demands, with no flow in common; "
                "give the design in use here."
            )


def _settings(tables: Tables, name: str, path: Path | None = None) -> dict[tuple[str, ...], float]:
    """The settings of a design: the share of each tunnel by flow and path, or the weight of each link by its ends.

    Raises:
        FormatError: a row is incomplete, contains no number, or occurs twice.
    """
    keys, column = (
        (("source", "target", "class", "path"), "share_of_demand")
        if name == "tunnels"
        else (("from", "to"), "weight")
    )
    found: dict[tuple[str, ...], float] = {}
    for number, row in enumerate(tables[name], start=1):
        place, value = tuple(str(row.get(key)) for key in keys), row.get(column)
        if place in found or isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(
                f"{path}: row {number} of its {name} occurs twice or has no number as {column}; "
                "give an unmodified design of netwright."
            )
        found[place] = float(value)
    return found


def figures(tables: Tables, today: Tables | None) -> dict[str, float | str]:
    """Additional figures of a design: worst link, starved flows, changes from today."""
    worst = max(tables["links"], key=lambda row: float(row["utilization"]))
    found: dict[str, float | str] = {
        "worst link": f"{worst['from']} -> {worst['to']}",
        "worst link (%)": 100.0 * float(worst["utilization"]),
    }
    if "tunnels" in tables:
        served: dict[tuple[Cell, ...], float] = {}
        for row in tables["tunnels"]:
            flow = (row["source"], row["target"], row["class"])
            served[flow] = served.get(flow, 0.0) + float(row["share_of_demand"])
        found["starved flows"] = sum(share < STARVED_BELOW for share in served.values())
    if today is not None:
        found["changes from today"] = changes(tables, today)
    return found


def settings_of(instance: Instance, tables: Tables) -> Array:
    """The link weights (A,) in tables of a design, or the shares (T,) of the instance's tunnels by flow and path.

    Tunnels that the instance lacks are ignored; those that the tables lack have 0.
    """
    if "tunnels" not in tables:
        weights, topology = _settings(tables, "links"), instance.topology
        ends = ((topology.nodes[a], topology.nodes[b]) for a, b in topology.arcs.tolist())
        return np.array([weights[each] for each in ends])
    shares = _settings(tables, "tunnels")
    own = Allocation(instance, np.zeros(len(instance.tunnels))).tables()
    return np.array([shares.get(place, 0.0) for place in _settings(own, "tunnels")])


def changes(tables: Tables, today: Tables) -> int:
    """Number of tunnels on which two allocations differ, or of links on which two weight settings differ.

    Tunnels are matched by flow and path, links by their ends; a missing one counts as 0.
    """
    name = "tunnels" if "tunnels" in tables else "links"
    new, old = _settings(tables, name), _settings(today, name)
    return sum(
        abs(new.get(place, 0.0) - old.get(place, 0.0)) > SAME_WITHIN for place in new.keys() | old.keys()
    )


def write_design(
    folder: Path, document: JsonView, tables: Tables, texts: Mapping[str, str] | None = None
) -> list[Path]:
    """Write a CSV file per table, and `design.json` with all content and the files' SHA-256; returns the paths.

    All files appear or none; only their owner may read them.

    Args:
        texts: further files by name, such as a map.

    Raises:
        DataError: a number is NaN or infinite; nothing is written.
    """
    plain = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    _check_finite({**document, "tables": plain}, "the design")
    texts = {f"{name}.csv": as_csv(rows) for name, rows in tables.items()} | dict(texts or {})
    hashes = {name: _sha256(text) for name, text in texts.items()}
    whole = {"format_version": FORMAT_VERSION, **document, "files": hashes, "tables": plain}
    return write_files(folder, {**texts, DESIGN_FILE: json_text(whole)}, private=True)


def _check_finite(value: object, place: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise DataError(
            f"{place}: {value} is not a valid result; nothing was written. Check demands and capacities for values "
            "that are far too small or too large."
        )
    if isinstance(value, Mapping):
        for key, each in value.items():
            _check_finite(each, f"{place}, {key}")
    elif isinstance(value, list | tuple):
        for number, each in enumerate(value, start=1):
            _check_finite(each, f"{place} {number}")


def as_csv(rows: Rows) -> str:
    """Rows of equal columns as CSV text with a header; text that a spreadsheet would run as a formula is escaped."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: escaped(cell) if isinstance(cell, str) else cell for key, cell in row.items()})
    return stream.getvalue()
