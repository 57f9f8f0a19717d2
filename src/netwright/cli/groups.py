"""Groups of options: a command takes a dataclass instead of many parameters; typer sees the individual options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from inspect import Parameter, Signature, signature
from typing import TypeGuard, get_type_hints

group = dataclass(frozen=True, kw_only=True)
"""Class decorator of a group: each field is `Annotated` like a parameter of a command."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Replace each parameter that is a group by the options of the group.

    Args:
        command: its parameters are options, arguments or groups, in any order.

    Returns:
        A function of the individual options, for `typer.Typer.command`.

    Raises:
        TypeError: two groups define the same option.
    """
    own = signature(command, eval_str=True).parameters
    groups = {name: p.annotation for name, p in own.items() if _is_group(p.annotation)}
    flat = [
        option for name, p in own.items() for option in (_options(groups[name]) if name in groups else [p])
    ]

    def run(**given: object) -> None:
        made = {
            name: kind(**{f.name: given.pop(f.name) for f in fields(kind)}) for name, kind in groups.items()
        }
        command(**given, **made)

    parameters = [p.replace(kind=Parameter.KEYWORD_ONLY) for p in flat]
    repeated = {p.name for p in parameters if sum(p.name == other.name for other in parameters) > 1}
    if repeated:
        raise TypeError(f"{command.__name__}: two groups define {', '.join(sorted(repeated))}")
    run.__name__, run.__doc__, run.__module__ = command.__name__, command.__doc__, command.__module__
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return run


def _is_group(annotation: object) -> TypeGuard[type]:
    return isinstance(annotation, type) and is_dataclass(annotation)


def _options(kind: type) -> list[Parameter]:
    """The fields of a group as parameters, in their order."""
    hints = get_type_hints(kind, include_extras=True)
    return [
        Parameter(
            field.name,
            Parameter.KEYWORD_ONLY,
            default=Parameter.empty if field.default is MISSING else field.default,
            annotation=hints[field.name],
        )
        for field in fields(kind)
    ]
