"""Decima: the published forward passes, laws of its network, damaged files."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.cli.main import main
from netwright.core.errors import DataError, FormatError
from netwright.tasks.cjs.baselines import decima_compiled
from netwright.tasks.cjs.baselines.decima import published
from netwright.tasks.cjs.baselines.decima_golden import FIELDS, forward, observation_of, verify
from netwright.tasks.cjs.baselines.decima_graph import graph_of, passes
from netwright.tasks.cjs.baselines.decima_network import DecimaNetwork, Graphs
from netwright.tasks.cjs.baselines.decima_weights import PUBLISHED, read_network
from netwright.tasks.cjs.evaluation import cluster_of, evaluate
from netwright.tasks.cjs.graphs import topological_order
from netwright.tasks.cjs.settings import SETTINGS, CjsConfig

NETWORK = read_network()
DOUBLE = read_network().double()
PARAMETERS = decima_compiled.packed(NETWORK)
SINGLE = 1e-5  # single precision


def test_the_published_forward_passes(real, real_folder, capsys):
    path = real_folder / "cjs" / "golden" / "decima_forward.npz"
    assert main(["verify", "cjs", str(path)]) == 0
    assert "equal to 1e-05" in capsys.readouterr().out
    found = verify(path)
    assert set(found.largest) == set(FIELDS)
    assert found.counts == {"observations": 28, "stages": 663}


def test_the_shipped_weights_are_the_published_ones(real_folder):
    published = read_network(real_folder / "cjs" / "decima" / "decima_weights.npz").state_dict()
    assert PUBLISHED.stat().st_size < 1 << 20
    assert sum(value.numel() for value in published.values()) == 20_802
    for name, value in NETWORK.state_dict().items():
        assert torch.equal(value, published[name]), name


@st.composite
def recordings(draw):
    """What a golden file says of an observation: 1 to 4 jobs of 1 to 7 stages in any DAG."""
    sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    first_node = np.cumsum([0, *sizes])
    edges = []
    for first, size in zip(first_node, sizes, strict=False):
        order = draw(st.permutations(range(size)))
        pairs = [(order[i], order[j]) for i in range(size) for j in range(i + 1, size)]
        edges += [(first + a, first + b) for a, b in pairs if draw(st.booleans())]
    n = int(first_node[-1])
    executors = draw(st.integers(1, 60))
    columns = [
        draw(st.lists(values, min_size=n, max_size=n))
        for values in (st.integers(0, 200), st.floats(1, 2e4), st.sampled_from([0.0, 1.0]))
    ]
    return {
        "raw_nodes": np.array(columns, dtype=float).T,
        "edge_links": np.array(edges, dtype=np.int64).reshape(-1, 2),
        "dag_ptr": first_node,
        "num_committable": np.array(draw(st.integers(1, executors))),
        "source_job_idx": np.array(draw(st.integers(0, len(sizes)))),
        "exec_supplies": np.array([draw(st.integers(0, executors)) for _ in sizes]),
        "num_executors": np.array(executors),
    }


def in_double(observations):
    """What the network makes of clusters side by side in double precision, in which laws hold to 1e-9."""
    graphs = Graphs.of(observations)
    graphs = replace(graphs, features=graphs.features.double())
    with torch.inference_mode():
        stages, found = DOUBLE(graphs)
        executors = DOUBLE.executor_logits(graphs, found, torch.arange(len(graphs.caps)))
    made = {
        "h_node": found.nodes,
        "h_dag": found.jobs,
        "h_glob": found.clusters,
        "stage_logits": stages,
        "exec_logits": executors,
    }
    return {name: value.numpy() for name, value in made.items()}


@given(recordings(), st.randoms(use_true_random=False))
def test_relabeling_stages_changes_nothing(recorded, shuffler):
    first_node = recorded["dag_ptr"]
    order = []  # new place -> old place, within each job
    for first, end in pairwise(first_node):
        places = list(range(first, end))
        shuffler.shuffle(places)
        order += places
    new_place = np.argsort(order)
    relabeled = recorded | {
        "raw_nodes": recorded["raw_nodes"][order],
        "edge_links": new_place[recorded["edge_links"]][::-1],
    }
    before, after = (in_double([observation_of(one)]) for one in (recorded, relabeled))
    chosen = np.flatnonzero(recorded["raw_nodes"][:, 2])
    scores = np.full(len(order), np.nan)
    scores[chosen] = before["stage_logits"]
    for name in ("h_dag", "h_glob", "exec_logits"):
        np.testing.assert_allclose(after[name], before[name], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(after["h_node"], before["h_node"][order], rtol=1e-9, atol=1e-9)
    expected = scores[order][~np.isnan(scores[order])]
    np.testing.assert_allclose(after["stage_logits"], expected, rtol=1e-9, atol=1e-9)


@given(st.lists(recordings(), min_size=2, max_size=3))
def test_clusters_side_by_side_do_not_mix(recorded):
    observations = [observation_of(one) for one in recorded]
    together = in_double(observations)
    alone = [in_double([one]) for one in observations]
    for name, value in together.items():
        expected = np.concatenate([one[name] for one in alone])
        np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-9, err_msg=name)


def test_passes_by_hand():
    # 0 -> 1 -> 2 and 0 -> 2: the last pass updates 0, and 1 again, since 1 and 2 are children of 0.
    edges = np.array([[0, 1], [0, 2], [1, 2]])
    first_edge, chosen = passes(3, edges)
    assert first_edge.tolist() == [0, 1, 4]
    assert chosen.tolist() == [[1, 2], [0, 1], [0, 2], [1, 2]]


@given(recordings())
def test_every_edge_is_in_the_pass_of_its_parent(recorded):
    n, edges = len(recorded["raw_nodes"]), recorded["edge_links"]
    first_edge, chosen = passes(n, edges)
    assert len(topological_order(n, edges)) == n
    assert {tuple(edge) for edge in chosen.tolist()} == {tuple(edge) for edge in edges.tolist()}
    assert (np.diff(first_edge) > 0).all()


@given(recordings())
def test_the_compiled_network_equals_the_plain_one(recorded):
    recorded["raw_nodes"][0, 2] = 1.0
    observation = observation_of(recorded)
    expected = forward(NETWORK, observation)
    weights, graph = decima_compiled.unpacked(PARAMETERS), graph_of(observation)
    found = decima_compiled.encode(weights, graph)
    made = {
        "h_node": found.nodes,
        "h_dag": found.jobs,
        "h_glob": found.cluster,
        "stage_logits": decima_compiled.stage_logits(weights, graph, found, observation.choices),
        "exec_logits": np.concatenate(
            [
                decima_compiled.executor_logits(weights, graph, found, node, observation.n_executors)
                for node in observation.first_node[:-1]
            ]
        ),
    }
    for name, value in made.items():
        size = max(1.0, np.abs(made["h_glob"]).max(), np.abs(made["h_dag"]).max())
        np.testing.assert_allclose(value, expected[name], rtol=SINGLE, atol=SINGLE * size, err_msg=name)


def test_answers_are_drawn_by_their_probabilities():
    logits = np.log(np.array([1.0, 2.0, 5.0], dtype=np.float32))
    places = [decima_compiled.drawn(logits, u) for u in np.linspace(0.0, 1.0, 8001)[:-1]]
    assert np.bincount(places) / 8000 == pytest.approx([0.125, 0.25, 0.625], abs=1e-3)


def test_greedy_answers_are_the_likeliest(generated):
    cluster = cluster_of(CjsConfig(n_jobs=6, n_executors=7, mean_gap_s=5.0), generated, 3)
    policy = published(greedy=True)
    policy.reset(np.random.default_rng(0))
    while not cluster.done:
        observation = cluster.observe()
        ((choice, n),) = policy.act([observation])
        made = forward(NETWORK, observation)
        job = int(graph_of(observation).job[observation.choices[choice]])
        counts = np.split(made["exec_logits"], np.cumsum(made["commit_caps"])[:-1])[job]
        assert made["stage_logits"][choice] >= made["stage_logits"].max() - SINGLE
        assert counts[n - 1] >= counts.max() - SINGLE
        cluster.step(choice, n)


@pytest.mark.slow
@pytest.mark.parametrize(("greedy", "expected_s"), [(False, 48.8), (True, 58.2)], ids=["sampled", "greedy"])
def test_mean_completion_times_of_the_published_simulator(real, greedy, expected_s):
    found = evaluate(published(greedy=greedy), SETTINGS["default"], real, name="decima").mean
    assert found == pytest.approx(expected_s, rel=0.05)


def _recording(tmp_path, change):
    one = {
        "raw_nodes": np.array([[2.0, 500.0, 1.0], [1.0, 10.0, 0.0]], dtype=np.float32),
        "edge_links": np.array([[0, 1]]),
        "dag_ptr": np.array([0, 2]),
        "num_committable": np.array(3),
        "source_job_idx": np.array(0),
        "exec_supplies": np.array([1]),
        "num_executors": np.array(5),
    }
    one |= forward(NETWORK, observation_of(one))
    change(one)
    path = tmp_path / "forward.npz"
    np.savez(path, count=np.array(1), **{f"000/{name}": array for name, array in one.items()})
    return path


@pytest.mark.parametrize("field", FIELDS)
def test_verify_finds_a_difference(tmp_path, field):
    def changed(one):
        one[field] = one[field] + 1 if one[field].dtype != bool else ~one[field]

    assert verify(_recording(tmp_path, lambda one: None)).passed
    found = verify(_recording(tmp_path, changed))
    assert [name for name, value in found.largest.items() if value > found.tolerance] == [field]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("h_dag"),
        lambda one: one.update(edge_links=np.array([[0, 9]])),
        lambda one: one.update(edge_links=np.array([[0, 1], [1, 0]])),
        lambda one: one.update(dag_ptr=np.array([0, 5])),
        lambda one: one.update(raw_nodes=np.zeros((2, 2))),
        lambda one: one.update(num_executors=np.array([5, 6])),
        lambda one: one.update(num_executors=np.array(0)),
        lambda one: one.update(num_committable=np.array(1 << 40)),
    ],
)
def test_a_broken_recording_gives_one_sentence(tmp_path, change):
    with pytest.raises(DataError, match="not a file of recorded forward passes"):
        verify(_recording(tmp_path, change))


def test_other_parameters_are_refused(tmp_path):
    path = tmp_path / "weights.npz"
    arrays = {
        name: value.numpy() for name, value in DecimaNetwork().requires_grad_(False).state_dict().items()
    }
    np.savez(path, **arrays)
    read_network(path)
    arrays.pop("encoder.dag_encoder.mlp.0.bias")
    np.savez(path, **arrays)
    with pytest.raises(FormatError, match=r"not Decima's parameters .*dag_encoder\.mlp\.0\.bias"):
        read_network(path)
