"""Parallel execution: an ordered `map` in this process or over several, with equal results."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

from netwright.core.errors import ConfigError
from netwright.core.registry import Registry

Item = TypeVar("Item")
Result = TypeVar("Result")

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Executor(Protocol):
    """Maps a function over items and yields the results in order as they become ready."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Results in the order of `items`; an exception of `function` is raised at its position."""
        ...


class SerialExecutor:
    """In this process, one item after another."""

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Lazy: an item is processed when its result is requested."""
        return map(function, items)


class ProcessExecutor:
    """Runs over `n_workers` processes on this machine; `function` and the items must be picklable.

    Workers are spawned, because forking after torch has started threads can hang. Unless the user has set the number
    of threads, the linear algebra of each worker uses its share of the cores.
    """

    def __init__(self, n_workers: int | None = None) -> None:
        self.n_workers = n_workers if n_workers is not None else os.cpu_count() or 1
        if self.n_workers < 1:
            raise ConfigError(f"the number of workers must be at least 1, got {self.n_workers}.")

    def map(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Stops the workers and skips items not yet started when the iterator is closed or an item fails."""
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.n_workers, mp_context=context, initializer=_end_with_parent)
        try:
            with _threads_for_each(max(1, (os.cpu_count() or 1) // self.n_workers)):
                results = pool.map(function, items)  # starts the workers, which read their environment once
            yield from results
        except (KeyboardInterrupt, GeneratorExit):
            _end_workers(pool)
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _end_workers(pool: ProcessPoolExecutor) -> None:
    """Terminate workers, which may be inside minutes of compiled code; unfinished items are dropped."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


@contextmanager
def _threads_for_each(n: int) -> Iterator[None]:
    """Child processes started inside the block use `n` threads for linear algebra, unless the user has set a number."""
    unset = [name for name in THREAD_VARIABLES if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, str(n)))
    try:
        yield
    finally:
        for name in unset:
            del os.environ[name]


def _end_with_parent() -> None:
    """In a worker: exit when the parent process ends for any reason; unfinished work is dropped."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C reaches the whole group; the parent ends its workers
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


ExecutorFactory = Callable[[int | None], Executor]
"""Makes an executor with that many workers; None selects its default."""


def serial(n_workers: int | None = None) -> Executor:
    """The executor `serial`, which has one worker: this process."""
    return SerialExecutor()


def _own() -> Mapping[str, str]:
    return {"serial": f"{__name__}:serial", "processes": f"{__name__}:ProcessExecutor"}


EXECUTORS: Registry[ExecutorFactory] = Registry("executor", Callable, _own, "netwright.executors")


def executor(name: str = "serial", n_workers: int | None = None) -> Executor:
    """The executor of that name.

    Args:
        name: `serial`, `processes`, or one of another package (entry point `netwright.executors`).
        n_workers: by default one for each core.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return EXECUTORS.get(name)(n_workers)
