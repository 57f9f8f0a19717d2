"""Conditions and imitation targets on a small experience, each number worked by hand or by a plain loop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.adaptation.config import ANY_BATCH, TrainingConfig
from netwright.adaptation.inference import predict_fn
from netwright.adaptation.offline import imitation, return_conditioning
from netwright.adaptation.offline.experience import ACTION, COMPONENTS, LABELS, REWARD, Experience
from netwright.adaptation.offline.imitation import best_policy, imitation_targets
from netwright.adaptation.trainer import autocast_dtype, learning_rate_at, schedule_of
from netwright.core.errors import ConfigError, DataError


def experience(rewards, *, policy=None, session=None, components=None, labels=None, actions=None):
    """Episodes of these rewards; two policies and one session by default."""
    lengths = [len(r) for r in rewards]
    flat = np.concatenate([np.asarray(r, dtype=np.float32) for r in rewards])
    parts = np.stack([flat, -flat], axis=1) if components is None else np.concatenate(components)
    columns = {
        ACTION: np.zeros(len(flat), dtype=np.int16) if actions is None else np.array(actions, dtype=np.int16),
        REWARD: flat,
        COMPONENTS: parts.astype(np.float32),
    }
    if labels is not None:
        columns[LABELS] = np.array(labels, dtype=np.float32)
    n = len(lengths)
    return Experience(
        columns=columns,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        policy=np.array(policy if policy is not None else np.arange(n) % 2, dtype=np.int32),
        where=np.zeros(n, dtype=np.int32),
        seed=np.zeros(n, dtype=np.int64),
        session=np.array(session if session is not None else np.zeros(n), dtype=np.int64),
        policies=("one", "two"),
        places=("here",),
        info={"task": "toy", "components": ["x", "y"]},
    )


REWARDS = st.lists(st.lists(st.floats(-30.0, 5.0, width=32), min_size=1, max_size=5), min_size=2, max_size=6)


@given(REWARDS)
def test_sums_and_counts_to_the_end(rewards):
    found = experience(rewards)
    flat = found.array(REWARD).astype(np.float64)
    sums = [sum(map(float, r[t:])) for r in rewards for t in range(len(r))]
    counts = [len(r) - t for r in rewards for t in range(len(r))]
    assert return_conditioning.to_go(flat, found) == pytest.approx(sums, abs=1e-6)
    assert return_conditioning.left(found).tolist() == counts
    assert found.returns == pytest.approx([np.mean(r) for r in rewards], abs=1e-5)


@given(REWARDS)
def test_returns_are_scaled_between_percentiles_with_a_margin(rewards):
    conditioning, found = return_conditioning.fit("returns", experience(rewards))
    cut = [np.maximum(r, -10.0) for r in rewards]
    per_step = np.array([c[t:].mean() for c in cut for t in range(len(c))])
    low, high = np.percentile(per_step, (5, 95))
    assert (conditioning.fitted["low"], conditioning.fitted["high"]) == pytest.approx((low, high), abs=1e-5)
    if high - low > 1e-3:
        expected = np.clip((per_step - low) / (high - low), -0.5, 1.5)
        assert found[:, 0] == pytest.approx(expected, abs=1e-3)
    means = [c.mean() for c in cut]
    quantiles = conditioning.fitted["quantiles"]
    assert len(quantiles) == 21
    assert (quantiles[0], quantiles[10], quantiles[-1]) == pytest.approx(
        (min(means), np.median(means), max(means)), abs=1e-5
    )


def test_a_target_of_returns_is_spent_by_the_rewards():
    conditioning, _ = return_conditioning.fit("returns", experience([[0.0, 0.0], [4.0, 4.0]]))
    target = conditioning.start(2, 0.5)
    weights = np.ones((2, 2))
    # The median of the means 0 and 4 is 2 per decision; the 5th and 95th percentile are 0 and 4.
    assert target.now(np.array([4, 2]), weights).tolist() == [[0.5], [0.5]]
    target.update(np.array([5.0, -20.0]))
    # Left are 8 - 5 = 3 over 3 decisions, and 4 + 10 = 14 over one, cut at the margin.
    assert target.now(np.array([3, 1]), weights)[:, 0] == pytest.approx([0.25, 1.5])


def test_published_returns_are_scaled_by_the_extremes_of_the_rewards():
    made = experience([[0.0, 2.0], [4.0]])
    conditioning, found = return_conditioning.fit("returns-published", made)
    # Scaled rewards 0, 0.5 and 1; to go: 0.5, 0.5 and 1, divided by 1000.
    assert found[:, 0] == pytest.approx([0.0005, 0.0005, 0.001])
    assert conditioning.fitted["target"] == pytest.approx(0.001)
    target = conditioning.start(1, 2.0)
    assert target.now(np.array([2]), np.ones((1, 2)))[0, 0] == pytest.approx(0.002)
    target.update(np.array([2.0]))
    assert target.now(np.array([1]), np.ones((1, 2)))[0, 0] == pytest.approx(0.0015)
    target.update(np.array([99.0]))  # beyond the range seen counts as its end
    assert target.now(np.array([1]), np.ones((1, 2)))[0, 0] == pytest.approx(0.0005)


def test_regret_is_in_deviations_of_the_session():
    # Session 0: means 1 and 3, deviation 1; session 1: means 0 and 10, deviation 5.
    made = experience([[1.0], [3.0], [0.0, 0.0], [10.0, 10.0]], session=[0, 0, 1, 1])
    conditioning, found = return_conditioning.fit("regret", made)
    assert found[:, 0].tolist() == [-1.0, 1.0, -1.0, -1.0, 1.0, 1.0]
    assert conditioning.size == 1
    target = conditioning.start(3, 0.8)
    assert target.now(np.array([5, 4, 3]), np.ones((3, 2))) == pytest.approx(np.full((3, 1), 0.8))
    target.update(np.array([1.0, 2.0, 3.0]))
    assert target.now(np.array([4, 3, 2]), np.ones((3, 2))) == pytest.approx(np.full((3, 1), 0.8))


def test_tiny_differences_within_a_session_are_noise():
    made = experience([[0.0], [0.001], [0.0], [10.0]], session=[0, 0, 1, 1])
    found = return_conditioning.fit("regret", made)[1][:, 0]
    usual = np.sqrt((2 * 0.0005**2 + 2 * 5.0**2) / 4)
    assert found[:2] == pytest.approx([-0.0005 / (0.1 * usual), 0.0005 / (0.1 * usual)], rel=1e-3)
    assert found[2:] == pytest.approx([-1.0, 1.0], rel=1e-6)


def test_deviations_are_cut_unevenly():
    many = experience([[float(v)] for v in [100.0] + [0.0] * 30], policy=[0] + [1] * 30)
    found = return_conditioning.fit("regret", many)[1][:, 0]
    assert found.max() == 3.0
    few = experience([[float(v)] for v in [-100.0] + [0.0] * 30], policy=[0] + [1] * 30)
    assert return_conditioning.fit("regret", few)[1].min() == -2.0


def vectors():
    """Two policies in two sessions; the first gains in x what it loses in y."""
    parts = [[[4.0, 1.0]], [[0.0, 3.0]], [[6.0, 0.0]], [[2.0, 2.0]]]
    return experience([[1.0]] * 4, session=[0, 0, 1, 1], components=[np.array(p) for p in parts])


def test_vectors_are_relative_to_the_session_in_deviations():
    conditioning, found = return_conditioning.fit("vector-returns", vectors())
    # Relative to their sessions: (2, -1), (-2, 1), (2, -1), (-2, 1); deviations 2 and 1.
    assert found.tolist() == [[1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [-1.0, 1.0]]
    assert conditioning.fitted == {"deviation": [2.0, 1.0], "reached": [[2.0, -1.0], [-2.0, 1.0]]}
    assert conditioning.size == 2


def test_a_vector_target_is_what_the_best_policy_under_the_weights_reached():
    conditioning, _ = return_conditioning.fit("vector-returns", vectors())
    target = conditioning.start(2, 2.0)
    weights = np.array([[1.0, 1.0], [1.0, 3.0]])
    # Under (1, 1) the first policy is worth 1, the second -1; under (1, 3) it is the other way round.
    assert target.now(np.array([1, 1]), weights).tolist() == [[2.0, -2.0], [-2.0, 2.0]]
    far = conditioning.start(1, 9.0)
    assert far.now(np.array([1]), weights[:1]).tolist() == [[3.0, -3.0]]


def test_without_a_condition_nothing_is_asked_for():
    conditioning, found = return_conditioning.fit("none", vectors())
    assert (conditioning.size, found.shape) == (0, (4, 0))
    target = conditioning.start(3, 1.0)
    target.update(np.ones(3))
    assert target.now(np.ones(3), np.ones((3, 2))).shape == (3, 0)


def targets_of(method, made, **options):
    known = {"critic_inputs": np.zeros((made.n_steps, 1), dtype=np.float32), "n_choices": 3}
    return imitation_targets(method, made, **(known | {"temperature": 1.0, "seed": 0} | options))


def test_the_control_imitates_the_best_policy_only():
    made = experience([[1.0], [5.0], [2.0], [3.0]], policy=[0, 1, 0, 1])
    assert best_policy(made) == 1
    found = targets_of("clone", made)
    assert found.episodes.tolist() == [1, 3]
    assert (found.weight == 1.0).all()
    assert found.labels is None
    assert best_policy(replace(made, policy=np.zeros(4, dtype=np.int32))) == 0


def test_weights_of_advantages_are_exponential_capped_and_of_mean_one(monkeypatch):
    made = experience([[1.0, 1.0], [1.0, 1.0]])
    advantages = np.array([0.0, 2.0, -2.0, 100.0], dtype=np.float32)
    seen = {}

    def fitted(offsets, critic_obs, rewards, *, seed):
        seen.update(offsets=offsets, obs=critic_obs, rewards=rewards, seed=seed)
        return advantages

    monkeypatch.setattr(imitation, "fitted_advantages", fitted)
    inputs = np.arange(4, dtype=np.float32)[:, None]
    found = targets_of("advantage", made, temperature=2.0, seed=7, critic_inputs=inputs)
    expected = np.array([1.0, np.e, 1 / np.e, 20.0])
    assert found.weight == pytest.approx(expected / expected.mean(), rel=1e-5)
    assert seen["seed"] == 7
    assert seen["obs"].tolist() == inputs.tolist()
    assert len(found.episodes) == 2


def test_the_labels_of_teachers_are_followed_and_weighted():
    labels = [[0.2, 0.3, 0.5], [1.0, 0.0, 0.0], [0.0, 0.5, 0.5]]
    made = experience([[1.0, 2.0], [3.0]], labels=labels)
    found = targets_of("distill", made)
    rows, real = np.array([[0, 1], [2, 2]]), np.array([[True, True], [True, False]])
    assert found.target(rows, real) == pytest.approx(np.array([labels[:2], [labels[2], [0.0] * 3]]))
    with pytest.raises(ConfigError, match="--label"):
        targets_of("distill", experience([[1.0], [2.0]]))
    with pytest.raises(DataError, match="labels are of 3 choices, there are 2"):
        targets_of("distill", made, n_choices=2)


def test_actions_become_one_hot_targets_and_must_be_choices():
    made = experience([[1.0, 2.0], [3.0]], actions=[2, 0, 1])
    found = targets_of("returns", made)
    rows, real = np.array([[0, 1]]), np.ones((1, 2), dtype=bool)
    assert found.target(rows, real).tolist() == [[[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]]
    with pytest.raises(DataError, match="decision 0 is action 2, there are 2 choices"):
        targets_of("returns", made, n_choices=2)


@given(
    iterations=st.integers(1, 400),
    warmup=st.sampled_from([0.0, 0.03, 0.25]),
    start=st.sampled_from([0, 7]),
)
def test_learning_rates_rise_in_a_line_and_fall_in_a_cosine(iterations, warmup, start):
    config = TrainingConfig(iterations=iterations + start, warmup=warmup, learning_rate=0.5)
    rates = np.array([learning_rate_at(step, config, start=start) for step in range(iterations + start)])
    assert (rates[:start] == 0.0).all()
    rates = rates[start:]
    warm = max(1, round(warmup * iterations))
    rise = 0.5 * np.arange(1, warm + 1) / warm
    assert rates[:warm] == pytest.approx(rise[: len(rates)])
    steps = np.arange(iterations - warm)
    fall = 0.25 * (1.0 + np.cos(np.pi * steps / max(1, iterations - warm)))
    assert rates[warm:] == pytest.approx(fall)


def test_learning_rates_by_hand():
    # Ten updates, of which two warm up; then a cosine over eight.
    config = TrainingConfig(iterations=10, warmup=0.2, learning_rate=1.0)
    found = [learning_rate_at(step, config) for step in range(10)]
    assert found[:2] == [0.5, 1.0]
    assert found[2:] == pytest.approx([0.5 * (1.0 + np.cos(np.pi * k / 8)) for k in range(8)])
    # Without a warm-up the first update has the whole rate.
    assert learning_rate_at(0, TrainingConfig(iterations=10, warmup=0.0, learning_rate=1.0)) == 1.0
    late = TrainingConfig(iterations=10, warmup=0.25, learning_rate=1.0)
    assert [learning_rate_at(step, late, start=6) for step in (5, 6, 7)] == [0.0, 1.0, 1.0]
    assert learning_rate_at(9, late, start=6) == pytest.approx(0.5 * (1.0 + np.cos(np.pi * 2 / 3)))


def test_the_schedule_of_a_config_waits_for_the_backbone():
    config = TrainingConfig(iterations=200, warm_start=0.3, patience=4, average=0.9, evaluate_every=20)
    found = schedule_of(config)
    assert (found.iterations, found.evaluate_every, found.patience) == (200, 20, 4)
    assert found.patience_from == config.joins_at == 60
    assert found.average == 0.9
    assert found.tolerance == config.tolerance


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"warmup": 1.0}, r"warmup must lie in \[0, 1\), got 1"),
        ({"average": -0.1}, "average must lie"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or more"),
        ({"alpha": 0.0}, "alpha must be above 0"),
        ({"max_layers": 0}, "max_layers must be a whole number from 1"),
        ({"learning_rate": float("inf")}, "learning_rate must be above 0 and finite"),
    ],
)
def test_options_at_the_ends_of_their_ranges_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        TrainingConfig.from_options(options)


def test_later_layers_of_options_replace_earlier_ones():
    found = TrainingConfig.from_options({"iterations": 5, "rank": 2}, {"rank": 3})
    assert (found.iterations, found.rank) == (5, 3)


def test_a_batch_may_not_exceed_the_training_data_unless_it_is_small():
    TrainingConfig(batch_size=ANY_BATCH).check_batch(1)
    TrainingConfig(batch_size=ANY_BATCH + 5).check_batch(ANY_BATCH + 5)
    with pytest.raises(ConfigError, match=f"at most {ANY_BATCH + 4}, because the training data hold"):
        TrainingConfig(batch_size=ANY_BATCH + 5).check_batch(ANY_BATCH + 4)


def test_precision_is_what_was_asked_for():
    cpu = torch.device("cpu")
    assert autocast_dtype(TrainingConfig(precision="bfloat16"), cpu) is torch.bfloat16
    assert autocast_dtype(TrainingConfig(precision="float32"), torch.device("cuda")) is None
    assert autocast_dtype(TrainingConfig(precision="auto"), torch.device("cuda")) is torch.bfloat16


class Doubling(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.sizes = []

    def forward(self, inputs):
        assert not self.training
        self.sizes.append(len(inputs["x"]))
        return (2.0 * inputs["x"]).to(torch.bfloat16)


def test_predictions_are_made_in_chunks_and_refused_where_they_are_not_finite():
    model = Doubling().train()
    predict = predict_fn(model, torch.device("cpu"), chunk=4)
    x = np.arange(10, dtype=np.float32)[:, None]
    found = predict({"x": x})
    assert found.dtype == np.float32
    assert found.tolist() == (2.0 * x).tolist()
    assert model.sizes == [4, 4, 2]
    x[3] = np.nan
    with pytest.raises(DataError, match="the model answered NaN or infinity"):
        predict({"x": x})
