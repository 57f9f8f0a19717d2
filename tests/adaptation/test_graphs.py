"""Ragged episodes, graphs of any size and actions of two parts, from collection to decisions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.adaptation.api import adapt
from netwright.adaptation.models.decision import FactoredDecisionModel, StepwiseInference
from netwright.adaptation.offline import experience as storage
from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.offline.ragged import Ragged, concatenated, restored, stored
from netwright.core.errors import ConfigError, DataError
from netwright.llm.backbones import build_backbone
from netwright.llm.encoders import Graph, GraphBatch
from netwright.llm.heads.factored import sampled
from netwright.testing import check_task
from tests.adaptation import toy_graphs as toy
from tests.adaptation.toy import load, small_backbone

ROWS = st.lists(st.integers(0, 4), min_size=1, max_size=8)


def ragged(lengths: list[int], seed: int = 0) -> Ragged:
    rng = np.random.default_rng(seed)
    return Ragged.of([rng.normal(size=(n, 2)) for n in lengths])


@pytest.fixture(scope="module")
def backbone(tmp_path_factory: pytest.TempPathFactory) -> str:
    return small_backbone(tmp_path_factory.mktemp("backbone"))


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("collected") / "experience"
    rl_collect(toy.TASK, None, Plan(("largest", "anything"), "training", 150), out=out)
    return out


def model(name: str, seed: int = 0) -> FactoredDecisionModel:
    torch.manual_seed(seed)
    adapter = toy.Adapter(None, None)
    made = FactoredDecisionModel(
        build_backbone(name, seed=0), adapter.modalities, adapter.head, window=adapter.window
    ).eval()
    for parameter in made.parameters():
        if parameter.requires_grad and parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    if made.gate is not None:
        torch.nn.init.ones_(made.gate)
    return made


@given(ROWS, st.integers(0, 99))
def test_ragged_rows_are_taken_joined_and_stored(lengths, seed):
    column = ragged(lengths, seed)
    rows = np.random.default_rng(seed).integers(0, len(lengths), 5)
    taken = column[rows]
    assert all((taken.row(i) == column.row(r)).all() for i, r in enumerate(rows))
    both = concatenated([column, taken])
    assert len(both) == len(column) + 5
    assert all((both.row(len(column) + i) == taken.row(i)).all() for i in range(5))
    again = restored(stored({"x": both, "y": np.arange(3)}))
    assert (again["x"].values == both.values).all()
    assert (again["x"].offsets == both.offsets).all()
    padded = column.padded(-7.0)
    assert padded.shape[1] == max(1, *lengths)
    assert all((padded[i, : len(column.row(i))] == column.row(i)).all() for i in range(len(lengths)))
    assert (padded == -7.0).sum() == 2 * (padded.shape[1] * len(lengths) - sum(lengths))


@pytest.mark.parametrize("offsets", [[1, 2], [0, 3], [0, 2, 1, 2], [[0, 2]], [0.0, 2.0], []], ids=str)
def test_offsets_that_do_not_fit_are_refused(offsets):
    with pytest.raises(DataError, match="offsets of a ragged column"):
        Ragged(np.zeros(2), np.array(offsets))


def test_half_a_ragged_column_is_refused():
    with pytest.raises(DataError, match="half of a ragged column"):
        restored({"x|values": np.zeros(2)})


def test_an_experience_holds_episodes_of_their_own_lengths_without_padding(collected):
    found = storage.read(collected)
    assert set(found.lengths.tolist()) == set(range(1, toy.LONGEST + 1))
    nodes = found.columns["observation.nodes"]
    assert isinstance(nodes, Ragged)
    assert len(nodes) == found.n_steps
    assert nodes.lengths.min() == 1
    first = np.isin(np.arange(found.n_steps), found.offsets[:-1])
    assert ((found.array("observation.clock") == 0.0) == first).all()
    assert found.array("action").shape == (found.n_steps, 2)
    assert (
        found.returns[found.of_policy("largest")].mean() > found.returns[found.of_policy("anything")].mean()
    )
    some = found.take(np.array([3, 0]))
    assert (some.columns["observation.nodes"].row(0) == nodes.row(int(found.offsets[3]))).all()
    both = storage.merge([found, some])
    assert both.n_steps == found.n_steps + some.n_steps


def test_the_same_sessions_meet_the_same_jobs_whatever_was_done(collected):
    found = storage.read(collected)
    assert (found.lengths[found.of_policy("largest")] == found.lengths[found.of_policy("anything")]).all()


def test_a_value_that_is_not_finite_in_a_ragged_column_is_refused(collected, tmp_path):
    found = storage.read(collected)
    found.columns["observation.nodes"].values[5, 0] = np.nan
    with pytest.raises(DataError, match=r"observation.nodes.*nan"):
        found.take(np.arange(found.n_episodes))


@pytest.mark.parametrize("name", ["none", "backbone"])
def test_step_by_step_equals_whole_episodes(name, backbone, collected):
    made = model(backbone if name == "backbone" else name)
    found = storage.read(collected)
    whole, targets = toy.Adapter(None, None, experience=found).batch(np.random.default_rng(0), 1)
    n_steps = whole["clock"].shape[1]
    tensors = {k: v if isinstance(v, GraphBatch) else torch.from_numpy(v) for k, v in whole.items()}
    with torch.no_grad():
        scores = made.training_answer(tensors, targets)
    inference = StepwiseInference(made)
    graphs = whole["graph"]
    ends = [0, *graphs.sizes.cumsum(0).tolist()]
    for t in range(n_steps):
        edges = graphs.edges[:, (graphs.edges[0] >= ends[t]) & (graphs.edges[0] < ends[t + 1])] - ends[t]
        one = {
            "graph": GraphBatch.of([(graphs.nodes[ends[t] : ends[t + 1]].numpy(), edges.numpy())]),
            "clock": whole["clock"][:, t],
            "candidate_nodes": whole["candidate_nodes"][:, t],
        }
        given = iter(["stage", "workers"])
        seen = {}

        def choose(part_scores, t=t, given=given, seen=seen):
            part = next(given)
            seen[part] = part_scores
            return tensors[f"action.{part}"][:, t]

        inference.decide(one, choose)
        for part, value in seen.items():
            expected = scores[part][:, t]
            real = torch.isfinite(expected)
            assert torch.allclose(value[real], expected[real], atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_every_decision_is_valid(seed):
    made = model("none", seed % 7)
    jobs = toy.Jobs(np.random.default_rng(seed), 4)
    inference = StepwiseInference(made)
    obs = jobs.observe()
    chosen = inference.decide(toy.read(obs, (4,)), sampled(torch.Generator().manual_seed(seed)))
    assert (chosen["stage"] < obs["candidates"].lengths).all()
    assert ((chosen["workers"] >= 0) & (chosen["workers"] < toy.WORKERS)).all()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_relabeling_the_nodes_changes_nothing(seed):
    made, rng = model("none"), np.random.default_rng(seed)
    graph = toy.Jobs(rng, 1).graphs[0]
    order = rng.permutation(len(graph["nodes"]))
    place = np.argsort(order)
    moved = {
        "nodes": graph["nodes"][order],
        "edges": place[graph["edges"]],
        "candidates": place[graph["candidates"]],
    }
    answers = []
    for one in (graph, moved):
        columns = {name: Ragged.of([value]) for name, value in one.items()} | {"clock": np.zeros(1)}
        answers.append(StepwiseInference(made).decide(toy.read(columns, (1,))))
    assert answers[0] == answers[1]


def test_graphs_that_cannot_be_are_refused():
    with pytest.raises(DataError, match="graph 0 of the batch has no nodes"):
        GraphBatch.of([(np.zeros((0, 2)), np.zeros((2, 0)))])
    with pytest.raises(DataError, match="graph 1 of the batch has an edge to a node that is not among its 1"):
        GraphBatch.of([(np.zeros((2, 2)), np.array([[0], [1]])), (np.zeros((1, 2)), np.array([[0], [1]]))])


def test_it_learns_is_saved_and_loaded(tmp_path, backbone, collected):
    made = adapt(
        toy.TASK, toy.Data("toy"), out=tmp_path / "model", backbone=backbone, experience=[collected], seed=0
    )
    value = toy.play(made.policy, 2)
    assert value > toy.play(toy.Anything(), 2) + 0.5 * (
        toy.play(toy.Largest(), 2) - toy.play(toy.Anything(), 2)
    )
    assert toy.play(load(tmp_path / "model", toy.TASK).policy, 2) == value


def test_the_task_keeps_the_contract():
    check_task(toy.TASK)


def test_attention_stays_within_a_graph_and_ignores_order():
    torch.manual_seed(0)
    network = Graph("graph", 3, rounds=0, n_features=8, attention=2).network().eval()
    first, second = torch.randn(4, 3), torch.randn(2, 3)
    none = np.zeros((2, 0))
    together = network.nodes(GraphBatch.of([(first.numpy(), none), (second.numpy(), none)]))
    order = [2, 0, 3, 1]
    moved = network.nodes(GraphBatch.of([(first[order].numpy(), none)]))
    assert torch.allclose(together[:4][order], moved, atol=1e-5)
    alone = network.nodes(GraphBatch.of([(second.numpy(), none)]))
    assert torch.allclose(together[4:], alone, atol=1e-5)
    other = network.nodes(GraphBatch.of([(torch.cat([first[:3], first[3:] + 1.0]).numpy(), none)]))
    assert not torch.allclose(together[0], other[0], atol=1e-4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"attention": -1}, "at least 0"), ({"attention": 1, "n_features": 6}, "multiples of 4")],
)
def test_attention_that_cannot_be_is_refused(options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        Graph("graph", 3, **options)
