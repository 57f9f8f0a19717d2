"""The experiment on adapted schedulers: its variants, and a run at a size that a test can wait for."""

import json
from dataclasses import replace

import pytest

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation
from netwright.experiments.cjs import adapted
from netwright.tasks.cjs.recipes import RECIPES


def test_variants_have_folders_of_their_own_and_known_recipes():
    every = list(adapted.variants())
    assert len({variant.label for variant in every}) == len(every)
    for variant in every:
        replace(RECIPES[variant.recipe].config, **variant.recipe_options)
    chosen = adapted.chosen_variants(lambda name: name.endswith("none"))
    assert [(v.name, v.seed) for v in chosen] == [("adapted:none", seed) for seed in (0, 1, 2)]
    with pytest.raises(ConfigError, match="has no such part; its parts are adapted:tiny, "):
        adapted.chosen_variants(lambda name: False)


def test_it_needs_the_profiles(tmp_path):
    with pytest.raises(ConfigError, match="needs the TPC-H profiles"):
        adapted.run(None, tmp_path, print)


def _evaluation(policy, seed, offset):
    values = tuple(10.0 * (job + 1) + offset for job in range(4))
    names, groups = (
        tuple(f"seed {s}, job {j}" for s in (1, 2) for j in (0, 1)),
        ["seed 1"] * 2 + ["seed 2"] * 2,
    )
    config = {"seeds": [1, 2], "seed": seed}
    return Evaluation(
        *("cjs", "default", policy, "jct", "seconds", values, (1.0,) * 4, names, 0.0),
        config=config,
        detail={"groups": groups},
    )


def test_rows_are_means_and_differences_of_the_adapted_models_only():
    tested = [_evaluation("es-rule", 0, 0.0), *(_evaluation("adapted:tiny", s, s - 2.0) for s in (0, 1))]
    rows = [
        json.loads(json.dumps(row.to_json())) for row in adapted.result_rows(registry.task("cjs"), tested)
    ]
    assert {row["subject"] for row in rows} == {"adapted:tiny"}
    mean, difference = rows
    assert (mean["metric"], mean["value"], mean["seed_means"]) == ("jct", 23.5, [23.0, 24.0])
    assert (difference["value"], difference["baseline"]) == (pytest.approx(-1.5), "es-rule")
    assert difference["low"] <= -1.5 <= difference["high"]
