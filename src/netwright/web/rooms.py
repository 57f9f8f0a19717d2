"""Pools in memory with what their dialogues share: questions, particles, solved designs."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from netwright.core.errors import ConfigError
from netwright.synthesis.dialogue import Dialogue, Questions
from netwright.synthesis.limits import within
from netwright.synthesis.problem import Array
from netwright.synthesis.queries import Answer
from netwright.synthesis.setup import PoolProblem, Setup
from netwright.wan.allocation import shortest_paths_today
from netwright.wan.details import Details
from netwright.wan.exporting import Solved, described, settings_of, today_of
from netwright.wan.figures import positions
from netwright.wan.registry import scenario
from netwright.wan.scenario import Scenario
from netwright.wan.selection import Source, Wanted
from netwright.wan.settled import Settled, settled
from netwright.wan.tables import Tables
from netwright.web.building import Build, Builds
from netwright.web.maps import Canvas, canvas
from netwright.web.settings import MAX_TUNNELS
from netwright.web.uploads import Uploads
from netwright.web.wishes import Wish

MOST_ROOMS = 6
MOST_TODAY = 16
MOST_DESIGNS = 256
MOST_QUESTIONS = 20_000
_LOGGER = logging.getLogger(__name__)


@dataclass(eq=False)
class Room:
    """A pool with what its dialogues share."""

    source: Source
    _solved: OrderedDict[int, Solved] = field(default_factory=OrderedDict)
    _today: OrderedDict[Path | None, Solved] = field(default_factory=OrderedDict)
    _questions: dict[Setup, Questions] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.problem = PoolProblem(self.source.pool)
        self.details = Details(self.source, None)

    @property
    def scenario(self) -> Scenario:
        """The scenario."""
        return scenario(self.source.pool.provenance["scenario"])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the pool."""
        return self.source.pool.fingerprint()

    @cached_property
    def canvas(self) -> Canvas:
        """What all maps of the network have in common."""
        topology = self.source.instance.topology
        return canvas(topology, positions(topology))

    @cached_property
    def ranges(self) -> Array:
        """Range of each metric over the pool; (m,)."""
        found: Array = np.ptp(self.source.pool.scores, axis=0)
        return found

    @cached_property
    def settled(self) -> Settled | None:
        """The design that needs no question, if there is one."""
        return settled(self.source)

    def solved(self, design: int) -> Solved:
        """A design with its tables."""
        with self._lock:
            if design in self._solved:
                self._solved.move_to_end(design)
                return self._solved[design]
        found = self.details.solved(design)
        with self._lock:
            self._solved[design] = found
            if len(self._solved) > MOST_DESIGNS:
                self._solved.popitem(last=False)
        return found

    def today(self, file: Path | None) -> Solved:
        """The design in use: an uploaded one; by default all traffic on its shortest tunnels, or equal link weights.

        Raises:
            FormatError: the file holds no design of this network.
        """
        with self._lock:
            known = self._today.get(file)
        if known is None:
            known = self._read_today(file)
            with self._lock:
                self._today[file] = known
                if len(self._today) > MOST_TODAY:
                    self._today.popitem(last=False)
        return known

    def _read_today(self, file: Path | None) -> Solved:
        instance, known = self.source.instance, self.scenario
        if file is not None:
            tables = today_of(known, instance, file)
            assert tables is not None
            return described(known.name, instance, settings_of(instance, tables))
        if known.changes_in == "tunnels":
            return described(known.name, instance, shortest_paths_today(instance).share)
        return described(known.name, instance, np.ones(instance.topology.n_arcs))

    def questions(self, setup: Setup) -> Questions:
        """Questions that are known for these settings."""
        with self._lock:
            known = self._questions.setdefault(setup, {})
            if len(known) > MOST_QUESTIONS:
                known.clear()
            return known

    def dialogue(self, setup: Setup) -> Dialogue:
        """A new dialogue."""
        return Dialogue(self.problem, setup, self.questions(setup))

    def tables(self, design: int) -> Tables:
        """Tables of a design."""
        return self.solved(design).tables


class Rooms:
    """Opens rooms in the background: builds their pools where needed, then reads them and draws particles."""

    def __init__(self, builds: Builds, uploads: Uploads) -> None:
        self.builds, self.uploads = builds, uploads
        self._rooms: OrderedDict[str, Room] = OrderedDict()
        self._opening: dict[str, Build] = {}
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="rooms")

    def close(self) -> None:
        """Stop opening rooms."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def stages(self, wish: Wish) -> list[tuple[str, int]]:
        """Keys and sizes of the pools of a wish, the smallest first."""
        return [(wish.key(n), n) for n in wish.stages()]

    def opened(self, wish: Wish) -> tuple[list[Room], Build]:
        """The rooms that are open, the largest pool first, and the state of the next one; asks for what is missing.

        Raises:
            NetwrightError: the wish is impossible.
        """
        found: list[Room] = []
        state = Build("ready", share=1.0)
        for key, n in self.stages(wish):
            with self._lock:
                room = self._rooms.get(key)
                if room is not None:
                    self._rooms.move_to_end(key)
            if room is not None:
                found.insert(0, room)
                continue
            state = self._prepare(key, n, wish)
            if state.state == "failed":
                break
        return found, state

    def retry(self, wish: Wish) -> None:
        """Forget failures, so that `opened` tries again."""
        for key, _ in self.stages(wish):
            self.builds.forget(key)
            with self._lock:
                self._opening.pop(key, None)

    def _prepare(self, key: str, n: int, wish: Wish) -> Build:
        """The state of a pool that is not open: looked for in the cache, built, then read."""
        wanted = wish.wanted(self.uploads, n)
        with self._lock:
            if key in self._opening:
                return self._opening[key]
            build = self.builds.state(key)
            if build is None or build.state == "ready":
                self._opening[key] = Build("building", "preparing the first question")
                self._threads.submit(self._find, key, n, wish, wanted)
                return self._opening[key]
        return build

    def _find(self, key: str, n: int, wish: Wish, wanted: Wanted) -> None:
        """Open a pool of the cache, or ask for it to be built."""
        try:
            if self.builds.state(key) is not None or wanted.place().exists():
                if self._is_first_ready(n, wish):
                    self._load(key, n, wish)
                    return
            else:
                self.builds.ask(key, wanted)
        except Exception as error:
            with self._lock:
                self._opening[key] = Build("failed", str(error))
            return
        with self._lock:
            del self._opening[key]

    def _is_first_ready(self, n: int, wish: Wish) -> bool:
        """Whether the pool of the first stage is there, if the larger pool may lack its designs and so adds them."""
        first = wish.stages()[0]
        if n == first or scenario(wish.scenario).changes_in == "tunnels":
            return True
        return wish.wanted(self.uploads, first).place().exists()

    def _source(self, n: int, wish: Wish) -> Source:
        """The pool of a stage within the limits, with all designs of the first stage."""
        source, first = wish.wanted(self.uploads, n).source(), wish.stages()[0]
        if n != first and scenario(wish.scenario).changes_in == "links":
            source = source.including(wish.wanted(self.uploads, first).source())
        return replace(source, pool=within(source.pool, wish.limits))

    def _load(self, key: str, n: int, wish: Wish) -> None:
        room = Room(self._source(n, wish))
        n_tunnels = len(room.source.instance.tunnels)
        if n_tunnels > MAX_TUNNELS:
            raise ConfigError(
                f"the network has {n_tunnels} tunnels; the app takes up to {MAX_TUNNELS}, choose fewer flows."
            )
        if room.settled is None:
            room.dialogue(wish.setup()).ask()
        with self._lock:
            self._rooms[key] = room
            del self._opening[key]
            while len(self._rooms) > MOST_ROOMS:
                self._rooms.popitem(last=False)


@dataclass(order=True)
class _Thought:
    """A question to compute: the smallest rank, then the oldest, comes first."""

    rank: int
    number: int
    dialogue: Dialogue = field(compare=False)
    answer: Answer = field(compare=False)
    valid: Callable[[], bool] = field(compare=False)


class Foresight:
    """Computes the questions after likely answers while operators think, but not while `interrupted`.

    The likeliest answer of every dialogue comes first, then the second, and so on.

    Args:
        most_waiting: number of questions beyond which no more are taken.
    """

    def __init__(self, most_waiting: int = 1000) -> None:
        self.most_waiting = most_waiting
        self._thoughts: list[_Thought] = []
        self._numbers = itertools.count()
        self._requests, self._closed = 0, False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="foresight", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(timeout=5.0)

    @contextmanager
    def interrupted(self) -> Iterator[None]:
        """Inside the block, begin nothing, so that a request has the processor."""
        with self._changed:
            self._requests += 1
        try:
            yield
        finally:
            with self._changed:
                self._requests -= 1
                self._changed.notify_all()

    def think(self, dialogue: Dialogue, answers: Iterable[Answer], valid: Callable[[], bool]) -> None:
        """Foresee the questions after these answers, the likeliest first, while `valid` holds.

        Call it while no other thread uses the dialogue, of which a copy is made.
        """
        copy = dialogue.fork()
        with self._changed:
            for rank, answer in enumerate(answers):
                if len(self._thoughts) < self.most_waiting:
                    heapq.heappush(self._thoughts, _Thought(rank, next(self._numbers), copy, answer, valid))
            self._changed.notify_all()

    def _run(self) -> None:
        while (thought := self._next()) is not None:
            try:
                if thought.valid():
                    thought.dialogue.foresee(thought.answer)
            except Exception:  # raised again when the question is asked
                _LOGGER.exception("a question could not be computed ahead")

    def _next(self) -> _Thought | None:
        with self._changed:
            while not self._closed and (self._requests or not self._thoughts):
                self._changed.wait()
            return None if self._closed else heapq.heappop(self._thoughts)
