"""Labels of saved models: equal for the seeds of one method, distinct for different methods."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from netwright.core.errors import ConfigError
from netwright.core.types import Json, JsonView

NOT_THE_METHOD = (
    "seed",
    "cost",
    "validation",
    "versions",
    "name",
    "files",
    "identity",
    "format_version",
    "role",
    "trained_for",
)
"""Entries of a saved model that may differ between the seeds of one method; `identity` repeats the others."""

SHOWN = 3  # differences in a label
SHORT = 8  # characters of a hash


def labels(names: Sequence[str], descriptions: Sequence[JsonView]) -> list[str]:
    """A name for each model: equal for the seeds of one method; different methods of one name show what differs.

    Args:
        names: the stored names.
        descriptions: the saved documents; empty for a baseline without a folder.

    Returns:
        Names such as `adapted:tiny[rank=2]` if another model named `adapted:tiny` has another rank.

    Raises:
        ConfigError: two models of one name and seed have no visible difference.
    """
    found = list(names)
    for name in dict.fromkeys(names):
        members = [i for i, other in enumerate(names) if other == name]
        methods = [flat(descriptions[i]) for i in members]
        keys = sorted(
            {key for method in methods for key in method if any(m.get(key) != method[key] for m in methods)}
        )
        for i, method in zip(members, methods, strict=True):
            if keys:
                found[i] = f"{name}[{_shown(keys, method)}]"
    return found


def flat(description: JsonView) -> Json:
    """The entries that define the method, by dotted names, without those that depend only on the seed."""
    found: Json = {}
    for key, value in description.items():
        if key not in NOT_THE_METHOD:
            _flatten(key, value, found)
    found.pop("backbone.seed", None)
    if str(found.get("backbone.name", "")).startswith("random:"):
        found.pop("backbone.sha256", None)  # drawn from the seed
    for key in [k for k in found if k.split(".")[-1] in ("seed", "start")]:
        del found[key]
    return found


def _flatten(name: str, value: object, found: Json) -> None:
    if isinstance(value, Mapping):
        for key, item in value.items():
            _flatten(f"{name}.{key}", item, found)
    else:
        found[name] = value


def _shown(keys: Sequence[str], method: JsonView) -> str:
    """Up to three differences, settings before values derived from them."""
    ordered = sorted(keys, key=lambda key: (not key.startswith(("training", "recipe", "online")), key))
    parts = [f"{key.split('.')[-1]}={_text(method.get(key))}" for key in ordered[:SHOWN]]
    return ",".join(parts) + (f",+{len(keys) - SHOWN} more" if len(keys) > SHOWN else "")


def _text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 16 else hashlib.sha256(text.encode()).hexdigest()[:SHORT]


def labeled(argument: str) -> tuple[str | None, str]:
    """Label and folder of `NAME=DIR`, or no label and the folder of `DIR`.

    Raises:
        ConfigError: the label is empty.
    """
    label, equals, folder = argument.partition("=")
    if not equals or "/" in label:
        return None, argument
    if not label or not folder:
        raise ConfigError(f"--adapted {argument!r}: write NAME=DIR, with a name and a folder, or DIR alone.")
    return label, folder
