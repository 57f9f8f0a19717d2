"""Pools: built once, kept whole, the same whatever the number of workers."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from netwright.core.errors import ConfigError, DataError, FormatError
from netwright.execution import executor
from netwright.solvers.status import SolveError
from netwright.wan import pools, registry, weighted
from netwright.wan.pools import Builder, spec_of

LP_SCENARIOS = [name for name in registry.scenario_names() if name != "ospf"]


@pytest.mark.parametrize("scenario", LP_SCENARIOS)
def test_a_pool_is_built_kept_and_read_again(scenario, tmp_path):
    builder = Builder(folder=tmp_path)
    spec = spec_of(scenario, "abilene", n=30)
    pool = builder.obtain(spec)
    (path,) = tmp_path.iterdir()  # the chunks are gone
    again = pools.read(path)
    assert (again.scores == pool.scores).all()
    assert (again.parameters == pool.parameters).all()
    assert again.provenance == pool.provenance
    assert len(pool) == 30
    assert pool.provenance["report"]["violation_max"] < 1e-6
    assert pool.provenance["report"]["cold_gap_max"] < 1e-6
    values = pool.values(pool.parameters)
    own = values[np.arange(len(pool)), pool.optimum]
    assert (own >= values.max(1) - 1e-5).all()


def test_two_workers_build_the_same_pool(tmp_path, monkeypatch):
    monkeypatch.setattr(weighted, "CHUNK", 8)
    spec = spec_of("bw", "b4", n=24)
    alone = Builder(folder=tmp_path / "one").obtain(spec)
    both = Builder(executor("processes", 2), folder=tmp_path / "two").obtain(spec)
    assert (alone.scores == both.scores).all()
    assert (alone.optimum == both.optimum).all()


def test_a_stopped_build_continues(tmp_path, monkeypatch):
    monkeypatch.setattr(weighted, "CHUNK", 8)
    spec = spec_of("bw", "b4", n=24)
    solved = []

    def stop_after_two(message):
        solved.append(message)
        if message.endswith("2 of 3"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Builder(folder=tmp_path, progress=stop_after_two).obtain(spec)
    (chunks,) = tmp_path.iterdir()
    kept = {path.name: path.stat().st_mtime_ns for path in chunks.iterdir()}
    assert len(kept) == 2
    chunk = next(chunks.iterdir())
    chunk.write_bytes(b"half a file")  # a damaged chunk is solved again
    pool = Builder(folder=tmp_path).obtain(spec)
    assert (pool.scores == Builder(folder=tmp_path / "new").obtain(spec).scores).all()
    assert [path.suffix for path in tmp_path.iterdir() if path.is_file()] == [".parquet"]


def test_another_pool_in_the_place_is_refused(tmp_path):
    out = tmp_path / "pool.parquet"
    Builder().obtain(spec_of("mcf", "abilene", n=5), out)
    with pytest.raises(ConfigError, match=r"pool has another config\.objectives; choose another --out"):
        Builder().obtain(spec_of("mcf", "abilene", n=6), out)


def test_files_that_are_no_pools_are_refused(tmp_path):
    with pytest.raises(DataError, match="no such pool"):
        pools.read(tmp_path / "absent.parquet")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(DataError, match="damaged"):
        pools.read(tmp_path / "torn.parquet")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    with pytest.raises(FormatError, match="not a pool"):
        pools.read(tmp_path / "other.parquet")
    table = pa.table({"a": [1]}).replace_schema_metadata({"netwright": '{"format_version": 99}'})
    pq.write_table(table, tmp_path / "future.parquet")
    with pytest.raises(FormatError, match="format_version is 99"):
        pools.read(tmp_path / "future.parquet")


def test_the_instance_of_a_pool_can_be_built_again(tmp_path):
    pool = Builder(folder=tmp_path).obtain(spec_of("mcf", "b4", n=5))
    instance = pools.instance_of(pool)
    scenario = registry.scenario("mcf")
    share = scenario.decide(instance, pool.family, pool.parameters[0])
    scores = pool.group.oriented(scenario.evaluate(instance, share))
    assert scores == pytest.approx(pool.scores[pool.optimum[0]], abs=2e-6)


@pytest.mark.parametrize("scenario", ["mcf", "bw"])
def test_a_solve_beyond_the_time_limit_ends_the_build_with_a_sentence(scenario, tmp_path):
    with pytest.raises(SolveError, match="'time limit'; allow more time"):
        Builder(folder=tmp_path, time_limit_s=1e-9).obtain(spec_of(scenario, "abilene", n=5))
    assert not list(tmp_path.glob("*.parquet"))


def test_a_pool_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="at least one"):
        spec_of("mcf", "b4", n=0)
