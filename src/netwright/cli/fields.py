"""`--set key=value`: fields of a config replaced by values that are checked against the fields' types."""

from __future__ import annotations

import dataclasses
import json
import typing
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from netwright.core.errors import ConfigError, UnknownNameError
from netwright.core.task import Setting


def customised(setting: Setting, assignments: Sequence[str]) -> Setting:
    """The setting with fields of its config replaced; its name then lists them, as in `default[history=20]`.

    Args:
        setting: of any task whose config is a frozen dataclass.
        assignments: `key=value` each; a value is read by the type of its field.

    Raises:
        ConfigError: an assignment without `=`, an unknown field (the message lists those that exist), a value
            that is not of the field's type, or one that the config itself refuses.
    """
    if not assignments:
        return setting
    hints = typing.get_type_hints(type(setting.config))
    known = {f.name: hints[f.name] for f in dataclasses.fields(setting.config)}
    values = {}
    for name, text in split(assignments).items():
        if name not in known:
            raise UnknownNameError(f"field of {setting.name}", name, known)
        values[name] = _parsed(name, text, known[name])
    return dataclasses.replace(
        setting,
        name=f"{setting.name}[{','.join(assignments)}]",
        config=dataclasses.replace(setting.config, **values),
    )


def split(assignments: Sequence[str]) -> dict[str, str]:
    """`["a=1", "b=2"]` as a mapping; the last one counts where a key is repeated."""
    pairs = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or not name:
            raise ConfigError(f"--set needs KEY=VALUE, got {assignment!r}; write --set history=20, say.")
        pairs[name.strip().replace("-", "_")] = text.strip()
    return pairs


def guessed(text: str) -> Any:
    """The JSON value that the text spells, otherwise the text: for options whose type is known elsewhere."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _parsed(name: str, text: str, hint: Any) -> Any:
    kind = TypeAdapter(hint)
    try:
        return kind.validate_strings(text)
    except ValidationError:
        pass
    try:
        return kind.validate_json(text)
    except ValidationError as error:
        wanted = hint.__name__ if isinstance(hint, type) else str(hint)
        raise ConfigError(
            f"--set {name}={text}: must be {wanted} ({error.errors()[0]['msg'].lower()}); mend the value."
        ) from None
