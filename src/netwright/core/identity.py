"""The identity of a run: stored with its checkpoints and its result, and compared as a whole.

A run is resumed, and a finished one reused, only if every entry is equal. The machine (threads, precision) is stored
beside the identity: a different machine changes the last digits, which is reported but not refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, JsonValue

from netwright.core.documents import Document, JsonObject, Sha256, plain
from netwright.core.errors import ConfigError
from netwright.core.notes import note
from netwright.core.types import JsonView, TaskData


class BackboneIdentity(Document):
    """The frozen weights: name, SHA-256 and data type; `seed` of randomly drawn weights."""

    name: str
    sha256: Sha256
    dtype: str
    seed: int


class RunIdentity(Document):
    """Everything that a run's numbers depend on.

    Attributes:
        kind: "adapt", "improve", "collect", "train", ..
        task: name of the task.
        method: name of the recipe, policy or training environment.
        options: fields of the recipe that were replaced.
        config: all settings of the run.
        seed: seed of all randomness.
        data: see `data_sha256`.
        experience: SHA-256 of each experience used for training, in order.
        models: SHA-256 of each saved model involved, by role or name.
        backbone: None for a run without a backbone.
        machine: threads and precision, if they change the numbers.
    """

    kind: str
    task: str
    method: str = ""
    options: JsonObject = Field(default_factory=dict)
    config: JsonObject = Field(default_factory=dict)
    seed: Annotated[int, Field(ge=0)]
    data: Sha256
    experience: tuple[Sha256, ...] = ()
    models: dict[str, Sha256] = Field(default_factory=dict)
    backbone: BackboneIdentity | None = None
    machine: JsonObject = Field(default_factory=dict)

    @classmethod
    def made(cls, *, config: JsonView, options: JsonView | None = None, **rest: Any) -> Self:
        """An identity from settings in memory; tuples become lists, as in JSON."""
        return cls(config=plain(dict(config)), options=plain(dict(options or {})), **rest)

    def differences(self, other: RunIdentity) -> list[str]:
        """Names of all entries that differ, except the machine: "seed", "config.rank", "backbone.dtype", .."""
        one, two = (identity.model_dump(mode="json", exclude={"machine"}) for identity in (self, other))
        return [name for key in one for name in _different(key, one[key], two[key])]

    def check(self, found: RunIdentity, where: Path, what: str, remedy: str, *, notes: bool = True) -> None:
        """Refuse a stored run of another identity; log a note if the machine differs.

        Args:
            found: the stored identity.
            where: its folder, named in errors.
            what: what is stored, such as "unfinished run".
            remedy: what the user can do; ends the error message.
            notes: whether to log a different machine.

        Raises:
            ConfigError: entries differ; names them.
        """
        names = self.differences(found)
        if names:
            raise ConfigError(f"{where}: the {what} has another {', '.join(names)}; {remedy}.")
        if notes:
            self._note_machine(found, f"{where}: the {what}")

    def _note_machine(self, found: RunIdentity, what: str) -> None:
        for name in sorted(set(self.machine) | set(found.machine)):
            before, now = found.machine.get(name), self.machine.get(name)
            if before != now:
                note(
                    f"{what} was made with {name} {before}, now {now}: the last digits of its numbers will not "
                    "be those of an uninterrupted run"
                )


def data_sha256(data: TaskData) -> str:
    """SHA-256 of a task's data: of its files' hashes if it has `hashes`, else of its `source` (generated: the seed)."""
    source = data if isinstance(data, str) else str(getattr(data, "source", type(data).__qualname__))
    synthetic = bool(getattr(data, "synthetic", False))
    files: Mapping[str, str] = getattr(data, "hashes", {})
    facts = (
        {"files": sorted(files.items())} if files else {"source": source}
    )  # a folder of files may have been moved
    return sha256_of({"synthetic": synthetic, **facts})


def sha256_of(document: object) -> str:
    """SHA-256 of plain JSON types, independent of the order of keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _different(name: str, one: JsonValue, two: JsonValue) -> list[str]:
    if json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True):
        return []
    if isinstance(one, dict) and isinstance(two, dict):
        return [
            found
            for key in sorted(set(one) | set(two))
            for found in (
                _different(f"{name}.{key}", one[key], two[key])
                if key in one and key in two
                else [f"{name}.{key}"]
            )
        ]
    return [name]
