"""Commands in processes of their own that start at once: forks of this one, with all modules loaded."""

from __future__ import annotations

import os
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import IO

from netwright.core import interrupts


class Forked:
    """A process that runs a function, with pipes for its standard streams.

    Args:
        function: gives the exit code.
        stdout: a file in place of the pipe.
    """

    def __init__(self, function: Callable[[], int], *, stdout: IO[str] | None = None) -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        pipes = [os.pipe() for _ in range(3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12: this process has threads
            self.pid = os.fork()
        (their_in, our_in), (our_out, their_out), (our_err, their_err) = pipes
        if self.pid == 0:
            out = their_out if stdout is None else stdout.fileno()
            _run(function, their_in, out, their_err)
        for end in (their_in, their_out, their_err):
            os.close(end)
        self.stdin, self.stdout, self.stderr = os.fdopen(our_in, "w"), os.fdopen(our_out), os.fdopen(our_err)
        self.returncode: int | None = None

    def type_in(self, line: str) -> None:
        """Write a line to its input."""
        self.stdin.write(f"{line}\n")
        self.stdin.flush()

    def read_until(self, words: str) -> None:
        """Wait until its standard error shows these words."""
        for line in self.stderr:
            if words in line:
                return
        raise AssertionError(f"the process ended without {words!r}")

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def wait(self) -> int:
        """Its exit code, negative for a signal."""
        if self.returncode is None:
            _, status = os.waitpid(self.pid, 0)
            self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def kill(self) -> None:
        """Kill it, if it still runs, and wait."""
        if self.returncode is None:
            self.send_signal(signal.SIGKILL)
            self.wait()

    def communicate(self, text: str = "") -> tuple[str, str]:
        """Give it its last input; its output and its errors, when it has ended."""
        self.stdin.write(text)
        self.stdin.close()
        err, out = self.stderr.read(), self.stdout.read()
        self.wait()
        return out, err

    def close(self) -> None:
        """End it and close its pipes."""
        self.kill()
        for stream in (self.stdin, self.stdout, self.stderr):
            with suppress(BrokenPipeError):
                stream.close()


def _run(function: Callable[[], int], *streams: int) -> None:
    """In the child: the function on these standard streams."""
    code = 1
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 1024)
        sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        interrupts.forget()
        code = function()
        sys.stdout.flush()
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
