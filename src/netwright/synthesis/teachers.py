"""Teachers answer questions: oracles with or without noise, replays of recorded answers, and people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.pool import Index
from netwright.synthesis.problem import Array, Design
from netwright.synthesis.queries import CANNOT_SAY, STRENGTHS, Answer, Exchange, Kind, Query, check_answer

SLIGHT = 0.3  # share of (best - mean) above which a difference is "much"
ABOUT_EQUAL = 0.05  # share of (best - mean) below which an oracle asked for strength answers "about equal"


class Teacher(Protocol):
    """Answers questions about designs."""

    def answer(self, query: Query, designs: Sequence[Design]) -> Answer:
        """The answer to `query`; `designs` are in its order."""
        ...


class Oracle:
    """Knows the value of every design, possibly with noise (section 6.2).

    Args:
        values: true value of each design; shape (D,).
        counts: multiplicity of each design in the pool, for the mean that scales the noise; shape (D,).
        noise_percent: p of the paper; each time a design is shown, its value is drawn from a normal distribution
            around the truth with a standard deviation of p % of (max - mean).
        jnd_share: just-noticeable difference as a share of (max - min); closer designs look equal.
        random_share: share of questions for which a random design is called the best.
    """

    def __init__(
        self,
        values: Array,
        counts: Index,
        *,
        noise_percent: float = 0.0,
        jnd_share: float = 0.0,
        random_share: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        if noise_percent < 0.0 or jnd_share < 0.0 or not 0.0 <= random_share <= 1.0:
            raise ConfigError(
                "noise_percent and jnd_share must not be negative, random_share must be in 0 to 1."
            )
        self.values = values
        self.scale = float(values.max() - np.average(values, weights=counts))
        self.noise = noise_percent / 100.0 * self.scale
        self.random_share = random_share
        self.jnd = jnd_share * float(values.max() - values.min())
        self.rng = rng if rng is not None else np.random.default_rng(0)

    def answer(self, query: Query, designs: Sequence[Design] = ()) -> Answer:
        """Answers by the perceived values; chooses at random among equal designs if a tie is not offered."""
        if self.random_share > 0.0 and self.rng.random() < self.random_share:
            return self._at_random(query)
        seen = self.values[list(query.designs)]
        if self.noise > 0.0:
            seen = seen + self.rng.normal(0.0, self.noise, len(seen))
        if query.kind is Kind.PROPOSE:
            accepted = len(seen) == 1 or seen[0] > seen[1] + self.jnd
            return Answer((0,) if accepted else (1,))
        alike = np.flatnonzero(seen >= seen.max() - self._tolerance(query))
        if len(alike) > 1 and not (query.ties and query.kind is not Kind.TRIPLE):
            alike = np.array([self.rng.choice(alike) if self.jnd > 0.0 else seen.argmax()])
        best = tuple(int(i) for i in alike)
        if query.kind is Kind.STRENGTH and len(best) == 1:
            much = abs(seen[0] - seen[1]) > SLIGHT * self.scale
            return Answer(best, "much" if much else "slightly")
        return Answer(best)

    def _at_random(self, query: Query) -> Answer:
        graded = query.kind is Kind.STRENGTH
        return Answer(
            (int(self.rng.integers(len(query.designs))),), str(self.rng.choice(STRENGTHS)) if graded else None
        )

    def _tolerance(self, query: Query) -> float:
        return max(self.jnd, ABOUT_EQUAL * self.scale) if query.kind is Kind.STRENGTH else self.jnd


class Replay:
    """Returns recorded answers in any order of questions; "cannot say" to other questions."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self._answers = {e.query: e.answer for e in exchanges}

    def answer(self, query: Query, designs: Sequence[Design] = ()) -> Answer:
        """The recorded answer."""
        return self._answers.get(query, CANNOT_SAY)


class Person:
    """A person, represented by a callable that receives the question and the designs."""

    def __init__(self, respond: Callable[[Query, Sequence[Design]], Answer | int | Sequence[int]]) -> None:
        self._respond = respond

    def answer(self, query: Query, designs: Sequence[Design]) -> Answer:
        """The callable's answer: an `Answer`, one position, or several (none: cannot say)."""
        said = self._respond(query, designs)
        if not isinstance(said, Answer):
            said = Answer((said,) if isinstance(said, int) else tuple(said))
        check_answer(query, said)
        return said


@dataclass(frozen=True)
class SimulatedTeacher:
    """Imperfections of an oracle in percent: noise of (best - mean), just-noticeable difference of (best - worst)."""

    noise_percent: float = 0.0
    jnd_percent: float = 0.0


PERFECT = SimulatedTeacher()


def simulated_teacher(text: str) -> SimulatedTeacher:
    """Parse `perfect`, `noisy:P` or `jnd:P`.

    Raises:
        ConfigError: the text is none of these, or P is not a percentage.
    """
    kind, colon, amount = text.partition(":")
    try:
        percent = float(amount) if colon else 0.0
        if not 0.0 <= percent <= 100.0:
            raise ValueError
        known = {
            ("perfect", ""): SimulatedTeacher(),
            ("noisy", ":"): SimulatedTeacher(noise_percent=percent),
            ("jnd", ":"): SimulatedTeacher(jnd_percent=percent),
        }
        return known[kind, colon]
    except (ValueError, KeyError):
        raise ConfigError(
            f"a simulated teacher is perfect, noisy:P or jnd:P with P in 0 to 100 percent, got {text!r}."
        ) from None
