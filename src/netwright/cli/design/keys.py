"""Input to a question: an answer by one key (or several letters), or a command."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netwright.core.errors import ConfigError
from netwright.synthesis.presentation import LETTERS
from netwright.synthesis.queries import CANNOT_SAY, Answer, Kind, Query


@dataclass(frozen=True)
class Undo:
    """Undo the answer of that number, counted from 1; the latest if None."""

    number: int | None


@dataclass(frozen=True)
class Stop:
    """End the dialogue and take the design recommended now."""


@dataclass(frozen=True)
class Leave:
    """Leave the dialogue, to continue it later."""


Said = Answer | Undo | Stop | Leave


def offered(query: Query, n_answers: int) -> str:
    """The valid keys of a question, in one line."""
    letters = ", ".join(LETTERS[: len(query.designs)].lower())
    if len(query.designs) == 1:
        keys = "Enter or a: continue"
    elif query.kind is Kind.STRENGTH:
        keys = "a, b: slightly better; aa, bb: much better; =: about equal; ?: cannot say"
    elif query.kind is Kind.TICK:
        keys = f"{letters} or several, such as ab: about best; ?: cannot say"
    elif query.kind is Kind.COMPARE and query.ties:
        keys = f"{letters}: better; =: about equal; ?: cannot say"
    else:
        keys = f"{letters}: {'better' if len(query.designs) == 2 else 'best'}; ?: cannot say"
    undo = "; u: undo the last answer, u 2: the second" if n_answers else ""
    return f"{keys}{undo}; s: stop and take the design; q: leave and continue later"


def understood(text: str, query: Query) -> Said:
    """Parse a line as an answer to a question or as a command.

    Raises:
        ConfigError: the line is neither; the message lists the valid keys.
    """
    word = text.strip().lower()
    if word in ("q", "quit"):
        return Leave()
    if word in ("s", "stop"):
        return Stop()
    if undo := re.fullmatch(r"(?:u|undo)\s*(\d*)", word):
        return Undo(int(undo[1]) if undo[1] else None)
    if word == "?":
        return CANNOT_SAY
    if len(query.designs) == 1 and word in ("", "a"):
        return Answer((0,))
    found = _answer(word, query)
    if found is None:
        raise ConfigError(f"{text.strip()!r} is not a valid answer; type {offered(query, 1)}.")
    return found


def _answer(word: str, query: Query) -> Answer | None:
    letters = LETTERS[: len(query.designs)].lower()
    if word == "=" and query.ties and query.kind is not Kind.PROPOSE:
        return Answer(tuple(range(len(letters))))
    if not word or set(word) - set(letters):
        return None
    if query.kind is Kind.STRENGTH:
        strength = {1: "slightly", 2: "much"}.get(len(word))
        return Answer((letters.index(word[0]),), strength) if strength and len(set(word)) == 1 else None
    if len(word) > 1 and (query.kind is not Kind.TICK or len(set(word)) < len(word)):
        return None
    return Answer(tuple(letters.index(letter) for letter in word))
