"""Training Decima: log-probabilities against the compiled policy, learning, resuming, its folder."""

import signal
from unittest.mock import Mock, patch

import numpy as np
import pytest
import torch

from netwright.adaptation.saved_model import BASELINE
from netwright.core.errors import ConfigError, DataError
from netwright.rl.ppo import Targets
from netwright.tasks.cjs.baselines import decima, decima_compiled, decima_training, es_rule
from netwright.tasks.cjs.baselines.decima_learning import (
    N_CRITIC,
    critic_features,
    evaluate_decisions,
    ragged_log_softmax,
)
from netwright.tasks.cjs.baselines.decima_network import Graphs
from netwright.tasks.cjs.baselines.decima_training import (
    DecimaConfig,
    DecimaTrainer,
    at_temperature,
    decisions_of_rule,
    mean_jct_s,
    train,
)
from netwright.tasks.cjs.baselines.decima_weights import PUBLISHED, read_network
from netwright.tasks.cjs.data import load
from netwright.tasks.cjs.sequences import sequence

DATA = load(None, seed=0)
TINY = DecimaConfig(
    imitation_rounds=1,
    imitation_batches=3,
    imitation_batch_size=16,
    imitation_decisions=100,
    iterations=3,
    n_sequences=2,
    n_rollouts=2,
    n_jobs=(3, 5),
    n_executors=(5, 8),
    critic_only=1,
    minibatch_size=32,
)


@pytest.fixture(autouse=True)
def _short_validation():
    with (
        patch(f"{decima_training.__name__}.N_VALIDATION", 1),
        patch(f"{decima_training.__name__}.VALIDATION_JOBS", 3),
    ):
        yield


def small_cluster(seed=1, n_jobs=4, n_executors=6):
    return sequence(DATA, seed, n_jobs, n_executors)


def test_softmax_within_groups_of_any_size():
    logits = torch.tensor([0.0, 1.0, 500.0, -3.0, 2.0, 2.0])
    group = torch.tensor([0, 0, 1, 2, 2, 2])
    found = ragged_log_softmax(logits, group, 3)
    for number in range(3):
        torch.testing.assert_close(found[group == number], logits[group == number].log_softmax(0))


def test_log_probabilities_are_those_of_the_compiled_policy():
    network = read_network(PUBLISHED)
    parameters, memory = decima_compiled.packed(network), np.array([3, 0])
    cluster = small_cluster()
    seen, answers = [], []
    while not cluster.done and len(seen) < 40:
        seen.append(cluster.observe())
        answers.append(decima_compiled.choose(parameters, seen[-1], False, memory))
        cluster.step(*answers[-1][:2])
    actions = torch.tensor([(choice, n - 1) for choice, n, _ in answers])
    stages, numbers, entropy = evaluate_decisions(network, seen, actions)
    torch.testing.assert_close(
        stages + numbers, torch.tensor([p for *_, p in answers]).float(), atol=1e-4, rtol=1e-4
    )
    assert 0.0 < float(entropy) < np.log(50) * 2


def test_the_critic_knows_the_work_and_the_jobs_to_come():
    cluster = small_cluster()
    before = critic_features(cluster)
    assert before.shape == (N_CRITIC,)
    assert np.isfinite(before).all()
    decima.published().play(cluster)
    after = critic_features(cluster)
    coming, work = 4, 6  # of the first horizon
    assert before[coming] > 0.0 == after[coming]
    assert before[work] > 0.0 == after[work]


def test_imitation_makes_the_decisions_of_the_rule_likelier():
    trainer = DecimaTrainer(DATA, TINY, seed=0)
    observations, actions = decisions_of_rule(DATA, np.random.default_rng(7), TINY)

    def likelihood():
        with torch.no_grad():
            stages, numbers, _ = evaluate_decisions(trainer.actor, observations, actions)
        return float((stages + numbers).mean())

    before = likelihood()
    for _ in range(6):
        trainer.update(0)
    assert likelihood() > before + 0.1


def test_a_rewarded_decision_becomes_likelier():
    trainer = DecimaTrainer(DATA, TINY, seed=0)
    played, seen = trainer.play([small_cluster() for _ in range(4)], np.random.default_rng(0))
    rows = torch.arange(len(played))
    good = (played.actions == played.actions[0]).all(dim=1)
    advantages = np.where(good, 1.0, -1.0)
    targets = Targets(advantages, advantages, 0.0)

    def likelihood():
        with torch.no_grad():
            stages, numbers, _ = evaluate_decisions(trainer.actor, seen, played.actions)
        return float((stages + numbers)[good].mean())

    before = likelihood()
    for _ in range(5):
        trainer._update_actor(played, seen, targets, rows, 0.0)
    assert likelihood() > before


def test_a_rollout_pays_the_job_time():
    """Rewards of an episode sum to minus all completion times, in seconds."""
    trainer = DecimaTrainer(DATA, TINY, seed=0)
    clusters = [small_cluster(seed) for seed in (1, 2)]
    played, seen = trainer.play(clusters, np.random.default_rng(0))
    assert len(seen) == len(played)
    for number, cluster in enumerate(clusters):
        rewards = played.rewards[played.episodes == number]
        jct_s = (cluster.completion_ms - cluster.workload.arrival_ms) / 1000.0
        assert -rewards.sum() == pytest.approx(jct_s.sum())
    assert mean_jct_s(clusters) == pytest.approx(-played.rewards.sum() / 8)


def test_an_interrupted_run_ends_with_the_same_weights(tmp_path):
    whole = trained(tmp_path / "whole")
    seen = []

    def stop(line):
        seen.append(line)
        if len(seen) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), patch("netwright.training.run.SHOW_SECONDS", 0.0):
        train(DATA, recipe="", out=tmp_path / "cut", seed=5, progress=stop, config=TINY)
    assert (tmp_path / "cut.partial").is_dir()
    again = trained(tmp_path / "cut")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name


def trained(folder):
    train(DATA, recipe="", out=folder, seed=5, progress=lambda line: None, config=TINY)
    return read_network(folder)


def test_a_trained_folder_plays_and_others_are_refused(tmp_path):
    trained(tmp_path / "one")
    policy = decima.load(tmp_path / "one")
    cluster = small_cluster()
    policy.reset(np.random.default_rng(0))
    policy.play(cluster)
    assert np.isfinite(cluster.completion_ms).all()
    with pytest.raises(DataError, match="lists no SHA-256"):
        read_network(es_rule.SHIPPED)
    weights = tmp_path / "one" / BASELINE
    weights.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    with pytest.raises(DataError, match=BASELINE):
        read_network(tmp_path / "one")


def test_a_temperature_divides_the_logits():
    network = read_network(PUBLISHED)
    graphs = Graphs.of([small_cluster().observe()])
    jobs = torch.arange(len(graphs.caps))

    def logits(one):
        scores, found = one(graphs)
        return torch.cat([scores, one.executor_logits(graphs, found, jobs)])

    torch.testing.assert_close(logits(at_temperature(network, 0.5)), 2.0 * logits(network))


def test_the_best_temperature_is_kept():
    network = read_network(PUBLISHED)
    losses = {1.0: 0.3, 0.7: 0.1, 0.5: 0.2, 0.35: 0.4}
    assert decima_training.sharpen(network, Mock(side_effect=losses.values())) == (0.7, 0.1)
    wanted = at_temperature(read_network(PUBLISHED), 0.7).state_dict()
    for name, value in network.state_dict().items():
        assert torch.equal(value, wanted[name]), name


def test_options_are_checked():
    with pytest.raises(ConfigError, match="n_rollouts"):
        DecimaConfig(n_rollouts=0)
    with pytest.raises(ConfigError, match="gamma"):
        DecimaConfig(gamma=1.5)
