"""From the words of a `design` command to what the library works on: pools, instances, teachers."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

import typer

from netwright.cli.output import progress
from netwright.core.errors import ConfigError
from netwright.core.files import check_output
from netwright.core.notes import note
from netwright.execution import executor
from netwright.synthesis.pool import Pool
from netwright.wan import pools
from netwright.wan.instance import Instance, build
from netwright.wan.load_facts import LoadFacts

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


@dataclass(frozen=True)
class Source:
    """A pool with the file that it lies in and the instance that it is of."""

    pool: Pool
    path: Path
    instance: Instance


@dataclass(frozen=True)
class Network:
    """What the user says of the network, option by option; None is what suits scenario and topology."""

    topology: str | None = None
    demands: Path | None = None
    load: float | None = None
    flows: int | None = None
    tunnels: str | None = None
    classes: int | None = None
    failures: Path | None = None

    def given(self) -> list[str]:
        """The options that were given."""
        return [f"--{field.name}" for field in fields(self) if getattr(self, field.name) is not None]

    def place(self) -> str | None:
        """The name of the topology, or the whole path of its file."""
        if self.topology is None or not Path(self.topology).suffix:
            return self.topology
        return str(Path(self.topology).absolute())

    def overrides(self) -> dict[str, Any]:
        """Fields of `InstanceConfig`; files by their whole path, so that a pool's instance is found again."""
        return {
            "demands": _whole(self.demands),
            "load": 0.0 if self.load is None and self.demands is not None else self.load,
            "flows": self.flows,
            "tunnels": self.tunnels,
            "n_classes": self.classes,
            "failures": _whole(self.failures),
        }


def _whole(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def built(spec: pools.PoolSpec, data: Path | None) -> Instance:
    """The instance, with a line on stderr about what a topology's file left open and what was made of it."""
    instance = build(spec.instance, data)
    if instance.topology.notes:
        progress(f"{Path(spec.instance.topology).name}: {'; '.join(instance.topology.notes)}")
    return said(instance)


def said(instance: Instance) -> Instance:
    """The instance, after a line on stderr about its load, and a note where that is out of every range."""
    facts = LoadFacts.of(instance)
    progress(facts.text)
    if facts.warning:
        note(facts.warning)
    return instance


@dataclass(frozen=True)
class Wanted:
    """Which pool the user asked for: a file, or what to build it from."""

    scenario: str | None
    network: Network
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
            self.check_alone()
            found = pools.read(self.pool)
            return Source(found, self.pool, said(pools.instance_of(found, self.data)))
        spec = self.spec()
        instance = built(spec, self.data)
        kind = executor("processes", self.workers) if self.workers > 1 else executor()
        builder = pools.Builder(kind, self.data, progress=progress)
        path = self.out if self.out is not None else builder.place(spec, instance)
        if not path.exists():
            check_output(path)
            progress(f"building the pool {spec.name} of {spec.n} objectives; it is kept in {path}")
        return Source(builder.obtain(spec, path), path, instance)

    def spec(self) -> pools.PoolSpec:
        """What to build the pool from.

        Raises:
            ConfigError: too few options are given.
        """
        topology = self.network.place()
        if self.scenario is None or topology is None:
            raise ConfigError(
                "give --scenario and --topology, or --pool with a file of `netwright design pool`."
            )
        changes = self.network.overrides()
        return pools.spec_of(self.scenario, topology, n=self.n, seed=self.seed, data=self.data, **changes)

    def check_alone(self) -> None:
        """Refuse options that a pool's file answers already.

        Raises:
            ConfigError: names them.
        """
        too_many = [*(["--scenario"] if self.scenario is not None else []), *self.network.given()]
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
        "load": LoadFacts.of(source.instance).to_json(),
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
