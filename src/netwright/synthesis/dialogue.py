"""A dialogue with an operator: a state machine with `ask` and `tell`, whose state is plain data."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from pathlib import Path

from netwright.core.errors import ConfigError, FormatError
from netwright.core.results import versions
from netwright.core.types import Json, JsonView
from netwright.synthesis.bayes import Bayes
from netwright.synthesis.contradictions import Contradiction, contradictions
from netwright.synthesis.learner import Assessment, Learner
from netwright.synthesis.problem import Design
from netwright.synthesis.queries import CANNOT_SAY, Answer, Exchange, Query, check_answer
from netwright.synthesis.saved import REMEDY, SavedDialogue, saved_document
from netwright.synthesis.setup import OnlineProblem, Problem, Setup


@dataclass(frozen=True, eq=False)
class DialogueResult:
    """The result of a dialogue.

    Attributes:
        design: index of the recommended design among the known designs.
        metrics: the design's metrics in their units.
        scores: the design's oriented metrics, as objectives take them.
        expected_quality: the learner's estimate of its quality, 0..1, given answers by the metrics; None if it makes
            none.
        objective: estimate of the objective: a description, its parameters, and their likely ranges.
        assessment: how far the recommendation can be relied on; None if the learner makes no estimate.
    """

    problem: str
    design: int
    metrics: Design
    scores: tuple[float, ...]
    expected_quality: float | None
    objective: JsonView | None
    exchanges: tuple[Exchange, ...]
    contradictions: tuple[str, ...]
    setup: Setup
    assessment: Assessment | None = None

    def to_json(self) -> Json:
        """A document of plain types."""
        return {
            "problem": self.problem,
            "design": self.design,
            "metrics": list(self.metrics.metrics),
            "expected_quality": self.expected_quality,
            "assessment": None if self.assessment is None else asdict(self.assessment),
            "objective": None if self.objective is None else dict(self.objective),
            "exchanges": [_exchange_to_json(e) for e in self.exchanges],
            "contradictions": list(self.contradictions),
            "config": asdict(self.setup),
            "versions": versions(),
        }


Questions = dict[tuple[Exchange, ...], Query | None]
"""The question after each history, for dialogues of one problem and setup."""


class Dialogue:
    """Questions and answers about one problem; it can be saved and resumed exactly, and answers can be undone.

    The state consists of the setup and the exchanges; everything else is recomputed from them.

    Args:
        questions: questions already computed by dialogues of the same problem and setup, which is extended; None
            keeps none. Not for problems whose designs are computed during the dialogue.
    """

    def __init__(
        self, problem: Problem, setup: Setup | None = None, questions: Questions | None = None
    ) -> None:
        self.problem = problem
        self.setup = setup or Setup()
        self._make = problem.learner_factory(self.setup)
        self._learner: Learner = self._make(self.setup.seed)
        self._asked: Query | None = None
        self._questions = questions

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The questions and answers so far."""
        return self._learner.history

    @property
    def learner(self) -> Learner:
        """The learner after the last answer."""
        return self._learner

    def ask(self) -> Query | None:
        """The pending question; None if all have been asked or no question would help."""
        if len(self.exchanges) >= self.setup.n_queries:
            return None
        if self._asked is None:
            self._asked = self._question_of(self._learner)
        return self._asked

    def foresee(self, answer: Answer) -> None:
        """Compute the question after an answer to the pending one, so that `ask` need not when it is given.

        Without a place for `questions`, it does nothing.
        """
        query = self.ask()
        if self._questions is None or query is None or len(self.exchanges) + 1 >= self.setup.n_queries:
            return
        if (*self.exchanges, Exchange(query, answer)) not in self._questions:
            later = self._learner.fork()
            later.tell(query, answer)
            self._question_of(later)

    def _question_of(self, learner: Learner) -> Query | None:
        history = learner.history
        if self._questions is None:
            return learner.ask()
        if history not in self._questions:
            self._questions[history] = learner.ask()
        return self._questions[history]

    def tell(self, answer: Answer) -> None:
        """Answer the question returned by `ask`.

        Raises:
            ConfigError: there is no pending question, or the answer does not fit it.
        """
        query = self.ask()
        if query is None:
            raise ConfigError("the dialogue has no further question; undo an answer to continue.")
        check_answer(query, answer)
        self._learner.tell(query, answer)
        self._asked = None

    def undo(self, number: int | None = None) -> None:
        """Undo the answer of that number (from 1); by default the last one, together with its question.

        An earlier answer becomes "cannot say", and later answers are kept. The state is recomputed.
        """
        n = len(self.exchanges)
        if not n:
            raise ConfigError("there is no answer to undo yet.")
        if number is None or number == n:
            self._replay(self.exchanges[:-1])
        else:
            self.change(number, CANNOT_SAY)

    def change(self, number: int, answer: Answer) -> None:
        """Replace the answer to the question of that number (from 1); later answers are kept."""
        n = len(self.exchanges)
        if not 1 <= number <= n:
            raise ConfigError(f"there are answers 1 to {n}, not {number}.")
        old = self.exchanges[number - 1]
        check_answer(old.query, answer)
        changed = Exchange(old.query, answer)
        self._replay((*self.exchanges[: number - 1], changed, *self.exchanges[number:]))

    def fork(self) -> Dialogue:
        """An independent copy at the same point, which extends the same known questions."""
        other = copy.copy(self)
        other._learner = self._learner.fork()
        return other

    def moved(self, problem: Problem, questions: Questions | None = None) -> Dialogue | None:
        """The same dialogue about a problem with more designs; None if it lacks a design that was shown.

        Designs are the same if their scores are equal. The question that is pending is asked again.
        """
        other = Dialogue(problem, self.setup, questions)
        known = {tuple(row): i for i, row in enumerate(other.learner.scores.tolist())}
        shown = {d for exchange in self.exchanges for d in exchange.query.designs}
        place = {d: known.get(tuple(self._learner.scores[d].tolist())) for d in shown}
        if None in place.values():
            return None
        for exchange in self.exchanges:
            query = exchange.query
            designs = tuple(i for d in query.designs if (i := place[d]) is not None)
            other._learner.tell(Query(query.kind, designs, query.ties), exchange.answer)
        return other

    def refine(self, problem: OnlineProblem) -> None:
        """Let a `bayes` learner add the optima of likely objectives to its designs; other learners are unchanged."""
        if isinstance(self._learner, Bayes):
            self._learner = problem.refined(self._learner)

    def recommend(self) -> int | None:
        """Index of the currently best design; None if there is none yet."""
        return self._learner.recommend()

    def design(self, index: int) -> Design:
        """A design with its metrics in their units."""
        values = self.problem.group.oriented(self._learner.scores[index])
        return Design(f"design {index}", tuple(float(v) for v in values))

    def contradictions(self) -> list[Contradiction]:
        """Sets of answers that disagree."""
        return contradictions(self.exchanges, self._learner.scores)

    def result(self) -> DialogueResult:
        """The result so far.

        Raises:
            ConfigError: no answer supports a recommendation yet.
        """
        best = self.recommend()
        if best is None:
            raise ConfigError("nothing can be recommended before the first answer; answer one question.")
        learned = self._learner.learned()
        objective = None
        if learned is not None:
            names = [parameter.name for parameter in self.problem.family.parameters]
            columns = zip(names, learned.parameters, learned.low, learned.high, strict=True)
            objective = {
                "text": self.problem.family.describe(learned.parameters),
                "parameters": {
                    name: {"value": float(v), "low": float(low), "high": float(high)}
                    for name, v, low, high in columns
                },
            }
        return DialogueResult(
            self.problem.name,
            best,
            self.design(best),
            tuple(float(s) for s in self._learner.scores[best]),
            self._learner.expected_quality(),
            objective,
            self.exchanges,
            tuple(str(c) for c in self.contradictions()),
            self.setup,
            self._learner.assessment(),
        )

    def to_json(self) -> Json:
        """The whole state as plain data."""
        exchanges = [_exchange_to_json(e) for e in self.exchanges]
        return saved_document(self.problem.identity(), self.setup, exchanges)

    @classmethod
    def from_json(
        cls,
        document: object,
        problem: Problem,
        where: Path = Path("dialogue"),
        questions: Questions | None = None,
    ) -> Dialogue:
        """Resume a saved dialogue; the next question is the same as without the interruption.

        Args:
            where: location of the document, for errors.
            questions: see `Dialogue`.

        Raises:
            FormatError: the document has another format or belongs to another problem.
            DataError: the document was changed, or an entry is missing, unknown, of the wrong type or out of range.
        """
        saved = SavedDialogue.parse(document, where)
        problem.check_identity(saved.problem, where)
        dialogue = cls(problem, saved.begun_with(where), questions)
        exchanges = tuple(each.exchange() for each in saved.exchanges)
        dialogue._check(exchanges, where)
        dialogue._replay(exchanges)
        return dialogue

    def _check(self, exchanges: tuple[Exchange, ...], where: Path) -> None:
        n_designs = self.problem.n_known_designs()
        try:
            if len(exchanges) > self.setup.n_queries:
                raise ConfigError(f"{len(exchanges)} answers to {self.setup.n_queries} questions")
            for exchange in exchanges:
                check_answer(exchange.query, exchange.answer)
                if not all(0 <= d < n_designs for d in exchange.query.designs):
                    raise ConfigError(f"a question shows a design that is not among the {n_designs} known")
        except ConfigError as error:
            raise FormatError(f"{where}: not a saved dialogue ({error}); {REMEDY}.") from None

    def _replay(self, exchanges: tuple[Exchange, ...]) -> None:
        """Recompute the learner's state from these exchanges."""
        learner = self._make(self.setup.seed)
        for exchange in exchanges:
            learner.tell(exchange.query, exchange.answer)
        self._learner, self._asked = learner, None


def _exchange_to_json(exchange: Exchange) -> Json:
    return {"query": exchange.query.to_json(), "answer": exchange.answer.to_json()}
