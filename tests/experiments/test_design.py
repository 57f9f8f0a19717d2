"""The experiment `design`: cells are kept, rows say what was measured, figures are drawn."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.core.results import read_rows
from netwright.experiments.design import figures as design_figures
from netwright.experiments.design import learners as design
from netwright.experiments.design.learners import Cell


@pytest.fixture
def small(monkeypatch):
    """One instance, few truths and objectives."""
    monkeypatch.setattr(design, "INSTANCES", {("mcf", "abilene"): 90})
    monkeypatch.setattr(design, "N_TRUTHS", 15)
    monkeypatch.setattr(design, "SIZES", (10, 60))
    chosen = [
        Cell("mcf", "abilene", "voting"),
        Cell("mcf", "abilene", "no-prune", noise_percent=20.0),
        Cell("mcf", "abilene", "bayes:pair", n_queries=6),
        Cell("mcf", "abilene", "voting", size=10),
    ]
    monkeypatch.setattr(design, "cells", lambda: iter(chosen))
    monkeypatch.setattr(design, "executor", lambda name, n: _Here())
    design.obtain.cache_clear()
    return chosen


class _Here:
    def map(self, function, items):
        return map(function, items)


def test_it_measures_each_cell_once_and_draws(small, tmp_path):
    said = []
    results = tmp_path / "results"
    design.run(None, results, said.append)
    rows = read_rows(results / "design.jsonl")
    assert len(rows) == 5 + 5 + 4 + 5
    for row in rows:
        assert row["p10"] <= row["value"] <= row["p90"]
        assert row["low"] <= row["value"] <= row["high"]
    voting = [r for r in rows if r["subject"] == "voting" and not r["size_of_pool_varied"]]
    assert voting[-1]["value"] > 0.9
    assert voting[0]["bound_general"] == pytest.approx(0.5 ** (1 / 3))
    assert len(voting[-1]["medians"]) == 10
    assert voting[-1]["sortability_violations"] <= 0.01
    figures = sorted(path.name for path in results.glob("*.png"))
    assert figures == ["design-noise.png", "design-pool-size.png", "design-quality.png"]

    kept = {p: p.stat().st_mtime_ns for p in (tmp_path / "runs" / "design" / "cells").glob("*.json")}
    assert len(kept) == 4
    design.run(None, results, said.append)
    assert kept == {p: p.stat().st_mtime_ns for p in kept}
    again = read_rows(results / "design.jsonl")
    assert [{**r, "date": ""} for r in again] == [{**r, "date": ""} for r in rows]


def test_a_cell_of_another_pool_is_measured_again(small, tmp_path, monkeypatch):
    design.run(None, tmp_path / "results", lambda line: None)
    path = tmp_path / "runs" / "design" / "cells" / f"{small[0].label}.json"
    before = path.read_text()
    monkeypatch.setattr(design, "SEED", 1)
    design.obtain.cache_clear()
    pools = tmp_path / "runs" / "design" / "pools"
    for pool in pools.glob("*.parquet"):
        pool.unlink()
    design.run(None, tmp_path / "results", lambda line: None)
    assert path.read_text() != before


def test_cells_have_different_names():
    labels = [cell.label for cell in design.cells()]
    assert len(set(labels)) == len(labels) > 100


def test_the_interval_of_a_median_covers_it():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        low, high = design.median_interval(rng.random(301))
        hits += low <= 0.5 <= high
    assert hits >= 370  # 95 % of 400 is 380; three standard errors below is 367
    assert design.median_interval(np.arange(5.0)) == (0.0, 4.0)


def test_the_styles_cover_every_learner():
    assert {cell.learner for cell in design.cells()} == set(design_figures.STYLES)


def test_some_cells_alone_leave_the_rows_of_the_others(small, tmp_path):
    results = tmp_path / "results"
    design.run(None, results, lambda line: None)
    before = read_rows(results / "design.jsonl")
    design.run(None, results, lambda line: None, only=lambda label: "-voting-" in label)
    after = read_rows(results / "design.jsonl")
    assert len(after) == len(before)
    for row in before:
        assert {**row, "date": ""} in [{**r, "date": ""} for r in after]


def test_truths_of_a_small_pool_are_drawn_beside_it(monkeypatch, tmp_path):
    monkeypatch.setattr(design, "INSTANCES", {("mcf", "abilene"): 60})
    pool = design.obtain("mcf", "abilene", 60, data_folder=None, runs=tmp_path)
    rest, truths = design.with_truths(pool)
    assert rest is pool
    assert len(truths) == design.N_TRUTHS
    assert not {tuple(row) for row in truths} & {tuple(row) for row in pool.parameters}
    row = next(
        design.result_rows(
            cell := Cell("mcf", "abilene", "voting"), design.measure(cell, data_folder=None, runs=tmp_path)
        )
    )
    assert row.extra["pool_objectives"] == 60
    monkeypatch.setattr(design, "N_TRUTHS", 20)
    assert [len(part) for part in design.with_truths(pool)] == [40, 20]
