"""Options that several `design` commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group
from netwright.wan.selection import Network, Say, Wanted

Scenario = Annotated[
    str | None, typer.Option(metavar="NAME", help="A scenario, see `netwright list scenarios`.")
]
Topology = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE", help="A topology of `netwright list topologies`, or a file of your own."
    ),
]
Demands = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Demands as CSV (source, target, volume); gravity model without."),
]
Load = Annotated[
    float | None,
    typer.Option(
        help="How full the fullest link is on shortest paths, 1 = full; 0 takes demands as given. "
        "By default what suits the scenario, or 0 with --demands."
    ),
]
Flows = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Only so many flows of largest demand; all by default."),
]
TunnelRule = Annotated[
    str | None,
    typer.Option(
        "--tunnels",
        metavar="RULE",
        help="Paths of each flow: k4, the four of least latency, or d3, three as disjoint as possible; "
        "by default what suits the network's size.",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Deal the flows into so many classes; 0 keeps those of --demands, as is done by default where it has "
        "any. Otherwise what suits the scenario.",
    ),
]
Failures = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Failures to plan for, as JSON: a list of failures, each a list of links, each two nodes. "
        "Every link alone by default.",
    ),
]
Objectives = Annotated[int, typer.Option("--objectives", metavar="N", help="Objectives of the pool.")]
PoolSeed = Annotated[int, typer.Option("--pool-seed", min=0, help="Seed that draws the pool's objectives.")]
PoolFile = Annotated[
    Path | None,
    typer.Option("--pool", metavar="FILE", help="A pool that `design pool` wrote, in place of building one."),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes to build the pool with.")]


Today = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="A design.json: the design in use, from which changes are counted."),
]


@group
class NetworkOptions:
    """The scenario and the network; what is left out follows from these two."""

    scenario: Scenario = None
    topology: Topology = None
    demands: Demands = None
    load: Load = None
    flows: Flows = None
    tunnels: TunnelRule = None
    classes: Classes = None
    failures: Failures = None

    def network(self) -> Network:
        """The network as the library takes it."""
        return Network(
            self.topology, self.demands, self.load, self.flows, self.tunnels, self.classes, self.failures
        )


@group
class PoolOptions:
    """Which pool: a file, or how to build one."""

    objectives: Objectives = 1000
    pool_seed: PoolSeed = 0
    pool: PoolFile = None
    workers: Workers = 1
    data: options.Data = None

    def wanted(self, network: NetworkOptions, say: Say, *, more: int = 0) -> Wanted:
        """The pool as the library takes it, with so many `more` objectives."""
        return Wanted(
            network.scenario,
            network.network(),
            self.objectives + more,
            self.pool_seed,
            self.pool,
            self.data,
            self.workers,
            say=say,
        )
