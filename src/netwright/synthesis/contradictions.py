"""Sets of answers that no objective can explain, found as cycles of stated preferences."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Exchange, preferred


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Numbers (from 1) of answers that form a cycle: a shortest one, with the newest answer last."""

    answers: tuple[int, ...]

    def __str__(self) -> str:
        if len(self.answers) == 1:
            return f"answer {self.answers[0]} prefers a design that another one matches or exceeds in every metric"
        *most, last = self.answers
        return f"answers {', '.join(map(str, most))} and {last} disagree"


def contradictions(exchanges: Sequence[Exchange], scores: Array) -> list[Contradiction]:
    """The cycles of strict preference that each answer closes; dominating designs are assumed to be preferred.

    Args:
        scores: oriented metrics of the designs; shape (D, m).
    """
    shown = sorted({d for e in exchanges for d in e.query.designs})
    # (better, worse) -> number of the answer that states it; 0 if the metrics imply it
    stated: dict[tuple[int, int], int] = {
        (a, b): 0
        for a in shown
        for b in shown
        if (scores[a] >= scores[b]).all() and (scores[a] > scores[b]).any()
    }
    found: dict[tuple[int, ...], Contradiction] = {}
    for number, exchange in enumerate(exchanges, start=1):
        for better, worse in preferred(exchange):
            way = _fewest_answers(stated, worse, better)
            if way is not None:
                circle = (*sorted(way), number)
                found.setdefault(circle, Contradiction(circle))
            stated.setdefault((better, worse), number)
    return list(found.values())


def _fewest_answers(stated: dict[tuple[int, int], int], start: int, end: int) -> set[int] | None:
    """Answers on a path of stated preferences with the fewest answers; None if there is no path."""
    queue: list[tuple[int, int, frozenset[int]]] = [(0, start, frozenset())]
    seen: set[int] = set()
    while queue:
        _, design, used = heapq.heappop(queue)
        if design == end:
            return set(used)
        if design in seen:
            continue
        seen.add(design)
        for (better, worse), number in stated.items():
            if better == design and worse not in seen:
                now = used | {number} if number else used
                heapq.heappush(queue, (len(now), worse, now))
    return None
