"""Kinds of arguments in Python, refused in one sentence where they are wrong."""

from __future__ import annotations

from pathlib import Path

from netwright.core.errors import ConfigError


def check_path(name: str, value: object) -> None:
    """Refuse what is no path of a file or folder.

    Raises:
        ConfigError: names the argument.
    """
    if not isinstance(value, Path | str) or not str(value):
        raise ConfigError(f"{name} must be a path, got {value!r:.60}.")


def check_text(name: str, value: object, *, optional: bool = False) -> None:
    """Refuse what is no text, or None where that is allowed.

    Raises:
        ConfigError: names the argument.
    """
    if not (isinstance(value, str) and value) and not (optional and value is None):
        raise ConfigError(f"{name} must be a text, got {value!r:.60}.")
