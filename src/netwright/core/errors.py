"""Errors caused by input or by the machine; each message says what is wrong, where, and what to do."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable
from pathlib import Path


class NetwrightError(Exception):
    """Base of all errors that a user can correct: the CLI prints the message and exits with 2."""


class ConfigError(NetwrightError):
    """An option or configuration value is out of its range."""


class NotApplicableError(ConfigError):
    """A policy cannot play a setting, such as a ladder of another number of rungs."""


class UnknownNameError(ConfigError):
    """An unknown name; the message lists the known names and suggests the closest."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        super().__init__(f"unknown {kind} {name!r}; {hint}there is {', '.join(names) or 'nothing yet'}.")


class DataError(NetwrightError):
    """A data file is missing, damaged or holds an impossible value."""


class FormatError(NetwrightError):
    """A saved artifact has another format, task, backbone or shape than requested."""


class MissingExtraError(NetwrightError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; run: pip install "netwright[{extra}]".')


class OutputError(NetwrightError):
    """A file cannot be written: the disk is full, or the location does not allow it."""

    def __init__(self, path: Path, error: OSError) -> None:
        super().__init__(f"{path}: cannot be written ({reason_of(error)}); {advice_on(error)}.")


_ADVICE = {
    errno.ENOSPC: "free some space and repeat the command; earlier output is intact",
    errno.EDQUOT: "free some space and repeat the command; earlier output is intact",
    errno.EACCES: "check the permissions, or choose another location",
    errno.EPERM: "check the permissions, or choose another location",
    errno.EROFS: "choose a location on another disk",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ENOTDIR: "one of its parents is a file; choose another path",
    errno.EEXIST: "one of its parents is a file; choose another path",
    errno.ELOOP: "its symbolic links form a loop; choose another path",
    errno.EMFILE: "too many files are open; raise the limit with `ulimit -n`",
    errno.ENFILE: "too many files are open on this machine; close some programs",
    errno.ENOMEM: "free some memory and repeat the command",
    errno.EIO: "check the disk",
}


def reason_of(error: OSError) -> str:
    """The system's message without error number and path."""
    return error.strerror or (str(error).splitlines() or [type(error).__name__])[0]


def advice_on(error: OSError) -> str:
    """Advice on a system error."""
    return _ADVICE.get(error.errno or 0, "check the path")
