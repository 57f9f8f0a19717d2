"""Work in chunks: reported, kept, reused, and computed again where a file is damaged."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.execution import executor
from netwright.wan.chunks import Work

calls: list[int] = []


def squares(item):
    calls.append(item)
    return {"square": np.array([item * item]), "none": np.array([np.nan])}


@pytest.fixture(autouse=True)
def counted():
    calls.clear()


def test_results_come_in_order_and_progress_counts_them():
    said: list[str] = []
    found = Work(progress=said.append).map("squares", squares, [3, 1, 2])
    assert [int(arrays["square"][0]) for arrays in found] == [9, 1, 4]
    assert said == ["squares: 1 of 3", "squares: 2 of 3", "squares: 3 of 3"]


def test_kept_chunks_are_not_computed_again(tmp_path):
    Work(folder=tmp_path).map("squares", squares, [3, 1])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["squares-0000.npz", "squares-0001.npz"]
    calls.clear()
    found = Work(folder=tmp_path).map("squares", squares, [3, 1, 2])
    assert calls == [2]
    assert [int(arrays["square"][0]) for arrays in found] == [9, 1, 4]
    assert np.isnan(found[0]["none"]).all(), "a bound that is infinite or not a number may be kept"


def test_a_label_keeps_its_own_chunks(tmp_path):
    Work(folder=tmp_path).map("one", squares, [3])
    Work(folder=tmp_path).map("two", squares, [4])
    assert calls == [3, 4]


@pytest.mark.parametrize("damage", [b"", b"half a file"])
def test_a_damaged_chunk_is_computed_again(tmp_path, damage):
    Work(folder=tmp_path).map("squares", squares, [3])
    (tmp_path / "squares-0000.npz").write_bytes(damage)
    found = Work(folder=tmp_path).map("squares", squares, [3])
    assert calls == [3, 3]
    assert found[0]["square"].tolist() == [9]


def test_a_chunk_that_fails_keeps_those_before_it(tmp_path):
    def brittle(item):
        if item == 2:
            raise ValueError("two")
        return squares(item)

    with pytest.raises(ValueError, match="two"):
        Work(executor(), tmp_path).map("squares", brittle, [1, 2, 3])
    assert [path.name for path in tmp_path.iterdir()] == ["squares-0000.npz"]
