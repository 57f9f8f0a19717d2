"""The end of a dialogue: the menu, the influence of answers, and moving to a larger pool."""

from __future__ import annotations

import numpy as np
import pytest

from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.near_best import ABOUT_AS_GOOD, DIFFERENT, expected_qualities, influences, near_best
from netwright.synthesis.pool import Pool
from netwright.synthesis.queries import CANNOT_SAY, Answer
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.synthesis.teachers import Oracle
from tests.synthesis.problems import weighted_pool

POOL = weighted_pool(120)


@pytest.fixture(scope="module", params=["bayes", "voting"])
def ended(request):
    """A dialogue of five answers by a perfect teacher."""
    question = "tick" if request.param == "bayes" else "auto"
    dialogue = Dialogue(PoolProblem(POOL), Setup(learner=request.param, question=question, n_queries=5))
    teacher = Oracle(POOL.values(POOL.parameters[7])[0], POOL.counts)
    while (query := dialogue.ask()) is not None:
        dialogue.tell(teacher.answer(query))
    return dialogue


def test_the_menu_starts_with_the_recommendation_and_differs(ended):
    menu = near_best(ended, POOL)
    expected = expected_qualities(ended.learner, POOL)
    assert menu[0] == ended.recommend() and len(set(menu)) == len(menu) <= 3
    for i, design in enumerate(menu):
        assert expected[design] >= expected[menu[0]] - ABOUT_AS_GOOD
        for other in menu[:i]:
            apart = np.sqrt(((POOL.scaled[design] - POOL.scaled[other]) ** 2).mean())
            assert apart >= DIFFERENT


def test_before_the_first_answer_there_is_no_menu():
    assert near_best(Dialogue(PoolProblem(POOL), Setup(learner="voting")), POOL) == ()


def test_the_influence_of_an_answer_is_what_changes_without_it(ended):
    found = influences(ended, POOL)
    assert [each.number for each in found] == [1, 2, 3, 4, 5][: len(ended.exchanges)]
    for each in found:
        other = ended.fork()
        other.change(each.number, CANNOT_SAY)
        assert each.changes == (other.recommend() != ended.recommend())
        assert each.loss >= 0.0 and (each.changes or each.loss == 0.0)


def test_a_dialogue_moves_to_a_pool_that_holds_its_designs():
    small = POOL.subset(np.arange(40))
    dialogue = Dialogue(PoolProblem(small), Setup(n_queries=6, question="tick"))
    for answer in (Answer((0,)), Answer((1, 2))):
        dialogue.ask()
        dialogue.tell(answer)
    moved = dialogue.moved(PoolProblem(POOL))
    for before, after in zip(dialogue.exchanges, moved.exchanges, strict=True):
        assert before.answer == after.answer
        np.testing.assert_array_equal(
            small.scores[list(before.query.designs)], POOL.scores[list(after.query.designs)]
        )
    assert moved.ask() is not None


def test_a_dialogue_stays_where_a_design_is_missing():
    dialogue = Dialogue(PoolProblem(POOL), Setup(learner="no-prune"))
    shown = dialogue.ask().designs[0]
    dialogue.tell(Answer((0,)))
    others = np.flatnonzero(POOL.optimum != shown)
    smaller: Pool = POOL.subset(others)
    assert dialogue.moved(PoolProblem(smaller)) is None
    assert len(dialogue.exchanges) == 1
