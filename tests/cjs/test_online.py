"""The online phase of scheduling: what a model's answers do in a cluster, learning with both kinds of advantages."""

import numpy as np
import pytest
import torch

from netwright.adaptation.online.ppo import OnlineConfig, OnlineTrainer
from netwright.adaptation.online.vine import VineTrainer
from netwright.adaptation.saved_model import assemble
from netwright.core import registry
from netwright.llm.backbones import build_backbone
from netwright.tasks.cjs import collector as places
from netwright.tasks.cjs import features
from netwright.tasks.cjs.adapter import CjsAdapter
from netwright.tasks.cjs.collector import Place
from netwright.tasks.cjs.environment import ClusterEnvironment
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.online import OptionEnvironment
from netwright.tasks.cjs.recipes import CjsRecipe
from netwright.tasks.cjs.settings import CjsConfig


def clusters(data):
    return [cluster_of(CjsConfig(n_jobs=4, n_executors=40), data, seed) for seed in (1, 2)]


def test_an_option_commits_the_number_that_it_stands_for(generated):
    """Also one beyond the number of executors that may be committed were it taken as a number."""
    played, by_number = OptionEnvironment(clusters(generated)), ClusterEnvironment(clusters(generated))
    rng = np.random.default_rng(0)
    for _ in range(40):
        if played.done:
            break
        seen = by_number.observe()
        stage = np.array([rng.integers(len(obs.choices)) for obs in seen])
        numbers = features.features(features.columns(seen)).options(stage).numbers
        option = np.array([rng.integers((row > 0).sum()) for row in numbers])
        chosen = numbers[np.arange(len(option)), option]
        rewards, _ = played.step(np.stack([stage, option], axis=1))
        expected, _ = by_number.step(np.stack([stage, chosen], axis=1))
        assert rewards.tolist() == expected.tolist()
        assert played.times().tolist() == by_number.times().tolist()


def test_copies_take_options_too(generated):
    environment = OptionEnvironment(clusters(generated))
    first = np.zeros((1, 2), dtype=np.int64)
    both = environment.fork(np.array([1])).concat(environment.fork(np.array([0])))
    assert both.n == 2
    both.step(np.concatenate([first, first]))  # option 0 is the number 1
    assert environment.times().tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("kind", "advantages"), [(OnlineTrainer, "critic"), (VineTrainer, "vine")])
def test_a_model_continues_on_sequences_that_it_plays(kind, advantages, generated, monkeypatch):
    monkeypatch.setitem(places.PLACES, "short", Place("", (2, 3), (6, 10)))
    quick = {"batch_size": 2, "joined_batch_size": 2, "minibatch_size": 2, "critic_warmup": 0, "epochs": 1}
    options = {"advantages": advantages, "vine_share": 1.0, "vine_most": 2, "rank": 2}
    config = OnlineConfig.from_options(registry.task("cjs").online_defaults, quick, options)
    adapter = CjsAdapter(CjsRecipe(), generated, state={"condition": {}}, experience=None)
    model = assemble(build_backbone("none", seed=0), adapter, config, seed=0)
    trainer = kind(model, adapter, config, seed=0, lower_is_better=True)
    before = [p.detach().clone() for p in model.head.parameters()]
    assert np.isfinite(trainer.update(0))
    changed = [not torch.equal(a, b) for a, b in zip(before, model.head.parameters(), strict=True)]
    assert any(changed)
