import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.evaluation.baselines import cached_folder, fingerprint, ready_policy, train_policy
from tests.cli.toy import TOY, ToyData

DATA = ToyData(np.arange(4.0), "a")


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("NETWRIGHT_CACHE", str(tmp_path))


def test_a_rule_is_made_and_leaves_no_cache(tmp_path):
    assert ready_policy(TOY, "one", DATA, seed=0, progress=print).act(0.0) == 1.0
    assert list(tmp_path.iterdir()) == []


def test_a_learned_one_is_trained_once(tmp_path):
    told = []
    for _ in range(2):
        assert ready_policy(TOY, "mean", DATA, seed=0, progress=told.append).act(0.0) == 1.5
    assert [line for line in told if "training it once" in line] == told[:1]
    assert len(told) == 2


def test_other_data_recipe_or_seed_is_another_copy():
    spec = TOY.policy("mean")
    changed = ToyData(np.array([0.0, 1.0, 2.0, 4.0]), "a")
    folders = {
        cached_folder(TOY, spec, recipe, data, seed)
        for recipe in ("plain", "rich")
        for data in (DATA, changed)
        for seed in (0, 1)
    }
    assert len(folders) == 8


def test_an_unfinished_folder_is_trained_again(tmp_path):
    folder = cached_folder(TOY, TOY.policy("mean"), "plain", DATA, 0)
    folder.mkdir(parents=True)
    assert ready_policy(TOY, "mean", DATA, seed=0, progress=lambda _: None).act(0.0) == 1.5


def test_what_learns_nothing_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="is not trainable and takes no recipe; drop :rich"):
        ready_policy(TOY, "one:rich", DATA, seed=0, progress=print)
    with pytest.raises(ConfigError, match="trainable policies: mean"):
        train_policy(TOY, "one", DATA, out=tmp_path, seed=0, progress=print)


NESTED = st.recursive(
    st.integers() | st.text(max_size=5) | st.none() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(NESTED, NESTED)
def test_the_fingerprint_tells_different_values_apart(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (repr(one) == repr(other) or _same(one, other))


def _same(one, other):
    """Equal up to the order of keys, and of one type throughout."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[k], other[k]) for k in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return repr(one) == repr(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"values": np.arange(4.0, dtype=np.float32)},
        {"values": np.arange(4.0).reshape(2, 2)},
        {"source": "b"},
        {"synthetic": True},
        {"hashes": {"x": "y"}},
    ],
)
def test_every_field_counts(changes):
    assert fingerprint(dataclasses.replace(DATA, **changes)) != fingerprint(DATA)
    assert fingerprint(dataclasses.replace(DATA)) == fingerprint(DATA)
