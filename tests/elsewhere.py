"""An executor that shows what worker processes would, without their start."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Elsewhere:
    """Takes the function and each item through pickle, and handles the last item first.

    What it gives is equal to what one process gives only if the function can be sent, and no item depends on those
    before it. `tests/execution` tests the processes themselves.
    """

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of the items."""
        sent = [pickle.dumps((function, item)) for item in items]
        found = [_received(one) for one in reversed(sent)]
        return iter(found[::-1])


def _received(sent: bytes) -> object:
    function, item = pickle.loads(sent)
    return pickle.loads(pickle.dumps(function(item)))
