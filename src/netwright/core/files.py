"""Files that a kill at any moment leaves whole: the old one or the new one, never half of one."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import json
import os
import shutil
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from netwright.core.errors import ConfigError, FormatError
from netwright.core.reading import opened
from netwright.core.reading import read_json as read_json  # readers and writers of documents import both here

MAX_HASHED_BYTES = 64 << 30


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success the file or folder written there replaces `path`.

    A folder that stands at `path` is swapped with the new one in one step (`renameat2`), then removed. Where
    the system cannot swap, it is moved aside first: a kill between the renames leaves it whole beside `path`.

    Raises:
        ConfigError: a file is to replace a folder, or a folder a file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unique = uuid.uuid4().hex[:8]
    temporary = path.parent / f".{path.name}.{unique}.tmp"
    try:
        yield temporary
        if path.exists() and path.is_dir() != temporary.is_dir():
            old, new = ("folder", "file") if path.is_dir() else ("file", "folder")
            raise ConfigError(f"{path}: is a {old}, but a {new} is to be written there; give another path.")
        if not temporary.is_dir():
            temporary.replace(path)
        elif not path.is_dir():
            temporary.rename(path)
        elif not _swap(temporary, path):
            aside = path.parent / f".{path.name}.{unique}.old.tmp"
            path.rename(aside)
            temporary.rename(path)
            aside.rename(temporary)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False where the system or the file system cannot."""
    at_working_folder, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE (linux/fcntl.h, linux/fs.h)
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    done: int = rename(at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), exchange)
    return done == 0


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in one step (UTF-8)."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON in one step; refuses NaN and infinity, which JSON does not know."""
    write_text(path, json.dumps(document, indent=2, allow_nan=False) + "\n")


def check_format_version(document: Any, known: int, where: Path) -> None:
    """Refuse an artefact whose `format_version` this release does not know (or that has none)."""
    found = document.get("format_version") if isinstance(document, Mapping) else None
    if found != known:
        raise FormatError(
            f"{where}: format_version is {found!r}, this netwright reads {known}; "
            "open it with the release that wrote it, or make it again."
        )


def cache_folder() -> Path:
    """The folder that the variable NETWRIGHT_CACHE names, otherwise `~/.cache/netwright`."""
    return Path(os.environ.get("NETWRIGHT_CACHE") or Path.home() / ".cache" / "netwright")


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with opened(path, limit=MAX_HASHED_BYTES) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
