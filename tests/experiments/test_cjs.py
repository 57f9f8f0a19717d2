"""Paired comparison on fresh sequences, on small ones: which methods, in blocks, resampled over seeds and sequences."""

import json
from dataclasses import replace

import numpy as np
import pytest

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import read_rows
from netwright.experiments.cjs import paired
from netwright.tasks.cjs.generator import generate
from netwright.tasks.cjs.settings import SETTINGS, CjsConfig


@pytest.fixture
def small(monkeypatch):
    """Settings of three jobs, and generated profiles."""
    tiny = {name: replace(s, config=CjsConfig(n_jobs=3, n_executors=5)) for name, s in SETTINGS.items()}
    task = replace(registry.task("cjs"), settings=dict(list(tiny.items())[:1]), load_data="x:y")
    known = paired.load_attribute
    monkeypatch.setattr(paired.registry, "task", lambda name: task)
    monkeypatch.setattr(
        paired,
        "load_attribute",
        lambda name: (lambda folder, seed: generate(seed=0)) if name == "x:y" else known(name),
    )
    monkeypatch.setattr(paired, "PAIRED_SEEDS", tuple(range(7)))
    monkeypatch.setattr(paired, "N_SEQUENCES", {"default": 7})
    monkeypatch.setattr(paired, "OPPONENTS", ("es-rule", "fair"))


def test_methods_are_compared_with_the_opponents_and_kept(small, tmp_path):
    said = []
    only = "weighted-fair".__eq__
    paired.run(tmp_path, tmp_path / "results", said.append, only=only)
    rows = read_rows(tmp_path / "results" / "cjs.jsonl")
    assert {row["subject"] for row in rows} == {"es-rule", "fair", "weighted-fair"}
    of = {(row["subject"], row["metric"], row.get("baseline")): row for row in rows}
    mean = of["weighted-fair", "jct", None]
    difference = of["weighted-fair", "jct_difference", "fair"]
    assert mean["n"] == len(mean["seeds"]) == 7
    assert difference["value"] == pytest.approx(mean["value"] - of["fair", "jct", None]["value"])
    assert difference["low"] <= difference["value"] <= difference["high"]
    percent = of["weighted-fair", "jct_difference_percent", "fair"]
    assert percent["value"] == pytest.approx(100.0 * difference["value"] / of["fair", "jct", None]["value"])
    paired.run(tmp_path, tmp_path / "results", said.append, only=only)
    assert read_rows(tmp_path / "results" / "cjs.jsonl") == rows
    assert any("reusing 6 of 6" in line for line in said)


def test_an_unknown_method_is_refused(small, tmp_path):
    with pytest.raises(ConfigError, match="has no such method; there is fifo, fifo-half"):
        paired.run(tmp_path, tmp_path, print, only=lambda name: name == "magic")


def test_training_seeds_and_sequences_are_both_resampled():
    sequences = np.linspace(50.0, 90.0, 9)
    one = np.array([sequences])
    three = np.array([sequences - 6.0, sequences, sequences + 6.0])
    assert paired.estimate(three).value == pytest.approx(70.0)
    alone, spread = (paired.estimate(values, one) for values in (one - 5.0, three - 5.0))
    assert (alone.low, alone.high) == pytest.approx(
        (-5.0, -5.0)
    )  # the same sequences: only the difference counts
    assert spread.low < -9.0 < -1.0 < spread.high  # the seeds differ
    assert paired.estimate(one * 0.9, one, relative=True).high == pytest.approx(-10.0)


def test_blocks_cover_the_seeds_once():
    blocks = list(paired.in_blocks(SETTINGS["default"], range(1000, 1012)))
    assert [len(block.config.seeds) for block in blocks] == [5, 5, 2]
    assert json.dumps(sum((block.config.seeds for block in blocks), ())) == json.dumps(
        list(range(1000, 1012))
    )
    assert len({block.name for block in blocks}) == 3
