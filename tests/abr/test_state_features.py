"""The table of state features says what the fillers do: where each part stands, and which fields it depends on."""

from dataclasses import fields, replace

import numpy as np
import pytest

from netwright.tasks.abr import features, model_inputs
from netwright.tasks.abr.observation import Observation
from netwright.tasks.abr.state_features import RUNGS, SUMMARY, n_numbers, slices, vector_features
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
    return model_inputs.shown(model_inputs.columns(obs)).summary


def rungs(obs):
    return model_inputs.shown(model_inputs.columns(obs)).rungs


LAYOUTS = {
    "summary": (SUMMARY, summary),
    "rungs": (RUNGS, rungs),
    "vector": (vector_features(N_LEVELS), features.vector),
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
