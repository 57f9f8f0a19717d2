"""After an answer without a preference, no learner asks the same question or a near twin."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.synthesis.bayes import QUESTIONS, BayesConfig
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learners import LEARNERS, learner_factory
from netwright.synthesis.queries import CANNOT_SAY, Answer, Exchange, Kind, Query
from netwright.synthesis.refusals import RADIUS, Refusals
from netwright.synthesis.setup import PoolProblem, Setup
from tests.synthesis.problems import concave_pool, weighted_pool

POOLS = {"concave": concave_pool(200), "weighted": weighted_pool(200)}
SMALL = BayesConfig(n_particles=400, n_samples=80, n_pairs=60, n_triples=40, n_candidates=24)
SCORES = np.array([[0.0, 0.0], [0.05, 0.0], [0.5, 0.5], [0.5, 0.56], [1.0, 1.0]])


def _refused(*designs, answer=CANNOT_SAY):
    return Refusals([Exchange(Query(Kind.COMPARE, designs), answer)], SCORES)


def test_closeness_is_the_largest_difference_of_any_metric_in_the_best_order():
    found = _refused(0, 2).closeness(np.array([[0, 2], [2, 0], [1, 2], [3, 1], [0, 4], [2, 3]]))
    assert found == pytest.approx([1.0, 1.0, 0.5, 0.4, 0.0, 0.0])
    assert RADIUS == 0.1
    assert _refused(0, 2).closeness(np.array([[0, 2, 4]])).tolist() == [0.0]


def test_only_answers_without_a_preference_are_refusals():
    assert not _refused(0, 2, answer=Answer((1,)))
    assert _refused(0, 2, answer=Answer((0, 1)))
    some = Exchange(Query(Kind.TICK, (0, 2, 4)), Answer((0, 1)))
    every = Exchange(Query(Kind.TICK, (0, 2, 4)), Answer((0, 1, 2)))
    assert not Refusals([some], SCORES)
    assert Refusals([every], SCORES).fresh(np.array([[4, 2, 0], [0, 1, 4]])).tolist() == [1]


def _shown(history):
    """The questions as sets of designs, without the first proposal."""
    return [frozenset(e.query.designs) for e in history if len(e.query.designs) > 1]


@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize(
    ("name", "question"), [*((n, "auto") for n in LEARNERS.names()), *(("bayes", q) for q in QUESTIONS[:-1])]
)
def test_no_learner_repeats_a_refused_question_or_asks_a_twin(name, question, equal, pool):
    learner = learner_factory(name, pool, question=question, ties=True, config=SMALL)(0)
    for _ in range(6):
        query = learner.ask()
        assert query is not None
        assert (
            len(query.designs) == 1 or (learner.refusals().closeness(np.array([query.designs])) < 0.05).all()
        )
        offered = equal and query.ties and query.kind is not Kind.PROPOSE
        learner.tell(query, Answer(tuple(range(len(query.designs)))) if offered else CANNOT_SAY)
    asked = _shown(learner.history)
    assert len(set(asked)) == len(asked)


@pytest.mark.parametrize("name", LEARNERS.names())
def test_an_answer_undone_is_not_asked_for_again(name):
    dialogue = Dialogue(PoolProblem(POOLS["weighted"]), Setup(name))
    for _ in range(3):
        query = dialogue.ask()
        dialogue.tell(Answer((0,)))
    dialogue.undo(2)
    undone = dialogue.exchanges[1].query.designs
    for _ in range(4):
        query = dialogue.ask()
        if query is None:
            break
        assert set(query.designs) != set(undone)
        dialogue.tell(CANNOT_SAY)
