"""CPU time to route one weight setting, from scratch and as a step of local search. Prints one JSON document.

    python benchmarks/design_ospf.py [--data ../shared/data] [--results results]

The folder is NETWRIGHT_DATA by default; Abilene alone without either.
"""

from __future__ import annotations

import time

import numpy as np
import reporting

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
    parser = reporting.parser(__doc__)
    chosen = parser.parse_args()
    report, rows = {}, []
    for name in TOPOLOGIES if chosen.data else PACKAGED:
        if name == "b4":  # all links have one latency: there is nothing to choose
            continue
        topology = load_topology(name, chosen.data)
        net = routing_network(build(scenario("ospf").config(name, topology), chosen.data))
        found = {"from_scratch_ms": from_scratch_ms(net), "search_step_ms": step_ms(net)}
        report[name] = found
        measured = [
            reporting.Measured(
                subject.removesuffix("_ms").replace("_", " "),
                "cpu_time",
                "ms",
                value,
                SETTINGS if subject == "from_scratch_ms" else 4 * STEPS,
                {"topology": name},
            )
            for subject, value in found.items()
        ]
        rows += reporting.rows(f"ospf:{name}, route one weight setting", measured, command=COMMAND)
    reporting.publish(report, rows, chosen.results)


if __name__ == "__main__":
    main()
