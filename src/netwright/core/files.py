"""Reading and writing files so that a kill at any moment leaves the old file or the new one, never half of one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from netwright.core.errors import DataError, FormatError


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success the file or folder written there replaces `path`.

    A folder that stands at `path` is moved aside first and removed last, so that it is never half overwritten.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = uuid.uuid4().hex[:8]
    temporary = path.parent / f".{path.name}.{unique}.tmp"
    try:
        yield temporary
        if temporary.is_dir() and path.is_dir():
            aside = path.parent / f".{path.name}.{unique}.old.tmp"
            path.rename(aside)
            temporary.rename(path)
            shutil.rmtree(aside)
        else:
            os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON in one step; refuses NaN and infinity, which JSON does not know."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises:
        DataError: the file is absent or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; check the path.") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not valid JSON ({error}); the file is damaged, make it again.") from None


def check_format_version(document: Mapping[str, Any], known: int, where: Path) -> None:
    """Refuse an artefact whose `format_version` this release does not know."""
    found = document.get("format_version")
    if found != known:
        raise FormatError(
            f"{where}: format_version is {found!r}, this netwright reads {known}; "
            "open it with the release that wrote it, or make it again."
        )


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
