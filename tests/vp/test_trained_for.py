"""Learned viewport predictors know the rate, histories and horizons of their training."""

from dataclasses import replace

import pytest

import netwright
from netwright.adaptation.api import adapt
from netwright.core import registry
from netwright.core.trained_for import conditions_of, remark
from netwright.tasks.vp.baselines import linear_l1, mlp, track

TASK = registry.task("vp")


def longer(**changes):
    default = TASK.setting("default")
    return replace(default, config=replace(default.config, **changes))


@pytest.fixture(scope="module", params=[linear_l1, mlp, track], ids=lambda module: module.NAME)
def policy(request, generated, tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy") / "p"
    request.param.train(generated, recipe="strict", out=folder, seed=0, progress=lambda line: None, updates=1)
    return request.param.load(folder)


@pytest.mark.parametrize("name", list(TASK.settings))
def test_the_papers_settings_lie_within(policy, generated, name):
    assert remark(policy, conditions_of(TASK, TASK.setting(name), generated)) is None


def test_a_longer_window_does_not(policy, generated):
    setting = longer(history=40, horizon=60, trim_head=40)
    clause = remark(policy, conditions_of(TASK, setting, generated))
    assert clause == (
        "was trained for history 2 to 20 samples and horizon 1 to 30 samples; here there is history 40 samples and "
        "horizon 60 samples: its results may be far off"
    )


def test_another_rate_does_not(policy, generated):
    name = TASK.setting("default").config.dataset
    traces = generated.traces(name)
    faster = replace(generated, sets={**generated.sets, name: replace(traces, time_s=traces.time_s / 6.0)})
    clause = remark(policy, conditions_of(TASK, TASK.setting("default"), faster))
    assert clause is not None
    assert "sampling rate 5 Hz; here there is sampling rate 30 Hz" in clause


def test_an_adapted_model_stores_it_too(generated, tmp_path):
    options = {"iterations": 1, "batch_size": 4, "evaluate_every": 1}
    made = adapt(TASK, generated, out=tmp_path / "m", backbone="none", options=options)
    assert set(made.info["trained_for"]) == {"sampling rate", "history", "horizon"}
    assert remark(made.policy, conditions_of(TASK, longer(horizon=60), generated)) is not None


def test_an_ablation_fits_in_one_comparison(generated, tmp_path):
    ranks = {"a": 2, "b": 4}
    for name, rank in ranks.items():
        for seed in (0, 1):
            options = {"iterations": 1, "batch_size": 4, "evaluate_every": 1, "rank": rank}
            adapt(
                TASK, generated, out=tmp_path / f"{name}{seed}", backbone="none", seed=seed, options=options
            )
    folders = [tmp_path / f"{name}{seed}" for name in ranks for seed in (0, 1)]
    found = netwright.compare("vp", settings=["default"], adapted=folders, data=generated)
    shown = {m.policy: (m.kind, m.seeds) for m in found.settings[0].methods}
    assert shown == {
        "adapted:none[rank=2]": ("control", (0, 1)),
        "adapted:none[rank=4]": ("control", (0, 1)),
        "last-value": ("baseline", (0,)),
    }
    own = netwright.compare("vp", settings=["default"], adapted=[f"mine={folders[0]}"], data=generated)
    assert own.settings[0].methods[0].policy == "adapted:none[mine]"
