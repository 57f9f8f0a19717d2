"""The document of a saved dialogue: strictly typed, with a SHA-256 of its content."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from netwright.core.documents import Count, Document, JsonObject, Sha256, digest, sealed
from netwright.core.errors import ConfigError, FormatError
from netwright.core.files import check_format_version
from netwright.core.types import Json, JsonView
from netwright.synthesis.learners import AUTO, LEARNERS
from netwright.synthesis.queries import Answer, Exchange, Kind, Query
from netwright.synthesis.setup import Setup

EARLIER_FORMAT = 1
REMEDY = "start a new one with another --out"


class SavedQuery(Document):
    """A question; see `Query`."""

    kind: Literal["propose", "compare", "strength", "triple", "tick", "menu"]
    designs: Annotated[tuple[Count, ...], Field(min_length=1, max_length=3)]
    ties: bool


class SavedAnswer(Document):
    """An answer; see `Answer`."""

    best: Annotated[tuple[Count, ...], Field(max_length=3)]
    strength: Literal["slightly", "much"] | None


class SavedExchange(Document):
    """A question with its answer."""

    query: SavedQuery
    answer: SavedAnswer

    def exchange(self) -> Exchange:
        """The saved exchange."""
        asked = Query(Kind(self.query.kind), self.query.designs, self.query.ties)
        return Exchange(asked, Answer(self.answer.best, self.answer.strength))


class SavedSetup(Document):
    """See `Setup`."""

    learner: str
    question: str
    n_queries: Annotated[int, Field(ge=1)]
    seed: Count
    ties: bool
    confirm: bool


class SavedDialogue(Document):
    """A saved dialogue.

    Attributes:
        problem: identity of the problem, with the fingerprint of its pool.
        sha256: hash of the other entries, which detects changed answers; absent in documents of earlier releases.
    """

    FORMAT_VERSION: ClassVar[int] = 2

    problem: JsonObject
    setup: SavedSetup
    exchanges: tuple[SavedExchange, ...]
    sha256: Sha256 | None = None

    @classmethod
    def parse(cls, document: object, where: Path) -> SavedDialogue:
        """Validate a document.

        Raises:
            FormatError: the document has another version.
            DataError: an entry is missing, unknown, of the wrong type or out of range, or the content was changed.
        """
        earlier = isinstance(document, dict) and document.get("format_version") == EARLIER_FORMAT
        check_format_version(document, EARLIER_FORMAT if earlier else cls.FORMAT_VERSION, where)
        found = cls.of(document, f"{where}: not a saved dialogue", remedy=REMEDY)
        if (not isinstance(document, dict) or found.sha256 != digest(document)) and not (
            earlier and found.sha256 is None
        ):
            raise FormatError(
                f"{where}: not a saved dialogue as it was written, its SHA-256 differs; the file is damaged or was "
                f"edited, {REMEDY}."
            )
        return found

    def begun_with(self, where: Path) -> Setup:
        """The setup.

        Raises:
            FormatError: the learner or kind of question does not exist.
        """
        try:
            told = LEARNERS.get(self.setup.learner).questions
            # Earlier releases stored the question for learners that ignore it.
            question = AUTO if told == (AUTO,) else self.setup.question
            return Setup(**self.setup.model_dump() | {"question": question})
        except ConfigError as error:
            raise FormatError(f"{where}: not a saved dialogue ({error}); {REMEDY}.") from None


def saved_document(problem: JsonView, setup: Setup, exchanges: list[Json]) -> Json:
    """A dialogue as a plain document for `SavedDialogue.parse`."""
    document = {
        "format_version": SavedDialogue.FORMAT_VERSION,
        "problem": dict(problem),
        "setup": asdict(setup),
        "exchanges": exchanges,
    }
    return sealed(document)
