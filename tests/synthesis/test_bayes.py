"""The Bayesian learner: its prior, its look-ahead, its posterior."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.synthesis.bayes import Bayes, BayesConfig
from netwright.synthesis.generic import sample_ces, sample_sigmoid_sums
from netwright.synthesis.look_ahead import (
    Outlook,
    answers,
    best_pair,
    best_triple,
    information,
    menu,
    question_values,
)
from netwright.synthesis.particles import sample_particles
from netwright.synthesis.pool import quality
from netwright.synthesis.posterior import OperatorPrior
from netwright.synthesis.problem import Objective
from netwright.synthesis.queries import Answer, Kind, Query
from netwright.synthesis.teachers import Oracle
from tests.synthesis.problems import concave_pool, weighted_pool

SMALL = BayesConfig(n_particles=600, n_samples=120, n_pairs=80, n_triples=60, n_candidates=24)
POOL = weighted_pool(250)
PARTICLES = Bayes.sample(POOL, SMALL, 0)


def _learner(**changes):
    return Bayes(POOL, SMALL if not changes else BayesConfig(**{**SMALL.__dict__, **changes}), 0, PARTICLES)


@given(st.integers(0, 1000), st.integers(1, 5))
@settings(max_examples=30)
def test_bettering_every_metric_never_lowers_a_generic_objective(seed, n_metrics):
    rng = np.random.default_rng(seed)
    worse = rng.uniform(0.0, 0.9, (6, n_metrics))
    better = worse + rng.uniform(0.0, 0.1, worse.shape)
    both = np.vstack([worse, better])
    for sample in (sample_ces, sample_sigmoid_sums):
        values = sample(n_metrics, 20, rng).values(both)
        assert np.isfinite(values).all()
        assert (values[:, 6:] >= values[:, :6] - 1e-9).all()


def test_of_one_metric_a_ces_function_is_the_metric_above_the_floor():
    values = sample_ces(1, 4, np.random.default_rng(0)).values(np.array([[0.0], [0.5]]))
    np.testing.assert_allclose(values, np.tile([0.02, 0.52], (4, 1)))


def test_half_of_the_generic_particles_are_ces_functions():
    found = sample_particles(POOL, 700, 0.4, np.random.default_rng(1))
    assert (len(found.parameters), len(found.ces), len(found.sums)) == (420, 140, 140)


def test_particles_are_standardized_and_ranked():
    found = sample_particles(POOL, 700, 0.4, np.random.default_rng(1))
    every, designs = np.arange(700), np.arange(POOL.n_designs)
    assert {tuple(k) for k in POOL.parameters} <= {tuple(k) for k in found.parameters}
    standing, rank = found.standing(every, designs), found.rank(every, designs)
    np.testing.assert_allclose(standing[every, found.optimum], 1.0, atol=1e-5)
    np.testing.assert_allclose(standing @ (POOL.counts / len(POOL)), 0.0, atol=1e-4)
    np.testing.assert_array_equal(rank[every, found.optimum], 1.0)
    np.testing.assert_allclose(rank, quality(found.values(every, designs), POOL.counts), atol=1e-6)
    np.testing.assert_allclose(found.mean_rank(every, np.ones(700)), rank.mean(0), atol=1e-5)
    own = POOL.values(found.parameters)
    np.testing.assert_array_equal(found.optimum[:420], own.argmax(1))
    some = np.array([3, 3, 425, 600])
    part = found.selected(some)
    np.testing.assert_array_equal(part.standing(np.arange(4), designs), standing[some])
    moved = part.moved(np.array([1]), found.parameters[[9]])
    np.testing.assert_array_equal(moved.rank(np.arange(4), designs), rank[[3, 9, 425, 600]])
    np.testing.assert_array_equal(part.rank(np.arange(4), designs), rank[some])  # unchanged


def _outlook(n_samples=40, n_designs=9, seed=0):
    rng = np.random.default_rng(seed)
    standing = rng.uniform(-1.0, 1.0, (n_samples, n_designs)).astype(np.float32)
    rank = ((standing.argsort(1).argsort(1) + 1) / n_designs).astype(np.float32)
    noise = rng.choice([0.01, 0.1], n_samples).astype(np.float32)
    return Outlook(np.arange(n_designs) * 3, standing, rank, noise, np.zeros(n_samples, dtype=np.float32))


@pytest.mark.parametrize(
    ("kind", "size"), [(Kind.COMPARE, 2), (Kind.STRENGTH, 2), (Kind.TRIPLE, 3), (Kind.TICK, 3)]
)
def test_look_ahead_is_the_expected_best_rank_after_the_answer(kind, size):
    from netwright.synthesis.answer_models import possible_answers, probabilities

    outlook = _outlook()
    columns = np.array(list(itertools.combinations(range(9), size)))[::5]
    found = question_values(outlook, kind, columns, ties=True)
    for value, shown in zip(found, columns, strict=True):
        query = Query(kind, tuple(int(c) for c in shown), ties=True)
        p = probabilities(query, outlook.standing[:, shown].T, outlook.noise, outlook.tie)
        expected = 0.0
        for i in range(len(possible_answers(query))):
            expected += (p[i][:, None] * outlook.rank).mean(0).max()
        assert value == pytest.approx(expected, rel=1e-4)
        assert value >= outlook.present_value() - 1e-5  # information never hurts


def test_where_no_answer_changes_the_recommendation_a_pair_is_asked_for_what_it_tells():
    """Each of four objectives has its own best among designs 1 to 4, hard to tell apart; 0 is nearly as good for all.

    Only 5 against 6 says anything, and that does not suffice to leave the safe design.
    """
    own, group = np.arange(4), np.array([0, 0, 1, 1])
    standing, rank = np.full((2, 4, 7), 0.9, dtype=np.float32)
    rank[:], rank[:, 0], rank[own, own + 1] = 0.1, 0.95, 1.0
    standing[:, 0], standing[own, own + 1] = 0.95, 1.0
    standing[:, 5:], standing[own, 5 + group] = 0.1, 0.6
    sharp, tie = np.full(4, 1e-3, dtype=np.float32), np.full(4, 0.2, dtype=np.float32)
    outlook = Outlook(np.arange(7), standing, rank, sharp, tie)
    pairs = np.array(list(itertools.combinations(range(7), 2)))
    values = question_values(outlook, Kind.COMPARE, pairs, ties=True)
    assert values == pytest.approx(outlook.present_value(), abs=1e-6)
    told = information(outlook, answers(outlook, Kind.COMPARE, pairs, ties=True))
    assert told[-1] == pytest.approx(np.log(2.0), abs=0.05)
    assert told[:-1] == pytest.approx(0.0, abs=1e-3)
    asked, value, _ = best_pair(outlook, Kind.COMPARE, True, 100, np.random.default_rng(0))
    assert asked == (5, 6)
    assert value == values[-1]


def test_exchanging_designs_betters_a_triple():
    outlook = _outlook(200, 20)
    rng = np.random.default_rng
    _, plain, _ = best_triple(outlook, Kind.TRIPLE, 10, 0, rng(0))
    designs, bettered, _ = best_triple(outlook, Kind.TRIPLE, 10, 5, rng(0))
    assert bettered > plain
    assert len(set(designs)) == 3
    assert set(designs) <= set(outlook.designs.tolist())


def test_a_menu_starts_with_the_recommendation_and_covers_what_else_may_be_best():
    outlook = _outlook(200, 20)
    best = int(outlook.designs[outlook.rank.mean(0).argmax()])
    chosen = menu(outlook, best, 3)
    assert chosen[0] == best
    assert len(set(chosen)) == 3


def test_the_order_of_answers_does_not_matter(monkeypatch):
    monkeypatch.setattr("netwright.synthesis.posterior._NEGLIGIBLE", 0.0)
    exchanges = [
        (Query(Kind.COMPARE, (3, 40), ties=True), Answer((0,))),
        (Query(Kind.TICK, (7, 90, 120)), Answer((0, 2))),
        (Query(Kind.STRENGTH, (10, 200)), Answer((1,), "much")),
        (Query(Kind.TRIPLE, (5, 6, 77), ties=False), Answer((2,))),
        (Query(Kind.PROPOSE, (150, 20)), Answer((1,))),
        (Query(Kind.COMPARE, (15, 16)), Answer(())),
    ]
    steady = {"operator": OperatorPrior(drifting=0.0), "renew_below": 0.0}
    one, other = _learner(**steady), _learner(**steady)
    for query, answer in exchanges:
        one.tell(query, answer)
    for query, answer in reversed(exchanges):
        other.tell(query, answer)
    np.testing.assert_allclose(one.mean_rank, other.mean_rank, atol=1e-4)
    assert not np.allclose(one.mean_rank, _learner().mean_rank)
    assert one.doubt.log_chance == pytest.approx(other.doubt.log_chance)


@pytest.mark.parametrize("question", ["pair", "strength", "triple", "tick", "auto"])
def test_a_few_questions_find_a_good_design(question):
    truths = POOL.family.sample(np.random.default_rng(9), 12)
    values = POOL.values(truths)
    reached = []
    for value in values:
        learner, teacher = _learner(question=question), Oracle(value, POOL.counts)
        for _ in range(5):
            query = learner.ask()
            learner.tell(query, teacher.answer(query))
        reached.append((POOL.counts * (value <= value[learner.recommend()])).sum() / len(POOL))
    assert np.median(reached) > 0.94


def test_asking_is_repeatable_and_changes_nothing():
    learner = _learner()
    assert learner.ask() == learner.ask() == _learner().ask()
    before = learner.mean_rank.copy()
    learner.tell(learner.ask(), Answer(()))
    np.testing.assert_array_equal(before, learner.mean_rank)


def test_a_fork_goes_its_own_way():
    learner = _learner()
    query = learner.ask()
    other = learner.fork()
    other.tell(query, Answer((0,)))
    assert learner.history == ()
    assert not np.array_equal(learner.mean_rank, other.mean_rank)
    again = _learner()
    again.tell(query, Answer((0,)))
    np.testing.assert_array_equal(other.mean_rank, again.mean_rank)


def test_about_equal_is_understood_even_where_it_was_not_offered():
    learner = _learner()
    apart = (int(POOL.scores[:, 0].argmax()), int(POOL.scores[:, 0].argmin()))
    learner.tell(Query(Kind.COMPARE, apart, ties=False), Answer((0, 1)))
    noticed = learner.mean_rank[list(apart)]
    assert np.isfinite(noticed).all()
    assert abs(noticed[0] - noticed[1]) < 0.1


def test_answers_at_odds_are_taken_as_noise():
    learner = _learner()
    a, b = learner.ask().designs[:2]
    learner.tell(Query(Kind.COMPARE, (a, b)), Answer((0,)))
    once = learner.expected_quality()
    learner.tell(Query(Kind.COMPARE, (a, b)), Answer((1,)))
    assert learner.expected_quality() < once
    assert learner.ask() is not None


def test_the_last_question_is_a_menu_that_holds_the_recommendation():
    learner = _learner(question="triple", confirm_at=2)
    learner.tell(learner.ask(), Answer((0,)))
    last = learner.ask()
    assert last.kind is Kind.MENU
    assert learner.recommend() in last.designs


def test_what_is_learned_lies_near_the_truth():
    truth = np.array([0.8, 0.1, 0.1])
    teacher = Oracle(POOL.values(truth)[0], POOL.counts)
    learner = _learner(question="triple")
    before = learner.learned()
    for _ in range(6):
        query = learner.ask()
        learner.tell(query, teacher.answer(query))
    after = learner.learned()
    assert (after.high - after.low).sum() < 0.6 * (before.high - before.low).sum()
    assert np.abs(after.parameters - truth).max() < 0.15
    POOL.family.check(after.parameters)


def test_a_refresh_solves_for_likely_objectives_and_keeps_the_history():
    pool = weighted_pool(30, seed=4)
    truth = Objective(pool.family, np.array([0.6, 0.3, 0.1]))
    learner = Bayes(pool, SMALL, 0)
    teacher = Oracle(truth.values(pool.scores), pool.counts)
    for _ in range(5):
        query = learner.ask()
        learner.tell(query, teacher.answer(query))
    solved = []

    def improve(objective):
        solved.append(objective)
        return np.log(objective.parameters)

    later = learner.refreshed(improve)
    assert 1 <= len(solved) <= 9
    assert later.history == learner.history
    np.testing.assert_array_equal(later.scores[: pool.n_designs], pool.scores)
    assert len(later.scores) > pool.n_designs
    gained = truth.values(later.scores)[later.recommend()] - truth.values(pool.scores)[learner.recommend()]
    assert gained > -0.01


def test_settings_are_checked():
    with pytest.raises(UnknownNameError, match="did you mean 'tick'"):
        BayesConfig(question="tik")
    with pytest.raises(ConfigError, match="generic_share"):
        BayesConfig(generic_share=1.0)
    with pytest.raises(ConfigError, match="needs at least 4"):
        Bayes(concave_pool(2))
