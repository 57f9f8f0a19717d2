"""A chosen design as files: what each tunnel carries, link weights, utilisation of each link, and why it was chosen."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netwright.core.errors import FormatError
from netwright.core.files import check_format_version, read_json, write_json, write_text
from netwright.synthesis.pool import Pool
from netwright.wan.allocation import SAME_WITHIN, STARVED_BELOW, shortest_paths_today
from netwright.wan.instance import Instance
from netwright.wan.pools import read_decision
from netwright.wan.registry import scenario
from netwright.wan.topology import Array

FORMAT_VERSION = 1
DESIGN_FILE = "design.json"

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows]


def decision_of(pool: Pool, path: Path, instance: Instance, design: int) -> Array:
    """What one of a pool's designs does: read from the pool's file, or solved for again.

    Args:
        pool: as it was read from `path`.
        design: its index in the pool.
    """
    row = int(pool.design_ids[design])
    kept = read_decision(path, row)
    if kept is not None:
        return kept
    return scenario(pool.provenance["scenario"]).decide(instance, pool.family, pool.knobs[row])


@dataclass(frozen=True)
class Solved:
    """A design as it can be put to work.

    Attributes:
        metrics: its own, by name and unit; where an objective is flat they may differ a little from the pool's.
        tables: "links", and "tunnels" where the scenario has them.
    """

    metrics: Mapping[str, float]
    tables: Tables


def solved(pool: Pool, path: Path, instance: Instance, design: int) -> Solved:
    """One of a pool's designs with its tables; arguments as for `decision_of`."""
    decision = decision_of(pool, path, instance, design)
    known = scenario(pool.provenance["scenario"])
    values = known.evaluate(instance, decision)
    names = (f"{metric.name} ({metric.unit})" for metric in pool.group.metrics)
    return Solved(
        {name: float(value) for name, value in zip(names, values, strict=True)},
        known.export(instance, decision),
    )


def today_of(tables: Tables, instance: Instance, path: Path | None) -> Tables | None:
    """The design that changes are counted from.

    Args:
        tables: of a design of the instance, for what kind of design it is.
        path: a `design.json` of the same network; if None, all traffic on shortest tunnels, where there are tunnels.

    Raises:
        FormatError: the file holds no design, or one of another network.
    """
    if path is None:
        return shortest_paths_today(instance).tables() if "tunnels" in tables else None
    document = read_json(path)
    check_format_version(document, FORMAT_VERSION, path)
    found = document.get("tables")
    if not isinstance(found, dict) or any(
        not isinstance(found.get(name), list) or len(found[name]) != len(rows)
        for name, rows in tables.items()
    ):
        raise FormatError(
            f"{path}: holds no design of this network and scenario; give the one that is in use."
        )
    today: Tables = found
    return today


def figures(tables: Tables, today: Tables | None) -> dict[str, float | str]:
    """What operators ask of a design besides the metrics: worst link, starved flows, changes from today."""
    worst = max(tables["links"], key=lambda row: float(row["utilisation"]))
    found: dict[str, float | str] = {
        "worst link": f"{worst['from']} -> {worst['to']}",
        "worst link (%)": 100.0 * float(worst["utilisation"]),
    }
    if "tunnels" in tables:
        served: dict[tuple[Any, ...], float] = {}
        for row in tables["tunnels"]:
            flow = (row["source"], row["target"], row["class"])
            served[flow] = served.get(flow, 0.0) + float(row["share_of_demand"])
        found["starved flows"] = sum(share < STARVED_BELOW for share in served.values())
    if today is not None:
        found["changes from today"] = changes(tables, today)
    return found


def changes(tables: Tables, today: Tables) -> int:
    """On how many tunnels two allocations differ, or on how many links two settings of weights."""
    name, column = ("tunnels", "share_of_demand") if "tunnels" in tables else ("links", "weight")
    pairs = zip(tables[name], today[name], strict=True)
    return sum(abs(float(new[column]) - float(old[column])) > SAME_WITHIN for new, old in pairs)


def write_design(folder: Path, document: Mapping[str, Any], tables: Tables) -> list[Path]:
    """Write `design.json` with everything, and a CSV file for each table; gives their paths."""
    paths = []
    for name, rows in tables.items():
        paths.append(folder / f"{name}.csv")
        write_text(paths[-1], as_csv(rows))
    paths.append(folder / DESIGN_FILE)
    plain = {name: [dict(row) for row in rows] for name, rows in tables.items()}
    write_json(paths[-1], {"format_version": FORMAT_VERSION, **document, "tables": plain})
    return paths


def as_csv(rows: Rows) -> str:
    """Rows of the same columns as CSV text with a header."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]) if rows else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
