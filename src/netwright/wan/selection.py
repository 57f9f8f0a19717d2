"""Selection of pool, network and traffic: from names, files and options to a pool with its instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError
from netwright.core.files import check_cache, check_output
from netwright.core.notes import note
from netwright.core.types import Json
from netwright.execution import executor
from netwright.synthesis.pool import Pool
from netwright.wan import pools
from netwright.wan.instance import Instance, build
from netwright.wan.load_facts import LoadFacts

Say = Callable[[str], None]


def _silent(line: str) -> None:
    pass


@dataclass(frozen=True)
class Source:
    """A pool with its file and its instance.

    Attributes:
        earlier: a smaller pool whose designs were added; in `pool` these have the id -1.
    """

    pool: Pool
    path: Path
    instance: Instance
    earlier: Source | None = None

    def including(self, earlier: Source) -> Source:
        """With the designs of a smaller pool of the same instance, so that a dialogue about it can move here."""
        return replace(self, pool=self.pool.with_designs(earlier.pool.scores), earlier=earlier)

    def home(self, design: int) -> tuple[Source, int]:
        """The pool whose file holds a design, and its index there."""
        if self.earlier is None or self.pool.design_ids[design] >= 0:
            return self, design
        same = (self.earlier.pool.scores == self.pool.scores[design]).all(axis=1)
        return self.earlier, int(np.flatnonzero(same)[0])


@dataclass(frozen=True)
class Network:
    """Options of the network; None selects the default for the scenario and topology."""

    topology: str | None = None
    demands: Path | None = None
    load: float | None = None
    flows: int | None = None
    tunnels: str | None = None
    classes: int | None = None
    failures: Path | None = None
    guarantee: str | None = None

    def given(self) -> list[str]:
        """Names of the given options."""
        return [f"--{field.name}" for field in fields(self) if getattr(self, field.name) is not None]

    def place(self) -> str | None:
        """The name of the topology, or the absolute path of its file."""
        if self.topology is None or not Path(self.topology).suffix:
            return self.topology
        return str(Path(self.topology).absolute())

    def overrides(self) -> Json:
        """Fields of `InstanceConfig`, with absolute paths, so that a pool's instance can be rebuilt."""
        return {
            "demands": _whole(self.demands),
            "load": 0.0 if self.load is None and self.demands is not None else self.load,
            "flows": self.flows,
            "tunnels": self.tunnels,
            "n_classes": self.classes,
            "failures": _whole(self.failures),
            "guarantee": self.guarantee,
        }


def _whole(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def built(spec: pools.PoolSpec, data: Path | None, say: Say = _silent) -> Instance:
    """Build the instance, and report assumptions about the topology's file."""
    instance = build(spec.instance, data)
    if instance.topology.notes:
        say(f"{Path(spec.instance.topology).name}: {'; '.join(instance.topology.notes)}")
    return said(instance, say)


def said(instance: Instance, say: Say = _silent) -> Instance:
    """Report the instance's load, and log a note if it is implausible; returns the instance."""
    facts = LoadFacts.of(instance)
    say(facts.text)
    if facts.warning:
        note(facts.warning)
    return instance


@dataclass(frozen=True)
class Wanted:
    """The requested pool: a file, or how to build it; `say` receives lines about the progress."""

    scenario: str | None
    network: Network
    n: int = 1000
    seed: int = 0
    pool: Path | None = None
    data: Path | None = None
    workers: int = 1
    out: Path | None = None
    say: Say = _silent

    def source(self) -> Source:
        """The pool, from its file, the cache, or built now.

        Raises:
            ConfigError: options contradict each other or are missing.
        """
        if self.pool is not None:
            self.check_alone()
            found = pools.read(self.pool)
            return Source(found, self.pool, said(pools.instance_of(found, self.data), self.say))
        spec = self.spec()
        instance = built(spec, self.data, self.say)
        kind = executor("processes", self.workers) if self.workers > 1 else executor()
        builder = pools.Builder(kind, self.data, progress=self.say)
        path = self.out if self.out is not None else builder.place(spec, instance)
        if not path.exists():
            (check_cache if self.out is None else check_output)(path)
            self.say(f"building the pool {spec.name} of {spec.n} objectives in {path}")
        return Source(builder.obtain(spec, path), path, instance)

    def place(self) -> Path:
        """Where the pool is, or will be."""
        given = self.pool or self.out
        if given is not None:
            return given
        spec = self.spec()
        return pools.Builder(data=self.data).place(spec, build(spec.instance, self.data))

    def spec(self) -> pools.PoolSpec:
        """How to build the pool.

        Raises:
            ConfigError: options are missing.
        """
        topology = self.network.place()
        if self.scenario is None or topology is None:
            raise ConfigError(
                "give --scenario and --topology, or --pool with a file of `netwright design pool`."
            )
        changes = self.network.overrides()
        return pools.spec_of(self.scenario, topology, n=self.n, seed=self.seed, data=self.data, **changes)

    def check_alone(self) -> None:
        """Refuse options that are determined by a pool's file.

        Raises:
            ConfigError: names them.
        """
        too_many = [*(["--scenario"] if self.scenario is not None else []), *self.network.given()]
        if too_many:
            raise ConfigError(f"--pool already determines {', '.join(too_many)}; drop one or the other.")


def pool_facts(source: Source) -> Json:
    """Plain facts about a pool."""
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
