"""GENET's curriculum: the search finds what it should, and what it finds joins the training mix."""

import json

import numpy as np
import pytest

from netwright.core.errors import DataError
from netwright.tasks.abr.baselines import genet
from netwright.tasks.abr.baselines.bba import Bba
from netwright.tasks.abr.baselines.genet import RANGES, Curriculum, Environment
from netwright.tasks.abr.baselines.mpc import Mpc
from netwright.tasks.abr.baselines.ppo_trainer import PpoConfig
from netwright.tasks.abr.baselines.search import highest, posterior
from netwright.tasks.abr.training_set import TrainingSet

QUICK = PpoConfig(iterations=6, n_sessions=16, minibatch_size=512)


@pytest.fixture(scope="module")
def base(generated) -> TrainingSet:
    return TrainingSet(generated)


def test_the_search_comes_closer_to_a_peak_than_chance():
    def peak(point):
        return -float(((point - 0.7) ** 2).sum())

    found, chance = [], []
    for seed in range(8):
        point, value = highest(peak, 3, np.random.default_rng(seed), n_first=6, n_trials=24)
        assert value == peak(point)
        assert ((point >= 0.0) & (point <= 1.0)).all()
        found.append(value)
        chance.append(max(peak(p) for p in np.random.default_rng(seed).random((24, 3))))
    assert np.mean(found) > 0.5 * np.mean(chance)  # both are below 0


def test_the_posterior_is_sure_where_it_has_measured():
    points = np.array([[0.2, 0.2], [0.8, 0.8]])
    mean, deviation = posterior(points, np.array([1.0, 3.0]), np.vstack([points, [[0.2, 0.9]]]))
    assert mean[0] == pytest.approx(1.0, abs=0.15)
    assert mean[1] == pytest.approx(3.0, abs=0.15)
    assert (deviation[:2] < 0.5 * deviation[2]).all()


def test_an_environment_has_the_parameters_of_its_point():
    lowest, highest_ = Environment.at(np.zeros(4)), Environment.at(np.ones(4))
    for name, (low, high) in RANGES.items():
        assert getattr(lowest, name) == pytest.approx(low)
        assert getattr(highest_, name) == pytest.approx(high)
    calm = Environment(low_mbps=1.0, ratio=3.0, hold_s=10.0, noise=0.01)
    traces = calm.traces(seed=0)
    values = np.concatenate([t.bandwidths_mbps for t in traces])
    assert 0.9 < values.min() < 1.3
    assert 2.5 < values.max() < 3.2
    assert (traces[0].bandwidths_mbps != calm.traces(seed=1)[0].bandwidths_mbps).any()


def test_environments_join_with_a_growing_share(base):
    curriculum = Curriculum(base, rounds=2, seed=0)
    sample = curriculum.around(base.sample)
    shares = []
    for k in range(3):
        drawn = sample(np.random.default_rng(0), 2000)
        added = drawn.trace_of >= curriculum.n_base
        shares.append(added.mean())
        assert (drawn.scale[added] == 1.0).all()
        assert {t.name.split("-")[0] for t in drawn.traces.traces[curriculum.n_base :]} <= {"genet"}
        curriculum.extend([Environment(0.5, 4.0, 5.0, 0.1, iteration=k)])
    assert shares == pytest.approx([0.0, 0.2, 0.4], abs=0.04)


def test_the_gap_is_what_the_policy_trails_by(base):
    sessions = base.sample(np.random.default_rng(0), 60)
    ahead, behind = genet.gap(Mpc(), Bba(), sessions), genet.gap(Bba(), Mpc(), sessions)
    assert ahead == pytest.approx(-behind)
    assert behind > 0.0
    assert not sessions.done


def test_the_search_finds_where_bba_trails_most(base):
    found = genet.find_environment(Bba(), base, seed=0, iteration=3)
    assert found.iteration == 3
    assert found.gap > 0.0
    assert found == genet.find_environment(Bba(), base, seed=0, iteration=3)


def test_an_interrupted_curriculum_continues(generated, tmp_path, monkeypatch):
    from netwright.tasks.abr.baselines import ppo_trainer as learner

    def run(out):
        genet.train(
            generated, recipe="advantage", out=out, seed=0, progress=lambda line: None, config=QUICK, rounds=2
        )

    monkeypatch.setattr(genet, "N_TRACES", 4)
    run(tmp_path / "whole")
    monkeypatch.setattr(learner, "CHECKPOINT_SECONDS", 0.0)
    update = learner.PpoTrainer.update

    def interrupted(self, step):
        if step == 5:
            raise KeyboardInterrupt
        return update(self, step)

    with monkeypatch.context() as patched:
        patched.setattr(learner.PpoTrainer, "update", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(tmp_path / "broken")
    run(tmp_path / "broken")
    whole, broken = (genet.load(tmp_path / name) for name in ("whole", "broken"))
    state = broken.actor.state_dict()
    assert all((value == state[key]).all() for key, value in whole.actor.state_dict().items())
    about = [json.loads((tmp_path / n / "netwright.json").read_text()) for n in ("whole", "broken")]
    assert about[0]["curriculum"] == about[1]["curriculum"]
    assert [e["iteration"] for e in about[0]["curriculum"]] == [2, 4]


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        ({"low_mbps": 1.0, "ratio": 3.0, "hold_s": 10.0, "noise": 5.0}, "noise must lie in 0.01 to 0.5"),
        ({"low_mbps": "1", "ratio": 3.0, "hold_s": 10.0, "noise": 0.1}, "low_mbps"),
        ({"low_mbps": 1.0, "ratio": 3.0, "hold_s": 10.0, "noise": 0.1, "gain": 1}, "gain"),
        ([], "not a list of environments"),
    ],
)
def test_a_changed_curriculum_is_refused_with_its_place(tmp_path, entry, what):
    path = tmp_path / "curriculum.json"
    path.write_text(json.dumps([entry]))
    with pytest.raises(DataError, match=what):
        genet._environments(path)
