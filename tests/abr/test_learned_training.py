"""The shared trainer: its formulas against slow ones, what it learns, and that a run can be interrupted."""

import json
import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from netwright.core.errors import ConfigError, DataError
from netwright.core.files import read_json
from netwright.core.interrupts import listening
from netwright.core.locks import BusyError, locked
from netwright.rl.ppo import entropy_coefficient
from netwright.tasks.abr import features
from netwright.tasks.abr.baselines import pensieve, ppo
from netwright.tasks.abr.baselines import ppo_trainer as learning
from netwright.tasks.abr.baselines.ppo_trainer import OBS, PpoConfig, PpoTrainer
from netwright.tasks.abr.batch import Sessions
from netwright.tasks.abr.training_set import TrainingSet
from netwright.training.run import partial_folder

QUICK = PpoConfig(iterations=4, n_sessions=32, minibatch_size=512)


@pytest.fixture(scope="module")
def sessions(generated) -> TrainingSet:
    return TrainingSet(generated)


def run(data, out, *, seed=0, config=QUICK, **options):
    ppo.train(
        data, recipe="advantage", out=out, seed=seed, progress=lambda line: None, config=config, **options
    )
    return ppo.load(out)


def test_schedules_run_from_start_to_end():
    config = PpoConfig(iterations=11)
    assert config.learning_rate_at(0) == pytest.approx(6e-4)
    assert config.learning_rate_at(10) == pytest.approx(0.03 * 6e-4)
    assert entropy_coefficient(config, 0) == pytest.approx(0.40)
    assert entropy_coefficient(config, 5) == pytest.approx((0.40 * 0.005) ** 0.5)
    assert entropy_coefficient(config, 10) == pytest.approx(0.005)


@pytest.mark.parametrize(
    "wrong", [{"iterations": 0}, {"gamma": 1.1}, {"ent_coef": 0.0}, {"reward_threshold": 1.0}], ids=str
)
def test_options_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        replace(QUICK, **wrong)


def test_it_learns(sessions):
    config = PpoConfig(iterations=12, n_sessions=64, minibatch_size=256, ent_coef=0.05, learning_rate=2e-3)
    learner = PpoTrainer(ppo.DESIGN, 6, config, seed=0)
    learner.sample = sessions.sample
    figures = []
    for step in range(config.iterations):
        learner.update(step)
        figures.append(learner.diagnostics)
    early, late = (np.mean([f["reward"] for f in part]) for part in (figures[:3], figures[-3:]))
    assert late > early + 1.5
    assert (
        np.mean([f["explained_variance"] for f in figures[3:]]) > 0.5
    )  # of one iteration of 64 sessions it is a noisy figure
    assert learner.n_decisions == 12 * 64 * 47


def test_only_the_critic_meets_the_future(sessions, monkeypatch):
    """An actor in training acts alike whatever the future windows say; the critic does not."""
    drawn = {}
    truth = Sessions.future_log_bandwidth
    for factor in (0.0, 1.0):
        with monkeypatch.context() as patched:
            patched.setattr(Sessions, "future_log_bandwidth", lambda s, f=factor: truth(s) * f)
            learner = PpoTrainer(ppo.DESIGN, 6, QUICK, seed=0)
            rng = np.random.default_rng(0)
            played = learner.play(sessions.sample(rng, 16), rng)
            drawn[factor] = played, learner.values(played)
    (blind, worthless), (seeing, worth) = drawn[0.0], drawn[1.0]
    assert (blind.obs[OBS] == seeing.obs[OBS]).all()
    assert (blind.actions == seeing.actions).all()
    assert (blind.logprobs == seeing.logprobs).all()
    assert (worthless != worth).any()
    assert blind.obs[OBS].shape[1] == features.size(6)


@pytest.mark.parametrize("design", [ppo.DESIGN, pensieve.DESIGN], ids=lambda d: d.name)
def test_what_was_played_is_what_the_actor_says(sessions, design):
    learner = PpoTrainer(design, 6, QUICK, seed=1)
    rng = np.random.default_rng(0)
    played = learner.play(sessions.sample(rng, 16), rng)
    assert len(played) == 16 * 47
    assert played.rewards.shape == (16 * 47,)
    with torch.no_grad():
        logs = torch.log_softmax(learner.actor(played.obs[OBS]), dim=1)
    assert logs.gather(1, played.actions[:, None]).squeeze(1).numpy() == pytest.approx(
        played.logprobs.numpy(), abs=1e-5
    )


def test_a_seed_says_everything(generated, tmp_path):
    before = torch.random.get_rng_state()
    one, again, other = (
        run(generated, tmp_path / str(i), seed=seed).actor.state_dict() for i, seed in enumerate((1, 1, 2))
    )
    assert (torch.random.get_rng_state() == before).all()
    assert all((one[k] == again[k]).all() for k in one)
    assert any((one[k] != other[k]).any() for k in one)


def test_an_interrupted_run_ends_as_an_uninterrupted_one(generated, tmp_path, monkeypatch):
    whole = run(generated, tmp_path / "whole").actor.state_dict()
    monkeypatch.setattr(learning, "CHECKPOINT_SECONDS", 0.0)
    out = tmp_path / "broken"
    update = PpoTrainer.update

    def interrupted(self, step):
        if step == 2:
            raise KeyboardInterrupt
        return update(self, step)

    with monkeypatch.context() as patched:
        patched.setattr(PpoTrainer, "update", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(generated, out)
    assert not out.exists()
    with pytest.raises(ConfigError, match="unfinished run has another"):
        run(generated, out, seed=7)
    told = []
    ppo.train(generated, recipe="advantage", out=out, seed=0, progress=told.append, config=QUICK)
    assert "from step 2" in told[0]
    resumed = ppo.load(out).actor.state_dict()
    assert all((whole[k] == resumed[k]).all() for k in whole)
    assert not partial_folder(out).exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_same_call_continues(generated, tmp_path, number):
    """The signal comes in the first iteration, long before a checkpoint is due."""
    whole = run(generated, tmp_path / "whole").actor.state_dict()
    out, update = tmp_path / "cut", PpoTrainer.update

    def signaled(self, step):
        os.kill(os.getpid(), number)
        return update(self, step)

    with (
        pytest.MonkeyPatch.context() as patched,
        listening(),
        pytest.raises(KeyboardInterrupt),
    ):
        patched.setattr(PpoTrainer, "update", signaled)
        run(generated, out)
    assert read_json(partial_folder(out) / "checkpoint" / "state.json")["state"]["step"] == 1
    resumed = run(generated, out).actor.state_dict()
    assert all((whole[k] == resumed[k]).all() for k in whole)


def test_two_processes_do_not_train_one_policy(generated, tmp_path):
    with locked(partial_folder(tmp_path / "out")), pytest.raises(BusyError):
        run(generated, tmp_path / "out")


def test_a_run_leaves_its_description_and_stages(generated, tmp_path):
    run(generated, tmp_path / "x", stages=(("early", 0.25), ("mid", 0.5)))
    early, mid, final = (read_json(tmp_path / n / "netwright.json") for n in ("x-early", "x-mid", "x"))
    assert [d["cost"]["decisions"] // (32 * 47) for d in (early, mid, final)] == [1, 2, 4]
    assert final["task"] == "abr"
    assert final["policy"] == "ppo"
    assert final["seed"] == 0
    assert final["data"]["synthetic"] is True
    assert final["cost"]["processor_seconds"] > 0.0
    json.dumps(final, allow_nan=False)


def test_a_loss_that_is_no_number_ends_the_run(sessions):
    learner = PpoTrainer(ppo.DESIGN, 6, QUICK, seed=0)
    with torch.no_grad():
        learner.critic.layers[0].weight.fill_(float("nan"))
    learner.sample = sessions.sample
    with pytest.raises(DataError, match="is not finite"):
        learner.update(0)
