"""`netwright.synthesize`: a whole dialogue with a teacher, from a pool or an online problem to a design."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypedDict, Unpack

from netwright.synthesis.dialogue import Dialogue, DialogueResult
from netwright.synthesis.pool import Pool
from netwright.synthesis.problem import Design
from netwright.synthesis.queries import Answer, Query
from netwright.synthesis.setup import OnlineProblem, PoolProblem, Problem, Setup
from netwright.synthesis.teachers import Person, Teacher

Respond = Callable[[Query, Sequence[Design]], Answer | int | Sequence[int]]


class SetupOptions(TypedDict, total=False):
    """Fields of `Setup` that are seldom given."""

    learner: str
    question: str
    ties: bool
    confirm: bool


def synthesize(
    problem: Pool | Problem,
    teacher: Teacher | Respond,
    *,
    queries: int = 10,
    seed: int = 0,
    after_answer: Callable[[Dialogue], None] = lambda dialogue: None,
    **setup: Unpack[SetupOptions],
) -> DialogueResult:
    """Find a near-optimal design for an objective that only the teacher knows.

    Args:
        problem: a pool, or an `OnlineProblem` with a callable that solves for an objective.
        teacher: a `Teacher`, or a callable that is given the question and its designs and returns the position
            of the best one, several for "about equal", or none for "cannot say".
        queries: how many questions to ask at most.
        after_answer: called after each answer, for saving or showing.
        setup: `learner`, `question`, `ties` and `confirm` of `Setup`.

    Returns:
        The recommended design, what was learned of the objective, and the dialogue.
    """
    over: Problem = PoolProblem(problem) if isinstance(problem, Pool) else problem
    answering: Teacher = Person(teacher) if callable(teacher) else teacher
    dialogue = Dialogue(over, Setup(n_queries=queries, seed=seed, **setup))
    while (query := dialogue.ask()) is not None:
        dialogue.tell(answering.answer(query, [dialogue.design(d) for d in query.designs]))
        after_answer(dialogue)
    if isinstance(over, OnlineProblem):
        dialogue.refine(over)
    return dialogue.result()
