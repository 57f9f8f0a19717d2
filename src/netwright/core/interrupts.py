"""Ctrl-C, SIGTERM and SIGHUP (a closed terminal) handled alike; a loop may defer them to where stopping is safe."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
_received: list[int] = []  # numbers of the signals that came in this process, oldest first

Press = Callable[[int, FrameType | None], None]
Handler = Callable[[int, FrameType | None], object] | int | None


def exit_code() -> int:
    """128 and the number of the last signal, SIGINT if none was seen: 130 (Ctrl-C), 143 (SIGTERM) or 129 (SIGHUP)."""
    return 128 + (_received[-1] if _received else int(signal.SIGINT))


def forget() -> None:
    """A new command begins: signals of an earlier one in this process no longer count."""
    _received.clear()


@contextmanager
def listening() -> Iterator[Callable[[], bool]]:
    """Raise `KeyboardInterrupt` on these signals inside the block; yield a function that says whether one was received.

    A library may swallow the exception (in a callback from C, in `__del__`), so check the function as well. A signal
    that this process was started to ignore (`nohup`, a shell's `&`) stays ignored; outside of the main thread nothing
    changes.
    """

    def press(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        previous = before.get(number)
        if callable(previous):
            previous(number, frame)
        raise KeyboardInterrupt

    before: dict[int, Handler] = {}
    with _handling(press, before):
        n = len(_received)
        yield lambda: len(_received) > n


@contextmanager
def deferred() -> Iterator[Callable[[], bool]]:
    """Inside the block, the first signal only sets a flag; the work checks it where it can stop cleanly.

    A second signal raises `KeyboardInterrupt` at once.
    """

    def ask(number: int, frame: FrameType | None) -> None:
        _received.append(number)
        if len(_received) > n + 1:
            raise KeyboardInterrupt

    n = len(_received)
    with _handling(ask, {}):
        yield lambda: len(_received) > n


@contextmanager
def _handling(handler: Press, before: dict[int, Handler]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept: dict[int, Handler] = {number: signal.getsignal(number) for number in _SIGNALS}
    kept = {number: old for number, old in kept.items() if old not in (signal.SIG_IGN, None)}
    before.update(kept)
    hook = sys.unraisablehook
    for number in kept:
        signal.signal(number, handler)
    # No traceback for an interruption that came where it cannot be raised, such as in `__del__`.
    sys.unraisablehook = lambda found: None if found.exc_type is KeyboardInterrupt else hook(found)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, old in kept.items():
            signal.signal(number, old)
