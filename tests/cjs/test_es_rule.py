"""The evolved rule: the search, its folder, and what is refused."""

import json
from dataclasses import asdict

import numpy as np
import pytest

from netwright.core.errors import DataError, FormatError
from netwright.tasks.cjs import rules
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.baselines.cma_es import CmaEs

SHORT = es_rule.EvolutionConfig(generations=2, population=4, n_sequences=2, n_jobs=(4, 6), validate_every=2)


def test_cma_es_finds_the_minimum_of_a_skewed_valley():
    target, stretch = np.array([1.0, -2.0, 0.5, 3.0]), np.array([1.0, 10.0, 100.0, 3.0])
    turned = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    search, rng = CmaEs(np.zeros(4), np.ones(4), 10), np.random.default_rng(1)
    for _ in range(150):
        candidates = search.ask(rng)
        search.tell(candidates, (((candidates - target) @ turned * stretch) ** 2).sum(axis=1))
    assert search.mean == pytest.approx(target, abs=1e-3)


def test_equal_losses_do_not_break_it():
    search = CmaEs(np.zeros(3), np.ones(3), 6)
    for seed in range(30):
        search.tell(search.ask(np.random.default_rng(seed)), np.zeros(6))
    assert np.isfinite(search.mean).all()
    assert np.linalg.eigvalsh(search.covariance).min() > 0.0


@pytest.fixture
def evolved(generated, tmp_path, monkeypatch):
    """Evolves for two short generations."""
    monkeypatch.setattr(es_rule, "VALIDATION_SEEDS", (5000,))
    monkeypatch.setattr(es_rule, "VALIDATION_JOBS", 5)

    def run(name, **change):
        lines = []
        options = {"recipe": "", "seed": 3, "progress": lines.append, "config": SHORT} | change
        es_rule.train(generated, out=tmp_path / name, **options)
        return tmp_path / name, lines

    return run


def test_the_same_seed_evolves_the_same_numbers(evolved):
    first, lines = evolved("a")
    again, _ = evolved("b", n_workers=1)
    other, _ = evolved("c", seed=4)
    numbers = [
        json.loads((folder / "netwright.json").read_text())["parameters"] for folder in (first, again, other)
    ]
    assert numbers[0] == numbers[1] != numbers[2]
    assert list(numbers[0]) == list(rules.NAMES)
    assert lines[-1].startswith("generation 2/2")
    assert es_rule.load(first).parameters.tolist() == list(numbers[0].values())


def test_a_folder_that_is_another_is_refused(evolved):
    folder, _ = evolved("a")
    path = folder / "netwright.json"
    document = json.loads(path.read_text())
    for change, kind, sentence in (
        ({"policy": "other"}, FormatError, "holds other, not es-rule"),
        ({"parameters": {"cap_work": 1.0}}, FormatError, "the parameters must be cap_constant"),
        ({"parameters": {"cap_work": "x"}}, DataError, "cap_work"),
        ({"format_version": 99}, FormatError, "99"),
    ):
        path.write_text(json.dumps(document | change))
        with pytest.raises(kind, match=sentence):
            es_rule.load(folder)


def test_the_shipped_numbers_are_named_and_come_from_the_command():
    document = json.loads((es_rule.SHIPPED / "netwright.json").read_text())
    assert list(document["parameters"]) == list(rules.NAMES)
    assert document["config"] == json.loads(json.dumps(asdict(es_rule.EvolutionConfig())))
    assert document["data"]["synthetic"] is False
