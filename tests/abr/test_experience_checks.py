"""Recorded observations that no session can have are refused with column and row."""

from __future__ import annotations

import re

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


LARGEST = {
    "throughputs_mbps": 1e6,
    "delays_s": 1e7,
    "buffer_s": 1e6,
    "n_left": 1e5,
    "next_sizes_mb": 1e4,
    "bitrates_mbps": 1e6,
    "chunk_s": 1e4,
    "buffer_cap_s": 1e6,
}
SMALLEST = {"n_left": 1.0, "bitrates_mbps": 1e-6, "chunk_s": 1e-3, "buffer_cap_s": 1e-3, "buffer_s": 0.0}


def with_value(columns, name, value):
    """In double precision, so that a value just beyond a limit is not rounded to it."""
    changed = np.array(columns[name], dtype=np.float64)
    changed[2] = value
    return {**columns, name: changed}


@pytest.mark.parametrize("name", LARGEST)
def test_the_largest_value_is_accepted_and_a_larger_one_refused(columns, name):
    value, beyond = LARGEST[name], LARGEST[name] + (1.0 if name == "n_left" else 0.5)
    check(with_value(columns, name, value))
    with pytest.raises(DataError, match=re.escape(f" to {value:g}; collect it again")):
        check(with_value(columns, name, beyond))


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_value_is_accepted_and_a_smaller_one_refused(columns, name):
    value, beyond = SMALLEST[name], SMALLEST[name] - (1.0 if name == "n_left" else 1e-7)
    check(with_value(columns, name, value))
    with pytest.raises(DataError, match=f"{name}' is .* in row 2, must be .* from"):
        check(with_value(columns, name, beyond))


def test_rewards_may_miss_their_components_by_a_thousandth(columns):
    qoe = columns[REWARD].astype(np.float64)
    check({**columns, REWARD: qoe + 0.0009})
    with pytest.raises(DataError, match="but its components give"):
        check({**columns, REWARD: qoe + 0.0011 + 0.001 * np.abs(qoe)})


def test_components_of_another_shape_are_refused(columns):
    with pytest.raises(DataError, match="not three numbers a row"):
        check({**columns, COMPONENTS: columns[COMPONENTS][:, :2]})
