"""Saved things as one typed document each: read once, strictly, with the SHA-256 of every file beside it.

A saved thing is a folder with one JSON document and the files that the document lists. Declare the document as a
subclass of `SavedFolder` (or of `Document`, for a thing without other files); pydantic checks types and ranges:

    class SavedScales(SavedFolder):
        FORMAT_VERSION: ClassVar[int] = 1
        scale: Annotated[float, Field(gt=0)]

    write_folder(temporary, "scales.json", SavedScales(scale=2.0))   # after the other files were written
    saved = read_folder(folder, "scales.json", SavedScales, remedy="make it again")

Types are strict (`true` is no number, `1.0` is no whole number), NaN and infinity are refused everywhere, unknown
entries are refused, and each failure is a `DataError` that names the entry.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from netwright.core.errors import ConfigError, DataError, UnknownNameError
from netwright.core.files import check_format_version, read_json, sha256_of_file, write_json
from netwright.core.text import printable

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}$")]
JsonObject = dict[str, JsonValue]
Count = Annotated[int, Field(ge=0)]

MAX_SHOWN = 60  # characters of a wrong value in an error


class Document(BaseModel):
    """Base of every saved document: strict types, finite numbers, no unknown entry, immutable."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)

    FORMAT_VERSION: ClassVar[int] = 1
    """The `format_version` that is written, and the only one that is read."""

    def to_json(self) -> dict[str, Any]:
        """The document as plain JSON types, `format_version` first."""
        return {"format_version": self.FORMAT_VERSION, **self.model_dump(mode="json")}

    @classmethod
    def of(cls, document: Any, where: object, *, remedy: str) -> Self:
        """The document of parsed JSON, without regard to its `format_version`.

        Args:
            where: the file, named in errors.
            remedy: what the user can do about a bad document, the end of the sentence.

        Raises:
            DataError: an entry is missing, unknown, of another type, not finite or out of its range; names it.
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
    """Write a document into a folder, with the hashes of the files that stand there; returns it with them.

    Args:
        folder: exists, and holds the files already.
        name: of the document's file.
        files: names of the files that belong to it; all files directly in the folder by default.
    """
    chosen = files if files is not None else tuple(_file_names(folder, name))
    hashed = document.model_copy(update={"files": {file: sha256_of_file(folder / file) for file in chosen}})
    write_document(folder / name, hashed)
    return hashed


def read_folder(folder: Path, name: str, kind: type[F], *, remedy: str, needed: tuple[str, ...] = ()) -> F:
    """The document of a folder, after every file that it lists was compared with its SHA-256.

    Args:
        folder: of the saved thing.
        name: of the document's file.
        kind: the document's type.
        remedy: what the user can do about a bad folder, the end of the sentence.
        needed: files that the document must list.

    Raises:
        DataError: as `read_document`, or a file is absent, not listed or has other bytes.
        FormatError: of another `format_version`.
    """
    document = read_document(folder / name, kind, remedy=remedy)
    check_files(folder, document.files, folder / name, remedy=remedy, needed=needed)
    return document


def check_files(
    folder: Path, files: Mapping[str, str], where: object, *, remedy: str, needed: tuple[str, ...] = ()
) -> None:
    """Compare the files of a folder with their SHA-256.

    Raises:
        DataError: a needed file is not listed, or a listed one is absent or has other bytes.
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


def checked(kind: type[C], values: Mapping[str, Any], where: object, *, remedy: str) -> C:
    """A dataclass from the values of a document, as strictly as a `Document`: its own checks run as well.

    Raises:
        DataError: a field is missing, unknown, of another type, not finite or out of its range; names it.
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


def plain(value: Any) -> Any:
    """A value as it comes back from JSON: tuples become lists, keys become text."""
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
