"""BBA's thresholds: the published ones for the published player, in the buffer's range for all others."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.core.errors import ConfigError
from netwright.tasks.abr.baselines.bba import Bba, thresholds
from netwright.tasks.abr.batch import Sessions, Starts
from netwright.tasks.abr.evaluation import rollout
from netwright.tasks.abr.generator import synth_video
from netwright.tasks.abr.media import Rules, Trace


def sessions(mbps, *, cap_s, chunk_s):
    video = synth_video("v", np.random.default_rng(0), chunk_s=chunk_s)
    trace = Trace("steady", np.arange(3.0), np.full(3, mbps))
    return Sessions(
        [trace], [video], Starts(trace_of=[0], video_of=[0], start_rows=[1]), rules=Rules(buffer_cap_s=cap_s)
    )


def test_the_published_constants_are_exact():
    reservoir_s, cushion_s = thresholds(np.array([4.0]), np.array([60.0]))
    assert (reservoir_s.tolist(), cushion_s.tolist()) == ([5.0], [10.0])


def test_levels_of_the_published_player():
    obs = sessions(1.0, cap_s=60.0, chunk_s=4.0).observe()
    buffers = [0.0, 4.9, 5.0, 6.9, 7.0, 9.0, 14.99, 15.0, 60.0]
    levels = [int(Bba().act(replace(obs, buffer_s=np.array([b])))[0]) for b in buffers]
    assert levels == [0, 0, 0, 0, 1, 2, 4, 5, 5]


@pytest.mark.parametrize(
    ("cap_s", "chunk_s"), [(6.0, 4.0), (4.6, 4.0), (5.0, 4.0), (8.0, 2.0), (3.0, 1.0), (240.0, 10.0)]
)
def test_a_fast_link_gets_the_top_rung_and_a_slow_one_the_lowest(cap_s, chunk_s):
    fast = rollout(Bba(), sessions(100.0, cap_s=cap_s, chunk_s=chunk_s), np.random.default_rng(0))
    assert (fast.levels[0, 30:] == 5).all()
    slow = rollout(Bba(), sessions(0.1, cap_s=cap_s, chunk_s=chunk_s), np.random.default_rng(0))
    assert slow.levels.mean() < 0.2


@given(chunk_s=st.floats(0.1, 20.0), above_s=st.floats(0.5, 300.0))
def test_thresholds_lie_between_one_chunk_and_the_cap(chunk_s, above_s):
    (reservoir_s,), (cushion_s,) = thresholds(np.array([chunk_s]), np.array([chunk_s + above_s]))
    assert chunk_s < reservoir_s < reservoir_s + cushion_s < chunk_s + above_s


def test_a_buffer_of_one_chunk_tells_nothing():
    with pytest.raises(ConfigError, match="buffer_cap_s 4 is not above the chunk's 4 s"):
        rollout(Bba(), sessions(1.0, cap_s=4.0, chunk_s=4.0), np.random.default_rng(0))
