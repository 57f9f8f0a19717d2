"""The log of a run's evaluations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from netwright.core.errors import OutputError
from netwright.training.log import LOG, logged


def test_entries_follow_those_of_before(tmp_path):
    with logged(tmp_path, [{"step": 1.0, "loss": 2.0}]) as write:
        write({"step": 2.0, "loss": 1.0})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines == [{"step": 1.0, "loss": 2.0}, {"step": 2.0, "loss": 1.0}]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_names_the_log(tmp_path):
    with (
        pytest.raises(OutputError, match=r"training\.jsonl: cannot be written \(No space left on device\)"),
        logged(tmp_path, []) as write,
    ):
        (tmp_path / LOG).unlink()
        (tmp_path / LOG).symlink_to("/dev/full")
        write({"step": 1.0, "loss": 1.0})
