"""Where dialogues are kept: a protocol for terminal and web alike, and the store that is a file."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from netwright.core.errors import ConfigError
from netwright.core.files import read_json, write_json
from netwright.core.locks import locked
from netwright.synthesis.dialogue import Dialogue
from netwright.synthesis.setup import Problem, Setup


class DialogueStore(Protocol):
    """Keeps one dialogue. An answer is safe when `save` returns."""

    @property
    def where(self) -> Path:
        """Names the dialogue in errors."""
        ...

    def alone(self) -> AbstractContextManager[None]:
        """Within it nothing else changes the dialogue; raises `BusyError` where something else is at work on it."""
        ...

    def load(self) -> Mapping[str, Any] | None:
        """The document of `Dialogue.to_json` that was saved last, None if there is none."""
        ...

    def save(self, dialogue: Dialogue) -> None:
        """Keep the dialogue as it is now."""
        ...


@dataclass(frozen=True)
class FileStore:
    """A dialogue in a file that only its owner may read."""

    file: Path

    @property
    def where(self) -> Path:
        """See `DialogueStore`."""
        return self.file

    def alone(self) -> AbstractContextManager[None]:
        """See `DialogueStore`."""
        return locked(
            self.file.resolve(), remedy="go on there, or give another --out for a dialogue of your own"
        )

    def load(self) -> Mapping[str, Any] | None:
        """See `DialogueStore`."""
        found: Mapping[str, Any] | None = read_json(self.file) if self.file.exists() else None
        return found

    def save(self, dialogue: Dialogue) -> None:
        """See `DialogueStore`; the answer is on the disk, not in its cache, when it returns."""
        write_json(self.file, dialogue.to_json(), private=True)


def take_up(store: DialogueStore, problem: Problem, given: Mapping[str, Any]) -> Dialogue:
    """The dialogue of a store, or a new one, which is saved at once.

    Args:
        given: fields of `Setup` that the operator named.

    Raises:
        ConfigError: a field differs from what the kept dialogue was begun with.
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
            f"{store.where}: this dialogue was begun with {', '.join(differing)}; repeat the command without the "
            "option, or give another --out for a new dialogue."
        )
    return dialogue
