"""From the words of a `design` command to what the library works on: pools, instances, teachers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from netwright.cli.output import progress
from netwright.core.errors import ConfigError
from netwright.execution import executor
from netwright.synthesis.pool import Pool
from netwright.wan import pools
from netwright.wan.instance import Instance, build

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
Objectives = Annotated[int, typer.Option("--objectives", metavar="N", help="Objectives of the pool.")]
PoolSeed = Annotated[int, typer.Option("--pool-seed", min=0, help="Seed that draws the pool's objectives.")]
PoolFile = Annotated[
    Path | None,
    typer.Option("--pool", metavar="FILE", help="A pool that `design pool` wrote, in place of building one."),
]
Workers = Annotated[int, typer.Option(min=1, help="Processes to build the pool with.")]


@dataclass(frozen=True)
class Source:
    """A pool with the file that it lies in and the instance that it is of."""

    pool: Pool
    path: Path
    instance: Instance


@dataclass(frozen=True)
class Wanted:
    """Which pool the user asked for: a file, or what to build it from."""

    scenario: str | None
    topology: str | None
    demands: Path | None = None
    load: float | None = None
    n: int = 1000
    seed: int = 0
    pool: Path | None = None
    data: Path | None = None
    workers: int = 1
    out: Path | None = None

    def source(self) -> Source:
        """The pool, from its file, the cache, or built now.

        Raises:
            ConfigError: the options contradict each other, or too few are given.
        """
        if self.pool is not None:
            self._check_alone()
            found = pools.read(self.pool)
            return Source(found, self.pool, pools.instance_of(found, self.data))
        spec = self._spec()
        instance = build(spec.instance, self.data)
        kind = executor("processes", self.workers) if self.workers > 1 else executor()
        builder = pools.Builder(kind, self.data, progress=progress)
        path = self.out if self.out is not None else builder.place(spec, instance)
        if not path.exists():
            progress(f"building the pool {spec.name} of {spec.n} objectives; it is kept in {path}")
        return Source(builder.obtain(spec, path), path, instance)

    def _spec(self) -> pools.PoolSpec:
        if self.scenario is None or self.topology is None:
            raise ConfigError(
                "give --scenario and --topology, or --pool with a file of `netwright design pool`."
            )
        changes: dict[str, Any] = {"load": self.load}
        if self.demands is not None:
            changes["demands"] = str(self.demands.absolute())
            changes["load"] = 0.0 if self.load is None else self.load
        own = Path(self.topology)
        topology = str(own.absolute()) if own.suffix else self.topology
        return pools.spec_of(self.scenario, topology, n=self.n, seed=self.seed, data=self.data, **changes)

    def _check_alone(self) -> None:
        given = {
            "--scenario": self.scenario,
            "--topology": self.topology,
            "--demands": self.demands,
            "--load": self.load,
        }
        too_many = [name for name, value in given.items() if value is not None]
        if too_many:
            raise ConfigError(f"--pool says already what {', '.join(too_many)} would; drop one or the other.")


def pool_facts(source: Source) -> dict[str, Any]:
    """A pool in plain words."""
    pool, made = source.pool, source.pool.provenance
    return {
        "name": pool.name,
        "file": str(source.path),
        "objectives": len(pool),
        "designs": pool.n_designs,
        "effective_optima": pool.effective_optima(),
        "metrics": [f"{metric.name} ({metric.unit})" for metric in pool.group.metrics],
        "build_seconds": made["seconds"],
        "memory_peak_mib": made["memory_peak_mib"],
        "instance": made["instance"],
    }


@dataclass(frozen=True)
class SimulatedTeacher:
    """An oracle's failings, in percent: noise of (best - mean), just-noticeable difference of (best - worst)."""

    noise_percent: float = 0.0
    jnd_percent: float = 0.0


def teacher(text: str) -> SimulatedTeacher:
    """`perfect`, `noisy:P` or `jnd:P`.

    Raises:
        ConfigError: none of these, or a P that is not a percentage.
    """
    kind, colon, amount = text.partition(":")
    try:
        percent = float(amount) if colon else 0.0
        if not 0.0 <= percent <= 100.0:
            raise ValueError
        known = {
            ("perfect", ""): SimulatedTeacher(),
            ("noisy", ":"): SimulatedTeacher(noise_percent=percent),
            ("jnd", ":"): SimulatedTeacher(jnd_percent=percent),
        }
        return known[kind, colon]
    except (ValueError, KeyError):
        raise ConfigError(
            f"--teacher is perfect, noisy:P or jnd:P with P in 0 to 100 percent, got {text!r}."
        ) from None
