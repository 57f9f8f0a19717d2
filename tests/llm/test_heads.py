from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netwright.core.errors import ConfigError, DataError
from netwright.llm.encoders import GraphBatch
from netwright.llm.heads import BoundedRegression, CategoricalChoice, Factored, Pointer

WIDTH = 8
POINTER = Pointer("graph", n_features=5, n_hidden=6)


def pointed_at(n: int, n_graphs: int, scale: float = 1.0) -> dict[str, Any]:
    """Graphs of n nodes with embeddings, all of them candidates."""
    sizes = torch.full((n_graphs,), n)
    graphs = GraphBatch(
        torch.zeros(n * n_graphs, 1), torch.zeros(2, 0, dtype=torch.int64), sizes, (n_graphs,)
    )
    nodes = (torch.randn(n * n_graphs, 5) * scale).clamp(-3e38, 3e38)
    return {"graph": graphs, "graph.nodes": nodes, "candidate_nodes": torch.arange(n).expand(n_graphs, n)}


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
    choice = wild_head(CategoricalChoice(n), seed).answer(hidden, {"valid": valid})
    assert choice.shape == (4,)
    assert valid[torch.arange(4), choice].all()
    inputs = pointed_at(n, 4, 10.0**exponent) | {"valid": valid}
    pointed = wild_head(POINTER, seed).answer(hidden, inputs)
    assert valid[torch.arange(4), pointed].all()


def test_a_mask_changes_only_what_it_masks() -> None:
    head = wild_head(CategoricalChoice(4))
    hidden = torch.randn(3, WIDTH)
    scores = head(hidden, {})
    best = scores.argmax(dim=-1)
    assert torch.equal(head.answer(hidden, {}), best)
    valid = torch.ones(3, 4, dtype=torch.bool)
    valid[torch.arange(3), best] = False
    masked = head(hidden, {"valid": valid})
    assert torch.equal(masked[valid], scores[valid])
    assert torch.equal(masked.softmax(dim=-1)[~valid], torch.zeros(3))
    assert torch.equal(head.answer(hidden, {"valid": valid}), scores.topk(2).indices[:, 1])


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 12), seed=st.integers(0, 1000))
def test_pointer_is_equivariant_to_the_order_of_candidates(n: int, seed: int) -> None:
    head = wild_head(POINTER, seed, scale=1.0)
    hidden, inputs = torch.randn(2, WIDTH), pointed_at(n, 2)
    valid = torch.rand(2, n) < 0.7
    valid[:, 0] = True
    order = torch.randperm(n)
    straight = head(hidden, inputs | {"valid": valid})
    shuffled = inputs | {"candidate_nodes": inputs["candidate_nodes"][:, order], "valid": valid[:, order]}
    assert torch.allclose(head(hidden, shuffled), straight[:, order], atol=1e-5)


def test_pointer_does_not_see_other_candidates() -> None:
    head = wild_head(POINTER, scale=1.0)
    hidden, inputs = torch.randn(1, WIDTH), pointed_at(6, 1)
    few = inputs | {"candidate_nodes": inputs["candidate_nodes"][:, :2]}
    assert torch.allclose(head(hidden, few), head(hidden, inputs)[:, :2], atol=1e-5)


def test_pointer_never_takes_padding_and_refuses_a_node_of_another_graph() -> None:
    head = wild_head(POINTER, scale=1.0)
    hidden, inputs = torch.randn(2, WIDTH), pointed_at(3, 2)
    padded = inputs | {"candidate_nodes": torch.tensor([[2, -1, -1], [0, 1, -1]])}
    scores = head(hidden, padded)
    assert torch.isneginf(scores).tolist() == [[False, True, True], [False, False, True]]
    with pytest.raises(DataError, match="a node that its graph does not have"):
        head(hidden, inputs | {"candidate_nodes": torch.tensor([[3], [0]])})
    with pytest.raises(DataError, match="leaves no valid choice"):
        head(hidden, inputs | {"candidate_nodes": torch.tensor([[-1], [0]])})


def test_a_part_sees_what_an_earlier_part_chose() -> None:
    spec = Factored({"stage": POINTER, "count": CategoricalChoice(4)}, {"count": "stage"})
    head = wild_head(spec, scale=1.0)
    hidden, inputs = torch.randn(2, WIDTH), pointed_at(5, 2)
    first, second = (head(hidden, inputs, {"stage": torch.tensor([i, i])}) for i in (0, 1))
    assert torch.equal(first["stage"], second["stage"])
    assert not torch.allclose(first["count"], second["count"])
    chosen = head.answer(hidden, inputs)
    given = head(hidden, inputs, chosen)
    assert torch.equal(given["count"].argmax(-1), chosen["count"])
    counts = torch.tensor([[False, True, False, False], [False, False, True, True]])
    masked = Factored({"stage": POINTER, "count": CategoricalChoice(4, valid="counts")}, {"count": "stage"})
    answer = wild_head(masked).answer(hidden, inputs | {"counts": counts})
    assert counts[torch.arange(2), answer["count"]].all()


def test_parts_that_cannot_depend_on_each_other() -> None:
    for given_, reason in (
        ({"count": "stage2"}, "name an earlier part"),
        ({"stage": "count"}, "name an earlier part"),
        ({"size": "count"}, "no features"),
    ):
        with pytest.raises(ConfigError, match=reason):
            Factored({"stage": POINTER, "count": CategoricalChoice(4), "size": CategoricalChoice(2)}, given_)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("spec", [BoundedRegression((3,)), CategoricalChoice(3), POINTER])
def test_hidden_states_that_are_no_numbers_are_refused(spec: Any, bad: float) -> None:
    hidden = torch.zeros(2, WIDTH)
    hidden[1, 2] = bad
    inputs = () if isinstance(spec, BoundedRegression) else (pointed_at(3, 2),)
    with pytest.raises(DataError, match="NaN or infinite"):
        spec.network(WIDTH).answer(hidden, *inputs)


def test_masks_that_cannot_be() -> None:
    head = CategoricalChoice(3).network(WIDTH)
    hidden = torch.zeros(2, WIDTH)
    with pytest.raises(DataError, match="row 1 of the mask leaves no valid choice"):
        head(hidden, {"valid": torch.tensor([[True, False, False], [False, False, False]])})
    with pytest.raises(DataError, match=r"must be \(2, 3\) of bool, got \(3,\)"):
        head(hidden, {"valid": torch.ones(3, dtype=torch.bool)})
    with pytest.raises(DataError, match="of bool"):
        head(hidden, {"valid": torch.ones(2, 3)})
    with pytest.raises(DataError, match="no candidate"):
        empty = pointed_at(3, 2) | {"candidate_nodes": torch.zeros(2, 0, dtype=torch.int64)}
        POINTER.network(WIDTH).answer(hidden, empty)


def test_specs_that_cannot_be() -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        CategoricalChoice(0)
    for shape, limit in (((), 1.0), ((0,), 1.0), ((2,), 0.0), ((2,), float("inf"))):
        with pytest.raises(ConfigError, match="positive limit and shape"):
            BoundedRegression(shape, limit)
