"""What can go wrong through the user's input; each message says what, where, and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class NetwrightError(Exception):
    """Base of every error that is the user's to mend: the CLI prints its sentence and exits 2."""


class ConfigError(NetwrightError):
    """An option or configuration value is out of its range."""


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
    """A saved artefact is of another format, task, backbone or shape than asked for."""


class MissingExtraError(NetwrightError):
    """An optional dependency is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f'{package} is not installed; run: pip install "netwright[{extra}]".')
