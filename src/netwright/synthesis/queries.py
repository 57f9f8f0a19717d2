"""Questions and answers as plain data, and the test whether an objective explains an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from netwright.core.errors import ConfigError
from netwright.core.types import Json, JsonView
from netwright.synthesis.problem import Array, ObjectiveFamily


class Kind(StrEnum):
    """The kind of a question.

    `PROPOSE` and `COMPARE` are the paper's (section 4.1); the others are asked by the Bayesian learner only.
    """

    PROPOSE = "propose"  # is the first design better than the second, the running best?
    COMPARE = "compare"  # which of two is better?
    STRENGTH = "strength"  # which of two is better, and is it slightly or much better?
    TRIPLE = "triple"  # which of three is best?
    TICK = "tick"  # which of three are about best?
    MENU = "menu"  # the last question: which of these will you take?


ASKS = {
    Kind.PROPOSE: "Is the first design better than the second, the best so far?",
    Kind.COMPARE: "Which of the two designs is better?",
    Kind.STRENGTH: "Which of the two designs is better, and how much?",
    Kind.TRIPLE: "Which of the three designs is best?",
    Kind.TICK: "Which of the three designs are about best? Tick every one.",
    Kind.MENU: "Which of these designs would you take?",
}
STRENGTHS = ("slightly", "much")
JUST_NOTICEABLE = (
    0.05  # share of an objective's range over the designs below which two designs are about equal
)
_BLOCK = 256  # objectives whose range is computed together


@dataclass(frozen=True, slots=True)
class Query:
    """One question about designs, given by their indices.

    A `PROPOSE` shows the proposal, then the running best; the first one shows the proposal only.

    Attributes:
        ties: whether "about equal" is offered.
    """

    kind: Kind
    designs: tuple[int, ...]
    ties: bool = True

    @property
    def text(self) -> str:
        """The question in words."""
        if self.kind is Kind.PROPOSE and len(self.designs) == 1:
            return "A first design, which becomes the best so far."
        return ASKS[self.kind]

    def to_json(self) -> Json:
        """Plain data."""
        return {"kind": str(self.kind), "designs": list(self.designs), "ties": self.ties}

    @classmethod
    def from_json(cls, document: JsonView) -> Query:
        """The inverse of `to_json`."""
        return cls(Kind(str(document["kind"])), _indices(document["designs"]), bool(document["ties"]))


@dataclass(frozen=True, slots=True)
class Answer:
    """A teacher's answer: the positions of the designs that are (about) best; none means "cannot say".

    For a `PROPOSE`, (0,) means that the proposal is better and (1,) that it is not.

    Attributes:
        strength: "slightly" or "much", if that was asked and one design is better.
    """

    best: tuple[int, ...]
    strength: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "best", tuple(sorted(self.best)))

    @property
    def cannot_say(self) -> bool:
        """Whether the answer carries no information."""
        return not self.best

    def decides(self, n_designs: int) -> bool:
        """Whether the answer prefers some of the `n_designs` shown to others."""
        return 0 < len(self.best) < n_designs

    def to_json(self) -> Json:
        """Plain data."""
        return {"best": list(self.best), "strength": self.strength}

    @classmethod
    def from_json(cls, document: JsonView) -> Answer:
        """The inverse of `to_json`."""
        strength = document["strength"]
        return cls(_indices(document["best"]), None if strength is None else str(strength))


def _indices(saved: object) -> tuple[int, ...]:
    """A list of indices from a document; raises `TypeError` for anything else."""
    if not isinstance(saved, list | tuple):
        raise TypeError(f"a list of indices is needed, got {saved!r}")
    return tuple(saved)


CANNOT_SAY = Answer(())


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with its answer."""

    query: Query
    answer: Answer


def check_answer(query: Query, answer: Answer) -> None:
    """Refuse an answer that does not fit its question.

    Raises:
        ConfigError: names the valid answers.
    """
    n = len(query.designs)
    if any(not 0 <= i < n for i in answer.best) or len(set(answer.best)) < len(answer.best):
        raise ConfigError(f"the question shows designs 1 to {n}; name each of the best ones once.")
    if len(answer.best) > 1 and (not query.ties or query.kind is Kind.PROPOSE):
        raise ConfigError(f"to the question {query.kind} name one design, or say that you cannot tell.")
    if answer.strength is not None and (
        answer.strength not in STRENGTHS or query.kind is not Kind.STRENGTH or len(answer.best) != 1
    ):
        raise ConfigError(f"a strength, {' or '.join(STRENGTHS)}, needs one better design of a pair.")
    if query.kind is Kind.STRENGTH and len(answer.best) == 1 and answer.strength is None:
        raise ConfigError(f"state how much better the design is: {' or '.join(STRENGTHS)}.")


def preferred(exchange: Exchange) -> list[tuple[int, int]]:
    """The pairs (better design, worse design) that an answer states."""
    query, best = exchange.query, exchange.answer.best
    if query.kind is Kind.PROPOSE and best != (0,):
        return []  # "not better" includes a tie
    rest = [i for i in range(len(query.designs)) if i not in best]
    return [(query.designs[b], query.designs[r]) for b in best for r in rest]


def agrees(values: Array, exchange: Exchange, tie: Array | float = 0.0) -> npt.NDArray[np.bool_]:
    """Whether each objective explains an answer to a Propose or Compare.

    Args:
        values: values of the query's designs under n objectives; shape (n, number of designs).
        tie: difference up to which each objective explains "about equal"; shape (n,). Exact ties only, as in the
            paper, by default.

    Returns:
        Shape (n,).
    """
    query, answer = exchange.query, exchange.answer
    if answer.cannot_say or len(query.designs) == 1:
        return np.ones(len(values), dtype=bool)
    first, second = values[:, 0], values[:, 1]
    found: npt.NDArray[np.bool_]
    if answer.best == (0,):
        found = first > second
    elif answer.best == (1,):
        found = first <= second if query.kind is Kind.PROPOSE else first < second
    else:
        found = np.abs(first - second) <= tie
    return found


def noticeable(family: ObjectiveFamily, parameters: Array, scores: Array) -> Array:
    """The just-noticeable difference of each objective (n, k) over the designs with scores (D, m); shape (n,)."""
    blocks = (parameters[low : low + _BLOCK] for low in range(0, len(parameters), _BLOCK))
    ranges = [np.ptp(family.values(block, scores), axis=1) for block in blocks]
    return JUST_NOTICEABLE * np.concatenate([np.empty(0), *ranges])


def explained(
    family: ObjectiveFamily, parameters: Array, scores: Array, exchanges: Sequence[Exchange]
) -> npt.NDArray[np.bool_]:
    """Whether each objective (n, k) explains each of the answers; shape (n, number of answers).

    Two designs are about equal for an objective if they differ by less than its just-noticeable difference.

    Args:
        scores: oriented metrics of the designs; shape (D, m).
    """
    out = np.ones((len(parameters), len(exchanges)), dtype=bool)
    shown = sorted({d for e in exchanges for d in e.query.designs})
    if not shown or not len(parameters):
        return out
    values = family.values(parameters, scores[shown])
    ties = any(e.answer.best == (0, 1) for e in exchanges)
    tie = noticeable(family, parameters, scores) if ties else 0.0
    for i, exchange in enumerate(exchanges):
        out[:, i] = agrees(values[:, np.searchsorted(shown, exchange.query.designs)], exchange, tie)
    return out


def satisfying(
    family: ObjectiveFamily, parameters: Array, scores: Array, exchanges: Sequence[Exchange]
) -> npt.NDArray[np.bool_]:
    """Whether each objective (n, k) explains all answers; `scores` (D, m) are those of the designs; shape (n,)."""
    strict = [e for e in exchanges if e.answer.best != (0, 1)]
    out = np.ones(len(parameters), dtype=bool)
    out &= explained(family, parameters, scores, strict).all(axis=1)
    if len(strict) < len(exchanges):  # their ranges are computed for the remaining objectives only
        equal = [e for e in exchanges if e.answer.best == (0, 1)]
        out[out] = explained(family, parameters[out], scores, equal).all(axis=1)
    return out
