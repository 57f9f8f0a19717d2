"""What an adapter stores to answer again: scales of each kind of condition, checked for order and size."""

from __future__ import annotations

import pytest

from netwright.adaptation.offline.return_conditioning import ReturnConditioning
from netwright.adaptation.saved_state import SavedFeatureBounds, SavedReturnConditioning
from netwright.core.errors import DataError

RETURNS = {"low": -1.0, "high": 2.0, "quantiles": [-1.0, 0.0, 0.0, 2.0]}
PUBLISHED = {"low": -1.0, "high": 2.0, "target": 0.05}
VECTOR = {"deviation": [1.0, 2.0], "reached": [[0.1, -0.2], [0.3, 0.4]]}

GOOD = {
    "none": (0, {}),
    "regret": (1, {}),
    "returns": (1, RETURNS),
    "returns-published": (1, PUBLISHED),
    "vector-returns": (2, VECTOR),
}


def made(kind, size, fitted):
    document = {"kind": kind, "size": size, "fitted": fitted}
    saved = SavedReturnConditioning.of(document, "model/netwright.json", remedy="adapt again")
    return saved.made("model/netwright.json", remedy="adapt again")


@pytest.mark.parametrize("kind", GOOD)
def test_every_kind_is_read_as_it_was_written(kind):
    size, fitted = GOOD[kind]
    found = made(kind, size, fitted)
    assert found == ReturnConditioning(kind, size, found.fitted)
    assert found.size == size
    assert dict(found.fitted) == fitted


@pytest.mark.parametrize("kind", GOOD)
def test_a_size_that_is_not_that_of_the_kind_is_refused(kind):
    size, fitted = GOOD[kind]
    with pytest.raises(DataError, match=f"size is {size + 1}, the scales are of {size}"):
        made(kind, size + 1, fitted)


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("returns", {"low": 3.0}, "low must not lie above high"),
        ("returns", {"quantiles": [0.0, 1.0, 0.5]}, "quantiles must not fall"),
        ("returns", {"quantiles": [0.0]}, "quantiles"),
        ("returns", {"target": 1.0}, "target"),
        ("returns-published", {"low": 2.0}, "low must lie below high"),
        ("returns-published", {"target": "much"}, "target"),
        ("vector-returns", {"deviation": [1.0, 0.0]}, "deviation"),
        ("vector-returns", {"deviation": [1.0, -1.0]}, "deviation"),
        ("vector-returns", {"reached": []}, "reached"),
        ("vector-returns", {"reached": [[0.1]]}, "rows of reached differ in length"),
        ("none", {"low": 1.0}, "low"),
        ("regret", {"low": 1.0}, "low"),
    ],
)
def test_scales_that_cannot_be_are_refused_with_their_place(kind, change, words):
    size, fitted = GOOD[kind]
    with pytest.raises(DataError, match=words) as caught:
        made(kind, size, fitted | change)
    assert "model/netwright.json.fitted" in str(caught.value)
    assert "adapt again" in str(caught.value)


@pytest.mark.parametrize("kind", ["returns", "returns-published", "vector-returns"])
def test_a_missing_scale_is_refused(kind):
    size, fitted = GOOD[kind]
    for name in fitted:
        with pytest.raises(DataError, match=name):
            made(kind, size, {k: v for k, v in fitted.items() if k != name})


def test_equal_ends_are_a_scale_of_returns_but_not_of_published_ones():
    """Returns per decision are divided by at least 1e-9, the published ones by the difference itself."""
    assert made("returns", 1, RETURNS | {"high": -1.0}).fitted["high"] == -1.0
    with pytest.raises(DataError, match="low must lie below high"):
        made("returns-published", 1, PUBLISHED | {"high": -1.0})


@pytest.mark.parametrize("size", [-1, 65, 1.5, True])
def test_sizes_are_whole_numbers_up_to_64(size):
    with pytest.raises(DataError, match="size"):
        made("regret", size, {})


def bounds(low, high):
    return SavedFeatureBounds.of({"low": low, "high": high}, "model", remedy="adapt again")


def test_bounds_may_touch_and_be_absent():
    assert bounds([1.0, -2.0], [1.0, 5.0]).high == (1.0, 5.0)
    assert bounds([], []).low == ()


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        ([1.0], [1.0, 2.0], "low and high differ in length"),
        ([1.0, 3.0], [1.0, 2.0], "low must not lie above high"),
        ([float("nan")], [1.0], "low"),
        ([0.0], [float("inf")], "high"),
    ],
)
def test_bounds_that_cannot_be_are_refused(low, high, words):
    with pytest.raises(DataError, match=words):
        bounds(low, high)
