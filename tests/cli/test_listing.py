from types import SimpleNamespace

import pytest

KINDS = ["tasks", "policies", "settings", "recipes", "backbones", "scenarios", "topologies", "learners"]


@pytest.fixture(autouse=True)
def backbones(toy, stand_in):
    stand_in("netwright.llm.backbones", BACKBONES={"tiny": SimpleNamespace(summary="a small one")})


def test_all_kinds_are_listed_from_the_registry(cli):
    found = cli("list", "--json").document
    assert list(found) == KINDS
    assert [(t["name"], t["title"]) for t in found["tasks"]] == [("toy", "Guess a number")]
    assert [(p["task"], p["name"], p["trained"]) for p in found["policies"]] == [
        ("toy", "zero", "no"),
        ("toy", "one", "no"),
        ("toy", "mean", "yes"),
    ]
    assert [s["name"] for s in found["settings"]] == ["default", "shifted"]
    assert [r["name"] for r in found["recipes"]] == ["plain", "rich"]
    assert found["backbones"] == [{"name": "tiny", "summary": "a small one"}]
    assert [s["name"] for s in found["scenarios"]] == ["bw", "mcf", "nf", "ospf"]
    assert [x["name"] for x in found["learners"]] == [
        "bayes",
        "consistent",
        "no-prune",
        "objective-only",
        "voting",
    ]
    assert ("abilene", "11", "14") in [(t["name"], t["nodes"], t["links"]) for t in found["topologies"]]


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_alone(cli, kind):
    assert list(cli("list", kind, "--json").document) == [kind]
    shown = cli("list", kind)
    assert shown.code == 0
    assert kind in shown.out


def test_the_table_holds_names_and_summaries(cli):
    shown = cli("list", "policies").out
    assert all(word in shown for word in ("zero", "always 0", "the mean of the training data"))


def test_an_unknown_kind_offers_the_nearest(cli):
    run = cli("list", "polices")
    assert run.code == 2
    assert "did you mean 'policies'" in run.err
