"""What can go wrong through the user's input; each message says what, where, and what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


class NetwrightError(Exception):
    """Base of every error that is the user's to mend: the CLI prints its sentence and exits 2."""


class ConfigError(NetwrightError):
    """An option or configuration value is out of its range."""


class NotApplicableError(ConfigError):
    """A policy cannot play a setting, such as a ladder of another number of rungs."""


class UnknownNameError(ConfigError):
    """A name that no registry holds; the message lists what exists and offers the nearest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}; {hint}there is {', '.join(names) or 'nothing yet'}.")


class DataError(NetwrightError):
    """A data file is missing, damaged or holds a value that cannot be."""


class FormatError(NetwrightError):
    """A saved artifact is of another format, task, backbone or shape than asked for."""


class MissingExtraError(NetwrightError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; run: pip install "netwright[{extra}]".')


class OutputError(NetwrightError):
    """What is to be written cannot be: the disk is full, or the place does not allow it."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: cannot be written ({reason_of(error)}); {advice_on(error)}.")


_ADVICE = {
    errno.ENOSPC: "free some space and repeat the command, what was written before is whole",
    errno.EDQUOT: "free some space and repeat the command, what was written before is whole",
    errno.EACCES: "check the permissions, or give another place",
    errno.EPERM: "check the permissions, or give another place",
    errno.EROFS: "give a place on another disk",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOTDIR: "a parent of it is a file; give another path",
    errno.EEXIST: "a parent of it is a file; give another path",
    errno.ELOOP: "its symbolic links lead in a circle; give another path",
    errno.EMFILE: "too many files are open; raise the limit with `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine; close some programs",
    errno.ENOMEM: "free some memory and repeat the command",
    errno.EIO: "check the disk",
}


def reason_of(error: OSError) -> str:
    """What the system says, without number and path."""
    return error.strerror or (str(error).splitlines() or [type(error).__name__])[0]


def advice_on(error: OSError) -> str:
    """What to do about a system's error."""
    return _ADVICE.get(error.errno or 0, "check the path")
