"""Labels of decisions: what is written, resumed, read and refused; the small network's decisions."""

import numpy as np
import pytest

from netwright.core.errors import ConfigError, DataError
from netwright.tasks.cjs import labels, small_network
from netwright.tasks.cjs.baselines import es_rule
from netwright.tasks.cjs.candidate_features import SIZE
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.lookahead import Futures, candidates
from netwright.tasks.cjs.settings import CjsConfig

PARAMETERS = es_rule.load().parameters
CONFIG = labels.LabelConfig(
    n_sequences=2,
    n_jobs=((6, 9),),
    n_executors=((6, 9),),
    per_sequence=12,
    n_futures=2,
    horizon_s=5.0,
    explore=0.3,
)


def _collect(data, out, config=CONFIG, seed=3):
    labels.collect(data, out, PARAMETERS, config=config, seed=seed, progress=lambda line: None)


@pytest.fixture(scope="module")
def folder(generated, tmp_path_factory):
    out = tmp_path_factory.mktemp("labels") / "labels"
    _collect(generated, out)
    return out


def test_what_a_file_holds(folder):
    found = list(labels.read(folder))
    assert len(found) == 2
    for one in found:
        first = one.offsets[:-1]
        assert len(one.decision) == len(first) > 3
        assert (np.diff(one.offsets) > 1).all()
        assert (np.diff(one.decision) > 0).all()
        assert one.features.shape == (one.offsets[-1], SIZE)
        assert np.isfinite(one.features).all()
        assert (one.difference_s[first] == 0.0).all()
        assert (one.error_s >= 0.0).all()
        assert np.unique(one.difference_s).size > len(first)


def test_labeled_states_are_made_again(folder, generated):
    for path, one in zip(sorted(folder.glob("*.npz")), labels.read(folder), strict=True):
        states = 0
        for d, cluster in enumerate(labels.clusters(path, generated)):
            rows = slice(one.offsets[d], one.offsets[d + 1])
            found = candidates(cluster.state, PARAMETERS)
            assert found["stage"].tolist() == one.stage[rows].tolist()
            assert found["n"].tolist() == one.n[rows].tolist()
            states += 1
        assert states == len(one.decision)


def test_an_interrupted_collection_continues(folder, generated):
    first, second = sorted(folder.glob("*.npz"))
    before, kept = [path.read_bytes() for path in (first, second)], first.stat().st_mtime_ns
    second.unlink()
    _collect(generated, folder)
    assert [path.read_bytes() for path in (first, second)] == before
    assert first.stat().st_mtime_ns == kept
    with pytest.raises(ConfigError, match="holds labels of other data or another config"):
        _collect(generated, folder, seed=4)


def test_a_folder_without_labels_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"labels\.json"):
        list(labels.read(tmp_path))


def test_one_decision_is_weighed(generated):
    cluster = cluster_of(CjsConfig(n_jobs=8, n_executors=6, seeds=(4,), mean_gap_s=2.0), generated, 4)
    before = cluster.state.cluster.tobytes()
    found = labels.weigh(cluster, PARAMETERS, Futures(np.uint64(1), 0, 3, 5_000.0))
    assert found.difference_s[0] == found.error_s[0] == 0.0
    assert len(found.stage) == len(found.n) == len(found.difference_s) == len(found.error_s) > 1
    assert cluster.state.cluster.tobytes() == before


def _network(scale):
    rng = np.random.default_rng(0)
    shapes = {"first": (SIZE, 5), "first_bias": (5,), "second": (5, 4), "second_bias": (4,), "third": (4,)}
    return small_network.Network(
        **{name: (scale * rng.normal(size=shape)).astype(np.float32) for name, shape in shapes.items()}
    )


def _ends(data, network, *, compiled):
    cluster = cluster_of(CjsConfig(n_jobs=12, n_executors=9, seeds=(4,), mean_gap_s=10.0), data, 4)
    if compiled:
        small_network.play(cluster.state, network, PARAMETERS)
    while not compiled and not cluster.done:
        obs = cluster.observe()
        node, n = small_network.choose(obs, network, PARAMETERS)
        cluster.step(int(obs.schedulable[:node].sum()), n)
    return cluster.completion_ms.tolist()


def test_a_network_decides_the_same_compiled_and_one_by_one(generated):
    ends = [_ends(generated, _network(1.0), compiled=compiled) for compiled in (True, False)]
    assert ends[0] == ends[1] != _ends(generated, small_network.zero(), compiled=True)


def test_a_network_of_zeros_is_the_rule(generated):
    cluster = cluster_of(CjsConfig(n_jobs=12, n_executors=9, seeds=(4,), mean_gap_s=10.0), generated, 4)
    es_rule.load().play(cluster)
    assert _ends(generated, small_network.zero(), compiled=False) == cluster.completion_ms.tolist()


def test_its_answer_is_that_of_two_layers():
    network, x = _network(0.5), np.random.default_rng(1).normal(size=SIZE).astype(np.float32)
    hidden = np.maximum(x @ network.first + network.first_bias, 0.0)
    last = np.maximum(hidden @ network.second + network.second_bias, 0.0)
    room = small_network.scratch(1, network)
    assert small_network.difference(network, x, room.hidden, room.last) == pytest.approx(
        float(last @ network.third), rel=1e-5
    )
