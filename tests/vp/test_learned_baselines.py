"""Baselines that learn: they improve on last value, are the same under a seed, and come back from disk unchanged."""

import json
import os
import shutil
import signal

import numpy as np
import pytest
import torch

from netwright.adaptation import api
from netwright.core.documents import sealed
from netwright.core.errors import ConfigError, DataError, FormatError, UnknownNameError
from netwright.core.identity import RunIdentity, data_sha256
from netwright.core.locks import BusyError, locked
from netwright.tasks.vp import metrics
from netwright.tasks.vp.angles import LIMITS_DEG, wrapped_deg
from netwright.tasks.vp.baselines import linear_l1, track, training
from netwright.tasks.vp.baselines.last_value import LastValue
from netwright.tasks.vp.settings import SETTINGS, VpConfig
from netwright.tasks.vp.windows import Observation, windows
from netwright.training.run import Run, partial_folder
from tests.saved import rehashed

METHODS = {
    "linear-l1": (linear_l1, {"updates": 150}),
    "track": (track, {"updates": 60, "hidden": 24}),
}
MAP_SHAPE = (4, 8)


def learn(name: str, data, out, *, seed: int = 0, recipe: str = "strict", **options):
    module, quick = METHODS[name]
    module.train(data, recipe=recipe, out=out, seed=seed, progress=lambda line: None, **(quick | options))
    return module.load(out)


@pytest.fixture(scope="module", params=sorted(METHODS))
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def folder(name, generated, tmp_path_factory):
    out = tmp_path_factory.mktemp("learned") / name
    learn(name, generated, out)
    return out


def test_it_beats_last_value_on_validation(name, folder, generated):
    policy = METHODS[name][0].load(folder)
    chosen = windows(generated, VpConfig(split="valid", history=20, horizon=30))
    actual = chosen.future_deg()
    assert metrics.mae(policy.predict(chosen), actual) < metrics.mae(LastValue().predict(chosen), actual)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda s: s.name)
def test_answers_are_valid_and_those_of_one_window(name, folder, generated, setting):
    policy = METHODS[name][0].load(folder)
    chosen = windows(generated, setting.config)
    answer = policy.predict(chosen)
    assert answer.shape == (len(chosen), chosen.horizon, 3)
    assert (np.abs(answer) <= LIMITS_DEG).all()
    i = 17
    session = chosen.traces.trace(int(chosen.trace[i]))[: chosen.start[i]]
    alone = policy.act(Observation(session, horizon=chosen.horizon, history=chosen.history))
    assert (
        metrics.absolute_error_deg(alone, answer[i]).max() < 1e-3
    )  # other order of sums in single precision


def test_it_knows_no_absolute_yaw(name, folder, generated):
    policy = METHODS[name][0].load(folder)
    chosen = windows(generated, VpConfig()).take(np.arange(0, 96, 8))
    traces = chosen.traces
    angles = traces.angles_deg.copy()
    angles[:, 2] = wrapped_deg(angles[:, 2] + 123.0)
    turned = type(chosen)(
        type(traces)("T", angles, traces.time_s, traces.offset, traces.video, traces.user),
        chosen.trace, chosen.start, chosen.history, chosen.horizon,
    )  # fmt: skip
    expected = policy.predict(chosen) + np.array([0.0, 0.0, 123.0])
    assert metrics.absolute_error_deg(policy.predict(turned), expected).max() < 1e-3


def test_longer_horizons_than_learned_hold_the_last_step(generated, tmp_path):
    policy = learn("linear-l1", generated, tmp_path / "x", updates=10)
    chosen = windows(generated, VpConfig(horizon=40))
    answer = policy.predict(chosen)
    assert (answer[:, 30:] == answer[:, 29:30]).all()


def test_a_seed_says_everything(name, generated, tmp_path):
    before = torch.random.get_rng_state()
    runs = [
        learn(name, generated, tmp_path / str(i), seed=seed, updates=12) for i, seed in enumerate((1, 1, 2))
    ]
    assert (torch.random.get_rng_state() == before).all()
    chosen = windows(generated, VpConfig())
    one, again, other = (run.predict(chosen) for run in runs)
    assert (one == again).all()
    assert (one != other).any()


def test_saved_and_loaded_it_answers_bit_for_bit(name, folder, generated, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    chosen = windows(generated, VpConfig())
    answer = METHODS[name][0].load(folder).predict(chosen)
    assert (METHODS[name][0].load(tmp_path / "copy").predict(chosen) == answer).all()
    assert (api.load(folder).policy.predict(chosen) == answer).all()


def test_the_description_says_what_it_is(name, folder):
    document = json.loads((folder / "netwright.json").read_text())
    said = {
        key: document[key] for key in ("format_version", "task", "kind", "policy", "recipe", "name", "seed")
    }
    assert said == {
        "format_version": 2, "task": "vp", "kind": "baseline", "policy": name, "recipe": "strict", "name": name,
        "seed": 0,
    }  # fmt: skip
    assert document["data"]["synthetic"] is True
    assert document["window"] == {"history": 20, "horizon": 30}
    assert sorted(p.name for p in folder.iterdir()) == ["model.safetensors", "netwright.json"]


def test_damaged_folders_are_named(name, folder, tmp_path):
    module = METHODS[name][0]
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = copy / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-9])
    with pytest.raises(DataError, match=r"model\.safetensors: its SHA-256"):
        module.load(copy)
    weights.unlink()
    with pytest.raises(DataError, match=r"model\.safetensors: no such file"):
        module.load(copy)
    weights.write_bytes(whole)
    document = json.loads((copy / "netwright.json").read_text())
    (copy / "netwright.json").write_text(json.dumps(sealed(document | {"policy": "other"})))
    with pytest.raises(FormatError, match=rf"holds other, not {name}"):
        module.load(copy)
    (copy / "netwright.json").write_text(json.dumps(document | {"format_version": 99}))
    with pytest.raises(FormatError, match="format_version is 99"):
        module.load(copy)
    with pytest.raises(DataError, match="no saved model there"):
        module.load(tmp_path)


def test_weights_of_another_shape_are_refused(name, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(3)}, copy / "model.safetensors")
    rehashed(copy)
    with pytest.raises(FormatError, match="weights and description do not fit"):
        METHODS[name][0].load(copy)


def test_unknown_recipes_are_refused(name, generated, tmp_path):
    with pytest.raises(UnknownNameError, match="did you mean 'strict'"):
        learn(name, generated, tmp_path / "x", recipe="strickt")
    assert not (tmp_path / "x").exists()


def test_another_recipe_stands_in_the_name(generated, tmp_path):
    learn("linear-l1", generated, tmp_path / "x", recipe="long", updates=4)
    assert api.load(tmp_path / "x").name == "linear-l1:long"


def random_maps(chosen):
    """Saliency that depends on video and moment only, as real maps would."""
    maps = np.random.default_rng(0).random((100, 500, *MAP_SHAPE), dtype=np.float32)
    moments = chosen.start[:, None] + np.arange(-chosen.history, chosen.horizon)
    return maps[chosen.traces.video[chosen.trace][:, None], moments]


def test_track_takes_saliency(generated, tmp_path):
    options = {"content": track.Content(random_maps, MAP_SHAPE), "hidden": 8, "updates": 10}
    _, quick = METHODS["track"]
    out = tmp_path / "with"
    track.train(generated, recipe="strict", out=out, seed=0, progress=lambda line: None, **(quick | options))
    policy = track.load(out, random_maps)
    chosen = windows(generated, VpConfig())
    answer = policy.predict(chosen)
    assert answer.shape == (96, 20, 3)
    other = track.load(out, lambda w: 1.0 - random_maps(w))
    assert (other.predict(chosen) != answer).any()
    with pytest.raises(ConfigError, match="trained with saliency; give load"):
        track.load(out)
    with pytest.raises(DataError, match=r"Jin2022: saliency maps of shape \(96, 29, 4, 8\)"):
        track.load(out, lambda w: random_maps(w)[:, 1:]).predict(chosen)


def test_track_without_content_takes_no_saliency(generated, tmp_path):
    learn("track", generated, tmp_path / "x", updates=1)
    with pytest.raises(ConfigError, match="without saliency takes no maps"):
        track.load(tmp_path / "x", random_maps)


def test_maps_are_centered_on_the_viewer():
    maps = np.arange(8.0, dtype=np.float32).reshape(1, 1, 1, 8)  # columns at -157.5, -112.5 .. 157.5 degrees
    assert track.centered(maps, np.array([0.0])).ravel().tolist() == [0, 1, 2, 3, 4, 5, 6, 7]
    assert track.centered(maps, np.array([90.0])).ravel().tolist() == [2, 3, 4, 5, 6, 7, 0, 1]
    assert (track.centered(maps, np.array([-180.0])) == track.centered(maps, np.array([180.0]))).all()


def test_an_untrained_track_is_last_value(generated):
    chosen = windows(generated, VpConfig())
    answer = track.Track(track.Network(hidden=4)).predict(chosen)
    assert metrics.absolute_error_deg(answer, LastValue().predict(chosen)).max() < 1e-4


def test_the_error_of_track_wraps():
    near = torch.tensor([[[0.0, 0.0, 179.0]]]) / track.UNIT_DEG
    assert track.wrapped_l1(near, -near).item() == pytest.approx(2.0 / track.UNIT_DEG / 3.0, abs=1e-5)


def fitted(model, validation, out, updates=7, evaluate_every=2):
    def batch(rng):
        return torch.ones(1, 1), torch.full((1, 1), 10.0)

    settings = training.Settings(updates, 0.1, evaluate_every)
    trainer = training.BaselineTrainer(
        model, batch, torch.nn.functional.l1_loss, validation, settings, seed=0
    )
    identity = RunIdentity.made(kind="train", task="vp", config={}, seed=0, data=data_sha256("none"))
    Run(out, lambda line: None).train(trainer, identity)
    return trainer.state


def test_fitting_keeps_the_best_weights(tmp_path):
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    seen, scores = [], iter([5.0, 1.0, 3.0, 2.0])

    def validate() -> float:
        assert not model.training
        seen.append(model.weight.item())
        return next(scores)

    state = fitted(model, validate, tmp_path / "out")
    assert state.kept_score == 1.0
    assert [entry["step"] for entry in state.history] == [2, 4, 6, 7]
    assert model.weight.item() == seen[1] < seen[3]
    assert not model.training


def test_training_that_never_gives_a_number_is_an_error(tmp_path):
    with pytest.raises(DataError, match="did not converge"):
        fitted(torch.nn.Linear(1, 1), lambda: float("nan"), tmp_path / "out", 1, 1)


def test_the_learning_rate_is_a_cosine_to_zero():
    rates = training._cosine(training.Settings(8, 0.5, 1))
    assert rates == pytest.approx([0.25 * (1 + np.cos(np.pi * i / 8)) for i in range(8)])


def test_an_interrupted_run_ends_as_an_uninterrupted_one(name, generated, tmp_path, monkeypatch):
    chosen = windows(generated, VpConfig())
    whole = learn(name, generated, tmp_path / "whole", updates=12).predict(chosen)
    out, update = tmp_path / "cut", training.BaselineTrainer.update

    def signaled(self, step):
        if step == 6:
            os.kill(os.getpid(), signal.SIGINT)
        return update(self, step)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training.BaselineTrainer, "update", signaled)
        learn(name, generated, out, updates=12)
    assert not out.exists()
    with pytest.raises(ConfigError, match="another seed"):
        learn(name, generated, out, updates=12, seed=4)
    with pytest.raises(ConfigError, match=r"another config\.updates"):
        learn(name, generated, out, updates=13)
    with locked(partial_folder(out)), pytest.raises(BusyError):
        learn(name, generated, out, updates=12)
    assert (learn(name, generated, out, updates=12).predict(chosen) == whole).all()
    assert not partial_folder(out).exists()


@pytest.mark.slow
def test_the_linear_model_on_real_traces(real, tmp_path):
    """Reference: 0.951 / 0.951 / 0.944 / 0.951 of last value, measured independently on 21 viewers."""
    policy = learn("linear-l1", real, tmp_path / "x", updates=2000)
    for setting, expected in zip(SETTINGS.values(), (0.951, 0.951, 0.944, 0.951), strict=True):
        chosen = windows(real, setting.config)
        actual = chosen.future_deg()
        ratio = metrics.mae(policy.predict(chosen), actual) / metrics.mae(LastValue().predict(chosen), actual)
        assert ratio == pytest.approx(expected, abs=0.01)


@pytest.mark.slow
def test_track_on_real_traces(real, tmp_path):
    """600 updates, two and a half minutes of one core: about 0.968 / 0.968 / 0.958 / 0.958 of last value."""
    policy = learn("track", real, tmp_path / "x", updates=600, hidden=track.HIDDEN)
    for setting in SETTINGS.values():
        chosen = windows(real, setting.config)
        actual = chosen.future_deg()
        ratio = metrics.mae(policy.predict(chosen), actual) / metrics.mae(LastValue().predict(chosen), actual)
        assert ratio < 0.985
