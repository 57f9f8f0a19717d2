"""Candidates: objectives that explain the answers and would improve on the best design, from a pool or solved for."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.synthesis import generation
from netwright.synthesis.generation import OnlineGenerator, PoolGenerator
from netwright.synthesis.learner import Historian, history_key, running_best
from netwright.synthesis.no_prune import NoPrune
from netwright.synthesis.queries import Answer, Exchange, Kind, Query, satisfying
from tests.synthesis.problems import Weighted, concave_pool, weighted_pool

POOL = weighted_pool(60)
NONE = np.empty((0, 3))


def rng(seed=0):
    return np.random.default_rng(seed)


def compared(*pairs):
    """Answers that prefer the first design of each pair."""
    return [Exchange(Query(Kind.COMPARE, pair), Answer((0,))) for pair in pairs]


@settings(max_examples=25)
@given(st.integers(0, 999), st.integers(0, 2), st.booleans())
def test_candidates_explain_all_answers_and_prefer_their_own_design(seed, n_answers, with_best):
    draws = rng(seed)
    pairs = [tuple(int(d) for d in draws.choice(POOL.n_designs, 2, replace=False)) for _ in range(n_answers)]
    exchanges, best = compared(*pairs), int(POOL.optimum[3]) if with_best else None
    parameters, designs, explained = PoolGenerator(POOL).draw(exchanges, best, 12, rng(seed), NONE)
    assert len(parameters) == len(designs) <= 12
    assert satisfying(POOL.family, parameters, POOL.scores, exchanges).all()
    values = POOL.values(parameters) if len(parameters) else np.empty((0, POOL.n_designs))
    own = values[np.arange(len(designs)), designs]
    if best is not None:
        assert (own > values[:, best]).all()
        assert best not in designs
    assert explained or not len(parameters)


def test_a_pool_is_drawn_without_replacement_before_new_objectives_are():
    generator = PoolGenerator(POOL)
    first, designs, explained = generator.draw([], None, 40, rng(), NONE)
    assert explained
    pool_rows = {tuple(k) for k in POOL.parameters}
    assert {tuple(k) for k in first} <= pool_rows
    assert len({tuple(k) for k in first}) == 40
    rest, _, _ = generator.draw([], None, 60, rng(77), first)
    inside = [tuple(k) in pool_rows for k in rest]
    assert inside == [True] * 20 + [False] * 40, "twenty are left; the others are new"
    assert not {tuple(k) for k in rest} & {tuple(k) for k in first}
    where = {tuple(k): d for k, d in zip(POOL.parameters, POOL.optimum, strict=True)}
    assert all(where[tuple(k)] == d for k, d in zip(first, designs, strict=True))


def test_new_objectives_are_given_their_best_known_design():
    parameters, designs, _ = PoolGenerator(POOL).draw([], None, 30, rng(), POOL.parameters)
    assert len(parameters) == 30
    assert designs.tolist() == POOL.values(parameters).argmax(1).tolist()


def test_answers_that_no_objective_explains_are_reported():
    a, b = (int(d) for d in POOL.optimum[:2])
    exchanges = compared((a, b), (b, a))
    parameters, designs, explained = PoolGenerator(POOL).draw(exchanges, None, 5, rng(), NONE)
    assert not explained
    assert len(parameters) == len(designs) == 0


def test_a_first_design_is_an_optimum_of_the_pool():
    found = {PoolGenerator(POOL).any_design(rng(seed)) for seed in range(30)}
    assert found <= set(POOL.optimum.tolist())
    assert len(found) > 5


class Solver:
    """Solves sum w log x with sum x = 1, whose optimum is x = w; counts its calls."""

    def __init__(self):
        self.calls = 0

    def __call__(self, objective):
        self.calls += 1
        return np.log(objective.parameters)


def test_without_a_pool_each_candidate_is_solved_for():
    solver = Solver()
    generator = OnlineGenerator(Weighted(3), solver)
    first = generator.any_design(rng())
    assert (first, len(generator.scores), solver.calls) == (0, 1, 1)
    parameters, designs, explained = generator.draw([], first, 4, rng(1), NONE)
    assert explained
    assert designs.tolist() == [1, 2, 3, 4]
    assert solver.calls == 5
    assert generator.scores[designs] == pytest.approx(np.log(parameters), abs=1e-6)
    values = generator.family.values(parameters, generator.scores)
    assert (np.diagonal(values[:, designs]) > values[:, first]).all()


def test_a_design_that_is_known_is_not_added_again():
    generator = OnlineGenerator(Weighted(3), lambda objective: np.array([1.0, 2.0, 3.0]))
    assert generator.any_design(rng(0)) == generator.any_design(rng(1)) == 0
    assert len(generator.scores) == 1
    parameters, designs, explained = generator.draw([], 0, 3, rng(), NONE)
    assert explained
    assert parameters.shape == (0, 3), "the only design is the best so far"
    assert designs.shape == (0,)


def test_an_online_search_solves_at_most_twice_per_candidate():
    solver = Solver()
    generator = OnlineGenerator(Weighted(3), lambda objective: solver(objective) * 0.0 - 1.0)
    generator.any_design(rng())
    solver.calls = 0
    generator.draw([], 0, 5, rng(), NONE)
    assert solver.calls == 10


def test_an_online_candidate_explains_the_answers():
    generator = OnlineGenerator(Weighted(3), Solver())
    for seed in range(3):
        generator.any_design(rng(seed))
    exchanges = compared((0, 1), (0, 2))
    parameters, _, explained = generator.draw(exchanges, None, 3, rng(5), NONE)
    assert explained
    assert len(parameters) == 3
    assert satisfying(generator.family, parameters, generator.scores, exchanges).all()


def test_optima_are_evaluated_in_blocks_as_at_once(monkeypatch):
    pool = concave_pool(150)
    best = int(pool.optimum[0])
    arguments = (pool.family, pool.parameters, pool.scores, pool.optimum, best)
    whole = generation._better(*arguments)
    values = pool.values(pool.parameters)
    own = values[np.arange(len(pool)), pool.optimum]
    assert whole.tolist() == ((own > values[:, best]) & (pool.optimum != best)).tolist()
    monkeypatch.setattr(generation, "_BLOCK", 7)
    assert generation._better(*arguments).tolist() == whole.tolist()
    assert generation._better(*arguments[:-1], None).all()


def test_rows_are_found_among_others():
    rows = np.array([[1.0, 2.0], [3.0, 4.0], [1.0, 4.0]])
    assert generation._among(rows, rows[[1]]).tolist() == [False, True, False]
    assert not generation._among(rows, np.empty((0, 2))).any()


def accepted(design, best):
    return Exchange(Query(Kind.PROPOSE, (design, best)), Answer((0,)))


def test_the_running_best_is_the_latest_accepted_proposal():
    first = Exchange(Query(Kind.PROPOSE, (4,)), Answer((0,)))
    assert running_best([]) is None
    assert running_best([first]) == 4
    assert running_best([first, accepted(7, 4)]) == 7
    refused = Exchange(Query(Kind.PROPOSE, (9, 7)), Answer((1,)))
    other = Exchange(Query(Kind.COMPARE, (1, 2)), Answer((0,)))
    assert running_best([first, accepted(7, 4), refused, other]) == 7
    assert running_best([other]) is None


def test_random_numbers_depend_on_seed_and_history_alone():
    def drawn(seed, *exchanges):
        historian = Historian(seed)
        for exchange in exchanges:
            historian.record(exchange.query, exchange.answer)
        return float(historian.rng().random())

    one, two = accepted(7, 4), accepted(8, 4)
    assert drawn(0, one) == drawn(0, one)
    assert (
        len({drawn(0), drawn(1), drawn(0, one), drawn(0, two), drawn(0, one, two), drawn(0, two, one)}) == 6
    )
    assert 0 <= history_key([one]) < 2**63


def test_a_fork_shares_no_later_history():
    learner = NoPrune(POOL, seed=3)
    learner.tell(Query(Kind.PROPOSE, (5,)), Answer((0,)))
    other = learner.fork()
    other.tell(Query(Kind.PROPOSE, (6, 5)), Answer((0,)))
    assert (learner.recommend(), other.recommend()) == (5, 6)
    assert len(learner.history) == 1


def test_the_baseline_proposes_optima_of_the_pool_against_the_best_so_far():
    learner = NoPrune(POOL, seed=3)
    first = learner.ask()
    assert first == learner.ask()
    assert len(first.designs) == 1
    learner.tell(first, Answer((0,)))
    second = learner.ask()
    assert second.designs[1] == first.designs[0]
    assert set(second.designs) <= set(POOL.optimum.tolist())
