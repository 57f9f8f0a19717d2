"""Notes: what a reader assumed, converted or left out, a line each.

They go to the logger `netwright.notes`, so that a program that uses the library sees and filters them as any
other log. The command line prints each once on stderr and adds them to its JSON document.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOGGER = logging.getLogger("netwright.notes")


def note(line: str) -> None:
    """Log one line about what was assumed or left out."""
    _LOGGER.warning("%s", line)


class _Collector(logging.Handler):
    def __init__(self, show: Callable[[str], None]) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._show = show

    def emit(self, record: logging.LogRecord) -> None:
        """Keep and show a line that is new."""
        line = record.getMessage()
        if line not in self.lines:
            self.lines.append(line)
            self._show(f"note: {line}")


@contextmanager
def collected(show: Callable[[str], None]) -> Iterator[None]:
    """Within it, every note is passed to `show` once, and kept for `so_far`."""
    handler = _Collector(show)
    _LOGGER.addHandler(handler)
    try:
        yield
    finally:
        _LOGGER.removeHandler(handler)


def so_far() -> list[str]:
    """The notes of the innermost `collected`; none outside of one."""
    found = [handler for handler in _LOGGER.handlers if isinstance(handler, _Collector)]
    return list(found[-1].lines) if found else []
