"""The Pareto candidate set: informativeness of Fig. 4 on Example 4.5, and laws of its update."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from netwright.synthesis.pcs import (
    ParetoCandidateSet,
    compare_order,
    compare_removals,
    propose_removals,
)
from netwright.synthesis.queries import Answer, Exchange, Kind, Query, agrees
from tests.synthesis.problems import concave_pool, weighted_pool

# Example 4.5: five target functions over programs P1, P2, P3 and the running best; larger is better.
# The table is one of those that give every number the paper prints (found by exhaustive search).
EXAMPLE = np.array(
    [
        [3.0, 0.0, 1.0, 2.0],  # f1: P1 before the running best before P3 before P2
        [2.0, 3.0, 2.0, 0.0],  # f2: P2, then P1 and P3 alike, then the running best
        [2.0, 1.0, 3.0, 0.0],  # f3
        [2.0, 1.0, 3.0, 0.0],  # f4
        [0.0, 1.0, 3.0, 2.0],  # f5
    ]
)
OWN = np.array([0, 1, 2, 2, 2])


def test_example_4_5_compare():
    pairs = compare_order(3)
    assert pairs == [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]
    removed = compare_removals(EXAMPLE, OWN, pairs)
    assert removed.tolist() == [[1, 1, 3], [2, 2, 2], [2, 1, 3], [0, 2, 3], [1, 1, 3], [1, 2, 3]]
    assert removed.min(1).tolist() == [1, 2, 1, 0, 1, 1]


def test_example_4_5_propose():
    removed = propose_removals(EXAMPLE, OWN)
    assert removed.tolist() == [[1, 2], [2, 1], [2, 2]]


class _Table:
    """A family whose objectives are the rows of a table: parameter 0 is the row, score 0 the column."""

    name = "table"
    parameters = (None,)

    def values(self, parameters, scores):
        return EXAMPLE[parameters[:, 0].astype(int)][:, scores[:, 0].astype(int)]


def test_example_4_5_chooses_to_propose_p3():
    pcs = ParetoCandidateSet(_Table(), np.arange(5.0)[:, None], OWN)
    assert pcs.most_informative(3, np.arange(4.0)[:, None]) == Query(Kind.PROPOSE, (2, 3))


def _removed_by(exchange, values, own, n_programs):
    """By the definition: apply the answer and count the programs that are gone."""
    stays = agrees(values[:, list(exchange.query.designs)], exchange)
    if exchange.query.kind is Kind.PROPOSE and exchange.answer.best == (0,):
        stays &= own != exchange.query.designs[0]
    return n_programs - len(set(own[stays]))


@given(st.integers(0, 10_000))
def test_removals_are_what_the_answers_would_do(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 5))
    own = np.concatenate([np.arange(n), rng.integers(0, n, rng.integers(0, 6))])
    values = rng.integers(0, 3, (len(own), n + 1)).astype(float)
    pairs = compare_order(n)
    for pair, found in zip(pairs, compare_removals(values, own, pairs), strict=True):
        exchanges = [Exchange(Query(Kind.COMPARE, pair), Answer(a)) for a in [(0,), (1,), (0, 1)]]
        assert found.tolist() == [_removed_by(e, values, own, n) for e in exchanges]
    for p, found in enumerate(propose_removals(values, own)):
        exchanges = [Exchange(Query(Kind.PROPOSE, (p, n)), Answer(a)) for a in [(0,), (1,)]]
        assert found.tolist() == [_removed_by(e, values, own, n) for e in exchanges]


@given(st.integers(0, 10_000), st.sampled_from([concave_pool(), weighted_pool()]))
def test_no_answer_grows_the_set(seed, pool):
    rng = np.random.default_rng(seed)
    rows = rng.integers(0, len(pool), 12)
    pcs = ParetoCandidateSet(pool.family, pool.parameters[rows], pool.optimum[rows])
    a, b = (int(d) for d in rng.choice(pool.n_designs, 2, replace=False))
    kind = (Kind.PROPOSE, Kind.COMPARE)[int(rng.integers(2))]
    answers = [(0,), (1,), ()] if kind is Kind.PROPOSE else [(0,), (1,), (0, 1), ()]
    sizes = []
    for best in answers:
        after = pcs.updated(Exchange(Query(kind, (a, b)), Answer(best)), pool.scores)
        assert {tuple(k) for k in after.parameters} <= {tuple(k) for k in pcs.parameters}
        sizes.append(len(after))
    assert sizes[-1] == len(pcs)  # "cannot say" rules nothing out


def test_the_chosen_query_removes_as_many_programs_as_promised():
    pool = weighted_pool(60)
    pcs = ParetoCandidateSet(pool.family, pool.parameters[:20], pool.optimum[:20])
    best = int(pool.optimum[40])
    query = pcs.most_informative(best, pool.scores)
    answers = [(0,), (1,)] if query.kind is Kind.PROPOSE else [(0,), (1,), (0, 1)]
    after = [pcs.updated(Exchange(query, Answer(a)), pool.scores) for a in answers]
    removed = min(len(pcs.programs()) - len(p.programs()) for p in after)
    others = [
        min(
            len(pcs.programs())
            - len(
                pcs.updated(Exchange(Query(Kind.PROPOSE, (int(p), best)), Answer(a)), pool.scores).programs()
            )
            for a in [(0,), (1,)]
        )
        for p in pcs.programs()
    ]
    assert removed >= max(others) > 0
