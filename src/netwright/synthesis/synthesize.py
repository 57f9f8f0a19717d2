"""`netwright.synthesize`: a complete dialogue with a teacher, over a pool or an online problem."""

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
    """Further fields of `Setup`."""

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
    """Find a near-optimal design for an objective known only to the teacher.

    Args:
        problem: a pool, or an `OnlineProblem` with a callable that solves for an objective.
        teacher: a `Teacher`, or a callable that receives the question and its designs and returns the position of
            the best one, several positions for "about equal", or none for "cannot say".
        queries: maximum number of questions.
        after_answer: called after each answer, for example to save the dialogue.
        setup: `learner`, `question`, `ties` and `confirm` of `Setup`.

    Returns:
        The recommended design, the estimated objective, and the questions and answers.
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
