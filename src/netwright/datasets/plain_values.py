"""Plain values from published pickle streams, without unpickling.

`pickletools` decodes the opcodes; this module builds only numbers, strings, lists, tuples and dictionaries. Nothing is
imported or called: a class or function in the stream becomes a `Named`.
"""

from __future__ import annotations

import io
import pickletools
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from netwright.core.errors import DataError

_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY = {"EMPTY_LIST": list, "EMPTY_DICT": dict}
_ARGUMENTS = {
    *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINSTRING", "BINSTRING"),
    *("BINUNICODE", "SHORT_BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
}
_SHORT_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = {"PROTO", "FRAME", "STOP"}
_MARK = object()


@dataclass
class Named:
    """Placeholder for the object "module name" called with `arguments`, with its `state` and `items`."""

    name: str
    arguments: Any = None
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)


def plain_values(stream: bytes, where: str) -> Any:
    """The value of a pickle stream of plain values.

    Raises:
        DataError: truncated, or it uses an opcode that plain values do not need.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(stream):
            _step(opcode.name, argument, stack, memo)
        (value,) = stack
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: not a stream of plain values ({type(error).__name__}: {error}).") from None
    return value


def object_of_npy(content: bytes, where: str) -> Any:
    """The object in a `.npy` file that contains a zero-dimensional object array.

    Raises:
        DataError: it is another kind of file.
    """
    stream = io.BytesIO(content)
    try:
        np.lib.format.read_magic(stream)
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        if shape != () or dtype != np.dtype(object):
            raise ValueError(f"an array of {dtype} {shape}")
        (item,) = plain_values(stream.read(), where).state[
            -1
        ]  # (version, shape, dtype, order, list of objects)
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{where}: not a zero-dimensional object array ({error}).") from None
    return item


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _ARGUMENTS:
        stack.append(argument)
    elif name in _EMPTY:
        stack.append(_EMPTY[name]())
    elif name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name == "MARK":
        stack.append(_MARK)
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    elif name == "APPEND":
        item = stack.pop()
        stack[-1].append(item)
    elif name == "APPENDS":
        items = _since_mark(stack)
        stack[-1].extend(items)
    elif name == "SETITEM":
        _set_items(stack, [stack.pop(-2), stack.pop()])
    elif name == "SETITEMS":
        _set_items(stack, _since_mark(stack))
    elif name == "TUPLE":
        stack.append(tuple(_since_mark(stack)))
    elif name in _SHORT_TUPLES:
        items = [stack.pop() for _ in range(_SHORT_TUPLES[name])]
        stack.append(tuple(reversed(items)))
    elif name == "GLOBAL":
        stack.append(Named(argument))
    elif name == "REDUCE":
        arguments = stack.pop()
        stack.append(Named(stack.pop().name, arguments))
    elif name == "BUILD":
        state = stack.pop()
        stack[-1].state = state
    elif name == "BINPERSID":
        stack.append(Named("persistent", stack.pop()))
    elif name not in _IGNORED:
        raise ValueError(f"opcode {name}")


def _since_mark(stack: list[Any]) -> list[Any]:
    position = len(stack) - 1 - next(i for i, item in enumerate(reversed(stack)) if item is _MARK)
    items = stack[position + 1 :]
    del stack[position:]
    return items


def _set_items(stack: list[Any], items: list[Any]) -> None:
    target = stack[-1].items if isinstance(stack[-1], Named) else stack[-1]
    target.update(zip(items[::2], items[1::2], strict=True))
