"""The distilled network: a tiny run of its recipe, its folder, and what is refused."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from netwright.core.documents import write_folder
from netwright.core.errors import DataError, FormatError
from netwright.tasks.cjs import labels, rules, small_network
from netwright.tasks.cjs.baselines import distilled, distilled_training, es_rule
from netwright.tasks.cjs.baselines.distilled_training import DistillationConfig, examples, network_of
from netwright.tasks.cjs.candidate_features import SIZE
from netwright.tasks.cjs.evaluation import cluster_of
from netwright.tasks.cjs.settings import CjsConfig

TINY = DistillationConfig(
    labels=labels.LabelConfig(
        n_sequences=2,
        n_jobs=((6, 9),),
        n_executors=((6, 9),),
        per_sequence=12,
        n_futures=2,
        horizon_s=5.0,
        explore=0.3,
    ),
    rounds=2,
    width=6,
    last=4,
    epochs=2,
    batch_size=16,
    validation_jobs=(6,),
    validation_executors=(6,),
)


@pytest.fixture
def trained(generated, tmp_path, monkeypatch):
    monkeypatch.setattr(distilled_training, "VALIDATION_SEEDS", (5000, 5001))

    def run(name, seed=3):
        lines = []
        options = {"recipe": "", "seed": seed, "progress": lines.append, "config": TINY}
        distilled_training.train(generated, out=tmp_path / name, **options)
        return tmp_path / name, lines

    return run


def test_the_recipe_writes_a_policy_that_plays(trained, generated):
    folder, lines = trained("a")
    again, _ = trained("b")
    assert (folder / distilled.WEIGHTS).read_bytes() == (again / distilled.WEIGHTS).read_bytes()
    assert sum(line.startswith("epoch") for line in lines) == TINY.rounds * TINY.epochs
    assert len(list(labels.read(folder.with_name("a.labels") / "round-1"))) == 2
    document = json.loads((folder / distilled.DESCRIPTION).read_text())
    assert document["validation"]["kept"] <= 0.0
    cluster = cluster_of(CjsConfig(n_jobs=9, n_executors=6, seeds=(1,)), generated, 1)
    policy = distilled.load(folder)
    policy.reset(np.random.default_rng(0))
    policy.play(cluster)
    assert np.isfinite(cluster.completion_ms).all()


def _written(folder, tensors, **change):
    """A folder with these tensors, as the recipe would write it."""
    parameters = dict(zip(rules.NAMES, es_rule.load().parameters.tolist(), strict=True))
    about = {"task": "cjs", "policy": distilled.NAME, "parameters": parameters} | change
    folder.mkdir()
    save_file(
        {name: torch.from_numpy(array.copy()) for name, array in tensors.items()}, folder / distilled.WEIGHTS
    )
    write_folder(folder, distilled.DESCRIPTION, distilled.SavedNetwork.of(about, folder, remedy=""))
    return folder


ZERO = small_network.zero()._asdict()
NARROW = ZERO | {"first_bias": np.zeros(3, dtype=np.float32)}


@pytest.mark.parametrize(
    ("tensors", "change", "sentence"),
    [
        (ZERO, {"policy": "other"}, "holds other, not distilled"),
        (ZERO, {"parameters": {"cap_work": 1.0}}, "the parameters must be cap_constant"),
        (NARROW, {}, "make no network"),
        ({"first": ZERO["first"]}, {}, "the tensors must be first, first_bias"),
    ],
)
def test_a_folder_of_another_kind_is_refused(tmp_path, tensors, change, sentence):
    with pytest.raises(FormatError, match=sentence):
        distilled.load(_written(tmp_path / "policy", tensors, **change))


def test_a_folder_without_a_document_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"netwright\.json"):
        distilled.load(tmp_path)


def test_the_compiled_network_is_the_trained_one():
    torch.manual_seed(0)
    model = distilled_training._model(TINY, 1)
    features = torch.randn(5, SIZE)
    mean, spread = torch.randn(SIZE), torch.rand(SIZE) + 0.5
    network = network_of(model, mean, spread)
    room = small_network.scratch(1, network)
    expected = model((features - mean) / spread)[:, 0].detach().numpy()
    found = [small_network.difference(network, x, room.hidden, room.last) for x in features.numpy()]
    assert found == pytest.approx(expected.tolist(), rel=1e-4, abs=1e-5)


def test_examples_leave_the_first_candidates_out():
    one = labels.Labels(
        offsets=np.array([0, 2, 5]),
        decision=np.array([0, 1]),
        features=np.arange(5 * SIZE, dtype=np.float32).reshape(5, SIZE),
        stage=np.zeros(5, dtype=np.int64),
        n=np.ones(5, dtype=np.int64),
        difference_s=np.array([0.0, 20.0, 0.0, -40.0, 10.0]),
        error_s=np.array([0.0, 3.0, 0.0, 0.0, 3.0]),
        played=np.zeros((2, 2), dtype=np.int64),
    )
    made = examples([one], TINY)
    assert made.targets.tolist() == pytest.approx([1.0, -2.0, 0.5])
    assert made.features[:, 0].tolist() == [SIZE, 3 * SIZE, 4 * SIZE]
    assert made.weights.mean() == pytest.approx(1.0)
    assert (made.weights[1] / made.weights[0]).item() == pytest.approx(25.0 / 16.0)
