"""Notes: one line about each assumption, conversion or omission.

They go to the logger `netwright.notes`, so that programs can filter them like any other log. The command line prints
each note once on stderr and adds it to its JSON document.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGER = logging.getLogger("netwright.notes")


def note(line: str) -> None:
    """Log one line about an assumption or omission."""
    _LOGGER.warning("%s", line)


class _Collector(logging.Handler):
    def __init__(self, show: Callable[[str], None], *, is_own: bool) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._show, self._is_own = show, is_own

    def emit(self, record: logging.LogRecord) -> None:
        """Keep and show a new line, of this context only if so wanted."""
        line = record.getMessage()
        if line not in self.lines and (not self._is_own or self in _OWN.get()):
            self.lines.append(line)
            self._show(f"note: {line}")


_OWN: ContextVar[tuple[_Collector, ...]] = ContextVar("_OWN", default=())


@contextmanager
def collected(show: Callable[[str], None], *, own: bool = False) -> Iterator[None]:
    """Inside the block, pass every note to `show` once and keep it for `so_far`.

    Args:
        own: leave out notes of other threads and tasks, such as those of a server's other requests.
    """
    handler = _Collector(show, is_own=own)
    token = _OWN.set((*_OWN.get(), handler))
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)
        _OWN.reset(token)


def so_far() -> list[str]:
    """The notes of the innermost `collected` block; empty outside of one."""
    found = [handler for handler in _LOGGER.handlers if isinstance(handler, _Collector)]
    return list(found[-1].lines) if found else []
