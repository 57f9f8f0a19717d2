"""The parts of an experiment that `--only` selects."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from netwright.core.errors import ConfigError

Part = TypeVar("Part")
SHOWN = 20  # names in a message


def chosen(
    experiment: str,
    parts: Iterable[Part],
    name: Callable[[Part], str],
    only: Callable[[str], bool] | None,
) -> list[Part]:
    """The parts with a chosen name, in order; all if `only` is None.

    Raises:
        ConfigError: there is none.
    """
    every = list(parts)
    found = [part for part in every if only is None or only(name(part))]
    if not found:
        names = list(dict.fromkeys(map(name, every)))
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        raise ConfigError(
            f"experiment {experiment} has no such part; its parts are {', '.join(names[:SHOWN])}{more}."
        )
    return found
