"""The table of state features says what the fillers do: where each part stands, and which fields it depends on."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from netwright.tasks.abr import features, model_inputs
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.state_features import RUNGS, SUMMARY, features_of, n_numbers, slices, vector_layout
from netwright.tasks.abr.training_set import TrainingSet

N_LEVELS = 6

CHANGES = {
    "throughputs_mbps": lambda v: v * 1.37,
    "delays_s": lambda v: v * 1.3,
    "buffer_s": lambda v: v + 1.7,
    "last_level": lambda v: (v + 1) % N_LEVELS,
    "chunk_index": lambda v: v + 1,
    "n_left": lambda v: np.minimum(v - 1, 2),
    "next_sizes_mb": lambda v: v * 1.2,
    "bitrates_mbps": lambda v: v * 1.1,
    "chunk_s": lambda v: v * 1.5,
    "buffer_cap_s": lambda v: v + 7.0,
    "rebuffer_weight": lambda v: v * 1.4,
    "change_weight": lambda v: v * 1.6,
}


@pytest.fixture(scope="module")
def observed(generated):
    """Players in the middle of their videos, some with little left in the buffer."""
    rng = np.random.default_rng(0)
    sessions = TrainingSet(generated).sample(rng, 64)
    for _ in range(20):
        sessions.step(rng.integers(0, N_LEVELS, 64))
    obs = sessions.observe()
    return replace(obs, buffer_s=np.minimum(obs.buffer_s, rng.uniform(0.0, 12.0, 64)))


def summary(obs):
    return model_inputs.state_inputs(model_inputs.columns(obs)).summary


def rungs(obs):
    return model_inputs.state_inputs(model_inputs.columns(obs)).rungs


LAYOUTS = {
    "summary": (SUMMARY, summary),
    "rungs": (RUNGS, rungs),
    "vector": (features_of(vector_layout(N_LEVELS)), features.vector),
}


def test_every_field_is_changed_here():
    assert set(CHANGES) == {f.name for f in fields(Observation)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_cover_the_layout(observed, layout):
    table, fill = LAYOUTS[layout]
    assert fill(observed).shape[-1] == n_numbers(table)
    assert len(slices(table)) == len(table)
    assert all(f.unit and f.scale and f.source and f.size > 0 for f in table)
    assert {name for f in table for name in f.source} <= set(CHANGES)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_part_depends_on_its_sources_and_on_nothing_else(observed, layout):
    table, fill = LAYOUTS[layout]
    before = fill(observed)
    moved = {f.name: set() for f in table}
    for field, change in CHANGES.items():
        after = fill(replace(observed, **{field: change(getattr(observed, field))}))
        for name, place in slices(table).items():
            if not np.array_equal(before[..., place], after[..., place]):
                moved[name].add(field)
    for feature in table:
        expected = set() if feature.name == "position" else set(feature.source)
        assert moved[feature.name] == expected, feature.name


def made_up(n: int, seed: int) -> Observation:
    """States from rounded numbers, so that they are the same on every machine."""
    rng = np.random.default_rng(seed)
    there = np.arange(24) >= 24 - rng.integers(1, 25, (n, 1))
    return Observation(
        throughputs_mbps=np.round(np.exp(rng.normal(0, 1, (n, 24))), 3) * there,
        delays_s=np.round(np.exp(rng.normal(0, 1, (n, 24))), 3) * there,
        buffer_s=np.round(rng.uniform(0, 30, n), 3),
        last_level=rng.integers(0, N_LEVELS, n),
        chunk_index=rng.integers(1, 40, n),
        n_left=rng.integers(1, 40, n),
        next_sizes_mb=np.round(rng.uniform(0.1, 3.0, (n, 6, N_LEVELS)), 3),
        bitrates_mbps=np.round(np.cumsum(rng.uniform(0.2, 1.0, (n, N_LEVELS)), axis=1), 3),
        chunk_s=np.full(n, 4.0),
        buffer_cap_s=np.full(n, 60.0),
        rebuffer_weight=np.round(rng.uniform(1, 8, n), 3),
        change_weight=np.round(rng.uniform(0.2, 4, n), 3),
    )


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_numbers_are_those_that_shipped_weights_were_trained_on(layout):
    """Recorded from the two separate fillers that came before the table; one unit in the last place is another libm."""
    recorded = json.loads((Path(__file__).parent / "golden_state_features.json").read_text())
    found = LAYOUTS[layout][1](made_up(2, 0))
    np.testing.assert_array_max_ulp(found, np.array(recorded[layout], dtype=np.float32), maxulp=1)
