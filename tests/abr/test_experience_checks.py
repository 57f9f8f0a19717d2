"""Recorded observations that no session can have are refused with column and row."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.adaptation.offline.collect import Plan, rl_collect
from netwright.adaptation.offline.experience import COMPONENTS, OBSERVATION, REWARD, read
from netwright.core.errors import DataError
from netwright.tasks.abr import TASK
from netwright.tasks.abr.experience_checks import check_observations
from netwright.tasks.abr.state_features import COLUMNS


@pytest.fixture(scope="module")
def columns(tmp_path_factory):
    out = tmp_path_factory.mktemp("experience") / "bba"
    rl_collect(TASK, None, Plan(("bba",), "training", 4), out=out)
    found = read(out)
    return {name: found.array(OBSERVATION + name) for name in COLUMNS} | {
        REWARD: found.array(REWARD),
        COMPONENTS: found.array(COMPONENTS),
    }


def check(columns):
    rest = dict(columns)
    check_observations(rest, rest.pop(REWARD), rest.pop(COMPONENTS))


def test_what_was_collected_passes(columns):
    check(columns)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("n_left", 0.7, "n_left' is 0.7 in row 3, must be a whole number from 1"),
        ("next_sizes_mb", 0.0, "next_sizes_mb' is 0 in row 3"),
        ("next_sizes_mb", -1.0, "next_sizes_mb' is -1 in row 3"),
        ("throughputs_mbps", 1e30, r"throughputs_mbps' is 1e\+30 in row 3"),
        ("chunk_s", 0.0, "chunk_s' is 0 in row 3"),
        ("bitrates_mbps", 0.0, "bitrates_mbps' is 0 in row 3"),
        ("buffer_s", -5.0, "buffer_s' is -5 in row 3"),
        ("last_level", 99.0, "last_level' is 99 in row 3, must be a whole number from 0 to 5"),
        (COMPONENTS, 55.0, "but its components give"),
        (REWARD, 1e3, "column 'reward' is 1000 in row 3"),
    ],
)
def test_what_no_session_can_have_is_refused(columns, name, value, words):
    changed = np.array(columns[name])
    changed[3] = value
    with pytest.raises(DataError, match=words):
        check({**columns, name: changed})
