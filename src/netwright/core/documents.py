"""Typed documents for everything that is saved: read strictly, with the SHA-256 of every accompanying file.

  A saved artifact is a folder with one JSON document and the files that the document lists. Declare the document as a
subclass of `SavedFolder` (or of `Document`, if there are no other files); pydantic checks types and ranges:

    class SavedScales(SavedFolder):
        FORMAT_VERSION: ClassVar[int] = 1
        scale: Annotated[float, Field(gt=0)]

    write_folder(temporary, "scales.json", SavedScales(scale=2.0))   # after writing the other files
    saved = read_folder(folder, "scales.json", SavedScales, remedy="make it again")

  Types are strict (`true` is not a number, `1.0` is not an integer); NaN, infinity and unknown entries are refused, and
each failure is a `DataError` that names the entry.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from netwright.core.errors import ConfigError, DataError, UnknownNameError
from netwright.core.files import check_format_version, read_json, sha256_of_file, write_json
from netwright.core.text import printable
from netwright.core.types import Json, JsonView

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$")]
JsonObject = dict[str, JsonValue]
Count = Annotated[int, Field(ge=0)]

SEAL = "sha256"  # the entry that holds the hash of all other entries
MAX_SHOWN = 60  # characters of an invalid value that an error shows


class Document(BaseModel):
    """Base of every saved document: strict types, finite numbers, no unknown entry, immutable."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    FORMAT_VERSION: ClassVar[int] = 1
    """The only `format_version` that is written and read."""

    def to_json(self) -> Json:
        """The document as plain JSON types, `format_version` first."""
        return {"format_version": self.FORMAT_VERSION, **self.model_dump(mode="json")}

    @classmethod
    def of(cls, document: object, where: object, *, remedy: str) -> Self:
        """The document from parsed JSON; `format_version` is not checked.

        Args:
            where: the file, named in errors.
            remedy: what the user can do about an invalid document; ends the error message.

        Raises:
            DataError: an entry is missing, unknown, of the wrong type, not finite or out of range; names the entry.
        """
        if not isinstance(document, Mapping):
            raise DataError(f"{where}: not a JSON object; {remedy}.")
        entries = {key: value for key, value in document.items() if key != "format_version"}
        try:
            return cls.model_validate_json(json.dumps(entries))
        except ValidationError as error:
            raise DataError(f"{where}: {_first_fault(error)}; {remedy}.") from None


class SavedFolder(Document):
    """A document with files beside it.

    Attributes:
        files: SHA-256 by name of each file that belongs to the document.
    """

    files: dict[FileName, Sha256] = Field(default_factory=dict)


D = TypeVar("D", bound=Document)
F = TypeVar("F", bound=SavedFolder)
C = TypeVar("C")


def write_document(path: Path, document: Document) -> None:
    """Write a document in one step; refuses NaN and infinity."""
    write_json(path, document.to_json())


def read_document(path: Path, kind: type[D], *, remedy: str) -> D:
    """The document in a file.

    Raises:
        DataError: absent, not strict JSON, or not such a document (see `Document.of`).
        FormatError: of another `format_version`.
    """
    document = read_json(path, remedy=remedy)
    check_format_version(document, kind.FORMAT_VERSION, path)
    return kind.of(document, path, remedy=remedy)


def write_folder(folder: Path, name: str, document: F, files: tuple[str, ...] | None = None) -> F:
    """Write a document with the hashes of the files beside it; returns the document including the hashes.

    Args:
        folder: already contains the files.
        name: name of the document's file.
        files: names of the files that belong to it; all files directly in the folder by default.
    """
    chosen = files if files is not None else tuple(_file_names(folder, name))
    hashed = document.model_copy(update={"files": {file: sha256_of_file(folder / file) for file in chosen}})
    write_json(folder / name, sealed(hashed.to_json()))
    return hashed


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """A document with the SHA-256 of its own entries as the last one."""
    return {**document, SEAL: digest(document)}


def digest(document: Mapping[str, Any]) -> str:
    """SHA-256 of the entries of a document except `sha256`, independent of order and layout."""
    entries = {key: value for key, value in document.items() if key != SEAL}
    text = json.dumps(entries, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def unsealed(document: Any, kind: type[F], where: Path, *, remedy: str, required: bool = True) -> F:
    """The typed document of one that `sealed` gave, if it is as it was written.

    Args:
        document: parsed JSON.
        required: whether one without its own SHA-256 is refused.

    Raises:
        DataError: as `Document.of`, or the SHA-256 is missing or another one.
    """
    entries = {k: v for k, v in document.items() if k != SEAL} if isinstance(document, Mapping) else document
    found = kind.of(entries, where, remedy=remedy)
    written = document.get(SEAL)
    if written != digest(document) and (required or written is not None):
        raise DataError(
            f"{where}: not as it was written, the SHA-256 of its entries differs; it is damaged or was edited, "
            f"{remedy}."
        )
    return found


def read_folder(folder: Path, name: str, kind: type[F], *, remedy: str, needed: tuple[str, ...] = ()) -> F:
    """The document of a folder; every file that it lists is checked against its SHA-256.

    Args:
        folder: of the saved thing.
        name: name of the document's file.
        kind: the document's type.
        remedy: what the user can do about an invalid folder; ends the error message.
        needed: files that the document must list.

    Raises:
        DataError: as for `read_document`, or a file is missing, not listed or altered.
        FormatError: of another `format_version`.
    """
    path = folder / name
    found = read_json(path, remedy=remedy)
    check_format_version(found, kind.FORMAT_VERSION, path)
    document = unsealed(found, kind, path, remedy=remedy)
    check_files(folder, document.files, path, remedy=remedy, needed=needed)
    return document


def check_files(
    folder: Path, files: Mapping[str, str], where: object, *, remedy: str, needed: tuple[str, ...] = ()
) -> None:
    """Check the files of a folder against their SHA-256.

    Raises:
        DataError: a needed file is not listed, or a listed file is missing or altered.
    """
    for name in needed:
        if name not in files:
            raise DataError(f"{where}: lists no SHA-256 of {name}; {remedy}.")
    for name, expected in files.items():
        if sha256_of_file(folder / name) != expected:
            raise DataError(
                f"{folder / name}: its SHA-256 is not the one in {Path(str(where)).name}; the file is damaged or was "
                f"exchanged, {remedy}."
            )


def options_of(kind: type[C], values: object, what: str) -> C:
    """A dataclass from options that a caller gave in Python, as strictly as `checked`; numbers of numpy count too.

    Raises:
        ConfigError: an option is unknown, of the wrong type, not finite or out of range; names it.
    """
    if not isinstance(values, Mapping):
        raise ConfigError(f"{what} must be a mapping of names to values, got {values!r:.60}.")
    try:
        simple = json.loads(json.dumps(dict(values), allow_nan=False, default=_simple))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{what}: {error}; give plain finite values.") from None
    try:
        return checked(kind, simple, what, remedy="correct it")
    except DataError as error:
        raise ConfigError(str(error)) from None


def _simple(value: Any) -> object:
    """A scalar of numpy as a number."""
    if getattr(value, "shape", None) == ():
        return value.item()
    raise TypeError(f"{type(value).__name__} is no plain value")


def checked(kind: type[C], values: JsonView, where: object, *, remedy: str) -> C:
    """A dataclass from the values of a document, validated as strictly as a `Document`; its own checks also run.

    Raises:
        DataError: a field is missing, unknown, of the wrong type, not finite or out of range; names the field.
    """
    known = {f.name for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    try:
        for name in values:
            if name not in known:
                raise UnknownNameError("entry", printable(name)[:MAX_SHOWN], known)
        return TypeAdapter(kind).validate_json(json.dumps(dict(values), allow_nan=False), strict=True)
    except ValidationError as error:
        raise DataError(f"{where}: {_first_fault(error)}; {remedy}.") from None
    except (ConfigError, ValueError) as error:
        raise DataError(f"{where}: {error}") from None


def plain(value: object) -> Any:
    """A value as JSON would return it: tuples become lists, keys become strings."""
    return json.loads(json.dumps(value, allow_nan=False))


def _file_names(folder: Path, document: str) -> list[str]:
    names = (p.name for p in folder.iterdir() if p.is_file())
    return sorted(name for name in names if name != document and not name.startswith("."))


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"]) or "the document"
    if first["type"] == "missing":
        return f"lacks {printable(place)}"
    if first["type"] == "extra_forbidden":
        return f"has an unknown entry {printable(place)[:MAX_SHOWN]}"
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ").rstrip(".")
    shown = printable(json.dumps(first["input"], default=str))[:MAX_SHOWN]
    return f"{printable(place)[:MAX_SHOWN]} {reason}, got {shown}"
