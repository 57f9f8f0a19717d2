"""Thinking ahead: the likeliest answers of all dialogues first, nothing during a request, no harm by a failure."""

from __future__ import annotations

import threading

import pytest

from netwright.synthesis.queries import Answer
from netwright.web.rooms import Foresight

LIKELY, UNLIKELY = Answer((0,)), Answer((1,))


class Told:
    """A dialogue that keeps which answers were foreseen."""

    def __init__(self, name: str, seen: list[tuple[str, Answer]], wanted: int) -> None:
        self.name, self.seen, self.wanted = name, seen, wanted
        self.done = threading.Event()

    def fork(self):
        return self

    def foresee(self, answer: Answer) -> None:
        if self.name == "broken":
            raise ValueError("no question")
        self.seen.append((self.name, answer))
        if len(self.seen) == self.wanted:
            self.done.set()


@pytest.fixture
def foresight():
    found = Foresight(most_waiting=5)
    yield found
    found.close()


def test_the_likeliest_answers_of_all_dialogues_come_first_and_none_during_a_request(foresight):
    seen: list[tuple[str, Answer]] = []
    a, b = Told("a", seen, 4), Told("b", seen, 4)
    with foresight.interrupted():
        foresight.think(a, [LIKELY, UNLIKELY], lambda: True)
        with foresight.interrupted():
            foresight.think(b, [LIKELY, UNLIKELY], lambda: True)
        assert not b.done.wait(0.05) and seen == []
    assert b.done.wait(10.0)
    assert seen == [("a", LIKELY), ("b", LIKELY), ("a", UNLIKELY), ("b", UNLIKELY)]


def test_answers_that_came_meanwhile_failures_and_a_full_queue_are_skipped(foresight):
    seen: list[tuple[str, Answer]] = []
    old, broken, new = Told("old", seen, 0), Told("broken", seen, 0), Told("new", seen, 1)
    with foresight.interrupted():
        foresight.think(old, [LIKELY, UNLIKELY], lambda: False)
        foresight.think(broken, [LIKELY, UNLIKELY], lambda: True)
        foresight.think(new, [LIKELY, UNLIKELY], lambda: True)
    assert new.done.wait(10.0)
    foresight.close()
    assert seen == [("new", LIKELY)]
