"""Pools built in a process of their own, one after the other, with progress and a time limit."""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import signal
import threading
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from netwright.core.errors import ConfigError, NetwrightError
from netwright.core.reading import short_reason
from netwright.wan.registry import scenario
from netwright.wan.selection import Wanted
from netwright.web.settings import MAX_WAITING_BUILDS

_DONE_OF = re.compile(r"(\d+) of (\d+)$")
_LONGEST_LINE = 160


@dataclass(frozen=True)
class Build:
    """The state of a pool.

    Attributes:
        state: "waiting", "building", "ready" or "failed".
        line: the latest line about the progress, or the reason of the failure.
        share: how much is done, 0..1; None if unknown.
    """

    state: str
    line: str = ""
    share: float | None = None


class Builds:
    """Builds pools into the cache; a pool that is being built is not built twice.

    Args:
        limit_s: time after which a build is given up.
    """

    def __init__(self, limit_s: float) -> None:
        self.limit_s = limit_s
        self._found: dict[str, Build] = {}
        self._waiting: list[tuple[str, Wanted]] = []
        self._changed = threading.Condition()
        self._closed = False
        self._wanted_warm: str | None = None
        self._warmed: set[str] = set()
        self._worker: Worker | None = None
        self._thread = threading.Thread(target=self._run, name="builds", daemon=True)
        self._thread.start()

    def state(self, key: str) -> Build | None:
        """The state of a build; None if it was never asked for."""
        with self._changed:
            return self._found.get(key)

    def ask(self, key: str, wanted: Wanted) -> Build:
        """Build a pool unless that was asked for before; after a failure, `forget` allows another attempt.

        Raises:
            ConfigError: too many builds are waiting.
        """
        with self._changed:
            known = self._found.get(key)
            if known is not None:
                return known
            if len(self._waiting) >= MAX_WAITING_BUILDS:
                raise ConfigError("too many networks are being prepared; try again in some minutes.")
            self._found[key] = Build("waiting", "waiting for other networks")
            self._waiting.append((key, wanted))
            self._changed.notify_all()
            return self._found[key]

    def warm(self, scenario: str) -> None:
        """Start the process and load or compile what a scenario needs, so that it is ready when it is needed."""
        with self._changed:
            if scenario not in self._warmed:
                self._wanted_warm = scenario
                self._changed.notify_all()

    def forget(self, key: str) -> None:
        """Let a failed build be tried again."""
        with self._changed:
            if (found := self._found.get(key)) is not None and found.state == "failed":
                del self._found[key]

    def close(self) -> None:
        """End the process; an unfinished build resumes from its chunks when it is asked for again."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._worker is not None:
            self._worker.stop()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._closed or self._wanted_warm):
                    self._changed.wait()
                if self._closed:
                    return
                if not self._waiting:
                    self._warm_up()
                    continue
                key, wanted = min(self._waiting, key=lambda job: job[1].n)  # first questions come first
                self._waiting.remove((key, wanted))
                self._found[key] = Build("building", "starting", 0.0)
            end = self._build(key, wanted)
            with self._changed:
                self._found[key] = end

    def _warm_up(self) -> None:
        name, self._wanted_warm = self._wanted_warm, None
        if name is not None and name not in self._warmed:
            self._warmed.add(name)
            with contextlib.suppress(OSError):
                self._worker = self._ready_worker()
                self._worker.send(name)

    def _ready_worker(self) -> Worker:
        if self._worker is None or not self._worker.alive:
            self._worker = Worker()
        return self._worker

    def _build(self, key: str, wanted: Wanted) -> Build:
        self._worker = self._ready_worker()
        try:
            self._worker.send(wanted)
        except OSError:
            self._worker.stop()
            return Build("failed", "the process that builds designs ended unexpectedly; try again.")
        until = time.monotonic() + self.limit_s
        while (left := until - time.monotonic()) > 0.0 and not self._closed:
            said = self._worker.receive(min(left, 0.5))
            if said is None:
                continue
            if said.state != "building":
                return said
            with self._changed:
                before = self._found[key]
                self._found[key] = replace(said, share=before.share if said.share is None else said.share)
        self._worker.stop()
        return Build(
            "failed",
            f"it took longer than {self.limit_s:.0f} s; choose a smaller network, fewer flows or fewer objectives, or "
            "build the pool with `netwright design pool`.",
        )


class Worker:
    """A process that builds pools."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs,), name="netwright-pools", daemon=True)
        self._process.start()
        theirs.close()

    @property
    def alive(self) -> bool:
        """Whether it can take a job."""
        return self._process.is_alive()

    def send(self, job: Wanted | str) -> None:
        """Begin a job, of which the results of an earlier one must have been received, or warm up for a scenario."""
        self._ours.send(job)

    def receive(self, seconds: float) -> Build | None:
        """The next message, or None if there is none in this time."""
        try:
            if not self._ours.poll(seconds):
                return None
            found: Build = self._ours.recv()
            return found
        except (EOFError, OSError):
            return Build("failed", "the process ended unexpectedly, possibly out of memory.")

    def stop(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.join(timeout=5.0)
        self._ours.close()


def _work(connection: Connection) -> None:
    """In the process: build what is asked for until the server is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def say(line: str) -> None:
        found = _DONE_OF.search(line)
        share = int(found[1]) / max(int(found[2]), 1) if found else None
        connection.send(Build("building", line[:_LONGEST_LINE], share))

    while True:
        try:
            job: Wanted | str = connection.recv()
            if isinstance(job, str):
                scenario(job).warm_up()
            else:
                connection.send(_built(job, say))
        except (EOFError, BrokenPipeError):
            return


def _built(wanted: Wanted, say: object) -> Build:
    try:
        replace(wanted, say=say).source()  # type: ignore[arg-type]
    except NetwrightError as error:
        return Build("failed", str(error))
    except MemoryError:
        return Build("failed", "not enough memory; choose a smaller network or fewer flows.")
    except Exception as error:
        return Build("failed", f"unexpected {type(error).__name__} ({short_reason(error)}).")
    return Build("ready", share=1.0)
