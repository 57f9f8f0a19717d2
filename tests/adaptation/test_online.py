"""The online phases piece by piece: rates, what is tried, advantages of tries, and the objective, by hand."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from netwright.adaptation.online.ppo import CRITIC, AdapterEpisodes, OnlineConfig, OnlineTrainer
from netwright.adaptation.online.vine import Alternatives, Explored, VineTrainer, _padded
from netwright.adaptation.saved_model import assemble
from netwright.adaptation.trainer import INTERACTING
from netwright.core.errors import NetwrightError
from netwright.llm.backbones import build_backbone
from tests.adaptation import toy_decisions as toy

STATE = {"conditioning": {"kind": "none", "size": 0, "fitted": {}}, "ranges": {"low": [], "high": []}}


def doors() -> toy.DoorsAdapter:
    return toy.DoorsAdapter({"window": 2, "target": 0.0}, None, STATE, None, 0)


def trainer(kind=OnlineTrainer, **options):
    quick = {"iterations": 10, "batch_size": 6, "joined_batch_size": 4, "minibatch_size": 3, "rank": 2}
    config = OnlineConfig.from_options(quick, options)
    adapter = doors()
    torch.manual_seed(0)
    model = assemble(build_backbone("none", seed=0), adapter, config, seed=0)
    return kind(model, adapter, config, seed=0)


# Options


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"joined_batch_size": 0}, "joined_batch_size must be a whole number from 1, got 0"),
        ({"critic_epochs": 0}, "critic_epochs must be a whole number from 1, got 0"),
        ({"critic_learning_rate": 0.0}, "critic_learning_rate must be above 0 and finite"),
        ({"return_scale": math.inf}, "return_scale must be above 0 and finite"),
        ({"vine_certain": 0.0}, "vine_certain must be above 0"),
        ({"vine_limit": -1.0}, "vine_limit must be above 0"),
        ({"vine_share": 0.0}, "vine_share must be above 0"),
        ({"vine_most": 0}, "vine_most must be a whole number from 1, got 0"),
        ({"advantages": "guesses"}, "unknown kind of advantages"),
        ({"lora_dropout": 0.1}, "PPO needs the same network in rollout and update"),
    ],
)
def test_options_that_cannot_be_are_named(options, words):
    with pytest.raises(NetwrightError, match=words):
        OnlineConfig.from_options(options)


def test_earlier_names_of_options_are_read():
    earlier = {"lam": 0.9, "knee": -5.0, "clip": 0.4, "minibatch": 7, "advantages": "branches"}
    found = OnlineConfig.from_options(earlier)
    assert (found.gae_lambda, found.reward_threshold, found.max_grad_norm) == (0.9, -5.0, 0.4)
    assert (found.minibatch_size, found.advantages) == (7, "vine")
    assert OnlineConfig.from_options({"advantages": "critic"}).advantages == "critic"


# Episodes as the trainer observes them


def test_only_the_critic_observes_the_privileged_information():
    adapter = doors()
    environment = adapter.environment(np.random.default_rng(1), 5)
    episodes = AdapterEpisodes(environment, adapter, torch.device("cpu"), -100.0)
    inputs, critic_obs = episodes.observe()
    numbers = environment.numbers[:, 0].astype(np.float32)
    np.testing.assert_allclose(critic_obs[:, : toy.DOORS].numpy(), numbers)
    np.testing.assert_allclose(critic_obs[:, toy.DOORS :].numpy(), environment.privileged(), rtol=1e-6)
    assert critic_obs.shape == (5, toy.DOORS + 1)
    assert set(inputs) == {"sign", "numbers", "candidates"}
    assert episodes.running().tolist() == [0, 1, 2, 3, 4]
    assert episodes.times() is None


def test_rewards_are_compressed_below_the_threshold():
    adapter = doors()
    environment = adapter.environment(np.random.default_rng(1), 200)
    plain = toy.Doors(np.random.default_rng(1), 200).step(np.zeros(200, dtype=np.int64))[0]
    compressed = AdapterEpisodes(environment, adapter, torch.device("cpu"), -0.5).step(
        np.zeros(200, dtype=np.int64)
    )
    above = plain >= -0.5
    assert 0 < above.sum() < 200
    assert (compressed[above] == plain[above]).all()
    assert (compressed[~above] > plain[~above]).all()
    assert (compressed[~above] < -0.5).all()


# The trainer with a critic


def test_model_and_critic_have_rates_and_gradient_norms_of_their_own():
    made = trainer(learning_rate=2e-3, critic_learning_rate=6e-3)
    critic = {id(p) for p in made.critic.parameters()}
    for group in made.optimizer.param_groups:
        kinds = {id(p) in critic for p in group["params"]}
        assert len(kinds) == 1
        assert group["factor"] == pytest.approx(3.0 if kinds.pop() else 1.0)
    model, own = made._own()
    assert {id(p) for p in own} == critic
    assert not {id(p) for p in model} & critic
    assert len(model) + len(own) == len(made.parameters)
    assert {n for n in made.parameters if n.startswith(CRITIC)} == {
        CRITIC + name for name, _ in made.critic.named_parameters()
    }


def test_the_critic_learns_alone_at_first():
    made = trainer(critic_warmup=1, critic_epochs=1, epochs=1)
    before = {name: p.detach().clone() for name, p in made.parameters.items()}
    made.update(0)
    changed = {name for name, p in made.parameters.items() if not torch.equal(p, before[name])}
    assert changed
    assert all(name.startswith(CRITIC) for name in changed)
    made.update(1)
    changed = {name for name, p in made.parameters.items() if not torch.equal(p, before[name])}
    assert any(not name.startswith(CRITIC) for name in changed)
    assert {"approx_kl", "clip_fraction", "entropy", "explained_variance"} <= set(made.diagnostics)


def test_iterations_with_a_backbone_play_fewer_episodes_and_count_the_time():
    made = trainer()
    with made.playing() as n:
        assert n == 6
    made.model.gate = torch.nn.Parameter(torch.zeros(1))
    for joined, expected in ((False, 6), (True, 4)):
        made.model.joined = joined
        with made.playing() as n:
            assert n == expected
    assert made.state.totals[INTERACTING] >= 0.0


def test_an_iteration_is_drawn_from_its_number_and_seed():
    one, again = trainer(), trainer()
    assert one.begin(3).random() == again.begin(3).random()
    assert torch.equal(torch.rand(2), (again.begin(3), torch.rand(2))[1])
    assert one.begin(3).random() != one.begin(4).random()


def test_minibatches_cover_every_episode_once_in_each_epoch():
    parts = list(trainer().minibatches(np.random.default_rng(0), 8, 2))
    assert [len(p) for p in parts] == [3, 3, 2, 3, 3, 2]
    assert sorted(torch.cat(parts[:3]).tolist()) == list(range(8))
    assert sorted(torch.cat(parts[3:]).tolist()) == list(range(8))


# Vine rollouts


def test_likely_actions_of_uncertain_states_are_tried():
    made = trainer(VineTrainer, advantages="vine", vine_certain=0.9, vine_least=0.05)
    probabilities = np.array(
        [
            [0.95, 0.04, 0.01],  # almost certain: nothing is tried
            [0.89, 0.06, 0.05],  # the last is not likelier than the least
            [0.90, 0.10, 0.00],  # at the limit it counts as certain
            [0.30, 0.30, 0.40],
        ]
    )
    rows, actions = made._to_try(probabilities, np.random.default_rng(0))
    assert list(zip(rows.tolist(), actions.tolist(), strict=True)) == [(1, 0), (1, 1), (3, 0), (3, 1), (3, 2)]


def test_steps_with_fewer_actions_are_padded_with_impossible_ones():
    found = _padded([np.zeros((2, 1)), np.full((1, 3), -1.0)])
    assert found.tolist() == [[0.0, -math.inf, -math.inf]] * 2 + [[-1.0, -1.0, -1.0]]


def test_steps_are_ordered_by_episode_and_advantages_in_units_of_their_deviation():
    made = trainer(VineTrainer, advantages="vine", vine_limit=9.0)
    # Two episodes in lock step for two steps: numbers 0, 1 (first step) and 2, 3 (second).
    advantages = np.array([[1.0, -1.0], [0.0, 0.0], [3.0, -3.0], [0.0, 0.0]])
    asked = []

    def of(before, limit):
        asked.append((before.shape, limit))
        return advantages

    obs = [{"x": torch.tensor([[0.0], [1.0]])}, {"x": torch.tensor([[2.0], [3.0]])}]
    logprobs = [np.log([[0.5, 0.5]] * 2), np.log([[0.25, 0.75]] * 2)]
    steps = [Alternatives(np.array([[0, 1]] * 2), part, np.zeros(2, dtype=int)) for part in logprobs]
    found = made._explored(SimpleNamespace(advantages=of), obs, steps, np.array([0, 1, 0, 1]))
    assert asked == [((4, 2), 9.0)]
    assert found.obs["x"].flatten().tolist() == [0.0, 2.0, 1.0, 3.0]
    assert found.offsets.tolist() == [0, 2, 4]
    assert found.tried.tolist() == [True, True, False, False]
    assert found.actions is None
    size = np.std([1.0, -1.0, 3.0, -3.0])
    np.testing.assert_allclose(found.advantages.numpy()[:2], np.array([[1, -1], [3, -3]]) / size, rtol=1e-6)
    np.testing.assert_allclose(found.logprobs.exp().numpy(), [[0.5, 0.5], [0.25, 0.75]] * 2, rtol=1e-6)


def test_without_a_try_there_are_no_advantages_and_no_loss():
    made = trainer(VineTrainer, advantages="vine", vine_certain=1e-6)
    before = [p.detach().clone() for p in made.parameters.values()]
    assert made.update(0) == 0.0
    assert all(torch.equal(a, b) for a, b in zip(before, made.parameters.values(), strict=True))


def explored(made, advantages, logprobs):
    """One episode of two steps; actions were tried in the first."""
    obs = {
        "sign": torch.ones(2, 1),
        "numbers": torch.zeros(2, toy.DOORS),
        "candidates": torch.zeros(2, toy.DOORS, 1),
    }
    return Explored(obs, np.array([0, 2]), logprobs, advantages, torch.tensor([True, False]))


def test_the_objective_is_summed_over_all_possible_actions(monkeypatch):
    """The model's probabilities are 1/3 each. Ratios 2/3 and 4/3 with a range of 0.2: the second is clipped at 1.2."""
    made = trainer(
        VineTrainer,
        advantages="vine",
        clip_range=0.2,
        ent_coef=0.5,
        final_ent_coef=0.5,
        reward_threshold=-9.0,
    )
    monkeypatch.setattr(
        made.model, "forward", lambda inputs: torch.zeros(*inputs["sign"].shape[:2], toy.DOORS)
    )
    losses = []
    monkeypatch.setattr(made, "descend", lambda loss, step, *groups: losses.append(float(loss)) or 0.0)
    before = torch.tensor([[0.5, 0.25, 0.25], [1 / 3, 1 / 3, 1 / 3]]).log()
    advantages = torch.tensor([[-1.0, 2.0, 0.5], [9.0, 9.0, 9.0]])
    made._learn(0, explored(made, advantages, before), torch.tensor([0]))
    # Advantage -1 with the ratio 2/3: the lower of -2/3 and -0.8 counts.
    gain = 0.5 * -0.8 + 0.25 * 2.0 * 1.2 + 0.25 * 0.5 * 1.2
    assert losses == [pytest.approx(-gain - 0.5 * math.log(3.0), rel=1e-5)]


def test_an_impossible_action_counts_for_nothing(monkeypatch):
    made = trainer(VineTrainer, advantages="vine", ent_coef=1e-9, final_ent_coef=1e-9)
    scores = torch.tensor([0.0, 0.0, -math.inf])
    monkeypatch.setattr(
        made.model, "forward", lambda inputs: scores.expand(*inputs["sign"].shape[:2], toy.DOORS)
    )
    losses = []
    monkeypatch.setattr(made, "descend", lambda loss, step, *groups: losses.append(float(loss)) or 0.0)
    before = torch.tensor([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]).log()
    made._learn(0, explored(made, torch.tensor([[1.0, -0.5, 0.0]] * 2), before), torch.tensor([0]))
    assert losses == [pytest.approx(-(0.5 * 1.0 - 0.5 * 0.5), abs=1e-6)]


def test_copies_are_played_greedily_without_the_backbone():
    made = trainer(VineTrainer, advantages="vine")
    environment = doors().environment(np.random.default_rng(2), 7)
    made.model.eval()
    with torch.inference_mode():
        read = made._read(environment)
        expected = made.model.next(read, None).argmax(dim=-1).tolist()
        made.model.joined = True
        found = made._greedy(SimpleNamespace(copies=environment))
    assert found.tolist() == expected
    assert made.model.joined, "the backbone is used again afterwards"


def test_vine_rollouts_are_reproducible():
    one, other = (trainer(VineTrainer, advantages="vine") for _ in range(2))
    assert one.update(0) == other.update(0)
    for a, b in zip(one.parameters.values(), other.parameters.values(), strict=True):
        assert torch.equal(a, b)


def test_a_share_of_the_uncertain_states_is_explored():
    made = trainer(VineTrainer, advantages="vine", vine_share=0.25)
    rows, columns = made._to_try(np.full((400, 2), 0.5), np.random.default_rng(0))
    assert 70 < len(set(rows.tolist())) < 130
    assert (np.bincount(rows)[np.unique(rows)] == 2).all()
    assert len(columns) == len(rows)
