"""The experiments on bitrate decisions: their variants fit together, and a small one runs from experience to rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.experiments.abr import adapted as abr
from netwright.experiments.abr import conditioning as abr_conditioning
from netwright.experiments.abr.adapted import Place, Variant
from netwright.tasks.abr.environment import TRAINING_ENVIRONMENTS
from netwright.tasks.abr.generator import generate

QUICK = {"iterations": 2, "batch_size": 4, "evaluate_every": 2, "precision": "float32"}


def test_arms_name_what_exists() -> None:
    task, every = registry.task("abr"), list(abr.variants())
    made: set[str] = set()
    for variant in every:
        assert variant.label not in made
        assert variant.recipe in task.recipes
        assert variant.place in abr.PLACES
        assert variant.start is None or abr.folder_name(variant.start, variant.seed) in made
        made.add(variant.label)
    assert {a.backbone for a in every} == {"tiny", "random:tiny", "none"}
    assert {a.recipe_options.get("window") for a in every} >= {1, 5, 20}
    assert {*abr_conditioning.TARGETS, abr_conditioning.VECTOR} <= {a.recipe for a in every}


def test_players_are_teachers_or_baselines() -> None:
    task = registry.task("abr")
    for name, place in abr.PLACES.items():
        assert name in TRAINING_ENVIRONMENTS
        trained = {abr.folder_name(*teacher) for teacher in place.teachers}
        for player in (*place.players, *place.labels):
            assert player.rpartition(":")[2] in {*trained, *task.policies}


@pytest.mark.parametrize("experiment", [abr, abr_conditioning])
def test_it_needs_the_real_traces(experiment: object, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="NETWRIGHT_DATA"):
        experiment.run(None, tmp_path, print)  # type: ignore[attr-defined]


def test_conditioned_arms_and_an_online_phase_from_experience_to_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abr, "PLACES", {"training": Place((), ("mpc", "bba"), ())})
    monkeypatch.setattr(abr, "N_SESSIONS", 6)
    task, data = registry.task("abr"), generate(seed=0)
    monkeypatch.setattr(abr, "SKIPPED", {*task.settings} - {"default"})
    monkeypatch.setattr(abr_conditioning, "TARGETS", {"regret": (0.5, 1.0)})
    monkeypatch.setattr(abr_conditioning, "WEIGHTS", abr_conditioning.WEIGHTS[:2])
    variants = {
        recipe: Variant(f"adapted:none:{recipe}", 0, "none", recipe=recipe, options=QUICK)
        for recipe in ("regret", "vector-returns", "advantage")
    }
    online = {"iterations": 1, "batch_size": 6, "critic_warmup": 0}
    continued = Variant("adapted:none:online", 0, "none", options=online, start="adapted:none:advantage")
    every = [*variants.values(), continued]
    tested = [e for variant in every for e in abr.adapt_and_test(variant, data_folder=None, runs=tmp_path)]  # type: ignore[arg-type]
    assert {row.subject for row in abr.result_rows(task, tested)} == {variant.name for variant in every}
    sweep = [
        *abr_conditioning.target_rows(task, data, tmp_path, variants["regret"]),
        *abr_conditioning.weight_rows(task, data, tmp_path, variants["vector-returns"]),
        *(row for variant in every for row in abr_conditioning.cost_rows(tmp_path, variant)),
    ]
    assert [row.extra["target"] for row in sweep if row.metric == "qoe_asked_for"] == [
        *abr_conditioning.TARGETS["regret"]
    ]
    weighed = [row for row in sweep if row.metric == "qoe"]
    assert {row.subject for row in weighed} == {"adapted:none:vector-returns", "mpc"}
    assert len(weighed) == 2 * len(abr_conditioning.WEIGHTS)
    assert {row.metric for row in sweep if row.subject == continued.name} == set(abr_conditioning.PHASES)


def test_a_variant_is_chosen_with_those_that_it_continues_from() -> None:
    chosen = abr.chosen_variants(lambda name: name == "adapted:tiny:online:twice")
    assert [variant.label for variant in chosen if variant.seed == 1] == [
        "adapted-tiny-seed1",
        "adapted-tiny-online-seed1",
        "adapted-tiny-online-twice-seed1",
    ]
    assert {variant.seed for variant in chosen} == set(abr.SEEDS)
    assert abr.chosen_variants(None) == list(abr.variants())


def test_an_variant_about_the_backbone_takes_its_control_along() -> None:
    chosen = [variant.name for variant in abr.chosen_variants(lambda name: name == "adapted:tiny:short:w5")]
    assert chosen == ["adapted:none:short", "adapted:tiny:short:w5"]
