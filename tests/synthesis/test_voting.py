"""The paper's learner and its two simple rivals."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from netwright.core.errors import ConfigError
from netwright.synthesis.consistent import Consistent
from netwright.synthesis.generation import OnlineGenerator, PoolGenerator, _better, satisfiable
from netwright.synthesis.no_prune import NoPrune
from netwright.synthesis.objective_only import ObjectiveOnly
from netwright.synthesis.pool import quality
from netwright.synthesis.queries import JUST_NOTICEABLE, Answer, Exchange, Kind, Query, satisfying
from netwright.synthesis.teachers import Oracle
from netwright.synthesis.voting import Voting, VotingConfig
from tests.synthesis.problems import Weighted, concave_pool, weighted_pool

POOLS = {"concave": concave_pool(500), "weighted": weighted_pool(500)}


def _run(learner, teacher, n):
    for _ in range(n):
        query = learner.ask()
        if query is None:
            break
        learner.tell(query, teacher.answer(query))
    return learner


def _qualities(make, pool, truths, n):
    values = pool.values(truths)
    ranks = quality(values, pool.counts)
    found = []
    for i, value in enumerate(values):
        learner = _run(make(i), Oracle(value, pool.counts), n)
        found.append(ranks[i, learner.recommend()])
    return np.array(found)


@pytest.mark.parametrize("name", POOLS)
def test_voting_beats_both_rivals(name):
    pool, truths = POOLS[name].split(np.random.default_rng(0), 60)
    voting = _qualities(lambda i: Voting(PoolGenerator(pool), seed=i), pool, truths, 10)
    no_prune = _qualities(lambda i: NoPrune(pool, seed=i), pool, truths, 10)
    consistent = _qualities(lambda i: Consistent(PoolGenerator(pool), seed=i), pool, truths, 10)
    assert np.median(voting) >= 0.985
    assert np.median(voting) > np.median(no_prune)
    assert np.median(consistent) > np.median(no_prune)
    # Theory of `no-prune`: the best of n random members, median 2^(-1/n); three standard errors below.
    assert np.median(no_prune) == pytest.approx(2 ** (-1 / 10), abs=0.03)


def test_candidates_explain_every_answer_and_improve_on_the_best():
    pool, truths = POOLS["weighted"].split(np.random.default_rng(1), 20)
    for i, value in enumerate(pool.values(truths)):
        learner, teacher = Voting(PoolGenerator(pool), seed=i), Oracle(value, pool.counts)
        for _ in range(8):
            query = learner.ask()
            if query is None:
                break
            learner.tell(query, teacher.answer(query))
            if learner.dropped or not len(learner.pcs):
                break
            assert len(learner.pcs) <= learner.config.pcs_size
            assert satisfying(pool.family, learner.pcs.parameters, pool.scores, learner.history).all()
            best = learner.recommend()
            values = pool.values(learner.pcs.parameters)
            assert (values[np.arange(len(learner.pcs)), learner.pcs.designs] > values[:, best]).all()


@pytest.mark.parametrize("name", POOLS)
def test_candidates_that_better_the_best_are_found_whatever_their_number(name):
    pool = POOLS[name]
    values = pool.values(pool.parameters)
    own = values[np.arange(len(pool)), pool.optimum]
    for best in (0, 7, pool.n_designs - 1):
        found = _better(pool.family, pool.parameters, pool.scores, pool.optimum, best)
        clear = np.abs(own - values[:, best]) > 1e-9
        np.testing.assert_array_equal(found[clear], (own > values[:, best])[clear])
        assert not found[pool.optimum == best].any()
    assert _better(pool.family, pool.parameters, pool.scores, pool.optimum, None).all()


def test_a_design_as_good_as_the_best_does_not_better_it():
    family = Weighted(2)
    scores = np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 3.0]])
    found = _better(family, np.full((2, 2), 0.5), scores, np.array([0, 2]), 1)
    assert found.tolist() == [False, True]


def test_the_same_seed_asks_the_same():
    pool, truths = POOLS["concave"].split(np.random.default_rng(2), 5)
    teacher = Oracle(pool.values(truths)[0], pool.counts)
    one, two = (_run(Voting(PoolGenerator(pool), seed=3), teacher, 8) for _ in range(2))
    assert one.history == two.history
    other = _run(Voting(PoolGenerator(pool), seed=4), teacher, 8)
    assert other.history != one.history


def test_a_fork_goes_its_own_way():
    pool = POOLS["weighted"]
    learner = Voting(PoolGenerator(pool))
    learner.tell(learner.ask(), Answer((0,)))
    other = learner.fork()
    query = learner.ask()
    assert other.ask() == query
    other.tell(query, Answer((0,)))
    assert len(learner.history) == 1
    assert learner.ask() == query


def test_of_contradicting_answers_as_many_as_possible_are_followed():
    pool = POOLS["weighted"]
    truth = pool.values(pool.family.sample(np.random.default_rng(3), 1))[0]
    teacher, learner = Oracle(truth, pool.counts), Voting(PoolGenerator(pool), seed=1)
    learner = _run(learner, teacher, 5)
    a, b = (int(d) for d in np.argsort(truth)[[-1, 0]])
    learner.tell(Query(Kind.COMPARE, (a, b)), Answer((0,)))
    assert not learner.dropped
    learner.tell(Query(Kind.COMPARE, (b, a)), Answer((0,)))
    assert learner.dropped == {6}  # all answers but the wrong one
    kept = [e for i, e in enumerate(learner.history) if i not in learner.dropped]
    assert satisfying(pool.family, learner.pcs.parameters, pool.scores, kept).all()
    assert learner.ask() is not None


def test_satisfiable_subsets_drop_as_few_answers_as_an_exhaustive_search():
    pool = weighted_pool(60)
    source, rng = PoolGenerator(pool), np.random.default_rng(4)
    objectives = source.sampled(np.random.default_rng(0))
    for _ in range(5):
        pairs = rng.integers(pool.n_designs, size=(7, 2))
        held = [
            Exchange(Query(Kind.COMPARE, (int(a), int(b))), Answer((int(rng.integers(2)),)))
            for a, b in pairs
            if a != b
        ]
        found = satisfiable(source, held, np.random.default_rng(0))
        fewest = next(
            n
            for n in range(len(held) + 1)
            for gone in itertools.combinations(range(len(held)), n)
            if satisfying(
                pool.family, objectives, pool.scores, [e for i, e in enumerate(held) if i not in gone]
            ).any()
        )
        assert len(found[0]) == fewest
        assert [len(dropped) for dropped in found] == sorted(map(len, found))


def test_about_equal_keeps_the_objectives_for_which_the_difference_is_hardly_noticeable():
    pool, truths = POOLS["weighted"].split(np.random.default_rng(5), 12)
    dropped = []
    for i, value in enumerate(pool.values(truths)):
        learner = _run(
            Voting(PoolGenerator(pool), seed=i), Oracle(value, pool.counts, jnd_share=JUST_NOTICEABLE), 8
        )
        equal = [
            e for j, e in enumerate(learner.history) if e.answer.best == (0, 1) and j not in learner.dropped
        ]
        values = pool.values(learner.pcs.parameters)
        for exchange in equal:
            a, b = exchange.query.designs
            assert (np.abs(values[:, a] - values[:, b]) <= JUST_NOTICEABLE * np.ptp(values, axis=1)).all()
        honest = satisfying(pool.family, truths[[i]], pool.scores, equal)
        assert honest.all()
        dropped.append(len(learner.dropped))
    assert np.mean(dropped) < 1.0


def test_objective_only_asks_where_consistent_objectives_disagree_and_learns_the_objective():
    pool, truths = POOLS["weighted"].split(np.random.default_rng(6), 20)
    values = pool.values(truths)
    ranks, reached = quality(values, pool.counts), []
    for i, value in enumerate(values):
        learner = ObjectiveOnly(PoolGenerator(pool), seed=i)
        for _ in range(6):
            query = learner.ask()
            both = satisfying(pool.family, pool.parameters, pool.scores, learner.history)
            ahead = pool.values(pool.parameters[both])[:, query.designs]
            assert query.kind is Kind.COMPARE
            assert both.sum() < 20 or len(np.unique(np.sign(ahead[:, 0] - ahead[:, 1]))) == 2
            learner.tell(query, Oracle(value, pool.counts).answer(query))
            assert satisfying(pool.family, learner.learned().parameters[None], pool.scores, learner.history)
        reached.append(ranks[i, learner.recommend()])
    assert np.median(reached) > 0.85


def test_cannot_say_rules_nothing_out():
    learner = Voting(PoolGenerator(POOLS["weighted"]))
    learner.tell(learner.ask(), Answer((0,)))
    before = learner.pcs
    learner.tell(learner.ask(), Answer(()))
    assert learner.pcs.parameters.tolist() == before.parameters.tolist()


def test_the_online_variant_needs_no_pool():
    family = Weighted(3)
    rng = np.random.default_rng(5)
    truth = family.sample(rng, 1)
    solves = []

    def improve(objective):
        solves.append(1)
        return np.log(objective.parameters)

    learner = Voting(OnlineGenerator(family, improve), VotingConfig(pcs_size=4, thresh=2), seed=0)
    for _ in range(12):
        query = learner.ask()
        if query is None:
            break
        values = family.values(truth, learner.scores)[0]
        shown = values[list(query.designs)]
        better = len(shown) == 1 or shown[0] > shown[1]
        learner.tell(query, Answer((0,) if better else (1,)))
    reachable = np.log(family.sample(rng, 2000))
    value = family.values(truth, learner.scores[[learner.recommend()]])[0]
    assert (family.values(truth, reachable)[0] <= value).mean() > 0.9
    assert len(solves) < 150


def test_settings_are_checked():
    with pytest.raises(ConfigError, match="thresh must lie in 1 to pcs_size"):
        VotingConfig(pcs_size=5, thresh=6)
