"""Storage of dialogues: a protocol for terminal and web, and a store in a file."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from netwright.core.errors import ConfigError
from netwright.core.files import read_json, write_json
from netwright.core.locks import locked
from netwright.core.results import Details
from netwright.core.types import JsonView
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.setup import Problem, Setup


class DialogueStore(Protocol):
    """Stores one dialogue. An answer is durable when `save` returns."""

    @property
    def where(self) -> Path:
        """Location of the dialogue, for error messages."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Hold exclusive access inside the block; raises `BusyError` if the dialogue is in use."""
        ...

    def load(self) -> JsonView | None:
        """The last saved document of `Dialogue.to_json`; None if there is none."""
        ...

    def save(self, dialogue: Dialogue) -> None:
        """Save the current state of the dialogue."""
        ...


@dataclass(frozen=True)
class FileStore:
    """A dialogue in a file that only the owner may read."""

    file: Path

    @property
    def where(self) -> Path:
        """See `DialogueStore`."""
        return self.file

    def alone(self) -> AbstractContextManager[None]:
        """See `DialogueStore`."""
        return locked(
            self.file.resolve(), remedy="continue there, or give another --out for a separate dialogue"
        )

    def load(self) -> JsonView | None:
        """See `DialogueStore`."""
        found: JsonView | None = read_json(self.file) if self.file.exists() else None
        return found

    def save(self, dialogue: Dialogue) -> None:
        """See `DialogueStore`; flushes the file to the disk."""
        write_json(self.file, dialogue.to_json(), private=True)


def take_up(store: DialogueStore, problem: Problem, given: Details) -> Dialogue:
    """Resume the dialogue of a store, or start a new one, which is saved at once.

    Args:
        given: fields of `Setup` that were given explicitly.

    Raises:
        ConfigError: a field differs from the stored dialogue.
    """
    document = store.load()
    if document is None:
        dialogue = Dialogue(problem, Setup(**given))
        store.save(dialogue)
        return dialogue
    dialogue = Dialogue.from_json(document, problem, store.where)
    differing = [
        f"{k} {getattr(dialogue.setup, k)}" for k, v in given.items() if getattr(dialogue.setup, k) != v
    ]
    if differing:
        raise ConfigError(
            f"{store.where}: this dialogue was started with {', '.join(differing)}; repeat the command without the "
            "option, or give another --out for a new dialogue."
        )
    return dialogue
