"""What makes a run the run that it is: kept with its checkpoints and with its result, and compared whole.

A run is resumed, and a finished one taken for the one asked for, only where every entry is the same. The machine
(threads, precision) is kept beside it: another one gives other digits, which is said, not refused.
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


class BackboneIdentity(Document):
    """Which frozen weights: their name, SHA-256 and type; `seed` of weights that are drawn."""

    name: str
    sha256: Sha256
    dtype: str
    seed: int


class RunIdentity(Document):
    """Everything that a run's numbers depend on.

    Attributes:
        kind: of the run: "adapt", "improve", "collect", "train", ..
        task: its name.
        method: name of the recipe, policy or place.
        options: fields of the recipe that were replaced.
        config: every setting of the run.
        seed: of all that is drawn.
        data: see `data_sha256`.
        experience: SHA-256 of each experience that is learned from, in order.
        models: SHA-256 of each saved model that takes part, by its part or name.
        backbone: None for a run without one.
        machine: threads and precision where they change numbers.
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
    def made(
        cls, *, config: Mapping[str, Any], options: Mapping[str, Any] | None = None, **rest: Any
    ) -> Self:
        """An identity from settings as they are in memory: tuples become the lists that JSON knows."""
        return cls(config=plain(dict(config)), options=plain(dict(options or {})), **rest)

    def differences(self, other: RunIdentity) -> list[str]:
        """Names of all entries that differ, the machine's apart: such as "seed", "config.rank", "backbone.dtype"."""
        one, two = (identity.model_dump(mode="json", exclude={"machine"}) for identity in (self, other))
        return [name for key in one for name in _different(key, one[key], two[key])]

    def check(self, found: RunIdentity, where: Path, what: str, remedy: str, *, notes: bool = True) -> None:
        """Refuse what stands at `where` unless it is of this very run; says so where the machine is another.

        Args:
            found: the identity kept there.
            where: the folder, named in errors.
            what: stands there, such as "unfinished run".
            remedy: what the user can do, the end of the sentence.
            notes: whether another machine is said.

        Raises:
            ConfigError: any entry differs; names them.
        """
        names = self.differences(found)
        if names:
            raise ConfigError(f"{where}: the {what} has another {', '.join(names)}; {remedy}.")
        for name in sorted(set(self.machine) | set(found.machine)):
            before, now = found.machine.get(name), self.machine.get(name)
            if notes and before != now:
                note(
                    f"{where}: the {what} was made with {name} {before}, now {now}: the last digits of its "
                    "numbers will not be those of an uninterrupted run"
                )


def data_sha256(data: Any) -> str:
    """SHA-256 over a task's data: its files' hashes where it has `hashes`, else its `source` (generated: the seed)."""
    source = data if isinstance(data, str) else str(getattr(data, "source", type(data).__qualname__))
    synthetic = bool(getattr(data, "synthetic", False))
    files: Mapping[str, str] = getattr(data, "hashes", {})
    facts = (
        {"files": sorted(files.items())} if files else {"source": source}
    )  # a folder with files may be moved
    return sha256_of({"synthetic": synthetic, **facts})


def sha256_of(document: Any) -> str:
    """SHA-256 of plain JSON types, whatever the order of their keys."""
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
