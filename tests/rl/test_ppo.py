"""The clipped objective, its diagnostics and rollouts, each against a computation by hand."""

from dataclasses import dataclass
from itertools import chain

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, DataError
from netwright.rl import ppo
from netwright.rl.averages import update_average
from netwright.rl.rollout import minibatches, roll_out, sample


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
    logprobs = torch.log_softmax(torch.tensor([[0.0, 0.0, -torch.inf]]), dim=-1)
    assert float(ppo.entropy(logprobs)) == pytest.approx(np.log(2))


def test_diagnostics_of_an_actor_that_has_not_changed_are_zero():
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    logprobs = torch.log_softmax(logits, dim=-1)
    actions = torch.arange(6) % 4
    loss = ppo.actor_loss(
        logits, actions, logprobs.gather(-1, actions[:, None])[:, 0], torch.ones(6), Options(), 0.0
    )
    assert loss.approx_kl == pytest.approx(0.0, abs=1e-7)
    assert loss.clip_fraction == 0.0
    assert float(loss.loss) == pytest.approx(-1.0)


def test_diagnostics_by_hand():
    logits = torch.log(torch.tensor([[0.75, 0.25], [0.5, 0.5]]))
    before = torch.log(torch.tensor([0.5, 0.5]))
    loss = ppo.actor_loss(logits, torch.tensor([0, 0]), before, torch.tensor([1.0, 1.0]), Options(), 0.0)
    assert loss.clip_fraction == 0.5
    assert loss.approx_kl == pytest.approx((1.5 - 1 - np.log(1.5)) / 2, abs=1e-6)
    assert float(loss.loss) == pytest.approx(-(1.2 + 1.0) / 2)


@given(st.integers(0, 1000))
def test_a_perfect_critic_explains_all_variance(seed):
    rewards = np.random.default_rng(seed).normal(size=(3, 4))
    values = np.stack([(0.9 ** np.arange(4 - t)) @ rewards[:, t:].T for t in range(4)], axis=1)
    assert ppo.targets(rewards, values, Options(), 1.0).explained_variance == pytest.approx(1.0)


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
    played = roll_out(Counting(), lambda obs: logits.expand(2, 3), np.random.default_rng(0))
    assert played.obs["time"].shape == (2, 3, 1)
    assert played.critic_obs.shape == (2, 3, 2)
    assert (played.rewards == played.actions.numpy()).all()
    assert set(played.actions.unique().tolist()) <= {0, 1}
    expected = torch.log_softmax(logits[0], dim=-1)[played.actions]
    assert played.logprobs.numpy() == pytest.approx(expected.numpy())
    steps = played.steps()
    assert len(steps) == 6
    assert steps.obs["time"][:, 0].tolist() == [0, 0, 1, 1, 2, 2]
    assert steps.actions.tolist() == played.actions.T.flatten().tolist()


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
