"""The end of a dialogue: a menu of designs about as good as the recommendation, and the answers that decided it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netwright.synthesis.bayes import Bayes
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.learner import Learner
from netwright.synthesis.pool import Pool, quality
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import CANNOT_SAY, Exchange

ABOUT_AS_GOOD = 0.03  # loss of expected quality up to which a design is on the menu
DIFFERENT = 0.05  # least distance of two designs on the menu: root mean square of differences, each metric in its range


def near_best(dialogue: Dialogue, pool: Pool, most: int = 3) -> tuple[int, ...]:
    """Up to `most` different designs of nearly the highest expected quality, the recommended one first.

    After the first, each is the one that differs most from those before it. Empty if nothing can be recommended yet.
    """
    best = dialogue.recommend()
    if best is None:
        return ()
    expected = expected_qualities(dialogue.learner, pool)
    chosen = [best]
    if expected is None:
        return tuple(chosen)
    near = np.flatnonzero(expected >= expected[best] - ABOUT_AS_GOOD)
    while len(chosen) < most:
        apart = np.sqrt(((pool.scaled[near, None] - pool.scaled[chosen]) ** 2).mean(-1)).min(1)
        if not len(near) or apart.max() < DIFFERENT:
            break
        chosen.append(int(near[apart.argmax()]))
    return tuple(chosen)


def expected_qualities(learner: Learner, pool: Pool) -> Array | None:
    """Expected quality of every design of a pool, 0..1; shape (D,).

    The posterior mean of `bayes`; for other learners the quality under their estimate of the objective, None if they
    have none.
    """
    if isinstance(learner, Bayes):
        return learner.mean_rank.astype(np.float64)
    learned = learner.learned()
    return None if learned is None else quality(pool.values(learned.parameters)[0], pool.counts)


@dataclass(frozen=True)
class Influence:
    """What one answer did to the recommendation.

    Attributes:
        number: of the answer, from 1.
        changes: whether another design would be recommended without the answer.
        loss: by how much the expected quality of that other design is lower, as known now; 0..1, 0 if unknown.
    """

    number: int
    changes: bool
    loss: float


def influences(dialogue: Dialogue, pool: Pool) -> list[Influence]:
    """The influence of each answer: the dialogue is replayed once without each."""
    best = dialogue.recommend()
    expected = expected_qualities(dialogue.learner, pool)
    found = []
    for number in range(1, len(dialogue.exchanges) + 1):
        other = _recommended_without(dialogue, number)
        known = expected is not None and best is not None and other is not None
        loss = float(expected[best] - expected[other]) if known else 0.0  # type: ignore[index]
        found.append(Influence(number, other != best, max(loss, 0.0)))
    return found


def _recommended_without(dialogue: Dialogue, number: int) -> int | None:
    learner = dialogue.problem.learner_factory(dialogue.setup)(dialogue.setup.seed)
    for i, exchange in enumerate(dialogue.exchanges, start=1):
        kept = exchange if i != number else Exchange(exchange.query, CANNOT_SAY)
        learner.tell(kept.query, kept.answer)
    return learner.recommend()
