"""Exclusive access to a file or folder: an operating-system lock beside it.

    with locked(folder):
        ...

The lock is `flock` on the file `.<name>.lock` beside the path. The system releases it when its holder exits for any
reason, so a file left by a killed process blocks nothing.
"""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from netwright.core.errors import ConfigError, NetwrightError
from netwright.core.notes import note
from netwright.core.reading import parse_json
from netwright.core.text import printable

MAX_HOLDER_BYTES = 4096
POLL_SECONDS = 0.05


class BusyError(ConfigError):
    """Another process is using the same file or folder."""


def lock_path(path: Path) -> Path:
    """The lock file of a file or folder: beside it, so that the original can be replaced or deleted."""
    return path.parent / f".{path.name}.lock"


def is_lock(path: Path) -> bool:
    """Whether a file is a lock by its name, possibly left by a killed process."""
    return path.name.startswith(".") and path.name.endswith(".lock")


@contextlib.contextmanager
def locked(
    path: Path, *, wait_s: float = 0.0, remedy: str = "wait until it is done, or stop it"
) -> Iterator[None]:
    """Hold the lock of `path` inside the block.

    Args:
        path: a file or folder, which need not exist. Its parent folder is created if needed.
        wait_s: seconds to wait for another process to finish.
        remedy: what the second user can do; ends the error message.

    Raises:
        BusyError: another process (or thread) holds the lock; names the process, host and start time.
        ConfigError: the lock file cannot be created.
    """
    if sys.platform == "win32":  # pragma: no cover
        note(f"{path}: locks are not supported on this system; run one process at a time on it")
        yield
        return
    lock = lock_path(path)
    handle = _acquired(path, lock, wait_s, remedy)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(_holder()).encode())
        yield
    finally:
        lock.unlink(missing_ok=True)  # removed while held; a waiting process notices, see `_current`
        os.close(handle)


def _acquired(path: Path, lock: Path, wait_s: float, remedy: str) -> int:
    import fcntl

    end = time.monotonic() + wait_s
    while True:
        handle = _opened(lock)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _words(os.pread(handle, MAX_HOLDER_BYTES, 0), lock)
            os.close(handle)
            if time.monotonic() >= end:
                raise BusyError(f"{path}: in use by {holder}; {remedy}.") from None
            time.sleep(POLL_SECONDS)
            continue
        except OSError as error:
            if error.errno in (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS):
                note(f"{path}: this file system does not support locks; run one process at a time on it")
                return handle
            os.close(handle)
            raise ConfigError(f"{lock}: cannot be locked ({error.strerror}); check the disk.") from None
        if _current(handle, lock):
            return handle
        os.close(handle)


def _opened(lock: Path) -> int:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK, 0o644)
    except OSError as error:
        raise ConfigError(
            f"{lock}: cannot be written ({error.strerror}); choose a folder with write permission."
        ) from None


def _current(handle: int, lock: Path) -> bool:
    """Whether the locked file is still the one at the path; its last holder may have just removed it."""
    try:
        found = lock.stat(follow_symlinks=False)
    except FileNotFoundError:
        return False
    return os.path.samestat(found, os.fstat(handle))


def _holder() -> dict[str, str | int]:
    since = datetime.datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": since}


def _words(content: bytes, lock: Path) -> str:
    try:
        found = parse_json(content, lock)
        words = f"process {found['pid']} on {found['host']} (since {found['since']})"
    except (NetwrightError, KeyError, TypeError):
        return "another process"
    return printable(words)[:200]
