"""PPO and vine rollouts on episodes that end at different times, with graphs and actions of two parts."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from netwright.adaptation.inference import to_tensors
from netwright.adaptation.models.decision import DecisionModel, FactoredDecisionModel
from netwright.adaptation.online import joint
from netwright.adaptation.online.ppo import AdapterEpisodes, OnlineConfig, OnlineTrainer, StepwiseModel
from netwright.adaptation.online.vine import VineTrainer
from netwright.adaptation.saved_model import assemble
from netwright.llm.backbones import build_backbone
from netwright.llm.encoders import GraphBatch, Inputs
from netwright.llm.heads import FactoredHead
from netwright.rl.rollout import Rollout, padded_rows, roll_out
from netwright.rl.vine import VineRollout
from tests.adaptation import toy_graphs as toy
from tests.adaptation.toy import small_backbone


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_backbone(tmp_path_factory.mktemp("backbone"))


def config(**options: Any) -> OnlineConfig:
    quick = {"iterations": 40, "batch_size": 64, "joined_batch_size": 64, "learning_rate": 1e-2, "rank": 2}
    quick |= {"warm_start": 0.0, "warmup": 0.01, "minibatch_size": 32, "critic_warmup": 2, "average": 0.0}
    return OnlineConfig.from_options(quick, options)


def trainer(name: str, kind: type[OnlineTrainer] | type[VineTrainer], adapter: toy.Adapter, **options: Any):
    chosen = config(**options)
    model = assemble(build_backbone(name, seed=0), adapter, chosen, seed=0)
    if model.gate is not None:
        torch.nn.init.constant_(model.gate, 0.1)
    return kind(model, adapter, chosen, seed=0, lower_is_better=False)


def mean_reward(adapter: toy.Adapter, model: DecisionModel, n: int = 300) -> float:
    """Mean reward of a decision, actions sampled."""
    model.eval()
    return float(rollout_of(adapter, model, n, seed=99).rewards.mean())


def rollout_of(adapter: toy.Adapter, model: DecisionModel, n: int, seed: int = 0) -> Rollout:
    rng = np.random.default_rng(seed)
    episodes = AdapterEpisodes(adapter.environment(rng, n), adapter, model.device, -100.0)
    return roll_out(episodes, StepwiseModel(model, n).act, rng)


def rows_of(graphs: GraphBatch, index: int) -> tuple[np.ndarray, np.ndarray]:
    first, last = int(graphs.first[index]), int(graphs.first[index] + graphs.sizes[index])
    inside = (graphs.edges[0] >= first) & (graphs.edges[0] < last)
    return graphs.nodes[first:last].numpy(), (graphs.edges[:, inside] - first).numpy()


def test_graphs_are_taken_and_concatenated() -> None:
    rng = np.random.default_rng(0)
    graphs = [(g["nodes"], g["edges"].T) for g in toy.Jobs(rng, 9).graphs]
    batch = GraphBatch.concatenated([GraphBatch.of(graphs[:4]), GraphBatch.of(graphs[4:])])
    rows = torch.tensor([[8, 0, 3], [3, 5, 1]])
    taken = batch[rows]
    assert taken.shape == (2, 3)
    for i, row in enumerate(rows.flatten().tolist()):
        nodes, edges = rows_of(taken, i)
        assert (nodes == graphs[row][0]).all()
        assert edges.T.tolist() == graphs[row][1].T.tolist()


@pytest.mark.parametrize("name", ["none", "backbone"])
@pytest.mark.parametrize(
    "adapter", [toy.Adapter(None, None), toy.StageAdapter(None, None)], ids=["two", "one"]
)
def test_a_rollout_has_the_probabilities_of_whole_episodes(
    name: str, adapter: toy.Adapter, backbone: str
) -> None:
    """Also where other episodes have ended meanwhile: the windows of the rest stay their own."""
    learner = trainer(backbone if name == "backbone" else name, OnlineTrainer, adapter)
    learner.model.eval()
    learner.model.joined = True
    played = rollout_of(adapter, learner.model, 20).by_episode()
    assert set(np.diff(played.offsets)) == set(range(1, toy.LONGEST + 1))
    rows, real = padded_rows(played.offsets, torch.arange(20))
    with torch.no_grad():
        logprobs, _ = learner._evaluate(played, rows, real)
    assert logprobs.numpy() == pytest.approx(played.logprobs[rows[real]].numpy(), abs=1e-4)
    assert played.actions.shape == ((len(played), 2) if type(adapter) is toy.Adapter else (len(played),))


def test_ppo_learns_two_part_actions_of_ragged_episodes() -> None:
    adapter = toy.Adapter(None, None)
    learner = trainer("none", OnlineTrainer, adapter)
    assert isinstance(learner.model, FactoredDecisionModel)
    before = mean_reward(adapter, learner.model)
    for step in range(25):
        learner.update(step)
    best, random = toy.play(toy.Largest(), 2), toy.play(toy.Anything(), 2)
    assert mean_reward(adapter, learner.model) > before + 0.3 * (best - random)
    assert set(learner.diagnostics) == {"entropy", "approx_kl", "clip_fraction", "explained_variance"}


@pytest.mark.parametrize("kind", [OnlineTrainer, VineTrainer])
def test_one_part_actions_are_learned_with_a_backbone(kind: type[OnlineTrainer], backbone: str) -> None:
    adapter = toy.StageAdapter(None, None)
    learner = trainer(backbone, kind, adapter, advantages="vine" if kind is VineTrainer else "critic")
    before = mean_reward(adapter, learner.model)
    for step in range(12):
        learner.update(step)
    assert mean_reward(adapter, learner.model) > before + 0.2


@pytest.mark.parametrize("name", ["none", "backbone"])
def test_two_part_actions_are_learned_by_vine_rollouts(name: str, backbone: str) -> None:
    adapter = toy.Adapter(None, None)
    learner = trainer(
        backbone if name == "backbone" else name, VineTrainer, adapter, advantages="vine", vine_most=6
    )
    before = mean_reward(adapter, learner.model)
    for step in range(12):
        learner.update(step)
    best, random = toy.play(toy.Largest(), 2), toy.play(toy.Anything(), 2)
    assert mean_reward(adapter, learner.model) > before + 0.3 * (best - random)


def every_action(
    head: FactoredHead, hidden: torch.Tensor, inputs: Inputs
) -> dict[tuple[int, int], np.ndarray]:
    """(R,) log-probabilities of all pairs of a stage and a number of workers."""
    first = torch.log_softmax(head(hidden, inputs)["stage"], dim=-1)
    found = {}
    for stage in range(first.shape[1]):
        given = {"stage": torch.full((len(hidden),), stage)}
        second = torch.log_softmax(head(hidden, inputs, given)["workers"], dim=-1)
        for workers in range(toy.WORKERS):
            found[stage, workers] = (first[:, stage] + second[:, workers]).detach().numpy()
    return found


def uneven(adapter: toy.Adapter) -> FactoredDecisionModel:
    model = assemble(build_backbone("none", seed=0), adapter, config(), seed=0).eval()
    assert isinstance(model, FactoredDecisionModel)
    torch.manual_seed(1)
    for parameter in model.head.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    return model


@pytest.mark.parametrize("most", [1, 4, 100])
def test_the_beam_finds_likely_actions_with_their_probabilities(most: int) -> None:
    adapter = toy.Adapter(None, None)
    model = uneven(adapter)
    with torch.no_grad():
        inputs = to_tensors(adapter.inputs(toy.Jobs(np.random.default_rng(3), 20).observe()), model.device)
        hidden, read = model.read_next(inputs, None)
        expected = every_action(model.head, hidden, read)
        actions, logprobs = joint.likeliest(model.head, hidden, read, most)
    assert actions.shape == (20, min(most, len(expected)), 2)
    for row in range(20):
        by_hand = sorted((float(p[row]) for p in expected.values()), reverse=True)
        found = logprobs[row].tolist()
        assert found == sorted(found, reverse=True)
        for action, logprob in zip(actions[row].tolist(), found, strict=True):
            if logprob > -np.inf:
                assert logprob == pytest.approx(float(expected[tuple(action)][row]), abs=1e-5)
            else:
                assert action == actions[row, 0].tolist()
        if most == 100:
            assert found == pytest.approx(by_hand, abs=1e-5)


def test_probabilities_of_given_actions_are_those_when_they_were_played() -> None:
    adapter = toy.Adapter(None, None)
    learner = trainer("none", VineTrainer, adapter, advantages="vine", vine_least=1e-6, vine_certain=1.0)
    explored = learner._explore(np.random.default_rng(0), 10)
    rows, real = padded_rows(explored.offsets, torch.arange(10))
    with torch.no_grad():
        now, bonus = learner._evaluate(explored, rows, explored.tried[rows] & real)
    before = explored.logprobs[rows][explored.tried[rows] & real]
    possible = before > -np.inf
    assert now[possible].numpy() == pytest.approx(before[possible].numpy(), abs=1e-5)
    assert 0.0 < float(bonus) <= np.log(toy.LARGEST) + np.log(toy.WORKERS)


def test_copies_whose_future_hardly_counts_are_played_no_further() -> None:
    jobs = toy.Stages(np.random.default_rng(0), 12)
    vine = VineRollout(0.3, reward_threshold=-1000.0, negligible=0.05)
    n = len(jobs.running())
    expected = [by_hand_until(jobs, episode, 0.3, 3) for episode in jobs.running()]
    vine.begin(jobs, np.arange(n), np.arange(n), np.zeros(n, dtype=int))
    steps = 0
    while vine.waiting:
        vine.advance(np.zeros(len(vine.copies.running()), dtype=int))
        steps += 1
    assert steps == 2, "after three rewards the next counts for 0.3^3 = 0.027"
    assert vine.returns == pytest.approx(expected)


def by_hand_until(jobs: toy.Stages, episode: int, gamma: float, n_steps: int) -> float:
    """As `by_hand` with the first candidate throughout, of so many decisions."""
    graphs = jobs.episodes[episode][:n_steps]
    return sum(gamma**t * float(g["nodes"][g["candidates"][0], 0]) for t, g in enumerate(graphs))


@pytest.mark.parametrize("kind", [toy.Stages, toy.TimedStages])
@pytest.mark.parametrize("gamma", [1.0, 0.9])
def test_vine_returns_are_those_of_each_copy_played_out(kind: type[toy.Stages], gamma: float) -> None:
    """Every candidate of every decision is tried; afterwards copies and episodes take the first one."""
    jobs = kind(np.random.default_rng(0), 12)
    vine = VineRollout(gamma, reward_threshold=-1000.0)
    expected, decision = {}, 0
    while not jobs.done:
        if vine.waiting:
            vine.advance(np.zeros(len(vine.copies.running()), dtype=int))
        for row, episode in enumerate(jobs.running()):
            n = len(jobs.graphs[row]["candidates"])
            for action in range(n):
                expected[decision, action] = by_hand(jobs, episode, action, gamma)
            vine.begin(jobs, np.full(n, decision), np.full(n, row), np.arange(n))
            decision += 1
        jobs.step(np.zeros(len(jobs.running()), dtype=int))
    assert not vine.waiting
    keys = list(
        zip(np.concatenate(vine.decisions).tolist(), np.concatenate(vine.columns).tolist(), strict=True)
    )
    assert vine.returns == pytest.approx([expected[key] for key in keys])
    assert len(keys) == len(expected)


def by_hand(jobs: toy.Stages, episode: int, action: int, gamma: float) -> float:
    graphs = jobs.episodes[episode][jobs.time :]
    actions = [action] + [0] * (len(graphs) - 1)
    rewards = [float(g["nodes"][g["candidates"][a], 0]) for g, a in zip(graphs, actions, strict=True)]
    elapsed = [len(g["nodes"]) if isinstance(jobs, toy.TimedStages) else 1 for g in graphs]
    starts = np.concatenate([[0], np.cumsum(elapsed)])
    return sum(r * gamma ** float(start) for r, (start, _) in zip(rewards, pairwise(starts), strict=True))
