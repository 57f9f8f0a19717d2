"""OSPF's local search compared with random weights: the share that its archive dominates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.results import ResultRow, write_rows
from netwright.wan.chunks import Work
from netwright.wan.instance import build, load_topology
from netwright.wan.registry import scenario
from netwright.wan.scenarios.ospf import design
from netwright.wan.scenarios.ospf.routing import Floats
from netwright.wan.scenarios.ospf.search import random_settings

NAME = "design_ospf"
SUMMARY = "OSPF: does the archive of local search dominate 1,000 random weight settings, on six topologies"
COMMAND = "netwright experiments design_ospf"

# B4 is omitted: all its links have the same latency, so there is no trade-off.
TOPOLOGIES = ("abilene", "cwix", "btnorthamerica", "tinet", "deltacom", "ion")
RANDOM_SETTINGS, RANDOM_UP_TO, RANDOM_SEED = 1_000, 20, 7

Progress = Callable[[str], None]


def run(data_folder: Path | None, results_folder: Path, progress: Progress) -> None:
    """Search each topology and write its rows to `design.jsonl`; an interrupted run can be resumed."""
    if data_folder is None:
        raise ConfigError("this experiment needs the topologies; set --data or NETWRIGHT_DATA.")
    runs = results_folder.absolute().parent / "runs" / NAME
    for name in TOPOLOGIES:
        rows = list(measure(name, data_folder, runs / name, progress))
        same = {"area": "design", "command": COMMAND, "setting": f"ospf:{name}"}
        write_rows(results_folder / "design.jsonl", rows, replaces=same)


def measure(name: str, data: Path, kept: Path, progress: Progress) -> Iterator[ResultRow]:
    """The rows of one topology."""
    instance = build(scenario("ospf").config(name, load_topology(name, data)), data)
    net = design.routing_network(instance)
    config = design.search_config(net)
    found = design.archive(instance, Work(folder=kept, progress=progress))
    points = np.array(list(random_settings(net, RANDOM_SETTINGS, up_to=RANDOM_UP_TO, seed=RANDOM_SEED)))
    row = partial(
        ResultRow,
        area="design",
        setting=f"ospf:{name}",
        subject="local-search",
        seeds=(config.seed,),
        command=COMMAND,
    )
    share = float(np.mean([found.dominates(*point) for point in points]))
    evaluated = config.n_walks * config.n_steps
    facts = {
        "topology": name,
        "load": instance.config.load,
        "traffic_seed": instance.config.seed,
        "evaluated": evaluated,
        "utilization_percent": _ends(100.0 * found.utilization),
        "latency_ms": _ends(found.latency_ms),
        "random_best_utilization_percent": 100.0 * float(points[:, 0].min()),
        "random_best_latency_ms": float(points[:, 1].min()),
    }
    yield row(metric="random_settings_dominated", unit="share", value=share, n=len(points), extra=facts)
    yield row(
        metric="settings_kept",
        unit="settings",
        value=float(len(found)),
        n=evaluated,
        extra={"topology": name},
    )
    ratio = float(points[:, 0].min() / found.utilization[0])
    yield row(
        metric="utilization_ratio_random_to_search",
        unit="ratio",
        value=ratio,
        n=len(points),
        extra={"topology": name},
    )
    progress(f"{name}: {share:.1%} of {len(points)} random settings dominated by {len(found)} kept")


def _ends(values: Floats) -> list[float]:
    return sorted((float(values[0]), float(values[-1])))
