"""The clipped objective, its diagnostics and rollouts, each against a computation by hand."""

from dataclasses import dataclass, replace
from itertools import chain, pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.rl import ppo
from netwright.rl.averages import update_average
from netwright.rl.rollout import Rollout, concatenated, minibatches, padded_rows, roll_out, sample, sampling


@dataclass(frozen=True)
class Options:
    iterations: int = 11
    epochs: int = 2
    minibatch_size: int = 4
    gamma: float = 0.9
    gae_lambda: float = 0.8
    clip_range: float = 0.2
    advantage_limit: float = 10.0
    max_grad_norm: float = 0.5
    ent_coef: float = 0.4
    final_ent_coef: float = 0.004
    reward_threshold: float = -5.0


class Counting:
    """Two episodes of three steps; the reward is the action."""

    def __init__(self) -> None:
        self.time = 0

    @property
    def done(self) -> bool:
        return self.time == 3

    def running(self):
        return np.arange(2)

    def times(self):
        return None

    def observe(self):
        now = torch.full((2, 1), float(self.time))
        return {"time": now}, torch.cat([now, now + 10], dim=1)

    def step(self, actions):
        self.time += 1
        return actions.astype(float)


@pytest.mark.parametrize(
    ("ratio", "advantage", "gain"),
    [(1.5, 1.0, 1.2), (1.1, 1.0, 1.1), (0.5, 1.0, 0.5), (0.5, -1.0, -0.8), (1.5, -1.0, -1.5)],
)
def test_the_objective_is_clipped_where_it_would_gain(ratio, advantage, gain):
    found = ppo.clipped_objective(torch.tensor(ratio), torch.tensor(advantage), 0.2)
    assert float(found) == pytest.approx(gain)


def test_the_entropy_of_a_masked_action_is_nothing():
    logits = torch.tensor([[0.0, 0.0, -torch.inf]], requires_grad=True)
    found = ppo.entropy(torch.log_softmax(logits, dim=-1))
    found.backward()
    assert float(found.detach()) == pytest.approx(np.log(2))
    assert logits.grad is not None
    assert logits.grad.tolist() == [[pytest.approx(0.0), pytest.approx(0.0), 0.0]]


def test_diagnostics_of_an_actor_that_has_not_changed_are_zero():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    logprobs = torch.log_softmax(logits, dim=-1)
    actions = torch.arange(6) % 4
    now = ppo.evaluate_actions(logits, actions)
    loss = ppo.actor_loss(now, logprobs.gather(-1, actions[:, None])[:, 0], torch.ones(6), Options(), 0.0)
    assert loss.approx_kl == pytest.approx(0.0, abs=1e-7)
    assert loss.clip_fraction == 0.0
    assert float(loss.loss) == pytest.approx(-1.0)


def test_diagnostics_by_hand():
    logits = torch.log(torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    before = torch.log(torch.tensor([0.5, 0.5]))
    now = ppo.evaluate_actions(logits, torch.tensor([0, 0]))
    loss = ppo.actor_loss(now, before, torch.tensor([1.0, 1.0]), Options(), 0.0)
    assert loss.clip_fraction == 0.5
    assert loss.approx_kl == pytest.approx((1.5 - 1 - np.log(1.5)) / 2, abs=1e-6)
    assert float(loss.loss) == pytest.approx(-(1.2 + 1.0) / 2)


def played(lengths, rewards, times=None) -> Rollout:
    """Steps of episodes of these lengths in the order in which they are played; rewards (N,) episode by episode."""
    episodes = [np.flatnonzero(np.array(lengths) > t) for t in range(max(lengths))]
    rows = np.concatenate([offsets(lengths)[e] + t for t, e in enumerate(episodes)])
    nothing = torch.zeros(len(rows))
    return Rollout(
        {"row": torch.from_numpy(rows)},
        nothing[:, None],
        nothing.long(),
        nothing,
        np.asarray(rewards)[rows],
        np.concatenate(episodes),
        None if times is None else np.asarray(times)[rows],
    )


def offsets(lengths) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)])


LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@given(LENGTHS, st.integers(0, 1000))
def test_a_perfect_critic_explains_all_variance(lengths, seed):
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=sum(lengths))
    values = rewards.copy()
    for first, last in pairwise(offsets(lengths)):
        for row in range(last - 2, first - 1, -1):
            values[row] += 0.9 * values[row + 1]
    rollout = played(lengths, rewards)
    found = ppo.targets(rollout, values[rollout.obs["row"].numpy()], Options(), 1.0)
    if len(rewards) > 1:
        assert found.explained_variance == pytest.approx(1.0)
    assert found.returns == pytest.approx(values[rollout.obs["row"].numpy()])


@given(LENGTHS, st.integers(0, 1000))
def test_steps_by_episode_are_in_the_order_of_time(lengths, seed):
    rollout = played(lengths, np.arange(sum(lengths), dtype=float))
    ordered = rollout.by_episode()
    assert ordered.rewards.tolist() == list(range(sum(lengths)))
    assert ordered.obs["row"].tolist() == list(range(sum(lengths)))
    assert ordered.offsets.tolist() == offsets(lengths).tolist()
    rng = np.random.default_rng(seed)
    chosen = torch.from_numpy(rng.permutation(len(lengths))[:3])
    rows, real = padded_rows(ordered.offsets, chosen)
    assert real.sum(dim=1).tolist() == [lengths[e] for e in chosen]
    assert ordered.episodes[rows[real].numpy()].tolist() == [
        int(e) for e in chosen for _ in range(lengths[e])
    ]


def test_returns_are_discounted_by_the_elapsed_time():
    rollout = played([3, 1], [1.0, 2.0, 3.0, 4.0], times=[0.0, 0.5, 2.5, 7.0])
    found = ppo.targets(rollout, np.zeros(4), replace(Options(), gae_lambda=1.0), 1.0)
    last = 3.0
    middle = 2.0 + 0.9**2.0 * last
    expected = {0: 1.0 + 0.9**0.5 * middle, 1: middle, 2: last, 3: 4.0}
    assert found.returns == pytest.approx([expected[row] for row in rollout.obs["row"].tolist()])


def test_the_probability_of_an_action_of_two_parts_is_the_product():
    logits = [torch.log(torch.tensor([[0.5, 0.25, 0.25]])), torch.log(torch.tensor([[0.1, 0.9]]))]
    logprobs, entropy = ppo.evaluate_parts(logits, torch.tensor([[1, 1]]))
    assert float(logprobs.exp()) == pytest.approx(0.25 * 0.9)
    by_hand = 1.5 * np.log(2) - 0.1 * np.log(0.1) - 0.9 * np.log(0.9)
    assert float(entropy) == pytest.approx(by_hand)


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"gamma": 1.5},
        {"clip_range": 0.0},
        {"ent_coef": float("nan")},
        {"reward_threshold": 0.0},
    ],
    ids=str,
)
def test_options_out_of_range_are_named(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        ppo.check_options(Options(**wrong))


def test_the_entropy_coefficient_falls_exponentially():
    assert [ppo.entropy_coefficient(Options(), i) for i in (0, 5, 10)] == pytest.approx([0.4, 0.04, 0.004])


def test_a_rollout_holds_what_was_played():
    logits = torch.tensor([[0.0, 1.0, -torch.inf]])
    rollout = roll_out(Counting(), sampling(lambda obs: logits.expand(2, 3)), np.random.default_rng(0))
    assert len(rollout) == 6
    assert rollout.obs["time"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert rollout.critic_obs.tolist() == [[t, t + 10] for t in (0, 0, 1, 1, 2, 2)]
    assert rollout.episodes.tolist() == [0, 1, 0, 1, 0, 1]
    assert (rollout.rewards == rollout.actions.numpy()).all()
    assert set(rollout.actions.unique().tolist()) <= {0, 1}
    expected = torch.log_softmax(logits[0], dim=-1)[rollout.actions]
    assert rollout.logprobs.numpy() == pytest.approx(expected.numpy())
    assert rollout.by_episode().obs["time"][:, 0].tolist() == [0, 1, 2, 0, 1, 2]


def test_sets_of_different_sizes_are_padded():
    found = concatenated([torch.ones(2, 1, dtype=torch.long), torch.zeros(1, 3, dtype=torch.long)])
    assert found.tolist() == [[1, -1, -1], [1, -1, -1], [0, 0, 0]]
    found = concatenated([torch.ones(1, 1, dtype=torch.bool), torch.ones(1, 2, dtype=torch.bool)])
    assert found.tolist() == [[True, False], [True, True]]
    assert concatenated([torch.ones(1, 1, 2), torch.ones(1, 2, 2)]).sum() == 6


def test_actions_are_sampled_as_often_as_they_are_likely():
    logprobs = torch.log(torch.tensor([[0.7, 0.3]])).expand(20_000, 2)
    drawn = sample(logprobs, np.random.default_rng(0))
    assert float((drawn == 0).float().mean()) == pytest.approx(0.7, abs=0.01)


def test_minibatches_hold_every_row_once_an_epoch():
    found = [rows.tolist() for rows in minibatches(np.random.default_rng(0), 10, 4, 2)]
    assert [len(rows) for rows in found] == [4, 4, 2, 4, 4, 2]
    assert all(sorted(chain(*epoch)) == list(range(10)) for epoch in (found[:3], found[3:]))


def test_a_step_clips_the_gradient_and_refuses_a_loss_that_is_not_finite():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=1.0)
    ppo.descend(100.0 * weight.sum(), optimizer, [[weight]], 0.5, "the loss")
    assert float(weight.detach()) == pytest.approx(-0.5)
    with pytest.raises(DataError, match="the loss is not finite"):
        ppo.descend(weight.sum() * torch.nan, optimizer, [[weight]], 0.5, "the loss")
    assert float(weight.detach()) == pytest.approx(-0.5)


def test_a_running_average_moves_by_one_minus_its_decay():
    average, now = {"w": torch.zeros(2)}, {"w": torch.nn.Parameter(torch.ones(2))}
    update_average(average, now, 0.9)
    assert average["w"].tolist() == pytest.approx([0.1, 0.1])
