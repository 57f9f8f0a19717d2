"""How the simulator is compiled: to machine code kept on disk, without reference counts where nothing is allocated.

Numba counts references to each array that a function touches, which takes most of the time of functions as small as
the simulator's. They only read and write arrays that their caller holds, so that nothing needs to be counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile a function that makes no array."""
    return cast(Function, njit(cache=True, nogil=True, _nrt=False)(function))


def inlined(function: Function) -> Function:
    """Compile a function that makes no array into each of its callers."""
    return cast(Function, njit(cache=True, _nrt=False, inline="always")(function))


def compiled(function: Function) -> Function:
    """Compile a function that may make arrays."""
    return cast(Function, njit(cache=True, nogil=True)(function))
