"""Rows of experiments from evaluations made by hand: means, shares, percentiles and paired differences."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from netwright.core import registry
from netwright.core.errors import ConfigError
from netwright.core.results import Evaluation, read_rows
from netwright.experiments import baselines
from netwright.experiments.abr import adapted as abr
from netwright.experiments.abr import baselines as abr_baselines
from netwright.experiments.abr import conditioning
from netwright.experiments.cjs import baselines as cjs
from netwright.experiments.vp import adapted as vp
from netwright.experiments.vp import cost

EPISODES = ("a", "b", "c", "d")


def evaluation(task, policy, values, *, setting="default", seed=None, config=None, detail=None):
    """An evaluation of a task with one value per episode."""
    task = registry.task(task)
    return Evaluation(
        task=task.name,
        setting=setting,
        policy=policy,
        metric=task.metric,
        unit=task.unit,
        per_episode=tuple(values),
        weights=(1.0,) * len(values),
        episodes=EPISODES[: len(values)],
        seconds=0.1,
        config=(config or {}) | ({} if seed is None else {"seed": seed}),
        detail=detail or {},
    )


def by_metric(rows):
    """Rows by subject, metric and, for differences, the other method."""
    return {(r.subject, r.metric, r.extra.get("baseline")): r for r in rows}


def cjs_evaluation(policy, values):
    detail = {"p50": 1.0, "p90": 2.0, "p99": 3.0, "groups": ["seed 1", "seed 1", "seed 2", "seed 2"]}
    return evaluation("cjs", policy, values, config={"seeds": (1, 2)}, detail=detail)


def test_rows_of_schedulers_are_paired_with_the_fair_ones():
    tested = [
        cjs_evaluation("fair", (4.0, 6.0, 8.0, 10.0)),
        cjs_evaluation("fifo", (5.0, 7.0, 9.0, 11.0)),
    ]
    rows = by_metric(cjs.ROWS.rows(registry.task("cjs"), tested))
    assert rows["fair", "jct", None].value == 7.0
    assert rows["fifo", "jct_p90", None].value == 2.0
    difference = rows["fifo", "jct_difference", "fair"]
    assert (difference.value, difference.low, difference.high) == (1.0, 1.0, 1.0)
    assert ("fair", "jct_difference", "fair") not in rows
    assert ("fifo", "jct_difference", "fair-plus-c") not in rows
    assert rows["fifo", "jct", None].seeds == (1, 2)
    assert rows["fifo", "jct", None].n == 4
    assert rows["fair", "jct", None].low < 7.0 < rows["fair", "jct", None].high


@pytest.mark.parametrize("experiment", [cjs, abr_baselines, vp, abr, conditioning])
def test_experiments_on_real_data_say_what_they_need(experiment, tmp_path):
    with pytest.raises(ConfigError, match="NETWRIGHT_DATA"):
        experiment.run(None, tmp_path, print)


def test_the_experiment_on_schedulers_tests_each_rule_in_each_setting(monkeypatch, tmp_path):
    calls: list[tuple[str, str]] = []

    def evaluate(policy, setting, data, *, name):
        calls.append((name, setting.name))
        found = cjs_evaluation(name, np.arange(4.0) + len(name))
        return Evaluation(**(vars(found) | {"setting": setting.name}))

    loads = {"evaluate": evaluate, "load_data": lambda folder, seed: "data"}
    known = registry.task("cjs")
    few = {name: known.policies[name] for name in ("fair", "fifo")}
    task = replace(known, policies=few, settings=dict(list(known.settings.items())[:2]))
    monkeypatch.setattr(baselines.registry, "task", lambda name: task)
    monkeypatch.setattr(
        baselines, "load_attribute", lambda ref: loads["evaluate" if ref == task.evaluate else "load_data"]
    )
    monkeypatch.setattr(baselines, "ready_policy", lambda task, name, data, seed, progress: name)
    said: list[str] = []
    cjs.run(tmp_path, tmp_path / "results", said.append)
    assert calls == [(p, s) for p in task.policies for s in task.settings]
    assert len(said) == len(task.policies)
    rows = read_rows(tmp_path / "results" / "cjs.jsonl")
    assert {row["subject"] for row in rows} == set(task.policies)
    assert {row["command"] for row in rows} == {cjs.COMMAND}


def test_rows_of_bitrate_rules_have_shares_and_factors():
    def tested(policy, values, **detail):
        factors = {"bitrate_mbps": [1.0, 3.0], "rebuffer_s": [0.0, 0.2], "change_mbps": [0.1, 0.1]}
        return evaluation("abr", policy, values, detail={"by_episode": factors, **detail})

    rows = by_metric(
        abr_baselines.ROWS.rows(
            registry.task("abr"),
            [tested("mpc", (1.0, 2.0), share_of_optimum=0.8), tested("bba", (0.5, 1.0))],
        )
    )
    assert rows["mpc", "share_of_optimum", None].value == 0.8
    assert ("bba", "share_of_optimum", None) not in rows
    assert rows["mpc", "bitrate_mbps", None].value == 2.0
    assert rows["mpc", "rebuffer_s", None].unit == "s per chunk"
    assert rows["mpc", "qoe_difference", "bba"].value == 0.75
    assert not [key for key in rows if key[0] == "bba" and key[1] == "qoe_difference"]


def test_rows_of_adapted_models_pool_their_seeds_and_meet_their_rivals():
    detail = {"optimum": [2.0, 4.0]}
    tested = [
        evaluation("abr", "adapted:tiny", (1.0, 2.0), seed=0, detail=detail),
        evaluation("abr", "adapted:tiny", (2.0, 3.0), seed=1, detail=detail),
        evaluation("abr", "ppo", (1.0, 1.0), detail=detail),
        evaluation("abr", "pensieve", (0.0, 0.0), detail=detail),
    ]
    rows = by_metric(abr.result_rows(registry.task("abr"), tested))
    mean = rows["adapted:tiny", "qoe", None]
    assert mean.value == 2.0
    assert mean.seeds == (0, 1)
    assert mean.extra["seed_means"] == [1.5, 2.5]
    assert mean.extra["share_of_optimum"] == pytest.approx(2.0 / 3.0)
    assert rows["adapted:tiny", "qoe_difference", "ppo"].value == 1.0
    assert {key[2] for key in rows if key[1] == "qoe_difference"} == {"ppo"}
    assert rows["ppo", "qoe", None].seeds == ()


def test_rivals_of_a_group_include_its_control():
    assert abr.rivals("adapted:tiny") == abr.OPPONENTS
    assert abr.rivals("adapted:tiny:joined")[-1] == "adapted:none:joined"
    assert abr.rivals("adapted:tiny:short:w5")[-1] == "adapted:none:short"
    with pytest.raises(ConfigError, match="has no such part; its parts are adapted:tiny, "):
        abr.chosen_variants(lambda name: False)


def test_folders_of_variants_are_names_without_colons():
    assert abr.folder_name("adapted:tiny:online", 2) == "adapted-tiny-online-seed2"
    assert vp.Variant("adapted:none", "long", 1, "none").label == "adapted-none-long-seed1"
    labels = [variant.label for variant in vp.variants()]
    assert len(set(labels)) == len(labels)
    assert len([v for v in vp.variants() if v.backbone == "tiny"]) == len(vp.SEEDS) * len(vp.ROWS)


def test_a_row_of_inputs_has_methods_with_the_same_or_fewer_inputs():
    plain, strict, crowd = (vp.Variant("mlp", recipe, 0) for recipe in ("plain", "strict", "crowd"))
    models = {row: vp.Variant("adapted:tiny", row, 0, "tiny") for row in vp.ROWS}
    tested = {variant: [variant.label] for variant in (plain, strict, crowd, *models.values())}
    found = {row: set(vp.evaluations_of(row, ["rule"], tested)) for row in vp.ROWS}
    assert found["strict"] == {"rule", plain.label, strict.label, models["strict"].label}
    assert found["long"] == {"rule", plain.label, strict.label, models["long"].label}
    assert found["crowd"] == {"rule", plain.label, strict.label, crowd.label, models["crowd"].label}


def test_rows_of_viewports_have_ratios_and_the_differences_behind_the_claims():
    def tested(policy, values):
        return evaluation("vp", policy, values, seed=0, detail={"groups": ["u", "u", "v", "w"]})

    names = ["last-value", vp.PLAIN, "mlp:strict", "adapted:random:tiny", "adapted:none", "adapted:tiny"]
    every = [tested(name, np.array([4.0, 6.0, 8.0, 6.0]) - i) for i, name in enumerate(names)]
    rows = by_metric(vp.result_rows(registry.task("vp"), "strict", every))
    model = rows["adapted:tiny", "mae", None]
    assert (model.value, model.n) == (1.0, 4)
    assert model.extra["ratio"] == pytest.approx(1.0 / 6.0)
    assert {key[2] for key in rows if key[:2] == ("adapted:tiny", "mae_difference")} == set(names[:-1])
    assert rows["adapted:tiny", "mae_difference", "last-value"].value == -5.0
    assert {key[2] for key in rows if key[:2] == ("adapted:none", "mae_difference")} == set(names[:-2])
    assert not [key for key in rows if key[:2] == ("mlp:strict", "mae_difference")]


def test_the_time_to_near_the_final_error_is_that_of_the_first_entry_within_two_percent(tmp_path):
    (tmp_path / "netwright.json").write_text(json.dumps({"cost": {"seconds": 90.0, "peak_rss_mib": 700.0}}))
    looks = [(10.0, 12.0), (20.0, 10.21), (30.0, 10.19), (40.0, 10.4), (50.0, 10.0)]
    lines = [json.dumps({"seconds": s, "validation": v}) for s, v in looks]
    (tmp_path / "training.jsonl").write_text("\n".join(lines))
    rows = {row.metric: row.value for row in cost.rows_of_run(tmp_path)}
    assert rows == {
        "time": 90.0,
        "time to within 2 % of the final validation error": 30.0,
        "peak memory": 700.0,
    }


def test_costs_are_medians_of_rounds_and_ratios_of_runs_side_by_side(monkeypatch, tmp_path):
    steps = {"lora": iter((1.0, 3.0, 2.0)), "full": iter((4.0, 3.0, 8.0))}

    class Here:
        def map(self, work, items):
            for item in items:
                if item == "tiny":
                    yield []
                else:
                    yield {
                        "seconds_per_step": next(steps[item]),
                        "peak_rss_mib": 500.0 if item == "lora" else 900.0,
                        "trainable_fraction": 0.004,
                    }

    monkeypatch.setattr(cost, "executor", lambda name, n: Here())
    share = SimpleNamespace(fraction=0.003117, to_json=lambda: {"trainable": 21})
    monkeypatch.setattr("netwright.llm.accounting.published_viewport_share", lambda: share)
    said: list[str] = []
    cost.run(None, tmp_path, said.append)
    rows = {
        (r["setting"], r["subject"], r["metric"]): r["value"] for r in read_rows(tmp_path / "speed.jsonl")
    }
    assert rows["Llama2-7B shape, rank 32", "lora", "trained share"] == pytest.approx(0.3117)
    assert rows["vp, tiny", "lora", "time per update"] == 2000.0
    assert rows["vp, tiny", "full", "time per update"] == 4000.0
    assert rows["vp, tiny", "full", "peak memory"] == 900.0
    # Round by round: 4 / 1, 3 / 3, 8 / 2.
    assert rows["vp, tiny", "full / lora", "time per update"] == 4.0
    assert said[1] == "lora: 1000 ms/update, 500 MiB"


class Conditioned:
    """A model whose mean quality is its target, and that knows what was reached in training."""

    def __init__(self):
        self.target = 0.0
        fitted = {"reached": [(4.0, 1.0, 1.0), (2.0, 0.0, 0.0), (3.0, 0.1, 0.1)]}
        self.adapter = SimpleNamespace(conditioning=SimpleNamespace(fitted=fitted))


@pytest.fixture
def conditioned(monkeypatch):
    """The model, and evaluations that echo its target and the weights of the setting."""
    policy, loaded = Conditioned(), conditioning.load_attribute

    def evaluate(decider, setting, data, *, name):
        value = decider.target if decider is policy else setting.config.rebuffer
        detail = {"bitrate_mbps": 1.0, "rebuffer_s": 0.1, "change_mbps": 0.2}
        return evaluation("abr", name, (value, value), setting=setting.name, detail=detail)

    task = registry.task("abr")
    monkeypatch.setattr("netwright.adaptation.api.load", lambda folder, task: SimpleNamespace(policy=policy))
    monkeypatch.setattr(
        conditioning, "load_attribute", lambda ref: evaluate if ref == task.evaluate else loaded(ref)
    )
    return policy


def test_a_sweep_asks_for_every_target(conditioned, tmp_path):
    variant = abr.Variant("adapted:tiny:regret", 3, recipe="regret")
    rows = list(conditioning.target_rows(registry.task("abr"), None, tmp_path, variant))
    assert [row.value for row in rows] == list(conditioning.TARGETS["regret"])
    assert [row.extra["target"] for row in rows] == list(conditioning.TARGETS["regret"])
    assert {(row.metric, row.setting, row.seeds, row.n) for row in rows} == {
        ("qoe_asked_for", "default", (3,), 2)
    }
    other = abr.Variant("adapted:tiny", 3, recipe="distill")
    assert not list(conditioning.target_rows(registry.task("abr"), None, tmp_path, other))


def test_a_sweep_of_weights_asks_for_what_was_best_under_them(conditioned, tmp_path):
    variant = abr.Variant("adapted:tiny:vector-returns", 0, recipe=conditioning.VECTOR)
    rows = list(conditioning.weight_rows(registry.task("abr"), None, tmp_path, variant))
    assert len(rows) == 2 * len(conditioning.WEIGHTS)
    assert [row.subject for row in rows[:2]] == [variant.name, "mpc"]
    assert rows[0].setting == "default[rebuffer=4.3,change=1.0]"
    assert [row.value for row in rows[1::2]] == [rebuffer for rebuffer, _ in conditioning.WEIGHTS]
    for (rebuffer, change), row in zip(conditioning.WEIGHTS, rows[::2], strict=True):
        # Reached returns: 4 - r - c, 2, and 3 - (r + c) / 10.
        worth = {(4.0, 1.0, 1.0): 4 - rebuffer - change, (2.0, 0.0, 0.0): 2.0}
        worth[3.0, 0.1, 0.1] = 3.0 - 0.1 * (rebuffer + change)
        assert tuple(row.extra["asked"].values()) == max(worth, key=worth.__getitem__)
    assert all("asked" not in row.extra for row in rows[1::2])


def test_costs_are_of_finished_variants_and_of_the_phases_they_have(monkeypatch, tmp_path):
    variant = abr.Variant("adapted:tiny", 0)
    assert list(conditioning.cost_rows(tmp_path, variant)) == []
    (tmp_path / variant.label).mkdir()
    (tmp_path / variant.label / "netwright.json").write_text("{}")
    found = SimpleNamespace(cost={"seconds": 9.0, "seconds_learning": 4.0, "steps": 7})
    monkeypatch.setattr("netwright.adaptation.saved_model.read_saved", lambda folder: found)
    rows = list(conditioning.cost_rows(tmp_path, variant))
    assert [(row.metric, row.value, row.extra) for row in rows] == [
        ("seconds", 9.0, {"steps": 7}),
        ("seconds_learning", 4.0, {"steps": 7}),
    ]
