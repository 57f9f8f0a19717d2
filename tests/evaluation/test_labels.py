"""Saved models are pooled as seeds only where nothing else differs; what differs is in the label."""

import copy

import pytest

from netwright.core.errors import ConfigError
from netwright.evaluation.labels import labeled, labels

MODEL = {
    "kind": "adapted",
    "task": "vp",
    "recipe": "crowd",
    "name": "adapted:tiny",
    "seed": 0,
    "backbone": {"name": "tiny", "sha256": "a" * 64, "dtype": "float32", "seed": 0},
    "training": {"rank": 32, "max_layers": None},
    "data": {"sha256": {"x": "1"}},
    "cost": {"seconds": 1.0},
    "validation": {"kept": 8.0},
    "versions": {"torch": "2.13"},
    "files": {"adapter_model.safetensors": "f" * 64},
}


def other(path: str, value: object) -> dict:
    found = copy.deepcopy(MODEL)
    *parents, last = path.split(".")
    inner = found
    for parent in parents:
        inner = inner[parent]
    inner[last] = value
    return found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("seed", 1),
        ("cost.seconds", 2.0),
        ("validation.kept", 7.0),
        ("versions.torch", "2.14"),
        ("files", {}),
        ("backbone.seed", 1),
    ],
)
def test_seeds_of_one_method_have_one_name(path, value):
    assert labels(["adapted:tiny"] * 2, [MODEL, other(path, value)]) == ["adapted:tiny"] * 2


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("training.rank", 2, ["rank=32", "rank=2"]),
        ("training.max_layers", 6, ["max_layers=null", "max_layers=6"]),
        ("backbone.dtype", "bfloat16", ["dtype=float32", "dtype=bfloat16"]),
        ("recipe", "strict", ["recipe=crowd", "recipe=strict"]),
    ],
)
def test_what_differs_is_in_the_label(path, value, shown):
    assert labels(["m", "m"], [MODEL, other(path, value)]) == [f"m[{s}]" for s in shown]


@pytest.mark.parametrize("path", ["backbone.sha256", "data.sha256.x"])
def test_other_weights_or_data_are_never_pooled(path):
    one, two = labels(["m", "m"], [MODEL, other(path, "b" * 64)])
    assert one != two
    assert one.startswith("m[sha256=" if "backbone" in path else "m[x=")


def test_an_ablation_with_seeds_keeps_the_seeds_together():
    models = [MODEL, MODEL | {"seed": 1}, other("training.rank", 2), other("training.rank", 2) | {"seed": 1}]
    found = labels(["m"] * 4, models)
    assert found == ["m[rank=32]", "m[rank=32]", "m[rank=2]", "m[rank=2]"]


def test_models_of_other_names_are_left_alone():
    assert labels(["m", "n"], [MODEL, other("training.rank", 2)]) == ["m", "n"]


def test_a_label_of_ones_own():
    assert labeled("mine=runs/x") == ("mine", "runs/x")
    assert labeled("runs/a=b/x") == (None, "runs/a=b/x")
    for wrong in ("=runs/x", "mine="):
        with pytest.raises(ConfigError, match="NAME=DIR"):
            labeled(wrong)
