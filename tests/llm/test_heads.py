from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netwright.core.errors import ConfigError, DataError
from netwright.llm.heads import BoundedRegression, CategoricalChoice, Pointer

WIDTH = 8


def wild_head(spec: Any, seed: int = 0, scale: float = 10.0) -> nn.Module:
    """A head with large random weights, as no training would leave it."""
    torch.manual_seed(seed)
    head = spec.network(WIDTH).eval()
    for parameter in head.parameters():
        nn.init.normal_(parameter, std=scale)
    return head


@settings(max_examples=60, deadline=None)
@given(
    exponent=st.floats(-3, 38),
    limit=st.floats(1e-3, 1e6),
    n_hidden=st.sampled_from([0, 5]),
    seed=st.integers(0, 1000),
)
def test_regression_never_leaves_its_bounds(exponent: float, limit: float, n_hidden: int, seed: int) -> None:
    head = wild_head(BoundedRegression((4, 3), limit, n_hidden), seed)
    hidden = (torch.randn(5, WIDTH) * 10.0**exponent).clamp(-3e38, 3e38)
    answer = head.answer(hidden)
    assert answer.shape == (5, 4, 3)
    assert answer.dtype == torch.float32
    assert torch.isfinite(answer).all()
    assert answer.abs().max() <= torch.tensor(limit, dtype=torch.float32)


def test_regression_starts_at_zero_and_keeps_leading_dimensions() -> None:
    head = BoundedRegression((2,)).network(WIDTH)
    assert torch.equal(head(torch.randn(3, 5, WIDTH)), torch.zeros(3, 5, 2))


def test_regression_is_the_identity_well_inside() -> None:
    head = BoundedRegression((WIDTH,), limit=1000.0).network(WIDTH)
    nn.init.eye_(head.last.weight)
    hidden = torch.randn(3, WIDTH)
    assert torch.allclose(head(hidden), hidden, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(exponent=st.floats(-3, 38), seed=st.integers(0, 1000), data=st.data())
def test_choice_is_valid_and_never_masked(exponent: float, seed: int, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    valid = torch.tensor(
        data.draw(
            st.lists(st.lists(st.booleans(), min_size=n, max_size=n).filter(any), min_size=4, max_size=4)
        )
    )
    hidden = (torch.randn(4, WIDTH) * 10.0**exponent).clamp(-3e38, 3e38)
    choice = wild_head(CategoricalChoice(n), seed).answer(hidden, valid)
    assert choice.shape == (4,)
    assert valid[torch.arange(4), choice].all()
    candidates = (torch.randn(4, n, WIDTH) * 10.0**exponent).clamp(-3e38, 3e38)
    pointed = wild_head(Pointer(n_hidden=6), seed).answer(candidates, valid)
    assert valid[torch.arange(4), pointed].all()


def test_a_mask_changes_only_what_it_masks() -> None:
    head = wild_head(CategoricalChoice(4))
    hidden = torch.randn(3, WIDTH)
    scores = head(hidden)
    best = scores.argmax(dim=-1)
    assert torch.equal(head.answer(hidden), best)
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[torch.arange(3), best] = False
    masked = head(hidden, valid)
    assert torch.equal(masked[valid], scores[valid])
    assert torch.equal(masked.softmax(dim=-1)[~valid], torch.zeros(3))
    assert torch.equal(head.answer(hidden, valid), scores.topk(2).indices[:, 1])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), n_hidden=st.sampled_from([0, 5]), seed=st.integers(0, 1000))
def test_pointer_is_equivariant_to_the_order_of_candidates(n: int, n_hidden: int, seed: int) -> None:
    head = wild_head(Pointer(n_hidden), seed, scale=1.0)
    candidates = torch.randn(2, n, WIDTH)
    valid = torch.rand(2, n) < 0.7
    valid[:, 0] = True
    order = torch.randperm(n)
    straight = head(candidates, valid)
    assert torch.allclose(head(candidates[:, order], valid[:, order]), straight[:, order], atol=1e-5)
    place = torch.argsort(order)
    assert torch.equal(
        place[head.answer(candidates, valid)], head.answer(candidates[:, order], valid[:, order])
    )


def test_pointer_does_not_see_other_candidates() -> None:
    head = wild_head(Pointer(n_hidden=5), scale=1.0)
    candidates = torch.randn(1, 6, WIDTH)
    assert torch.allclose(head(candidates[:, :2]), head(candidates)[:, :2], atol=1e-5)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("spec", [BoundedRegression((3,)), CategoricalChoice(3), Pointer()])
def test_hidden_states_that_are_no_numbers_are_refused(spec: Any, bad: float) -> None:
    hidden = torch.zeros(2, 3, WIDTH) if isinstance(spec, Pointer) else torch.zeros(2, WIDTH)
    hidden[1, ..., 2] = bad
    with pytest.raises(DataError, match="NaN or infinite"):
        spec.network(WIDTH).answer(hidden)


def test_masks_that_cannot_be() -> None:
    head = CategoricalChoice(3).network(WIDTH)
    hidden = torch.zeros(2, WIDTH)
    with pytest.raises(DataError, match="row 1 of the mask leaves no valid choice"):
        head(hidden, torch.tensor([[True, False, False], [False, False, False]]))
    with pytest.raises(DataError, match=r"must be \(2, 3\) of bool, got \(3,\)"):
        head(hidden, torch.ones(3, dtype=torch.bool))
    with pytest.raises(DataError, match="of bool"):
        head(hidden, torch.ones(2, 3))
    with pytest.raises(DataError, match="no candidate"):
        Pointer().network(WIDTH).answer(torch.zeros(2, 0, WIDTH))


def test_specs_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        CategoricalChoice(0)
    for shape, limit in (((), 1.0), ((0,), 1.0), ((2,), 0.0), ((2,), float("inf"))):
        with pytest.raises(ConfigError, match="positive limit and shape"):
            BoundedRegression(shape, limit)
