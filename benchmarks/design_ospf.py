"""CPU time to route one weight setting, from scratch and as a step of local search. Prints one JSON document.

    python benchmarks/design_ospf.py [--data ../shared/data] [--results results]

The folder is NETWRIGHT_DATA by default; Abilene alone without either.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np

from netwright.core.results import ResultRow, write_rows
from netwright.wan.catalog import PACKAGED, TOPOLOGIES
from netwright.wan.instance import build, load_topology
from netwright.wan.registry import scenario
from netwright.wan.scenarios.ospf.design import routing_network
from netwright.wan.scenarios.ospf.routing import Network, metrics
from netwright.wan.scenarios.ospf.search import SearchConfig, search

COMMAND = "python benchmarks/design_ospf.py --data ../shared/data --results results"
SETTINGS, STEPS = 200, 1_000


def from_scratch_ms(net: Network) -> float:
    """Mean CPU time to route all traffic under random weights."""
    settings = np.random.default_rng(0).integers(1, 21, (SETTINGS, net.n_arcs))
    metrics(net, settings[0])  # compiles
    began = time.process_time()
    for weights in settings:
        metrics(net, weights)
    return 1000.0 * (time.process_time() - began) / SETTINGS


def step_ms(net: Network) -> float:
    """Mean CPU time of a step of local search, which routes again only the destinations that it may change."""
    search(net, SearchConfig(n_walks=1, n_steps=2))  # compiles
    began = time.process_time()
    search(net, SearchConfig(n_walks=4, n_steps=STEPS))
    return 1000.0 * (time.process_time() - began) / (4 * STEPS)


def main() -> None:
    """Measure, print one JSON document, and write rows if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("NETWRIGHT_DATA"))
    parser.add_argument("--results", type=Path)
    chosen = parser.parse_args()
    report, rows = {}, []
    for name in TOPOLOGIES if chosen.data else PACKAGED:
        if name == "b4":  # all links have one latency: there is nothing to choose
            continue
        topology = load_topology(name, chosen.data)
        net = routing_network(build(scenario("ospf").config(name, topology), chosen.data))
        found = {"from_scratch_ms": from_scratch_ms(net), "search_step_ms": step_ms(net)}
        report[name] = found
        rows += [
            ResultRow(
                area="speed",
                setting=f"ospf:{name}, route one weight setting",
                subject=subject.removesuffix("_ms").replace("_", " "),
                metric="cpu_time",
                unit="ms",
                value=value,
                n=SETTINGS if subject == "from_scratch_ms" else 4 * STEPS,
                seeds=(0,),
                command=COMMAND,
                extra={"topology": name},
            )
            for subject, value in found.items()
        ]
    print(json.dumps(report, indent=2))
    if chosen.results:
        write_rows(chosen.results / "speed.jsonl", rows, replaces={"command": COMMAND})


if __name__ == "__main__":
    main()
