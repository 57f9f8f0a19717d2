from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.seeding import generator
from netwright.llm.backbones import build_backbone
from netwright.llm.pretraining import MarkovChains, PretrainingConfig, pretrain

TOY = PretrainingConfig(
    source=MarkovChains(n_states=4, length=8), batch_size=2, learning_rate=1e-3, warmup=1, n_evaluation=4
)


def toy_run(out: Path, *, seed: int = 0, iterations: int = 2) -> dict[str, float]:
    return pretrain(out, iterations=iterations, seed=seed, progress=lambda line: None, config=TOY)


def test_the_same_seed_gives_the_same_file(tmp_path: Path) -> None:
    first = toy_run(tmp_path / "a.safetensors")
    torch.manual_seed(123)
    second = toy_run(tmp_path / "b" / "a.safetensors")
    assert first == second
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b" / "a.safetensors").read_bytes()
    toy_run(tmp_path / "c.safetensors", seed=1)
    hashes = {build_backbone(str(tmp_path / f"{n}.safetensors")).weights_hash() for n in "ac"}
    assert len(hashes) == 2


def test_training_changes_every_layer_and_the_file_loads(tmp_path: Path) -> None:
    toy_run(tmp_path / "a.safetensors")
    trained = build_backbone(str(tmp_path / "a.safetensors"))
    untrained = build_backbone("random:tiny").model.state_dict()
    for name, value in trained.model.state_dict().items():
        if not name.startswith("embed_tokens"):
            assert not torch.equal(value, untrained[name].bfloat16().float()) or "norm" in name, name


def test_a_stop_leaves_no_file(tmp_path: Path) -> None:
    def stop(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(tmp_path / "a.safetensors", iterations=1, seed=0, progress=stop, config=TOY)
    assert list(tmp_path.iterdir()) == []


def test_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="iterations must be at least 1, got 0"):
        toy_run(tmp_path / "a.safetensors", iterations=0)
    with pytest.raises(UnknownNameError, match="'none'; there is small, tiny"):
        pretrain(tmp_path / "a", iterations=1, seed=0, progress=print, preset="none")
    with pytest.raises(ConfigError, match="at least 2 states"):
        MarkovChains(n_states=1)


@given(
    n_states=st.integers(2, 12),
    temperature=st.floats(0.05, 5.0),
    length=st.integers(2, 20),
    seed=st.integers(0, 2**32),
)
def test_chains_are_chains(n_states: int, temperature: float, length: int, seed: int) -> None:
    drawn = MarkovChains(n_states, temperature, length).draw(3, generator(seed))
    assert drawn.states.shape == (3, length + 1)
    assert drawn.states.min() >= 0
    assert drawn.states.max() < n_states
    assert np.allclose(drawn.transition.sum(axis=-1), 1.0)
    assert 0.0 <= drawn.chain_entropy() <= math.log(n_states) + 1e-9
    assert 0.0 <= drawn.unigram_entropy() <= math.log(n_states) + 1e-9


def test_sequences_follow_their_chain() -> None:
    drawn = MarkovChains(n_states=3, temperature=0.7, length=20_000).draw(1, generator(0))
    states = drawn.states[0]
    counts = np.zeros((3, 3))
    np.add.at(counts, (states[:-1], states[1:]), 1)
    assert np.allclose(counts / counts.sum(axis=1, keepdims=True), drawn.transition[0], atol=0.03)
    share = np.bincount(states, minlength=3) / len(states)
    assert drawn.unigram_entropy() == pytest.approx(-(share * np.log(share)).sum(), abs=0.03)
