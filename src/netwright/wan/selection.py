"""Which pool, network and traffic a user means: from names, files and options to a pool with its instance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from netwright.core.errors import ConfigError
from netwright.core.files import check_output
from netwright.core.notes import note
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


def built(spec: pools.PoolSpec, data: Path | None, say: Say = _silent) -> Instance:
    """The instance, after a line about what a topology's file left open and what was made of it."""
    instance = build(spec.instance, data)
    if instance.topology.notes:
        say(f"{Path(spec.instance.topology).name}: {'; '.join(instance.topology.notes)}")
    return said(instance, say)


def said(instance: Instance, say: Say = _silent) -> Instance:
    """The instance, after a line about its load, and a note where that is out of every range."""
    facts = LoadFacts.of(instance)
    say(facts.text)
    if facts.warning:
        note(facts.warning)
    return instance


@dataclass(frozen=True)
class Wanted:
    """Which pool the user asked for: a file, or what to build it from; `say` takes lines about the work."""

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
            ConfigError: the options contradict each other, or too few are given.
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
            check_output(path)
            self.say(f"building the pool {spec.name} of {spec.n} objectives; it is kept in {path}")
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
