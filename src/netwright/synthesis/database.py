"""Dialogues of many operators in one SQLite database (WAL): an answer is on the disk when `save` returns."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from netwright.core.errors import DataError, FormatError, OutputError
from netwright.core.files import PRIVATE, writing
from netwright.core.locks import BusyError
from netwright.core.reading import parse_json
from netwright.core.types import Json, JsonView
from netwright.synthesis.dialogue import Dialogue

FORMAT_VERSION = 1
BUSY_WAIT_S = 5.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS dialogues (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, created_s REAL NOT NULL, request TEXT NOT NULL,
    revision INTEGER NOT NULL, document TEXT) STRICT;
CREATE INDEX IF NOT EXISTS by_owner ON dialogues (owner, created_s);
CREATE TABLE IF NOT EXISTS remarks (
    dialogue TEXT NOT NULL REFERENCES dialogues (id), name TEXT NOT NULL, value TEXT NOT NULL,
    PRIMARY KEY (dialogue, name)) STRICT;
"""
_FULL, _READ_ONLY = (sqlite3.SQLITE_FULL,), (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


@dataclass(frozen=True)
class Entry:
    """A dialogue in a database.

    Attributes:
        id: unguessable, 128 bits.
        owner: whose dialogue it is.
        created_s: seconds since 1970.
        request: what was asked for when it began; opaque here.
        remarks: further plain data by name, such as the final choice.
    """

    id: str
    owner: str
    created_s: float
    request: JsonView
    remarks: JsonView


class Database:
    """All dialogues of one server, in a file that only its owner may read.

    Every change is one transaction, flushed to the disk before the call returns (`synchronous = FULL`), so a kill at
    any moment leaves the state before or after it.

    Raises:
        DataError: the file is no database, or it is damaged.
        FormatError: it was written by another release.
        OutputError: the file cannot be written, or the disk is full.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE))
        with self._translated():
            self._connection = sqlite3.connect(
                path, timeout=BUSY_WAIT_S, isolation_level=None, check_same_thread=False
            )
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._connection.executescript(_SCHEMA)
        found = self._fact("format_version", str(FORMAT_VERSION))
        if found != str(FORMAT_VERSION):
            raise FormatError(
                f"{path}: dialogues in format version {found}, but this release writes {FORMAT_VERSION}; use the "
                "release that wrote them, or another folder."
            )

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def secret(self) -> str:
        """A key of 256 bits for signatures, drawn once."""
        return self._fact("secret", secrets.token_hex(32))

    def create(self, owner: str, request: JsonView) -> str:
        """A new dialogue without answers; returns its id."""
        key = secrets.token_urlsafe(16)
        self._run(
            "INSERT INTO dialogues (id, owner, created_s, request, revision) VALUES (?, ?, ?, ?, 0)",
            (key, owner, time.time(), _text(request)),
        )
        return key

    def of(self, owner: str) -> list[Entry]:
        """The dialogues of an owner, the latest first."""
        rows = self._run("SELECT id FROM dialogues WHERE owner = ? ORDER BY created_s DESC", (owner,))
        return [entry for (key,) in rows if (entry := self.entry(str(key))) is not None]

    def entry(self, key: str) -> Entry | None:
        """The dialogue of an id; None if there is none."""
        rows = self._run("SELECT owner, created_s, request FROM dialogues WHERE id = ?", (key,))
        if not rows:
            return None
        owner, created_s, request = rows[0]
        remarks = self._run("SELECT name, value FROM remarks WHERE dialogue = ?", (key,))
        return Entry(
            key,
            str(owner),
            float(str(created_s)),
            self._parsed(request),
            {str(name): self._parsed(value)["value"] for name, value in remarks},
        )

    def remark(self, key: str, name: str, value: object) -> None:
        """Keep plain data with a dialogue under a name, in place of an earlier value."""
        self._run(
            "INSERT INTO remarks (dialogue, name, value) VALUES (?, ?, ?) "
            "ON CONFLICT (dialogue, name) DO UPDATE SET value = excluded.value",
            (key, name, _text({"value": value})),
        )

    def forget(self, key: str, name: str) -> None:
        """Remove what was kept under a name, if anything."""
        self._run("DELETE FROM remarks WHERE dialogue = ? AND name = ?", (key, name))

    def store(self, key: str) -> DatabaseStore:
        """The store of one dialogue."""
        return DatabaseStore(self, key)

    def _fact(self, name: str, default: str) -> str:
        self._run("INSERT OR IGNORE INTO facts (name, value) VALUES (?, ?)", (name, default))
        return str(self._run("SELECT value FROM facts WHERE name = ?", (name,))[0][0])

    def _parsed(self, text: object) -> Json:
        found: Json = parse_json(str(text), self.path)
        return found

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[object, ...]]:
        """The rows of one statement, which is its own transaction."""
        with self._translated():
            return list(self._connection.execute(statement, values))

    def _change(self, statement: str, values: tuple[object, ...]) -> int:
        """Number of rows that a statement changed."""
        with self._translated():
            return self._connection.execute(statement, values).rowcount

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        """Exclusive use of the connection; errors of SQLite as those of this package."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise self._error(error) from None

    def _error(self, error: sqlite3.Error) -> Exception:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            return OutputError(self.path, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
        if code in _READ_ONLY:
            return OutputError(self.path, OSError(errno.EACCES, os.strerror(errno.EACCES)))
        if code in _BUSY:
            return BusyError(f"{self.path}: in use by another process; stop it, or use another folder.")
        return DataError(
            f"{self.path}: cannot be used as a database of dialogues ({error}); use another folder."
        )


@dataclass
class DatabaseStore:
    """One dialogue of a database.

    A `save` after a change by another process is refused, so that no answer is overwritten.
    """

    database: Database
    key: str
    _revision: int = field(default=0, init=False)
    _exclusive: threading.Lock = field(default_factory=threading.Lock, init=False)

    @property
    def where(self) -> Path:
        """See `DialogueStore`."""
        return self.database.path / self.key

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """See `DialogueStore`; waits for other threads that use this object."""
        if not self._exclusive.acquire(timeout=BUSY_WAIT_S):
            raise BusyError("the dialogue is busy with another request; try again in a moment.")
        try:
            yield
        finally:
            self._exclusive.release()

    def load(self) -> JsonView | None:
        """See `DialogueStore`."""
        rows = self.database._run("SELECT revision, document FROM dialogues WHERE id = ?", (self.key,))
        if not rows:
            raise DataError(f"{self.where}: there is no such dialogue; start a new one.")
        revision, document = rows[0]
        self._revision = int(str(revision))
        return None if document is None else self.database._parsed(document)

    def save(self, dialogue: Dialogue) -> None:
        """See `DialogueStore`.

        Raises:
            BusyError: another process saved an answer since `load`.
            OutputError: the disk is full; the last saved answer is intact.
        """
        changed = self.database._change(
            "UPDATE dialogues SET document = ?, revision = revision + 1 WHERE id = ? AND revision = ?",
            (_text(dialogue.to_json()), self.key, self._revision),
        )
        if not changed:
            raise BusyError("the dialogue was continued elsewhere meanwhile; reload the page.")
        self._revision += 1


def _text(document: JsonView) -> str:
    return json.dumps(dict(document), allow_nan=False)
