"""Dialogues: exact resume, taking back, contradictions, and the public `synthesize`."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netwright
from netwright.core.documents import digest
from netwright.core.errors import ConfigError, DataError, FormatError
from netwright.synthesis.bayes import Bayes
from netwright.synthesis.contradictions import contradictions
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learners import LEARNERS
from netwright.synthesis.objective_only import ObjectiveOnly
from netwright.synthesis.pool import quality
from netwright.synthesis.queries import Answer, Exchange, Kind, Query
from netwright.synthesis.setup import OnlineProblem, PoolProblem, Setup
from netwright.synthesis.teachers import Oracle, Person, Replay
from netwright.synthesis.voting import Voting
from tests.synthesis.problems import Weighted, weighted_pool

POOL = weighted_pool(120)
PROBLEM = PoolProblem(POOL)
TRUTH = POOL.values(np.array([[0.15, 0.65, 0.2]]))[0]


def _held(learner, n, problem=PROBLEM, **setup):
    dialogue = Dialogue(problem, Setup(learner, n_queries=6, **setup))
    teacher = Oracle(TRUTH, POOL.counts)
    for _ in range(n):
        query = dialogue.ask()
        if query is None:
            break
        dialogue.tell(teacher.answer(query))
    return dialogue


@pytest.mark.parametrize("learner", LEARNERS.names())
@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_saved_dialogue_resumes_exactly(learner, n):
    dialogue = _held(learner, n)
    document = json.loads(json.dumps(dialogue.to_json(), allow_nan=False))
    resumed = Dialogue.from_json(document, PROBLEM)
    teacher = Oracle(TRUTH, POOL.counts)
    while (query := dialogue.ask()) is not None:
        assert resumed.ask() == query
        dialogue.tell(teacher.answer(query))
        resumed.tell(teacher.answer(query))
    assert resumed.ask() is None
    assert resumed.exchanges == dialogue.exchanges
    assert resumed.recommend() == dialogue.recommend()


@pytest.mark.parametrize("learner", LEARNERS.names())
def test_undo_gives_back_the_moment_before(learner):
    dialogue = _held(learner, 2)
    query, best = dialogue.ask(), dialogue.recommend()
    dialogue.tell(Answer((0,), "much" if query.kind is Kind.STRENGTH else None))
    dialogue.undo()
    assert dialogue.ask() == query
    assert dialogue.recommend() == best


def test_an_earlier_answer_is_taken_back_as_if_it_had_never_been_given():
    dialogue = _held("bayes", 4)
    dialogue.undo(2)
    assert dialogue.exchanges[1].answer.cannot_say
    fresh = Dialogue(PROBLEM, dialogue.setup)
    for i in (0, 2, 3):
        fresh.learner.tell(dialogue.exchanges[i].query, dialogue.exchanges[i].answer)
    np.testing.assert_allclose(dialogue.learner.mean_rank, fresh.learner.mean_rank, atol=1e-6)


def test_an_answer_can_be_changed():
    dialogue = _held("bayes", 3)
    before = dialogue.exchanges
    dialogue.change(1, Answer((2,)))
    assert dialogue.exchanges[0].answer == Answer((2,))
    assert dialogue.exchanges[1:] == before[1:]
    with pytest.raises(ConfigError, match="answers 1 to 3, not 9"):
        dialogue.change(9, Answer((0,)))
    with pytest.raises(ConfigError, match="no answer to undo"):
        Dialogue(PROBLEM).undo()


def test_the_dialogue_ends_and_says_so():
    dialogue = _held("bayes", 6)
    assert dialogue.exchanges[-1].query.kind is Kind.MENU
    assert dialogue.ask() is None
    with pytest.raises(ConfigError, match="no further question"):
        dialogue.tell(Answer((0,)))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer((5,)), "shows designs 1 to"),
        (Answer((0, 0)), "shows designs 1 to"),
        (Answer((0,), "much"), "needs one better design of a pair"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer, said):
    dialogue = Dialogue(PROBLEM, Setup(question="tick"))
    with pytest.raises(ConfigError, match=said):
        dialogue.tell(answer)
    assert dialogue.exchanges == ()


SCORES = np.array([[0.0, 3.0], [1.0, 2.0], [2.0, 1.0], [3.0, 0.0], [0.5, 0.5]])


def _compare(a, b, *best):
    return Exchange(Query(Kind.COMPARE, (a, b)), Answer(best))


def test_answers_that_disagree_are_named():
    held = [_compare(0, 1, 0), _compare(2, 3, 0), _compare(1, 0, 0), _compare(0, 2, 0, 1)]
    found = contradictions(held, SCORES)
    assert [str(c) for c in found] == ["answers 1 and 3 disagree"]
    held = [_compare(0, 1, 0), _compare(1, 2, 0), _compare(2, 3, 1), _compare(2, 0, 0)]
    assert [str(c) for c in contradictions(held, SCORES)] == ["answers 1, 2 and 4 disagree"]


def test_an_answer_against_better_metrics_is_named():
    found = contradictions([_compare(4, 1, 0)], SCORES)
    assert [str(c) for c in found] == [
        "answer 1 prefers a design that another one matches or exceeds in every metric"
    ]
    # 1 beats 4 in every metric, so 4 over 0 and 0 over 1 go round in a circle.
    held = [_compare(0, 1, 0), Exchange(Query(Kind.TICK, (4, 0, 3)), Answer((0, 2)))]
    assert [str(c) for c in contradictions(held, SCORES)] == ["answers 1 and 2 disagree"]


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_an_objective_never_contradicts_itself(seed):
    rng = np.random.default_rng(seed)
    value = POOL.values(POOL.family.sample(rng, 1))[0]
    teacher = Oracle(value, POOL.counts, jnd_share=0.05 * (seed % 2), rng=rng)
    kinds = [Query(Kind.COMPARE, (0, 1)), Query(Kind.TICK, (0, 1, 2)), Query(Kind.PROPOSE, (0, 1))]
    held = []
    for _ in range(12):
        kind = kinds[int(rng.integers(3))]
        shown = tuple(int(d) for d in rng.choice(POOL.n_designs, len(kind.designs), replace=False))
        query = Query(kind.kind, shown)
        held.append(Exchange(query, teacher.answer(query)))
    assert contradictions(held, POOL.scores) == []


def test_a_contradiction_is_shown_and_the_dialogue_continues():
    for learner, question in (("voting", "auto"), ("bayes", "pair")):
        dialogue = _held(learner, 2, question=question, ties=False)
        a, b = dialogue.ask().designs
        dialogue.learner.tell(Query(Kind.COMPARE, (a, b)), Answer((0,)))
        dialogue.learner.tell(Query(Kind.COMPARE, (a, b)), Answer((1,)))
        assert "answers 3 and 4 disagree" in [str(c) for c in dialogue.contradictions()]
        assert dialogue.recommend() is not None
        assert dialogue.result().contradictions


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d.update(format_version=99), "format_version is 99"),
        (lambda d: d["problem"].update(pool="0" * 64), "another problem"),
        (lambda d: d.pop("exchanges"), "not a saved dialogue"),
        (lambda d: d["setup"].update(learner="wizard"), "not a saved dialogue"),
        (lambda d: d["exchanges"][0]["query"].update(designs=[0, 1, 10**6]), "not among the"),
        (lambda d: d["exchanges"][0]["query"].update(kind="guess"), "not a saved dialogue"),
        (lambda d: d["exchanges"][0]["answer"].update(best=[7]), "not a saved dialogue"),
        (lambda d: d.update(exchanges=3), "not a saved dialogue"),
    ],
)
def test_a_damaged_file_is_refused_in_a_sentence(damage, said):
    document = json.loads(json.dumps(_held("bayes", 1, question="tick").to_json()))
    damage(document)
    document["sha256"] = digest(document)
    with pytest.raises((DataError, FormatError), match=said):
        Dialogue.from_json(document, PROBLEM)


def test_synthesize_with_a_callable_teacher():
    def operator(query, designs):
        return int(np.argmax([d.metrics[1] for d in designs]))  # wants the second class and nothing else

    seen = []
    found = netwright.synthesize(
        POOL, operator, question="triple", queries=6, after_answer=lambda d: seen.append(len(d.exchanges))
    )
    assert seen == [1, 2, 3, 4, 5, 6]
    ranks = quality(POOL.scores[:, 1], POOL.counts)
    assert ranks[found.design] > 0.95
    assert found.expected_quality > 0.9
    assert found.objective["parameters"]["weight 1"]["value"] > 0.6
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["design"] == found.design
    assert len(document["exchanges"]) == 6
    np.testing.assert_allclose(document["metrics"], POOL.scores[found.design])


def test_a_replay_gives_the_same_design():
    first = netwright.synthesize(POOL, Oracle(TRUTH, POOL.counts), learner="voting", queries=5)
    again = netwright.synthesize(POOL, Replay(first.exchanges), learner="voting", queries=5)
    assert again.exchanges == first.exchanges
    assert again.design == first.design


def test_a_person_may_say_nothing_or_several():
    query = Query(Kind.TICK, (0, 1, 2))
    assert Person(lambda q, d: []).answer(query, []).cannot_say
    assert Person(lambda q, d: [2, 0]).answer(query, []) == Answer((0, 2))
    with pytest.raises(ConfigError, match="shows designs 1 to 3"):
        Person(lambda q, d: 3).answer(query, [])


def _online(n_designs=25):
    family = Weighted(3)
    return OnlineProblem("shares", POOL.group, family, lambda o: np.log(o.parameters), n_designs)


@pytest.mark.parametrize(
    ("learner", "kind"), [("voting", Voting), ("objective-only", ObjectiveOnly), ("bayes", Bayes)]
)
def test_a_problem_without_a_pool_makes_the_learner_that_was_asked_for(learner, kind):
    assert isinstance(_online().learner_factory(Setup(learner=learner))(0), kind)


@pytest.mark.parametrize(
    ("learner", "at_least"), [("voting", 0.93), ("bayes", 0.93), ("objective-only", 0.85)]
)
def test_without_a_pool_designs_are_solved_for_on_the_way(learner, at_least):
    weights = np.array([0.15, 0.65, 0.2])

    def operator(query, designs):
        values = np.array([weights @ np.array(d.metrics) for d in designs])
        if query.kind is Kind.PROPOSE and len(values) == 2:
            return 0 if values[0] > values[1] else 1
        return int(values.argmax())

    question = "triple" if learner == "bayes" else "auto"
    found = netwright.synthesize(_online(), operator, learner=learner, question=question, queries=8)
    value = weights @ np.array(found.metrics.metrics)
    assert (np.log(Weighted(3).sample(np.random.default_rng(0), 2000)) @ weights <= value).mean() > at_least


def test_an_online_dialogue_resumes_exactly():
    dialogue = Dialogue(_online(), Setup("voting", n_queries=6))
    for answer in ((0,), (1,), (0,)):
        dialogue.tell(Answer(answer))
    document = json.loads(json.dumps(dialogue.to_json()))
    resumed = Dialogue.from_json(document, _online())
    assert resumed.ask() == dialogue.ask()
    shown = dialogue.ask().designs
    assert [resumed.design(d) for d in shown] == [dialogue.design(d) for d in shown]
