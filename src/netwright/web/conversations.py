"""Dialogues that are open in this server: each is saved before anything of the next question is shown."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from netwright.core.errors import ConfigError, FormatError, NetwrightError
from netwright.synthesis.database import Database, DatabaseStore, Entry
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.queries import CANNOT_SAY, Answer, Kind, Query
from netwright.synthesis.saved import SavedDialogue
from netwright.web.building import Build
from netwright.web.rooms import Foresight, Room, Rooms
from netwright.web.settings import MAX_DIALOGUES_OF_ONE
from netwright.web.wishes import Wish, saved_wish

MOST_OPEN = 400

# Remarks of a dialogue in the database.
STOPPED, CHOICE, OPINION, INTERFACES = "stopped", "choice", "opinion", "interfaces"


class UnknownDialogueError(NetwrightError):
    """There is no such dialogue, or it is another visitor's."""


class StaleError(NetwrightError):
    """The answer belongs to a question that was already answered."""


@dataclass(eq=False)
class Conversation:
    """One dialogue of a visitor.

    Attributes:
        dialogue: None until its pool is ready.
    """

    key: str
    wish: Wish
    store: DatabaseStore
    dialogue: Dialogue | None = None
    room: Room | None = None
    remarks: dict[str, object] = field(default_factory=dict)

    @property
    def pending(self) -> Query | None:
        """The question to be answered; None if the dialogue is over or not ready."""
        if self.dialogue is None or STOPPED in self.remarks:
            return None
        return self.dialogue.ask()

    @property
    def token(self) -> str:
        """Identifies the pending question; "" if there is none."""
        query = self.pending
        if self.dialogue is None or self.room is None or query is None:
            return ""
        shown = [self.room.fingerprint, len(self.dialogue.exchanges), query.to_json()]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]

    @property
    def over(self) -> bool:
        """Whether the dialogue has a recommendation and no further question."""
        return self.dialogue is not None and self.pending is None and self.dialogue.recommend() is not None


class Conversations:
    """All dialogues of a server."""

    def __init__(self, database: Database, rooms: Rooms) -> None:
        self.database, self.rooms = database, rooms
        self.foresight = Foresight()
        self._open: OrderedDict[str, Conversation] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, owner: str, wish: Wish) -> str:
        """A new dialogue; returns its id.

        Raises:
            NetwrightError: the wish is impossible, or the visitor has too many dialogues.
        """
        wish.setup()
        if len(self.database.of(owner)) >= MAX_DIALOGUES_OF_ONE:
            raise ConfigError(f"you have {MAX_DIALOGUES_OF_ONE} dialogues; continue one of them.")
        self.rooms.opened(wish)
        return self.database.create(owner, wish.model_dump(mode="json"))

    def of(self, owner: str) -> list[Entry]:
        """The dialogues of a visitor, the latest first."""
        return self.database.of(owner)

    @contextmanager
    def alone(self, key: str, owner: str) -> Iterator[tuple[Conversation, Build]]:
        """One dialogue, for this thread only, and the state of its pool.

        Raises:
            UnknownDialogueError: the visitor has no such dialogue.
        """
        conversation = self._conversation(key, owner)
        with self.foresight.interrupted(), conversation.store.alone():
            yield conversation, self._refreshed(conversation)

    def answer(self, conversation: Conversation, token: str, answer: Answer) -> None:
        """Record the answer to the question of a token; it is on the disk when this returns.

        Then the dialogue moves to the larger pool, if that is ready.

        Raises:
            StaleError: another question is pending.
        """
        if not token or token != conversation.token:
            raise StaleError("that question was answered before; this is the present one.")
        dialogue = _ready(conversation)
        self._saved(conversation, lambda: dialogue.tell(answer))
        rooms, _ = self.rooms.opened(conversation.wish)
        if rooms and rooms[0] is not conversation.room:
            _move(conversation, rooms[0])

    def change(self, conversation: Conversation, number: int, answer: Answer) -> None:
        """Replace the answer to question `number`."""
        dialogue = _ready(conversation)
        self._saved(conversation, lambda: dialogue.change(number, answer))
        self.note(conversation, CHOICE, None)

    def undo(self, conversation: Conversation, number: int | None = None) -> None:
        """Undo an answer, by default the last; a stopped dialogue continues."""
        dialogue = _ready(conversation)
        if STOPPED in conversation.remarks and number is None:
            self.note(conversation, STOPPED, None)
            return
        self._saved(conversation, lambda: dialogue.undo(number))
        self.note(conversation, CHOICE, None)

    def note(self, conversation: Conversation, name: str, value: object) -> None:
        """Keep or, with None, remove a remark."""
        if value is None:
            self.database.forget(conversation.key, name)
            conversation.remarks.pop(name, None)
        else:
            self.database.remark(conversation.key, name, value)
            conversation.remarks[name] = value

    def think_ahead(self, conversation: Conversation) -> None:
        """Compute the questions after likely answers in the background."""
        dialogue, query = conversation.dialogue, conversation.pending
        if dialogue is None or query is None:
            return
        number = len(dialogue.exchanges)
        self.foresight.think(dialogue, likely_answers(query), lambda: len(dialogue.exchanges) == number)

    def close(self) -> None:
        """Stop thinking."""
        self.foresight.close()

    def _conversation(self, key: str, owner: str) -> Conversation:
        entry = self.database.entry(key)
        if entry is None or entry.owner != owner:
            raise UnknownDialogueError("there is no such dialogue, or it belongs to another browser.")
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
            made = Conversation(
                key, saved_wish(entry.request), self.database.store(key), remarks=dict(entry.remarks)
            )
            self._open[key] = made
            if len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
            return made

    def _refreshed(self, conversation: Conversation) -> Build:
        """Open the dialogue in the largest pool that is ready."""
        rooms, state = self.rooms.opened(conversation.wish)
        if conversation.dialogue is None and rooms:
            self._load(conversation, rooms, complete=state.state == "ready")
        return state

    def _load(self, conversation: Conversation, rooms: list[Room], *, complete: bool) -> None:
        document = conversation.store.load()
        if document is None:
            room = rooms[0]
            conversation.dialogue, conversation.room = room.dialogue(conversation.wish.setup()), room
            conversation.store.save(conversation.dialogue)
            return
        problem = SavedDialogue.parse(document, conversation.store.where).problem
        for room in rooms:
            if room.problem.identity() == problem:
                questions = room.questions(conversation.wish.setup())
                conversation.dialogue = Dialogue.from_json(
                    document, room.problem, conversation.store.where, questions
                )
                conversation.room = room
                return
        if complete:
            raise FormatError(
                "the network of this dialogue has changed since it began, so its answers cannot be used; start a "
                "new dialogue."
            )

    def _saved(self, conversation: Conversation, change: Callable[[], None]) -> None:
        """Make a change and save it; after a failure, the dialogue is read from the database again."""
        try:
            change()
            conversation.store.save(_ready(conversation))
        except NetwrightError:
            with self._lock:
                self._open.pop(conversation.key, None)
            raise


def _ready(conversation: Conversation) -> Dialogue:
    if conversation.dialogue is None:
        raise ConfigError("the network is still being prepared; wait a moment.")
    return conversation.dialogue


def _move(conversation: Conversation, room: Room) -> None:
    """Continue in a larger pool, if it has every design that was shown."""
    dialogue = conversation.dialogue
    assert dialogue is not None
    moved = dialogue.moved(room.problem, room.questions(dialogue.setup))
    if moved is not None:
        conversation.store.save(moved)
        conversation.dialogue, conversation.room = moved, room


def likely_answers(query: Query) -> list[Answer]:
    """The answers to a question, the likeliest first."""
    n = len(query.designs)
    singles = [Answer((i,)) for i in range(n)]
    if query.kind is Kind.STRENGTH:
        return [Answer(a.best, s) for a in singles for s in ("slightly", "much")] + [CANNOT_SAY]
    several = range(2, n + 1) if query.kind is Kind.TICK else [2] if query.ties and n == 2 else []
    ticks = [Answer(best) for size in several for best in itertools.combinations(range(n), size)]
    return [*singles, *(ticks if query.kind is not Kind.PROPOSE else []), CANNOT_SAY]
