"""Options that several `design` commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.groups import group
from netwright.core.seeds import LARGEST_SEED
from netwright.wan.selection import Network, Say, Wanted

Scenario = Annotated[
    str | None, typer.Option(metavar="NAME", help="A scenario from `netwright list scenarios`.")
]
Topology = Annotated[
    str | None,
    typer.Option(metavar="NAME|FILE", help="A topology from `netwright list topologies`, or a file."),
]
Demands = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Demands as CSV (source, target, volume); a gravity model by default."),
]
Load = Annotated[
    float | None,
    typer.Option(
        help="Scale demands to this utilization of the busiest link on shortest paths, 1 = full; 0 keeps them "
        "unscaled. The default depends on the scenario; it is 0 with --demands."
    ),
]
Flows = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Keep only the N largest flows; all by default."),
]
TunnelRule = Annotated[
    str | None,
    typer.Option(
        "--tunnels",
        metavar="RULE",
        help="Paths of each flow: k4, the four with the lowest latency, or d3, three as disjoint as possible; "
        "the default depends on the size of the network.",
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        min=0,
        metavar="N",
        help="Assign the flows to N classes; 0 keeps the classes of --demands, which is the default if it has any. "
        "Otherwise the default depends on the scenario.",
    ),
]
Failures = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Failures to plan for, as JSON: a list of failures, each a list of links, each a pair of nodes. "
        "Every single link by default.",
    ),
]
Guarantee = Annotated[
    str | None,
    typer.Option(
        metavar="flow|group",
        help="What the worst failure of scenario nf is: the worst one of each flow (the default), or the single one in "
        "which the group loses most.",
    ),
]
Objectives = Annotated[
    int, typer.Option("--objectives", metavar="N", help="Number of objectives in the pool.")
]
PoolSeed = Annotated[
    int, typer.Option("--pool-seed", min=0, max=LARGEST_SEED, help="Seed of the pool's objectives.")
]
PoolFile = Annotated[
    Path | None,
    typer.Option("--pool", metavar="FILE", help="A pool from `design pool`, instead of building one."),
]
Workers = Annotated[int, typer.Option(min=1, help="Number of processes that build the pool.")]


Today = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The design.json of the design in use, from which changes are counted."
    ),
]


@group
class NetworkOptions:
    """The scenario and the network; defaults depend on these two."""

    scenario: Scenario = None
    topology: Topology = None
    demands: Demands = None
    load: Load = None
    flows: Flows = None
    tunnels: TunnelRule = None
    classes: Classes = None
    failures: Failures = None
    guarantee: Guarantee = None

    def network(self) -> Network:
        """The network as the library takes it."""
        return Network(
            self.topology,
            self.demands,
            self.load,
            self.flows,
            self.tunnels,
            self.classes,
            self.failures,
            self.guarantee,
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
        """The pool as the library takes it, with `more` additional objectives."""
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
