"""`--set key=value`: replace fields of a config by values validated against the fields' types."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.task import Setting
from netwright.core.types import Json


def customized(setting: Setting, assignments: Sequence[str]) -> Setting:
    """Replace fields of a setting's config; the new name lists them, as in `default[history=20]`.

    Args:
        setting: a setting whose config is a frozen dataclass.
        assignments: `key=value` each; a value is parsed by the type of its field.

    Raises:
        ConfigError: an assignment without `=`, an unknown field (the message lists the known ones), a field given
            twice, a value of the wrong type, or a value that the config refuses.
    """
    if not assignments:
        return setting
    values = parsed(type(setting.config), assignments)
    return dataclasses.replace(
        setting,
        name=f"{setting.name}[{','.join(assignments)}]",
        config=dataclasses.replace(setting.config, **values),
    )


def divided(assignments: Sequence[str], first: type, second: Any) -> tuple[list[str], list[str]]:
    """Split assignments into those of `first` (or of neither), and those of fields that only `second` has.

    Args:
        assignments: `key=value` each.
        first, second: config classes; `second` need not be a dataclass.
    """
    known = {f.name for f in dataclasses.fields(first)}
    others = (
        {f.name for f in dataclasses.fields(second)} - known if dataclasses.is_dataclass(second) else set()
    )
    earlier = getattr(second, "RENAMED", {})
    names = [a.partition("=")[0].strip().replace("-", "_") for a in assignments]
    names = [name if name in known else earlier.get(name, name) for name in names]
    return (
        [a for a, name in zip(assignments, names, strict=True) if name not in others],
        [a for a, name in zip(assignments, names, strict=True) if name in others],
    )


def parsed(config: type, assignments: Sequence[str]) -> Json:
    """Parse `key=value` assignments to fields of a config class, each by the type of its field.

    Raises:
        ConfigError: as for `customized`.
    """
    hints = typing.get_type_hints(config)
    known = {field.name: hints[field.name] for field in dataclasses.fields(config)}
    values = {}
    for assignment in assignments:
        name, text = _split(assignment, getattr(config, "RENAMED", {}))
        if name not in known:
            raise UnknownNameError(f"field of {config.__name__}", name, known)
        if name in values:
            raise ConfigError(f"--set {name} is given twice; keep one.")
        values[name] = _value(name, text, known[name])
    return values


def _split(assignment: str, renamed: Mapping[str, str]) -> tuple[str, str]:
    """The field under its present name, and the text of its value."""
    name, equals, text = (part.strip() for part in assignment.partition("="))
    if not equals or not name:
        raise ConfigError(f"--set needs KEY=VALUE, got {assignment!r}; write for example --set history=20.")
    name = name.replace("-", "_")
    return renamed.get(name, name), text


def _value(name: str, text: str, hint: Any) -> Any:
    kind = TypeAdapter(hint)
    read = kind.validate_json if text.startswith(("[", "{")) or text == "null" else kind.validate_strings
    try:
        return read(text)
    except ValidationError as error:
        message = error.errors()[0]["msg"]
        raise ConfigError(f"--set {name}={text}: {message[:1].lower()}{message[1:]}; correct it.") from None
