"""Pools of (objective, optimal design) pairs: built in parallel, resumable, stored as parquet.

One file holds one pool: a row for each objective with its parameters, the metrics of its optimal design and the
number of that design. The metadata key `netwright` holds the pool's origin as JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from netwright.core.array_files import read_table
from netwright.core.documents import plain
from netwright.core.errors import ConfigError, DataError, FormatError
from netwright.core.files import cache_folder, check_format_version, replacing
from netwright.core.identity import RunIdentity, sha256_of
from netwright.core.notes import note
from netwright.core.reading import MissingFileError, parse_json
from netwright.core.results import versions
from netwright.core.seeding import generator
from netwright.core.types import Json, JsonView
from netwright.execution import Executor, SerialExecutor
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Metric, MetricGroup
from netwright.wan import registry
from netwright.wan.chunks import Work
from netwright.wan.demand_tables import has_classes
from netwright.wan.instance import Instance, InstanceConfig, build, load_topology, with_overrides
from netwright.wan.saved_pool import REMEDY, SavedPool, check_parameters, check_table, digest
from netwright.wan.scenario import Optima, Scenario
from netwright.wan.topology import Array

FORMAT_VERSION = SavedPool.FORMAT_VERSION
SIZES = (300, 1000, 5000)
FEW_OPTIMA = 15.0  # effective number of optima below which learners are not distinguishable

_KEY = b"netwright"
_PARAMETER, _METRIC = "knob: ", "metric: "  # words: ok, names of columns in saved pools


def _silent(message: str) -> None:
    pass


@dataclass(frozen=True)
class PoolSpec:
    """Specification of a pool: scenario, instance, number of objectives, and their seed."""

    scenario: str
    instance: InstanceConfig
    n: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ConfigError(f"a pool needs at least one objective, got {self.n}.")

    @property
    def name(self) -> str:
        """For example "mcf:abilene"."""
        return f"{self.scenario}:{Path(self.instance.topology).stem}"


@dataclass(frozen=True)
class Builder:
    """Builds pools.

    Attributes:
        data: folder with topologies and demands that are not packaged.
        folder: folder of pools; by default below the user's cache folder.
        time_limit_s: limit of each solve.
    """

    executor: Executor = field(default_factory=SerialExecutor)
    data: Path | None = None
    folder: Path | None = None
    progress: Callable[[str], None] = _silent
    time_limit_s: float = float("inf")

    def obtain(self, spec: PoolSpec, out: Path | None = None) -> Pool:
        """The pool from disk if it exists, otherwise built and stored; an interrupted build is resumed."""
        instance = build(spec.instance, self.data)
        wanted = _identity(spec, instance)
        path = out if out is not None else self.place(spec, instance)
        if path.exists():
            pool = read(path)
            wanted.check(_identity_of(pool), path, "pool", "choose another --out or remove it")
            return pool
        chunks = path.parent / f".{path.stem}.{_short(wanted)}.chunks"
        work = Work(self.executor, chunks, self.progress, self.time_limit_s)
        _solve_and_write(spec, instance, path, work)
        shutil.rmtree(chunks, ignore_errors=True)
        return read(path)

    def place(self, spec: PoolSpec, instance: Instance) -> Path:
        """Default path of an instance's pool."""
        folder = self.folder if self.folder is not None else cache_folder() / "pools"
        return folder / f"{spec.name.replace(':', '-')}-{spec.n}-{_short(_identity(spec, instance))}.parquet"


def spec_of(
    scenario: str, topology: str, *, n: int = 1000, seed: int = 0, data: Path | None = None, **overrides: Any
) -> PoolSpec:
    """The pool of a scenario on a topology, with defaults for both unless overridden (fields of InstanceConfig).

    Classes of a demand file are kept if `n_classes` is not given.
    """
    found = registry.scenario(scenario)
    config = found.config(topology, load_topology(topology, data))
    table = overrides.get("demands")
    if table not in (None, "gravity") and overrides.get("n_classes") is None and has_classes(Path(table)):
        overrides["n_classes"] = 0
    return PoolSpec(scenario, with_overrides(config, overrides), n, seed)


def _identity(spec: PoolSpec, instance: Instance) -> RunIdentity:
    return _identified(spec.scenario, spec.n, spec.seed, instance.fingerprint)


def _identity_of(pool: Pool) -> RunIdentity:
    made = pool.provenance
    return _identified(made["scenario"], made["n"], made["seed"], made["instance"]["fingerprint"])


def _identified(scenario: str, n: int, seed: int, instance: str) -> RunIdentity:
    config = {"objectives": n, "format_version": FORMAT_VERSION}
    return RunIdentity.made(kind="pool", task=scenario, config=config, seed=seed, data=sha256_of(instance))


def _short(identity: RunIdentity) -> str:
    return sha256_of(identity.model_dump(mode="json"))[:12]


def _solve_and_write(spec: PoolSpec, instance: Instance, path: Path, work: Work) -> None:
    began, scenario = time.perf_counter(), registry.scenario(spec.scenario)
    group = scenario.metrics(instance)
    reference = scenario.reference(instance, work)
    family = scenario.family(group, reference)
    parameters = family.sample(generator(spec.seed, 2), spec.n)
    optima = scenario.optimize(instance, family, reference, parameters, work)
    pool = Pool.gather(spec.name, group, family, parameters, optima.scores)
    found: Json = {
        "format_version": FORMAT_VERSION,
        "scenario": spec.scenario,
        "n": spec.n,
        "seed": spec.seed,
        "instance": instance.describe(),
        "reference": dict(reference),
        "metrics": [asdict(metric) for metric in group.metrics],
        "n_designs": pool.n_designs,
        "effective_optima": pool.effective_optima(),
        "at_best": dict(zip((m.name for m in group.metrics), _at_best(pool), strict=True)),
        "report": dict(optima.report),
        "seconds": time.perf_counter() - began,
        "memory_peak_mib": _memory_peak_mib(),
        "versions": versions(),
    }
    if pool.effective_optima() < FEW_OPTIMA:
        work.progress(
            f"{spec.name}: only {pool.effective_optima():.1f} effectively distinct optima; with another load, "
            "objectives would distinguish designs."
        )
    _write(path, group, scenario, parameters, optima, pool, found)


def _at_best(pool: Pool) -> list[float]:
    """Share of objectives whose optimum has the best value of each metric; near 1, the metric has no influence."""
    chosen = pool.scores[pool.optimum]
    return [float(share) for share in (chosen >= chosen.max(0) - 1e-9).mean(0)]


def _memory_peak_mib() -> float:
    """Largest resident size so far of this process and of finished workers."""
    usage = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return max(usage) / 1024.0


def _write(
    path: Path,
    group: MetricGroup,
    scenario: Scenario,
    parameters: Array,
    optima: Optima,
    pool: Pool,
    facts: JsonView,
) -> None:
    values = group.oriented(optima.scores)
    columns: Json = {"design": pool.optimum}
    columns |= {
        _PARAMETER + parameter.name: parameters[:, i] for i, parameter in enumerate(pool.family.parameters)
    }
    columns |= {_METRIC + metric.name: values[:, i] for i, metric in enumerate(group.metrics)}
    if optima.decisions is not None:
        columns["decision"] = pa.array(list(optima.decisions), type=pa.list_(pa.float64()))
    table = pa.table(columns)
    sealed = {**facts, "sha256": digest(plain(facts), table)}
    table = table.replace_schema_metadata({_KEY: json.dumps(sealed, allow_nan=False)})
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read(path: Path) -> Pool:
    """A pool from its file; `provenance` holds the metadata.

    Raises:
        DataError: the file does not exist or is damaged.
        FormatError: it is not a pool, or its version is unknown to this release.
    """
    table, facts, saved = _read_table(path)
    try:
        group = MetricGroup(tuple(Metric(**metric.model_dump()) for metric in saved.metrics))
        family = registry.scenario(saved.scenario).family(group, saved.reference)
        values = _matrix(table, [_METRIC + metric.name for metric in group.metrics])
        parameters = _matrix(table, [_PARAMETER + parameter.name for parameter in family.parameters])
    except (KeyError, TypeError, AttributeError) as error:
        raise FormatError(f"{path}: lacks the entry {error} of a pool; {REMEDY}.") from None
    check_parameters(family, parameters, path)
    name = f"{saved.scenario}:{Path(saved.instance.topology).stem}"
    pool = Pool.gather(name, group, family, parameters, group.oriented(values), facts)
    _check_designs(pool, table, saved, path)
    return pool


def _check_designs(pool: Pool, table: pa.Table, saved: SavedPool, path: Path) -> None:
    """Check that the designs of a table match its metrics."""
    numbers = table["design"].to_numpy() if "design" in table.column_names else np.empty(0)
    if pool.n_designs != saved.n_designs or not np.array_equal(pool.optimum, numbers):
        raise DataError(
            f"{path}: its metrics define {pool.n_designs} designs, but it was written with {saved.n_designs} or in "
            f"another order; the file is damaged, {REMEDY}."
        )


def read_decision(path: Path, row: int) -> Array | None:
    """The decision of the design in a row (a `design_id` of the pool); None if designs are not stored."""
    table, *_ = _read_table(path)
    if "decision" not in table.column_names:
        return None
    found: Array = np.array(table["decision"][row].as_py(), dtype=np.float64)
    return found


def instance_of(pool: Pool, data: Path | None = None) -> Instance:
    """Rebuild the instance of a pool.

    Raises:
        DataError: the topology or the demands have changed since.
    """
    made = dict(pool.provenance["instance"])
    known = InstanceConfig.__dataclass_fields__
    config = InstanceConfig(**{key: value for key, value in made.items() if key in known})
    instance = build(config, data)
    if instance.fingerprint != made["fingerprint"]:
        raise DataError(
            f"pool {pool.name}: its topology or demands have changed since it was built; build it again."
        )
    return instance


def _matrix(table: pa.Table, names: list[str]) -> Array:
    return np.column_stack([table[name].to_numpy() for name in names])


def _read_table(path: Path) -> tuple[pa.Table, Json, SavedPool]:
    """The table with its document, raw and typed, after validation.

    Raises:
        DataError: missing, damaged, changed since it was written, or with an invalid entry or number.
        FormatError: not a pool, or of another version.
    """
    try:
        table = read_table(path, remedy="build it again")
    except MissingFileError:
        raise DataError(f"{path}: no such pool; build it with `netwright design pool`.") from None
    raw = (table.schema.metadata or {}).get(_KEY)
    if raw is None:
        raise FormatError(f"{path}: is not a pool of netwright; build one with `netwright design pool`.")
    facts: Json = parse_json(raw, path)
    check_format_version(facts, FORMAT_VERSION, path)
    saved = SavedPool.of(facts, path, remedy=REMEDY)
    check_table(table, saved, path)
    if saved.sha256 is None:
        note(f"{path}: a pool of an earlier release without a SHA-256; build it again to enable the check")
    elif saved.sha256 != digest(facts, table):
        raise DataError(
            f"{path}: its SHA-256 does not match its content; the file is damaged or was changed, {REMEDY}."
        )
    return table, facts, saved
