"""Atomic writing: a kill at any moment leaves either the old file or the new one, never a partial one."""

from __future__ import annotations

import contextlib
import ctypes
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from netwright.core.errors import ConfigError, FormatError, NetwrightError, OutputError
from netwright.core.reading import opened
from netwright.core.reading import read_json as read_json  # re-exported for readers and writers of documents

MAX_HASHED_BYTES = 64 << 30
PRIVATE = 0o600  # mode of private files: dialogues and designs

_ENDING, _ASIDE = ".tmp", ".old.tmp"
_LONGEST_STEM = 180  # bytes; a name may have 255, and a temporary name adds about 40
_FOREIGN_AFTER_S = 86_400.0  # temporary files of other machines are removed after a day
_TEMPORARY = re.compile(
    r"\.(?P<stem>.*)\.(?P<node>[0-9a-f]{6})-(?P<pid>[0-9]{1,9})-[0-9a-f]{8}(\.old)?\.tmp", re.DOTALL
)
_OS_ERROR = re.compile(r"(?:os error|errno) ([0-9]{1,3})\b", re.IGNORECASE)


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success the file or folder written there replaces `path`.

    An existing folder at `path` is exchanged with the new one in one step (`renameat2`), then removed. If the system
    cannot exchange, the old folder is moved aside first: a kill between the renames leaves it intact beside `path`,
    and the next call moves it back. Temporary files of earlier processes are removed.

    Args:
        path: the file or folder to write.
        durable: whether the content is flushed to the disk before it replaces the old one.

    Raises:
        ConfigError: a file would replace a folder, or a folder a file.
        OutputError: the disk is full, or the location cannot be written.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        sweep(path)
    temporary = path.parent / _temporary_name(path.name)
    try:
        with writing(path, temporary):
            yield temporary
            if path.exists() and path.is_dir() != temporary.is_dir():
                old, new = ("folder", "file") if path.is_dir() else ("file", "folder")
                raise ConfigError(
                    f"{path}: is a {old}, but a {new} would be written there; choose another path."
                )
            if durable:
                _flush(temporary)
            _put_in_place(temporary, path)
            if durable:
                _flush_folder(path.parent)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _put_in_place(temporary: Path, path: Path) -> None:
    if not temporary.is_dir():
        temporary.replace(path)
    elif not path.is_dir():
        temporary.rename(path)
    elif not _swap(temporary, path):
        aside = temporary.with_name(temporary.name.removesuffix(_ENDING) + _ASIDE)
        path.rename(aside)
        temporary.rename(path)
        aside.rename(temporary)


@contextlib.contextmanager
def writing(path: Path, temporary: Path | None = None) -> Iterator[None]:
    """Turn errors about a full disk or a forbidden location into one `OutputError`.

    Errors that name another file, such as one read in the body, pass through.
    """
    try:
        yield
    except NetwrightError:
        raise
    except OSError as error:
        named = None if error.filename is None else Path(os.fsdecode(error.filename))
        if temporary is not None and named is not None and not named.is_relative_to(temporary):
            raise
        raise OutputError(path, error) from None
    except Exception as error:  # safetensors and others mention the system error in their message
        found = _OS_ERROR.search(str(error))
        if found is None:
            raise
        raise OutputError(path, OSError(int(found[1]), os.strerror(int(found[1])))) from None


def check_output(path: Path) -> None:
    """Check that the file or folder `path` can be written, before a long computation starts.

    Writes and removes a small file in the nearest existing folder; changes nothing else.

    Raises:
        ConfigError: the path or a parent is a symbolic link to nothing.
        OutputError: a parent is a file, a folder cannot be written, the name is too long, or the disk is full.
    """
    with writing(path):
        for name in (path.name, f"{path.name}.offline.partial", _temporary_name(path.name)):
            with contextlib.suppress(FileNotFoundError):
                (path.parent / name).lstat()
        folder = path.absolute().parent
        for place in (path, *path.absolute().parents):
            if place.is_symlink() and not place.exists():
                raise ConfigError(
                    f"{place}: is a symbolic link to a missing file or folder; remove it, or choose another path."
                )
        while not folder.exists():
            folder = folder.parent
        for place in [folder, *([path] if path.is_dir() else [])]:
            trial = place / _temporary_name("trial")
            try:
                with trial.open("xb") as stream:
                    stream.write(bytes(4096))
                    stream.flush()
                    os.fsync(stream.fileno())
            finally:
                with contextlib.suppress(OSError):
                    trial.unlink(missing_ok=True)


def is_temporary(path: Path) -> bool:
    """Whether a name is a temporary one of `replacing`, possibly left by a killed process."""
    return path.name.startswith(".") and path.name.endswith(_ENDING)


def plain_files(folder: Path) -> list[Path]:
    """All regular files below a folder, sorted by path, without temporary files."""
    return sorted(
        p
        for p in folder.rglob("*")
        if p.is_file() and not any(is_temporary(Path(part)) for part in p.relative_to(folder).parts)
    )


def sweep(path: Path) -> None:
    """Remove leftovers of killed processes beside `path`; restore a folder that was moved aside and not replaced."""
    for left in path.parent.glob(f".{glob.escape(_stem(path.name))}.*{_ENDING}"):
        found = _TEMPORARY.fullmatch(left.name)
        if found is None or found["stem"] != _stem(path.name) or _may_be_in_use(left, found):
            continue
        with contextlib.suppress(OSError):
            if left.name.endswith(_ASIDE) and not path.exists():
                left.rename(path)
            elif left.is_dir() and not left.is_symlink():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


def _may_be_in_use(left: Path, found: re.Match[str]) -> bool:
    if found["node"] == _node():
        try:
            os.kill(int(found["pid"]), 0)
        except ProcessLookupError:
            return False
        except OSError:
            return True
        return True
    try:
        return time.time() - left.lstat().st_mtime < _FOREIGN_AFTER_S
    except OSError:
        return True


def _temporary_name(name: str) -> str:
    return f".{_stem(name)}.{_node()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{_ENDING}"


def _stem(name: str) -> str:
    """A name truncated so that a suffix fits."""
    stem = os.fsencode(name)[:_LONGEST_STEM]
    return os.fsdecode(stem) if len(os.fsencode(name)) > _LONGEST_STEM else name


def _node() -> str:
    """An identifier of this machine, which distinguishes process numbers on a shared disk."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _flush(path: Path) -> None:
    """Flush a file, or every file of a folder, to the disk."""
    for folder, _, names in os.walk(path):
        for name in names:
            _flush_file(Path(folder) / name)
        _flush_folder(Path(folder))
    if path.is_file():
        _flush_file(path)


def _flush_file(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _flush_folder(path: Path) -> None:
    """Flush the directory entries of a folder to the disk, if the file system supports it."""
    with contextlib.suppress(OSError):
        _flush_file(path)


def _swap(one: Path, other: Path) -> bool:
    """Exchange two names in one step; False if the system or the file system cannot."""
    at_working_folder, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE (linux/fcntl.h, linux/fs.h)
    rename = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    if rename is None:
        return False
    done: int = rename(at_working_folder, os.fsencode(one), at_working_folder, os.fsencode(other), exchange)
    return done == 0


def write_text(path: Path, text: str, *, private: bool = False) -> None:
    """Atomically write `text` to `path` (UTF-8).

    Args:
        private: whether only the owner may read the file (mode 0600 from the start).
    """
    with replacing(path) as temporary:
        _write_new(temporary, text, private)


def write_json(path: Path, document: object, *, private: bool = False) -> None:
    """Atomically write `document` as indented JSON; refuses NaN and infinity, which JSON lacks.

    Args:
        private: as for `write_text`.
    """
    write_text(path, json_text(document), private=private)


def json_text(document: object) -> str:
    """The text that `write_json` writes."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def write_files(folder: Path, texts: Mapping[str, str], *, private: bool = False) -> list[Path]:
    """Write several files of a folder, all or none (UTF-8); returns their paths.

    A new folder appears with all files in one step. In an existing folder, every file is complete on the disk before
    the first one is replaced, and they are replaced in the given order: list the index file last.

    Args:
        texts: content by file name.
        private: as for `write_text`.
    """
    if not folder.exists():
        _write_folder(folder, texts, private)
        return [folder / name for name in texts]
    for name in texts:
        if (folder / name).is_dir():
            raise ConfigError(f"{folder / name}: is a folder, but a file would be written there; remove it.")
    with contextlib.ExitStack() as stack:
        for name, text in reversed(list(texts.items())):  # the stack replaces the last file added first
            _write_new(stack.enter_context(replacing(folder / name)), text, private)
    return [folder / name for name in texts]


def _write_folder(folder: Path, texts: Mapping[str, str], private: bool) -> None:
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        for name, text in texts.items():
            _write_new(temporary / name, text, private)


def _write_new(path: Path, text: str, private: bool) -> None:
    if private:
        path.touch(mode=PRIVATE, exist_ok=False)
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())


def check_format_version(document: object, known: int, where: Path) -> None:
    """Refuse an artifact whose `format_version` is missing or unknown to this release."""
    found = document.get("format_version") if isinstance(document, Mapping) else None
    if found != known:
        raise FormatError(
            f"{where}: format_version is {found!r}, this netwright reads {known}; "
            "open it with the release that wrote it, or create it again."
        )


def cache_folder() -> Path:
    """The folder named by the variable NETWRIGHT_CACHE, otherwise `~/.cache/netwright`."""
    return Path(os.environ.get("NETWRIGHT_CACHE") or Path.home() / ".cache" / "netwright")


def check_cache(path: Path) -> None:
    """Check that a file or folder of the cache can be written, before a long computation starts.

    Raises:
        ConfigError: it cannot; names the variable that sets the cache.
    """
    try:
        check_output(path)
    except NetwrightError as error:
        raise ConfigError(
            f"the cache {cache_folder()} cannot be written; set the variable NETWRIGHT_CACHE to a folder that can be "
            f"({error})"
        ) from None


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with opened(path, limit=MAX_HASHED_BYTES) as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()
